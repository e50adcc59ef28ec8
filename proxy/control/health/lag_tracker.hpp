// How far a replica is behind its primary, in time, from what both say of their offsets.
//
// The primary's offset is sampled now and then: at `told_at` it had `offset`. A replica asked at
// `asked_at` that does not have an offset yet which the primary had at `told_at` is behind by
// asked_at - told_at at the least; the oldest such sample says most. So the lag is never
// overstated, and understated by one sampling interval at the most; the sampler sees to it that
// this is a fraction of reads.max_lag. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "proxy/state/clock.hpp"

namespace pillion::control {

class LagTracker {
 public:
  /// The oldest samples go: a replica behind all of them is behind the oldest.
  static constexpr std::size_t kMostSamples = 256;

  /// An offset below the one before is of another history: those before count no more.
  void note_primary(state::Nanos told_at, std::int64_t offset);
  state::Nanos lag(state::Nanos asked_at, std::int64_t offset) const;
  /// Another primary.
  void reset() { samples_.clear(); }

 private:
  struct Sample {
    state::Nanos told_at;
    std::int64_t offset;
  };
  std::deque<Sample> samples_;  // oldest first, offsets strictly growing
};

}  // namespace pillion::control
