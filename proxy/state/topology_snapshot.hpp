// What the control plane knows of the upstream, immutable once published.
//
// Endpoints are named by ids that stay the same for the life of the process: the same host and port
// keep their id when they leave and come back, so connections, links and counters can be kept by
// it. There are never more than kMaxEndpoints; what is announced beyond that is ignored and said.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/state/clock.hpp"

namespace pillion::state {

using EndpointId = std::uint16_t;
inline constexpr std::size_t kMaxEndpoints = 256;
inline constexpr EndpointId kNoEndpoint = 0xffff;

/// A resolved place to connect to. `unix_path` is set for a UNIX socket, otherwise `addresses`.
struct Endpoint {
  std::string name;  // as configured: "host:port" or the path; for messages and labels
  std::string unix_path;
  std::vector<std::string> addresses;  // numeric, in the resolver's order
  std::uint16_t port = 0;
  EndpointId id = 0;
};

enum class TopologyKind : std::uint8_t { kStandalone, kReplicated, kSentinel, kCluster };

enum class NodeRole : std::uint8_t { kUnknown, kPrimary, kReplica };

/// One server of the upstream.
struct Node {
  Endpoint endpoint;
  std::string resolve_error;  // why `endpoint.addresses` is empty
  NodeRole role = NodeRole::kUnknown;
  std::uint16_t shard = 0;      // index into TopologySnapshot::shards
  bool up = false;              // its latest probes were answered
  bool in_rotation = false;     // a replica that may be asked: up, in step, not ejected
  std::uint32_t weight = 100;   // share of reads in percent, less during slow start
  bool near = false;            // in reads.zone
  std::string zone;             // "" = not known
  std::string cluster_id;       // the cluster's name of it
  std::string error;            // why it is not up, or not in rotation
  Nanos lag = 0;                // of a replica behind its primary, as last probed
  Nanos latency = 0;            // of the latest probe
  std::uint64_t ejections = 0;  // how often it was taken out of rotation
};

/// A primary and what replicates it. Outside a cluster there is one.
struct Shard {
  EndpointId primary = kNoEndpoint;
  std::vector<EndpointId> replicas;  // in rotation or not
};

inline constexpr std::size_t kSlots = 16384;
inline constexpr std::uint16_t kNoShard = 0xffff;
using SlotMap = std::array<std::uint16_t, kSlots>;  // slot -> index of a shard, or kNoShard

struct TopologySnapshot {
  TopologyKind kind = TopologyKind::kStandalone;
  std::vector<Node> nodes;  // in no order; outside a cluster the first is the primary
  std::vector<Shard> shards;
  std::shared_ptr<const SlotMap> slots;  // kCluster only; null until the cluster was seen
  Nanos confirmed_at = 0;                // when the layout was last confirmed by the upstream
  std::uint64_t failovers = 0;           // changes of a primary since the start

  /// Where commands go that name no key: the primary; of a cluster, any primary that is up. Its
  /// other fields below describe it.
  Endpoint primary;
  std::string resolve_error;  // why `primary.addresses` is empty
  bool probed = false;        // a health probe has ended, one way or the other
  bool up = false;            // the last health probe was answered
  std::string error;          // why not
  bool auth_required =
      false;         // the configured credentials (or none) are refused: NOAUTH / WRONGPASS
  std::string role;  // "master", "slave", "" unknown
  std::string redis_version;   // "7.0.15", "" unknown
  std::string mode;            // "standalone", "cluster", "sentinel"
  double latency_seconds = 0;  // of the last health probe

  /// Null when there is none of that id at the moment.
  const Node* find(EndpointId id) const {
    for (const Node& node : nodes) {
      if (node.endpoint.id == id) return &node;
    }
    return nullptr;
  }
  /// The endpoint of that id, also where only `primary` is filled in; null when there is none.
  const Endpoint* endpoint(EndpointId id) const {
    if (primary.id == id) return &primary;
    const Node* node = find(id);
    return node != nullptr ? &node->endpoint : nullptr;
  }
  /// Why an endpoint has no address; empty when that is not known.
  const std::string& resolve_error_of(EndpointId id) const {
    const Node* node = find(id);
    return node != nullptr && !node->resolve_error.empty() ? node->resolve_error : resolve_error;
  }
  bool has_replicas() const {
    for (const Shard& shard : shards) {
      if (!shard.replicas.empty()) return true;
    }
    return false;
  }
};

}  // namespace pillion::state
