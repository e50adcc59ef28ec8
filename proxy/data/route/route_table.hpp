// What a worker keeps of the latest snapshot so that a command is routed in constant time.
//
// Built anew when the published snapshot changes; never per command. Besides the snapshot it holds
// one memory of its own: the place of every shard in the order in which SCAN visits them
// (scan_cursor.hpp). A shard keeps its place when a replica becomes its primary, so that a SCAN
// that lasts longer than a failover neither skips a shard nor starts again.
//
// Of one worker; not synchronised.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "proxy/state/topology_snapshot.hpp"

namespace pillion::route {

using state::EndpointId;
using state::kNoEndpoint;
using state::kNoShard;

class RouteTable {
 public:
  using Snapshot = std::shared_ptr<const state::TopologySnapshot>;

  struct ShardRoute {
    EndpointId primary = kNoEndpoint;
    bool owns_slots = false;       // outside a cluster: true
    std::uint16_t scan_place = 0;  // see above; shards of one place follow each other by primary
  };

  RouteTable();

  /// Takes over a snapshot; it is kept alive.
  void rebuild(Snapshot snapshot);

  const state::TopologySnapshot& snapshot() const { return *snapshot_; }
  bool cluster() const { return cluster_; }
  /// Some shard has a replica.
  bool has_replicas() const { return has_replicas_; }

  /// Never empty outside a cluster; indexed as TopologySnapshot::shards.
  const std::vector<ShardRoute>& shards() const { return shards_; }

  /// kNoShard: nobody is known to own it. Precondition: slot < state::kSlots.
  std::uint16_t shard_of(std::uint16_t slot) const {
    const std::uint8_t block = blocks_[slot / kBlock];
    return block != kMixed ? block : shard_by_map(slot);
  }

  /// kNoEndpoint when the shard is not there or has no primary.
  EndpointId primary_of(std::uint16_t shard) const {
    return shard < shards_.size() ? shards_[shard].primary : kNoEndpoint;
  }

  /// Where commands go that name no key.
  EndpointId any_primary() const { return snapshot_->primary.id; }

  /// Null when there is none of that id at the moment.
  const state::Node* node(EndpointId id) const;

  /// The shard an endpoint is the primary or a replica of; kNoShard when it is neither.
  std::uint16_t shard_of_endpoint(EndpointId id) const;

  /// The endpoint a redirection names; kNoEndpoint when the snapshot does not know it. Looks at
  /// every node: redirections are rare.
  EndpointId find(std::string_view host, std::uint16_t port) const;

  /// The endpoint of that port on the host of another, for redirections that leave the host out.
  EndpointId find_beside(EndpointId neighbour, std::uint16_t port) const;

  /// Where `id`, that may have left, stands in the order of SCAN: the place of the shard it was
  /// last seen in, its own id if it never was. Precondition: id < state::kMaxEndpoints.
  std::uint16_t scan_place_of(EndpointId id) const {
    return scan_places_[id] == kUnknown ? id : scan_places_[id];
  }

 private:
  static constexpr std::uint16_t kUnknown = 0xffff;

  // Neighbouring slots mostly have one owner. Asked by the block, who owns a slot is found in a few
  // lines of memory that every command warms, where the map of all slots fills a first-level cache.
  static constexpr std::size_t kBlock = 64;
  static constexpr std::uint8_t kMixed = 0xff;  // or nobody's, or an owner of a larger number

  void note_blocks();
  std::uint16_t shard_by_map(std::uint16_t slot) const {
    if (slots_ == nullptr) return cluster_ ? kNoShard : std::uint16_t{0};
    return (*slots_)[slot];
  }

  void index_nodes();
  void note_slot_owners();
  void give_scan_places();

  Snapshot snapshot_;
  bool cluster_ = false;
  bool has_replicas_ = false;
  const state::SlotMap* slots_ = nullptr;                    // the snapshot's
  std::array<std::uint8_t, state::kSlots / kBlock> blocks_;  // whose all slots of a block are
  std::vector<ShardRoute> shards_;
  std::array<std::uint16_t, state::kMaxEndpoints> node_at_;   // position among the nodes
  std::array<std::uint16_t, state::kMaxEndpoints> shard_at_;  // its shard
  std::array<std::uint16_t, state::kMaxEndpoints> scan_places_;
};

}  // namespace pillion::route
