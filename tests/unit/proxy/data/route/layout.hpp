// Upstreams for tests, written down in a line.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/route/route_table.hpp"

namespace pillion::route {

/// Node n is "10.0.0.n:7000".
inline state::Node node_of(EndpointId id, state::NodeRole role, std::uint16_t shard) {
  state::Node node;
  node.endpoint.id = id;
  node.endpoint.port = 7000;
  node.endpoint.name = "10.0.0." + std::to_string(id) + ":7000";
  node.endpoint.addresses = {"10.0.0." + std::to_string(id)};
  node.role = role;
  node.shard = shard;
  node.up = true;
  node.in_rotation = role == state::NodeRole::kReplica;
  return node;
}

/// Shards by their members, the primary first: {{0, 10}, {1, 11}}. In a cluster each owns an equal
/// range of slots, in this order.
inline state::TopologySnapshot layout(state::TopologyKind kind,
                                      const std::vector<std::vector<EndpointId>>& shards) {
  state::TopologySnapshot snapshot;
  snapshot.kind = kind;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const auto index = static_cast<std::uint16_t>(i);
    state::Shard shard;
    for (const EndpointId id : shards[i]) {
      const bool first = id == shards[i].front();
      if (first) {
        shard.primary = id;
      } else {
        shard.replicas.push_back(id);
      }
      snapshot.nodes.push_back(
          node_of(id, first ? state::NodeRole::kPrimary : state::NodeRole::kReplica, index));
    }
    snapshot.shards.push_back(shard);
  }
  if (!snapshot.nodes.empty()) snapshot.primary = snapshot.nodes.front().endpoint;
  if (kind == state::TopologyKind::kCluster && !shards.empty()) {
    auto slots = std::make_shared<state::SlotMap>();
    for (std::size_t slot = 0; slot < slots->size(); ++slot) {
      (*slots)[slot] = static_cast<std::uint16_t>(slot * shards.size() / slots->size());
    }
    snapshot.slots = slots;
  }
  return snapshot;
}

inline state::TopologySnapshot cluster_of(const std::vector<std::vector<EndpointId>>& shards) {
  return layout(state::TopologyKind::kCluster, shards);
}

inline state::TopologySnapshot replicated(const std::vector<EndpointId>& members) {
  return layout(state::TopologyKind::kReplicated, {members});
}

inline void rebuild(RouteTable& table, state::TopologySnapshot snapshot) {
  table.rebuild(std::make_shared<const state::TopologySnapshot>(std::move(snapshot)));
}

inline RouteTable table_of(state::TopologySnapshot snapshot) {
  RouteTable table;
  rebuild(table, std::move(snapshot));
  return table;
}

}  // namespace pillion::route
