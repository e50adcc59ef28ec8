// How many subscribers this process hides behind its shared subscriptions, so that the counts which
// the upstream reports can be put right.
//
// For the upstream a name of an identity is one subscriber, our link; for clients it is its
// members. While the link has no subscription upstream the members hear nothing and are not counted
// either. Process-wide, any thread, one mutex.
//
// The nodes of a cluster count each their own subscribers, and who publishes is told those of the
// node asked, which need not be the one our link is at. A client of ours sees one server, so it is
// told every subscriber of this process that hears it, and beside them the others of the node
// asked: our link is taken off only from the count of the node that has it.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <vector>

#include "proxy/data/pubsub/name_key.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::pubsub {

class Census {
 public:
  /// Costs a relaxed load; false: every correction is 0.
  bool any() const { return names_.load(std::memory_order_relaxed) != 0; }

  /// To be added to the upstream's reply of PUBLISH. The sum may be below 0 for a moment while a
  /// subscription ends: say 0 then. `asked` is who replied; kNoEndpoint: all nodes together, as
  /// there is only one, or in a sum over all of them.
  std::int64_t publish_correction(std::string_view channel,
                                  state::EndpointId asked = state::kNoEndpoint) const;
  /// For one entry of PUBSUB NUMSUB.
  std::int64_t channel_correction(std::string_view channel) const;
  /// For SPUBLISH and one entry of PUBSUB SHARDNUMSUB.
  std::int64_t shard_correction(std::string_view channel,
                                state::EndpointId asked = state::kNoEndpoint) const;

  /// How many requests have changed, or may have changed, what the upstream counts.
  std::uint64_t changes() const { return changes_.load(std::memory_order_relaxed); }
  void note_change() { changes_.fetch_add(1, std::memory_order_relaxed); }
  /// So many of them are known to have reached it.
  std::uint64_t settled_changes() const { return settled_.load(std::memory_order_relaxed); }
  void settle_changes(std::uint64_t changes) {
    std::uint64_t known = settled_.load();
    while (known < changes && !settled_.compare_exchange_weak(known, changes)) {
    }
  }

  /// Fan-outs: members who became active (or stopped).
  void add_members(const IdentityPtr& who, const NameView& name, std::int64_t change_by);
  /// Links: whether the upstream counts us, and which node of it does.
  void set_linked(const IdentityPtr& who, const NameView& name, bool linked,
                  state::EndpointId at = state::kNoEndpoint);

 private:
  struct Side {
    IdentityPtr who;
    std::int64_t members = 0;
    bool linked = false;
    state::EndpointId at = state::kNoEndpoint;
  };
  using Sides = std::vector<Side>;  // one per identity: nearly always one

  template <class Change>
  void change(const IdentityPtr& who, const NameView& name, const Change& apply);
  static std::int64_t correction(const Sides& sides, state::EndpointId asked);
  std::int64_t correction(const NameView& name, state::EndpointId asked) const;  // locked

  mutable std::mutex mutex_;
  NameMap<Sides> channels_;  // and shards
  NameMap<Sides> patterns_;  // apart: PUBLISH tries each
  std::atomic<std::size_t> names_{0};
  std::atomic<std::uint64_t> changes_{0};
  std::atomic<std::uint64_t> settled_{0};
};

}  // namespace pillion::data::pubsub
