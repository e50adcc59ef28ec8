#include "proxy/data/route/replica_selector.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace pillion::route {
namespace {

constexpr std::uint32_t kExploreEvery = 16;
// Probes jitter: replicas within this of the fastest count as equally fast.
constexpr state::Nanos kLatencyGrain = 100 * state::kMicrosecond;

/// A bijection that spreads every input bit over the whole word.
std::uint64_t spread(std::uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  x *= 0x94d049bb133111eb;
  return x ^ x >> 31;
}

}  // namespace

void ReplicaSelector::update(const RouteTable& table) {
  std::array<bool, state::kMaxEndpoints> stays{};
  const auto& shards = table.snapshot().shards;
  shards_.resize(shards.size());
  for (std::size_t i = 0; i < shards.size(); ++i) {
    std::vector<Replica>& replicas = shards_[i];
    replicas.clear();
    for (const EndpointId id : shards[i].replicas) {
      const state::Node* const node = table.node(id);
      if (node == nullptr || !node->in_rotation) continue;
      replicas.push_back(
          Replica{id, std::max<std::uint32_t>(node->weight, 1), node->latency, node->near});
      stays[id] = true;
    }
    std::stable_partition(replicas.begin(), replicas.end(),
                          [](const Replica& replica) { return replica.near; });
  }
  // Who comes back begins without debts or claims.
  for (std::size_t id = 0; id < credit_.size(); ++id) {
    if (!stays[id]) credit_[id] = 0;
  }
}

EndpointId ReplicaSelector::pick(cache::NameHash key) {
  if (candidates_.size() == 1) return candidates_.front().id;
  switch (balance_) {
    case ReadBalance::kKeyAffinity:
      return pick_by_key(key);
    case ReadBalance::kLeastLatency:
      return pick_fast();
    case ReadBalance::kRoundRobin:
      break;
  }
  return pick_in_turn();
}

EndpointId ReplicaSelector::pick_in_turn() {
  std::int64_t total = 0;
  EndpointId best = kNoEndpoint;
  for (const Replica& replica : candidates_) {
    total += replica.weight;
    credit_[replica.id] += replica.weight;
    if (best == kNoEndpoint || credit_[replica.id] > credit_[best]) best = replica.id;
  }
  credit_[best] -= total;
  return best;
}

EndpointId ReplicaSelector::pick_by_key(cache::NameHash key) const {
  const bool equal = std::all_of(
      candidates_.begin(), candidates_.end(),
      [this](const Replica& replica) { return replica.weight == candidates_.front().weight; });
  EndpointId best = kNoEndpoint;
  std::uint64_t best_score = 0;
  double best_distance = std::numeric_limits<double>::infinity();
  for (const Replica& replica : candidates_) {
    const std::uint64_t score = spread(key ^ spread(std::uint64_t{replica.id} + 1));
    if (equal) {
      if (best == kNoEndpoint || score > best_score) {
        best = replica.id;
        best_score = score;
      }
      continue;
    }
    // The same order for equal weights; otherwise each gets keys in proportion to its weight, and
    // those that a growing weight wins come from all others alike.
    const double unit = (static_cast<double>(score >> 11) + 0.5) * 0x1p-53;
    const double distance = -std::log(unit) / replica.weight;
    if (best == kNoEndpoint || distance < best_distance) {
      best = replica.id;
      best_distance = distance;
    }
  }
  return best;
}

EndpointId ReplicaSelector::pick_fast() {
  if (++choices_ % kExploreEvery != 0) {
    const state::Nanos fastest =
        std::min_element(candidates_.begin(), candidates_.end(),
                         [](const Replica& a, const Replica& b) { return a.latency < b.latency; })
            ->latency;
    const state::Nanos limit = fastest + std::max(fastest / 4, kLatencyGrain);
    candidates_.erase(
        std::remove_if(candidates_.begin(), candidates_.end(),
                       [limit](const Replica& replica) { return replica.latency > limit; }),
        candidates_.end());
  }
  return pick_in_turn();
}

}  // namespace pillion::route
