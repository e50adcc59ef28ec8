#include "proxy/data/pubsub/hub.hpp"

#include <utility>

#include "proxy/data/pubsub/fanout.hpp"

namespace pillion::data::pubsub {

class Hub::Link : public LinkSink {
 public:
  Link(Hub& hub, IdentityPtr who, state::EndpointId node, std::uint64_t serial)
      : hub_(hub),
        couriers_(hub.couriers_),
        fence_(hub.options_.fence),
        who_(std::move(who)),
        node_(node),
        serial_(serial) {
    LinkOptions options = hub.options_.link;
    options.identity = who_;
    options.workers = couriers_.worker_count();
    options.patient = !hub.placement_.alone();
    options.by_slot = hub.placement_.cluster();
    port_ = hub.make_link_(
        std::make_unique<LinkFsm>(std::move(options), *this, hub.census_, hub.counters_), node);
  }
  ~Link() override { port_->close(); }

  LinkPort& port() { return *port_; }
  LinkFsm& fsm() { return port_->fsm(); }
  const IdentityPtr& who() const { return who_; }
  state::EndpointId node() const { return node_; }
  std::uint64_t serial() const { return serial_; }

  bool takes_deliveries() override { return outstanding_ == 0; }

  void on_delivery(std::uint32_t worker, Delivery delivery) override {
    ++outstanding_;
    const bool messages = delivery.batch != nullptr;
    auto hand_over = [worker, &couriers = couriers_, who = who_, node = node_, serial = serial_,
                      delivery = std::move(delivery)] {
      couriers.to_worker(worker, [&couriers, who, node, serial, delivery](Fanout& fanout) {
        fanout.deliver(*who, delivery);
        couriers.to_hub([who, node, serial](Hub& hub) { hub.delivered(*who, node, serial); });
      });
    };
    if (messages && fence_) {
      fence_(std::move(hand_over));
    } else {
      hand_over();
    }
  }

  void on_doubt(state::RefreshReason reason) override { hub_.doubt(reason); }

  void delivered() {
    if (--outstanding_ > 0) return;
    fsm().end_batch();
    port_->resume();
  }

  /// After the state machine was told something.
  void tell() {
    port_->flush_later();
    fsm().end_batch();
  }

  state::Nanos astray_since = 0;  // connected to who is not a primary; 0: it is not

