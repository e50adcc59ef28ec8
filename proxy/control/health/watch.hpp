// The shell of Roster: a health check for each server of the layout, addresses for their names, and
// whatever comes of it published.
//
// Between discovery, which tells layouts, and the publisher. Control thread only (and start(),
// before that thread exists).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "proxy/control/health/checker.hpp"
#include "proxy/control/health/roster.hpp"
#include "proxy/control/topology/address_book.hpp"
#include "proxy/control/topology/discovery.hpp"
#include "proxy/control/topology/publisher.hpp"
#include "proxy/state/endpoint_traffic.hpp"

namespace pillion::control {

class Watch final : public LayoutSink {
 public:
  struct Settings {
    Roster::Settings roster;
    HealthChecker::Settings primary;  // of whatever is no replica
    HealthSettings replica;
    state::Nanos dns_refresh = 30 * state::kSecond;
  };

  /// `on_new_run`: another server than before, or a new process of it, is the primary.
  Watch(boost::asio::io_context& io, Settings settings, const state::EndpointTraffic& traffic,
        TopologyPublisher& publisher, std::function<void()> on_new_run);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Who is told of roles, and that servers cannot be reached.
  void follow(Discovery& discovery) { discovery_ = &discovery; }

  void on_layout(Layout layout) override;
  void on_confirmed(state::Nanos at) override;
  /// The data plane has seen something change: addresses may have, too.
  void refresh();
  void stop();

 private:
  struct Timer;
  struct Server {
    std::string name;
    std::string host;
    state::NodeRole role = state::NodeRole::kUnknown;
    state::Endpoint endpoint;  // as the checker knows it; without an address: not begun
    std::unique_ptr<HealthChecker> checker;
  };

  void tell_of_changes(const Layout& next) const;
  void sync_servers();
  void connect(state::EndpointId id, Server& server, const LayoutNode& node);
  void on_address(const std::string& host);
  void on_view(state::EndpointId id, const HealthView& view);
  void on_unreachable(state::EndpointId id);
  static void tell(const std::string& name, const TrafficOutage::News& news);
  void look_every_sample();
  void publish();
  const HealthSettings& demands(state::NodeRole role) const;

  boost::asio::io_context& io_;
  Settings settings_;
  const state::EndpointTraffic& traffic_;
  TopologyPublisher& publisher_;
  std::function<void()> on_new_run_;
  Discovery* discovery_ = nullptr;
  AddressBook addresses_;
  Roster roster_;
  std::map<state::EndpointId, Server> servers_;
  state::EndpointId known_primary_ = state::kNoEndpoint;
  std::uint64_t known_runs_ = 0;
  std::unique_ptr<Timer> timer_;
};

}  // namespace pillion::control
