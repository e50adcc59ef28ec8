// Views of a made-up cluster, in few words.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "proxy/control/topology/parse_cluster.hpp"

namespace pillion::control {

/// A node called `id`, at host `id`.
inline ClusterNode cluster_node(const std::string& id, bool primary, bool failed = false) {
  return {id, id, 7000, primary, failed};
}
inline ClusterShard cluster_shard(std::uint16_t first, std::uint16_t last,
                                  std::vector<ClusterNode> nodes) {
  return {{{first, last}}, std::move(nodes)};
}
inline ClusterShard empty_shard(std::vector<ClusterNode> nodes) {
  return {{}, std::move(nodes)};
}

/// A, B and C with a third of the slots each, and their replicas a, b and c.
inline ClusterView whole_cluster(std::uint64_t epoch = 1) {
  return {true,
          epoch,
          {cluster_shard(0, 5460, {cluster_node("A", true), cluster_node("a", false)}),
           cluster_shard(5461, 10922, {cluster_node("B", true), cluster_node("b", false)}),
           cluster_shard(10923, 16383, {cluster_node("C", true), cluster_node("c", false)})}};
}

/// The same after B has died and b has taken over.
inline ClusterView after_failover(std::uint64_t epoch = 2) {
  ClusterView view = whole_cluster(epoch);
  view.shards[1].nodes = {cluster_node("b", true)};
  view.shards.push_back(empty_shard({cluster_node("B", true, true)}));
  return view;
}

}  // namespace pillion::control