 private:
  Hub& hub_;
  Couriers& couriers_;
  const Fence& fence_;
  IdentityPtr who_;
  state::EndpointId node_;
  std::uint64_t serial_;
  std::uint32_t outstanding_ = 0;
  std::shared_ptr<LinkPort> port_;
};

Hub::Hub(HubOptions options, Couriers& couriers, Census& census, state::Counters& counters,
         LinkFactory make_link)
    : options_(std::move(options)),
      couriers_(couriers),
      census_(census),
      counters_(counters),
      make_link_(std::move(make_link)) {}

Hub::~Hub() = default;

Hub::Link* Hub::find(const upstream::Identity& who, state::EndpointId node) {
  const auto found = links_.find({who, node});
  return found == links_.end() ? nullptr : found->second.get();
}

Hub::Link& Hub::link_of(const IdentityPtr& who, state::EndpointId node, state::Nanos now) {
  if (Link* const known = find(*who, node)) return *known;
  Link& link = *(links_[{*who, node}] = std::make_unique<Link>(*this, who, node, next_serial_++));
  link.port().start(now);
  return link;
}

std::vector<Hub::Link*> Hub::links_of(const upstream::Identity& who) {
  std::vector<Link*> links;
  for (auto at = links_.lower_bound({who, 0}); at != links_.end() && at->first.first == who; ++at)
    links.push_back(at->second.get());
  return links;
}

std::map<state::EndpointId, Hub::Names> Hub::by_node(Kind kind, const Names& names) const {
  std::map<state::EndpointId, Names> parts;
  for (const std::string& name : names) parts[placement_.node_of({kind, name})].push_back(name);
  return parts;
}

void Hub::settle_at_once(std::uint32_t worker, Ticket ticket, const IdentityPtr& who) {
  Event event;
  event.ticket = ticket;
  couriers_.to_worker(worker, [who, delivery = Delivery{nullptr, {std::move(event)}}](
                                  Fanout& fanout) { fanout.deliver(*who, delivery); });
}

void Hub::fence(std::uint32_t worker, Ticket ticket, const IdentityPtr& who, Kind kind,
                state::Nanos now) {
  const std::vector<Link*> links = links_of(*who);
  if (links.empty()) {
    settle_at_once(worker, ticket, who);
    return;
  }
  const auto asker = std::make_shared<Asker>(Asker{worker, ticket, 1});
  for (Link* const link : links) link->fsm().unsubscribe(asker, kind, {}, now);
  links.back()->fsm().finish(asker, {});
  for (Link* const link : links) link->tell();
}

void Hub::subscribe(std::uint32_t worker, Ticket ticket, const IdentityPtr& who, Kind kind,
                    const std::vector<std::string>& names, state::Nanos now) {
  if (closed_) return;
  if (names.empty()) {
    fence(worker, ticket, who, kind, now);
    return;
  }
  const auto asker = std::make_shared<Asker>(Asker{worker, ticket, 1});
  std::vector<Link*> links;
  for (const auto& [node, part] : by_node(kind, names)) {
    links.push_back(&link_of(who, node, now));
    links.back()->fsm().subscribe(asker, kind, part, now);
  }
  links.back()->fsm().finish(asker, {});
  for (Link* const link : links) link->tell();
}

void Hub::unsubscribe(std::uint32_t worker, Ticket ticket, const IdentityPtr& who, Kind kind,
                      const std::vector<std::string>& names, state::Nanos now) {
  if (closed_) return;
  const auto asker = std::make_shared<Asker>(Asker{worker, ticket, 1});
  std::vector<Link*> links;
  for (const auto& [node, part] : by_node(kind, names)) {
    Link* const link = find(*who, node);
    if (link == nullptr) continue;
    link->fsm().unsubscribe(asker, kind, part, now);
    links.push_back(link);
  }
  if (links.empty()) {
    fence(worker, ticket, who, kind, now);
    return;
  }
  links.back()->fsm().finish(asker, {});
  for (Link* const link : links) link->tell();
}

void Hub::leave(std::uint32_t worker, const IdentityPtr& who, Kind kind,
                const std::vector<std::string>& names, state::Nanos now) {
  for (const auto& [node, part] : by_node(kind, names)) {
    Link* const link = find(*who, node);
    if (link == nullptr) continue;
    link->fsm().leave(worker, kind, part, now);
    link->tell();
  }
}

void Hub::delivered(const upstream::Identity& who, state::EndpointId node, std::uint64_t serial) {
  Link* const link = find(who, node);
  if (link != nullptr && link->serial() == serial) link->delivered();
}

void Hub::doubt(state::RefreshReason reason) {
  if (options_.refresh != nullptr && !placement_.alone()) options_.refresh->ask(reason);
}

void Hub::on_topology(const state::TopologySnapshot& snapshot, state::Nanos now) {
  if (closed_) return;
  if (placement_.update(snapshot)) carry_names(now);
  for (const auto& [key, link] : links_) follow_primary(*link, now);
}

void Hub::carry_names(state::Nanos now) {
  struct Load {
    IdentityPtr who;
    state::EndpointId to;
    std::vector<CarriedName> names;
  };
  std::vector<Load> loads;
  for (const auto& [key, link] : links_) {
    std::vector<CarriedName> taken = link->fsm().take(
        [&, from = link->node()](const NameView& name) {
          return name.kind == Kind::kShard && placement_.node_of(name) != from;
        },
        now);
    if (taken.empty()) continue;
    link->fsm().hand_out();
    link->tell();
    std::map<state::EndpointId, std::vector<CarriedName>> parts;
    for (CarriedName& name : taken)
      parts[placement_.node_of(NameView(name.key))].push_back(std::move(name));
    for (auto& [to, names] : parts) loads.push_back({link->who(), to, std::move(names)});
  }
  for (Load& load : loads) {
    Link& link = link_of(load.who, load.to, now);
    link.fsm().put(std::move(load.names), now);
    link.tell();
  }
  std::erase_if(links_, [this](const auto& entry) {
    const auto& [key, link] = entry;
    if (link->node() == state::kNoEndpoint || placement_.is_primary(link->node())) return false;
    link->fsm().retire();
    return true;
  });
}

void Hub::follow_primary(Link& link, state::Nanos now) {
  if (link.node() != state::kNoEndpoint || !placement_.known()) return;
  const state::EndpointId at = link.port().endpoint();
  if (at == state::kNoEndpoint || placement_.is_primary(at)) {
    link.astray_since = 0;
    return;
  }
  if (link.astray_since == 0) link.astray_since = now;
  const bool works = link.fsm().status() == LinkFsm::Status::kLive;
  if (works && now - link.astray_since < options_.relocate_after) return;
  link.astray_since = 0;
  link.port().relocate(now);
}

void Hub::on_tick(state::Nanos now) {
  for (auto entry = links_.begin(); entry != links_.end();) {
    Link& link = *entry->second;
    link.port().on_tick(now);
    follow_primary(link, now);
    const state::Nanos idle_since = link.fsm().idle_since();
    if (idle_since >= 0 && now - idle_since >= options_.idle_close && link.takes_deliveries()) {
      entry = links_.erase(entry);
    } else {
      ++entry;
    }
  }
}

void Hub::close() {
  closed_ = true;
  links_.clear();
}

}  // namespace pillion::data::pubsub
