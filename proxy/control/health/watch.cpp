#include "proxy/control/health/watch.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <set>
#include <utility>

#include "proxy/logging/log.hpp"
#include "proxy/state/reason_names.hpp"

namespace pillion::control {

struct Watch::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
  bool running = false;
};

Watch::Watch(boost::asio::io_context& io, Settings settings, const state::EndpointTraffic& traffic,
             TopologyPublisher& publisher, std::function<void()> on_new_run)
    : io_(io),
      settings_(std::move(settings)),
      traffic_(traffic),
      publisher_(publisher),
      on_new_run_(std::move(on_new_run)),
      addresses_(io, settings_.dns_refresh, [this](const std::string& host) { on_address(host); }),
      roster_(settings_.roster),
      timer_(std::make_unique<Timer>(io)) {}

Watch::~Watch() = default;

void Watch::on_layout(Layout layout) {
  if (!layout.trouble.empty() && layout.trouble != roster_.layout().trouble) {
    logging::warn(layout.trouble);
  }
  const bool alone = layout.kind == state::TopologyKind::kStandalone;
  tell_of_changes(layout);
  const std::size_t ignored = roster_.set_layout(std::move(layout), state::now());
  if (ignored > 0) {
    logging::warn(std::to_string(ignored) + " servers are ignored: there are more than " +
                  std::to_string(state::kMaxEndpoints));
  }
  sync_servers();
  publish();
  if (!alone && !std::exchange(timer_->running, true)) look_every_sample();
}

void Watch::tell_of_changes(const Layout& next) const {
  const Layout& before = roster_.layout();
  if (before.nodes.empty()) return;
  for (const LayoutNode& node : next.nodes) {
    const auto known = std::find_if(before.nodes.begin(), before.nodes.end(),
                                    [&](const LayoutNode& old) { return old.name == node.name; });
    const std::string role(name_of(node.role));
    if (known == before.nodes.end()) {
      logging::info("upstream " + node.name + " is new, a " + role);
    } else if (known->role != node.role) {
      logging::info("upstream " + node.name + " is a " + role + " now");
    } else if (known->failed != node.failed) {
      logging::warn("upstream " + node.name +
                    (node.failed ? " has failed, its cluster says" : " has not failed any more"));
    }
  }
  for (const LayoutNode& node : before.nodes) {
    const bool stays = std::any_of(next.nodes.begin(), next.nodes.end(),
                                   [&](const LayoutNode& now) { return now.name == node.name; });
    if (!stays) logging::info("upstream " + node.name + " has left");
  }
}

void Watch::on_confirmed(state::Nanos at) {
  roster_.set_confirmed(at);
  publish();
}

void Watch::refresh() {
  for (const auto& [id, server] : servers_) {
    if (!server.checker->view().up) addresses_.refresh(server.host);
  }
}

void Watch::stop() {
  timer_->timer.cancel();
  addresses_.stop();
  for (auto& [id, server] : servers_) server.checker->stop();
}

const HealthSettings& Watch::demands(state::NodeRole role) const {
  return role == state::NodeRole::kReplica ? settings_.replica : settings_.primary.fsm;
}

void Watch::sync_servers() {
  std::set<state::EndpointId> present;
  std::set<std::string> hosts;
  for (const auto& [id, node] : roster_.members()) {
    present.insert(id);
    if (!node->host.empty()) hosts.insert(node->host);
    const auto known = servers_.find(id);
    if (known != servers_.end() && known->second.name == node->name) continue;
    HealthChecker::Settings settings = settings_.primary;
    settings.fsm = demands(node->role);
    settings.fsm.seed += id;
    Server server;
    server.name = node->name;
    server.host = node->host;
    server.role = node->role;
    server.checker = std::make_unique<HealthChecker>(
        io_, std::move(settings), [this, id = id](const HealthView& view) { on_view(id, view); },
        [this, id = id] { on_unreachable(id); });
    servers_[id] = std::move(server);
  }
  for (auto it = servers_.begin(); it != servers_.end();) {
    it = present.count(it->first) != 0 ? std::next(it) : servers_.erase(it);
  }
  addresses_.keep(hosts);
  for (const auto& [id, node] : roster_.members()) {
    Server& server = servers_.at(id);
    if (std::exchange(server.role, node->role) != node->role) {
      server.checker->adopt(demands(node->role));
      server.checker->on_doubt();
    }
    connect(id, server, *node);
  }
}

