// Which replica answers a read. Pure: no randomness, no clock.
//
// Candidates are the replicas of a shard that are in rotation (state::Node) and that the caller
// finds eligible for this command: connected, past every write of ours to the key, not tried
// already. Of those in the own zone if there is one, else of all of them:
//
//   round_robin    smooth weighted: of n with equal weights each gets every n-th read, and a
//   replica
//                  in slow start its smaller share, evenly spread
//   key_affinity   rendezvous hashing: a key stays on its replica as long as that one is a
//   candidate,
//                  and when replicas come or go only the keys move that have to
//   least_latency  those whose probes were answered about as fast as the fastest one's, in turn;
//                  every sixteenth read goes to any of them in turn, so that a replica that became
//                  fast again shows it under load as well
//
// No candidate: the primary. A failure of replicas never reaches a client, so `reads.from: replica`
// and `prefer_replica` both end there; under `primary` nobody asks this class.
//
// Every worker has its own, so shares are exact per worker. Not synchronised.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/route/route_table.hpp"

namespace pillion::route {

enum class ReadBalance : std::uint8_t { kRoundRobin, kKeyAffinity, kLeastLatency };

class ReplicaSelector {
 public:
  explicit ReplicaSelector(ReadBalance balance) : balance_(balance) {}

  /// A reload of the configuration may change it.
  void set_balance(ReadBalance balance) { balance_ = balance; }

  /// Takes over what a new snapshot says. Replicas that stay keep their turn.
  void update(const RouteTable& table);

  /// The replica that reads `key`, or kNoEndpoint: ask the primary. `eligible(EndpointId) -> bool`
  /// is asked once for each replica in rotation. Several keys: pass the first.
  template <class Eligible>
  EndpointId choose(std::uint16_t shard, cache::NameHash key, Eligible&& eligible) {
    if (shard >= shards_.size()) return kNoEndpoint;
    candidates_.clear();
    for (const Replica& replica : shards_[shard]) {  // the near ones stand first
      if (!replica.near && !candidates_.empty() && candidates_.front().near) break;
      if (eligible(replica.id)) candidates_.push_back(replica);
    }
    return candidates_.empty() ? kNoEndpoint : pick(key);
  }

  bool has_replicas(std::uint16_t shard) const {
    return shard < shards_.size() && !shards_[shard].empty();
  }

 private:
  struct Replica {
    EndpointId id = kNoEndpoint;
    std::uint32_t weight = 0;
    state::Nanos latency = 0;
    bool near = false;
  };

  EndpointId pick(cache::NameHash key);
  EndpointId pick_in_turn();
  EndpointId pick_by_key(cache::NameHash key) const;
  EndpointId pick_fast();

  ReadBalance balance_;
  std::vector<std::vector<Replica>> shards_;
  std::vector<Replica> candidates_;  // of the choice being made
  std::array<std::int64_t, state::kMaxEndpoints>
      credit_{};  // how much each is owed; their sum is 0
  std::uint32_t choices_ = 0;
};

}  // namespace pillion::route
