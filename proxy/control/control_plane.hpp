// The control plane: discovery, health, metrics and the admin port, on a thread of its own.
//
// It reads the data plane through DataPlaneOps, tells it about the upstream through the published
// snapshot, and is never waited for by a request. start() publishes a numeric address or a UNIX
// path before it returns; a name as soon as it is resolved, and what sentinels or a cluster have to
// be asked for as soon as they agree.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "proxy/state/data_plane_ops.hpp"
#include "proxy/state/endpoint_traffic.hpp"
#include "proxy/state/learned_commands.hpp"
#include "proxy/state/published.hpp"
#include "proxy/state/refresh_requests.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

struct ControlPlaneOptions {
  config::Config config;
  config::UpstreamTarget upstream;
  std::string version;
  std::string revision;
};

class ControlPlane {
 public:
  /// All references outlive this object, and nobody asks `refresh` before it is made. Called, as
  /// start() and stop(), from one thread. `learned`: where the commands go that only the upstream
  /// knows; null: nobody asks for them.
  ControlPlane(ControlPlaneOptions options, state::DataPlaneOps& data_plane,
               state::Published<state::TopologySnapshot>& topology,
               const state::EndpointTraffic& traffic, state::RefreshRequests& refresh,
               state::Published<state::LearnedCommands>* learned = nullptr);
  ~ControlPlane();
  ControlPlane(const ControlPlane&) = delete;
  ControlPlane& operator=(const ControlPlane&) = delete;

  /// Throws std::system_error naming the admin address when that cannot be bound.
  void start();
  /// Joins the thread; never waits for a peer or a name server. Safe to call twice.
  void stop();

  /// The port bound (port 0 in the configuration means any free one); 0 when admin.address is "".
  std::uint16_t admin_port() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// GET /livez at an admin address as configured. 0 when it says 200; otherwise 1, and the reason
/// goes to standard error. Takes at most about two seconds.
int run_healthcheck(const std::string& admin_address);

}  // namespace pillion::control
