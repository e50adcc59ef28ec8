// Layouts of an upstream, for tests of who belongs where.
#pragma once

#include <memory>
#include <vector>

#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::pubsub {

inline constexpr const char* kLow = "bar";   // slot 5061
inline constexpr const char* kHigh = "foo";  // slot 12182

/// The lower half of the slots is the first primary's, the upper half the second's.
inline state::TopologySnapshot cluster_of(const std::vector<state::EndpointId>& primaries) {
  state::TopologySnapshot layout;
  layout.kind = state::TopologyKind::kCluster;
  state::SlotMap slots{};
  for (std::size_t slot = 0; slot < slots.size(); ++slot)
    slots[slot] = slot < slots.size() / 2 ? 0 : 1;
  layout.slots = std::make_shared<const state::SlotMap>(slots);
  for (const state::EndpointId primary : primaries) layout.shards.push_back({primary, {}});
  layout.primary.id = primaries.front();
  return layout;
}

/// One primary that another may take the place of.
inline state::TopologySnapshot watched(state::EndpointId primary) {
  state::TopologySnapshot layout;
  layout.kind = state::TopologyKind::kSentinel;
  layout.shards.push_back({primary, {}});
  layout.primary.id = primary;
  return layout;
}

}  // namespace pillion::data::pubsub
