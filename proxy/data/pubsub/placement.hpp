// Which node of the upstream a subscription belongs to, by the latest snapshot. Pure.
//
// Channels and patterns belong to any primary: in a cluster messages reach every node over its bus.
// A shard channel of a cluster belongs to the primary of its slot.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/data/pubsub/name_key.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::pubsub {

class Placement {
 public:
  /// True: shard channels may belong elsewhere now, or a node is a primary no longer.
  bool update(const state::TopologySnapshot& snapshot);

  /// kNoEndpoint: any primary; also while nobody is known to own the slot, since any node tells
  /// what is the matter.
  state::EndpointId node_of(const NameView& name) const;

  bool is_primary(state::EndpointId node) const;
  bool cluster() const { return cluster_; }
  /// One server that nobody can take the place of; true before the first snapshot.
  bool alone() const { return alone_; }
  /// A snapshot was seen.
  bool known() const { return known_; }

 private:
  bool known_ = false;
  bool alone_ = true;
  bool cluster_ = false;
  std::vector<state::EndpointId> primaries_;
  std::vector<state::EndpointId> owners_;  // by slot; empty: there are no slots
};

}  // namespace pillion::data::pubsub
