#include "proxy/data/pubsub/placement.hpp"

#include <algorithm>
#include <utility>

#include "protocol/cluster/slot.hpp"

namespace pillion::data::pubsub {

bool Placement::update(const state::TopologySnapshot& snapshot) {
  known_ = true;
  alone_ = snapshot.kind == state::TopologyKind::kStandalone;
  cluster_ = snapshot.kind == state::TopologyKind::kCluster;
  std::vector<state::EndpointId> primaries = {snapshot.primary.id};
  for (const state::Shard& shard : snapshot.shards) {
    if (shard.primary != state::kNoEndpoint) primaries.push_back(shard.primary);
  }
  std::sort(primaries.begin(), primaries.end());
  primaries.erase(std::unique(primaries.begin(), primaries.end()), primaries.end());
  std::vector<state::EndpointId> owners;
  if (cluster_ && snapshot.slots) {
    owners.reserve(state::kSlots);
    for (const std::uint16_t shard : *snapshot.slots) {
      owners.push_back(shard < snapshot.shards.size() ? snapshot.shards[shard].primary
                                                      : state::kNoEndpoint);
    }
  }
  const bool changed = primaries != primaries_ || owners != owners_;
  primaries_ = std::move(primaries);
  owners_ = std::move(owners);
  return changed;
}

state::EndpointId Placement::node_of(const NameView& name) const {
  if (name.kind != Kind::kShard || owners_.empty()) return state::kNoEndpoint;
  return owners_[cluster::slot_of(name.name)];
}

bool Placement::is_primary(state::EndpointId node) const {
  return std::binary_search(primaries_.begin(), primaries_.end(), node);
}

}  // namespace pillion::data::pubsub
