// Who may take entries out of the L1, and in which order (COHERENCE I8, I9, I14).
//
// Three sources: pushes of the upstream (on the link's own worker, in wire order), replies of
// writes through this Pillion (on the session's worker, before the reply is released), and the loss
// of trust in a link. Each call is complete when it returns: a lookup that starts later finds
// nothing.
#pragma once

#include <span>
#include <string_view>

#include "proxy/data/cache/cache.hpp"
#include "proxy/state/counters.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::fill {

class Invalidator {
 public:
  Invalidator(cache::Cache& cache, cache::LinkTable& links, std::size_t link_count)
      : cache_(cache), links_(links), link_count_(link_count) {}

  /// A push named this key. Flights stay as they are: what they will read is younger than the
  /// write, or the push for it is still behind their reply (fact 1). The link itself marks the
  /// flight whose reply is half read (I6).
  void on_push(std::string_view key, state::Counters& counters) {
    counters.invalidations_foreign.add();
    cache_.erase(cache::hash_name(key), false);
  }

  /// A write of this key was answered, or may have been executed: every entry goes, every flight
  /// sent before is poisoned.
  void on_own_write(cache::NameHash key, state::Counters& counters) {
    counters.invalidations_own.add();
    if (!state::holds(state::Invariant::kI8OwnWrite)) return;
    cache_.erase(key, state::holds(state::Invariant::kI9Poison));
  }

  /// FLUSHALL, FLUSHDB, SWAPDB through this Pillion (I8-A): all generations end, all flights are
  /// poisoned.
  void on_own_flush(state::Counters& counters) {
    counters.flushes_own.add();
    if (!state::holds(state::Invariant::kI8Flush)) return;
    for (std::size_t i = 0; i < link_count_; ++i) links_.bump(static_cast<cache::LinkId>(i));
    cache_.poison_all();
  }

 private:
  cache::Cache& cache_;
  cache::LinkTable& links_;
  std::size_t link_count_;
};

}  // namespace pillion::data::fill
