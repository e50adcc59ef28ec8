// The JSON bodies of the admin port. Pure.
#pragma once

#include <string>

#include "proxy/state/data_plane_ops.hpp"
#include "proxy/state/endpoint_traffic.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

/// GET /cache/stats: what the cache holds and what it did, reasons as in the metrics' labels.
std::string cache_stats_json(const state::DataPlaneOps& data_plane);

/// GET /topology: the snapshot both planes go by, and what was sent to each server.
std::string topology_json(const state::TopologySnapshot& topology,
                          const state::EndpointTraffic& traffic, state::Nanos now);

}  // namespace pillion::control
