#include "proxy/data/pubsub/hub.hpp"

#include <utility>

#include "proxy/data/pubsub/fanout.hpp"

namespace pillion::data::pubsub {

class Hub::Link : public LinkSink {
 public:
  Link(Hub& hub, IdentityPtr who, std::uint64_t serial)
      : couriers_(hub.couriers_),
        fence_(hub.options_.fence),
        who_(std::move(who)),
        serial_(serial) {
    LinkOptions options = hub.options_.link;
    options.identity = who_;
    options.workers = couriers_.worker_count();
    port_ = hub.make_link_(
        std::make_unique<LinkFsm>(std::move(options), *this, hub.census_, hub.counters_));
  }
  ~Link() override { port_->close(); }

  LinkPort& port() { return *port_; }
  LinkFsm& fsm() { return port_->fsm(); }
  std::uint64_t serial() const { return serial_; }

  bool takes_deliveries() override { return outstanding_ == 0; }

  void on_delivery(std::uint32_t worker, Delivery delivery) override {
    ++outstanding_;
    const bool messages = delivery.batch != nullptr;
    auto hand_over = [worker, &couriers = couriers_, who = who_, serial = serial_,
                      delivery = std::move(delivery)] {
      couriers.to_worker(worker, [&couriers, who, serial, delivery](Fanout& fanout) {
        fanout.deliver(*who, delivery);
        couriers.to_hub([who, serial](Hub& hub) { hub.delivered(*who, serial); });
      });
    };
    if (messages && fence_) {
      fence_(std::move(hand_over));
    } else {
      hand_over();
    }
  }

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

 private:
  Couriers& couriers_;
  const Fence& fence_;
  IdentityPtr who_;
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

Hub::Link* Hub::find(const upstream::Identity& who) {
  const auto found = links_.find(who);
  return found == links_.end() ? nullptr : found->second.get();
}

Hub::Link& Hub::link_of(const IdentityPtr& who, state::Nanos now) {
  if (Link* const known = find(*who)) return *known;
  Link& link = *(links_[*who] = std::make_unique<Link>(*this, who, next_serial_++));
  link.port().start(now);
  return link;
}

void Hub::settle_at_once(std::uint32_t worker, Ticket ticket, const IdentityPtr& who) {
  Event event;
  event.ticket = ticket;
  couriers_.to_worker(worker, [who, delivery = Delivery{nullptr, {std::move(event)}}](
                                  Fanout& fanout) { fanout.deliver(*who, delivery); });
}

void Hub::subscribe(std::uint32_t worker, Ticket ticket, const IdentityPtr& who, Kind kind,
                    const std::vector<std::string>& names, state::Nanos now) {
  if (closed_) return;
  Link& link = link_of(who, now);
  link.fsm().subscribe(worker, ticket, kind, names, now);
  link.tell();
}

void Hub::unsubscribe(std::uint32_t worker, Ticket ticket, const IdentityPtr& who, Kind kind,
                      const std::vector<std::string>& names, state::Nanos now) {
  if (closed_) return;
  Link* const link = find(*who);
  if (link == nullptr) {
    settle_at_once(worker, ticket, who);
    return;
  }
  link->fsm().unsubscribe(worker, ticket, kind, names, now);
  link->tell();
}

void Hub::leave(std::uint32_t worker, const IdentityPtr& who, Kind kind,
                const std::vector<std::string>& names, state::Nanos now) {
  Link* const link = find(*who);
  if (link == nullptr) return;
  link->fsm().leave(worker, kind, names, now);
  link->tell();
}

void Hub::delivered(const upstream::Identity& who, std::uint64_t serial) {
  Link* const link = find(who);
  if (link != nullptr && link->serial() == serial) link->delivered();
}

void Hub::on_tick(state::Nanos now) {
  for (auto entry = links_.begin(); entry != links_.end();) {
    Link& link = *entry->second;
    link.port().on_tick(now);
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
