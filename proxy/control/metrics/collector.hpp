// The text of /metrics: the catalog's rows filled from the workers' counters, the data plane's
// state, the topology snapshot, the limits of the configuration and the process itself.
// Control thread only. The only includer of prometheus-cpp is collector.cpp.
#pragma once

#include <memory>
#include <string>

#include "config/config.hpp"
#include "proxy/state/data_plane_ops.hpp"
#include "proxy/state/endpoint_traffic.hpp"
#include "proxy/state/published.hpp"
#include "proxy/state/refresh_requests.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

/// References outlive the collector.
struct MetricSources {
  const state::DataPlaneOps& data_plane;
  const state::Published<state::TopologySnapshot>& topology;
  const state::EndpointTraffic& traffic;
  const state::RefreshRequests& refresh;
  const config::Config& config;
  std::string version;
  std::string revision;
};

class Collector {
 public:
  explicit Collector(MetricSources sources);
  ~Collector();
  Collector(const Collector&) = delete;
  Collector& operator=(const Collector&) = delete;

  /// Prometheus text format 0.0.4.
  std::string text() const;

 private:
  class Families;
  std::unique_ptr<Families> families_;
};

}  // namespace pillion::control
