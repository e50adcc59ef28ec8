// All that is known of the upstream's servers put together: the layout (who they are), their
// addresses, what their health checks and their traffic say; and of it the snapshot that the data
// plane goes by.
//
// Outside a cluster the first node is the primary. Of a cluster, `primary` (for what names no key)
// stays the same node as long as that is a primary and up. A server that leaves the layout and
// comes back keeps its id (endpoint_registry.hpp) but starts anew as to its health.
//
// Pure: no sockets, no clock of its own; control thread only.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/control/health/health_fsm.hpp"
#include "proxy/control/health/lag_tracker.hpp"
#include "proxy/control/health/rotation.hpp"
#include "proxy/control/health/traffic_judge.hpp"
#include "proxy/control/health/traffic_outage.hpp"
#include "proxy/control/topology/address_book.hpp"
#include "proxy/control/topology/endpoint_registry.hpp"
#include "proxy/control/topology/layout.hpp"
#include "proxy/state/endpoint_traffic.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

class Roster {
 public:
  struct Settings {
    RotationSettings rotation;
    std::uint32_t fall = 2;                                  // of the traffic judges
    std::string zone;                                        // reads.zone
    std::vector<std::pair<std::string, std::string>> zones;  // reads.zones
    std::string display;  // stands for the primary's name while none is known
  };
  /// Servers that are there so soon after the first are no newcomers: no slow start for them.
  static constexpr state::Nanos kSettling = 10 * state::kSecond;

  explicit Roster(Settings settings) : settings_(std::move(settings)) {}

  /// Returns how many servers are ignored because there are too many.
  std::size_t set_layout(Layout layout, state::Nanos now);
  void set_confirmed(state::Nanos at) { confirmed_at_ = at; }
  void set_addresses(const std::string& host, const AddressBook::Addresses& addresses);
  /// True when more than figures has changed: worth publishing at once.
  bool set_health(state::EndpointId id, const HealthView& view, state::Nanos now);
  struct Traffic {
    std::vector<state::EndpointId> failing;                         // probe them
    std::vector<std::pair<std::string, TrafficOutage::News>> news;  // by name of the server
  };
  /// Passive checks and what only time changes.
  Traffic look(const state::EndpointTraffic& traffic, state::Nanos now);

  /// Writes everything into a snapshot.
  void describe(state::TopologySnapshot& snapshot, state::Nanos now) const;

  const Layout& layout() const { return layout_; }
  /// The server of that name in the layout, if it has an id.
  std::vector<std::pair<state::EndpointId, const LayoutNode*>> members() const;

 private:
  struct Member {
    LayoutNode node;
    state::EndpointId id = 0;
    AddressBook::Addresses addresses;
    HealthView view;
    Rotation rotation;
    TrafficJudge judge;
    TrafficOutage outage = {};
    state::Nanos lag = 0;
    state::Nanos in_step_at = 0;    // a replica: then it had what its primary had
    state::Nanos link_lost_at = 0;  // when it first said that its link is down; 0: it is up
  };

  Member* find(state::EndpointId id);
  const Member* primary_of(std::uint16_t shard) const;
  /// The one whose description the snapshot's own fields are; null while there is none.
  const Member* main() const;
  Rotation rotation(state::Nanos now) const;
  void choose_main();
  void count_failovers(const Layout& next);
  void measure_lag(Member& member);
  void judge(Member& member, state::Nanos now);
  void judge_shard(std::uint16_t shard, state::Nanos now);
  state::Node describe(const Member& member, state::Nanos now) const;
  std::string zone_of(const Member& member) const;

  Settings settings_;
  EndpointRegistry registry_;
  Layout layout_;
  std::vector<Member> members_;
  std::map<state::EndpointId, LagTracker> primaries_;  // of each primary what it had when
  std::string main_;                                   // name
  state::Nanos first_seen_at_ = 0;
  state::Nanos confirmed_at_ = 0;
  std::uint64_t failovers_ = 0;
};

}  // namespace pillion::control
