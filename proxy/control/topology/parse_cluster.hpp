// What one node of a cluster says of its layout: reply trees in, plain values out. Pure; whatever
// is not as expected is left out.
//
// CLUSTER SHARDS (Redis 7.0) names the endpoint clients should use, as the cluster is configured
// (cluster-preferred-endpoint-type): an address, a name, or NULL for "the address you asked".
// CLUSTER SLOTS puts that into its first field. A node that does not know its own address yet says
// "", one without the name it should have "?": the first means the address asked as well, the
// second the plain address where one is given.
// https://redis.io/docs/latest/commands/cluster-slots/
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/control/topology/hiredis_reply.hpp"

namespace pillion::control {

struct ClusterNode {
  std::string id;
  std::string host;
  std::uint16_t port = 0;
  bool primary = false;
  bool failed = false;
  friend bool operator==(const ClusterNode&, const ClusterNode&) = default;
};

struct ClusterShard {
  std::vector<std::pair<std::uint16_t, std::uint16_t>> slots;  // first and last of each range
  std::vector<ClusterNode> nodes;
  friend bool operator==(const ClusterShard&, const ClusterShard&) = default;
};

struct ClusterView {
  bool ok = false;          // cluster_state: it sees a majority of primaries, and all slots served
  std::uint64_t epoch = 0;  // cluster_current_epoch
  std::vector<ClusterShard> shards;
};

/// CLUSTER INFO; leaves `view` alone where nothing is said.
void parse_cluster_info(std::string_view text, ClusterView& view);

/// CLUSTER SHARDS and CLUSTER SLOTS. `asked` is the host the question went to. Nothing when the
/// reply is no such answer.
std::optional<std::vector<ClusterShard>> parse_cluster_shards(ReplyView reply,
                                                              std::string_view asked);
std::optional<std::vector<ClusterShard>> parse_cluster_slots(ReplyView reply,
                                                             std::string_view asked);

}  // namespace pillion::control