/// Begins, or begins anew, as soon as there is an address that the checker does not know.
void Watch::connect(state::EndpointId id, Server& server, const LayoutNode& node) {
  state::Endpoint endpoint;
  endpoint.name = node.name;
  endpoint.id = id;
  endpoint.port = node.port;
  endpoint.unix_path = node.unix_path;
  if (node.unix_path.empty()) {
    const AddressBook::Addresses& found = addresses_.want(node.host);
    endpoint.addresses = found.list;
    roster_.set_addresses(node.host, found);
  }
  const bool known = server.endpoint.addresses == endpoint.addresses &&
                     server.endpoint.unix_path == endpoint.unix_path;
  if (known || (endpoint.addresses.empty() && endpoint.unix_path.empty())) return;
  server.endpoint = endpoint;
  server.checker->on_endpoint(endpoint);
}

void Watch::on_address(const std::string& host) {
  for (const auto& [id, node] : roster_.members()) {
    if (node->host == host) connect(id, servers_.at(id), *node);
  }
  roster_.set_addresses(host, addresses_.want(host));
  publish();
}

void Watch::on_view(state::EndpointId id, const HealthView& view) {
  const Server& server = servers_.at(id);
  const bool news = roster_.set_health(id, view, state::now());
  // Of many servers figures alone wait for the next look.
  if (news || !timer_->running) publish();
  if (discovery_ == nullptr) return;
  // Not from inside the checker: a new layout may end it.
  boost::asio::post(io_, [this, name = server.name, role = view.replication,
                          asked_at = view.role_asked_at, answered = !view.failing] {
    discovery_->on_probe(name, answered);
    if (!role.role.empty()) discovery_->on_role(name, role, asked_at);
  });
}

void Watch::on_unreachable(state::EndpointId id) {
  const Server& server = servers_.at(id);
  if (!server.host.empty()) addresses_.refresh(server.host);
  if (server.role == state::NodeRole::kPrimary && discovery_ != nullptr) {
    boost::asio::post(io_, [this] { discovery_->refresh(); });
  }
}

void Watch::tell(const std::string& name, const TrafficOutage::News& news) {
  if (news.begun) return logging::warn("upstream " + name + " fails the commands sent to it");
  logging::info("upstream " + name + " does not fail the commands sent to it any more: " +
                std::to_string(news.failures) + " failures in " +
                std::to_string(news.lasted / state::kMillisecond) + " ms");
}

void Watch::look_every_sample() {
  const Roster::Traffic seen = roster_.look(traffic_, state::now());
  for (const auto& [name, news] : seen.news) tell(name, news);
  for (const state::EndpointId id : seen.failing) {
    const auto found = servers_.find(id);
    if (found != servers_.end()) found->second.checker->on_doubt();
  }
  publish();
  timer_->timer.expires_after(std::chrono::nanoseconds(TrafficJudge::kSampleEvery));
  timer_->timer.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) look_every_sample();
  });
}

void Watch::publish() {
  const state::Nanos now = state::now();
  publisher_.update([&](state::TopologySnapshot& snapshot) { roster_.describe(snapshot, now); },
                    now);
  const state::TopologySnapshot& current = publisher_.current();
  const auto primary = servers_.find(current.primary.id);
  if (primary == servers_.end()) return;
  const std::uint64_t runs = primary->second.checker->view().runs;
  if (runs == 0 || (known_primary_ == current.primary.id && known_runs_ == runs)) return;
  known_primary_ = current.primary.id;
  known_runs_ = runs;
  on_new_run_();
}

}  // namespace pillion::control
