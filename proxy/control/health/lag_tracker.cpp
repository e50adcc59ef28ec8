#include "proxy/control/health/lag_tracker.hpp"

#include <algorithm>

namespace pillion::control {

void LagTracker::note_primary(state::Nanos told_at, std::int64_t offset) {
  if (!samples_.empty() && offset < samples_.back().offset) reset();
  if (!samples_.empty() && offset == samples_.back().offset) return;
  samples_.push_back({told_at, offset});
  if (samples_.size() > kMostSamples) samples_.pop_front();
}

state::Nanos LagTracker::lag(state::Nanos asked_at, std::int64_t offset) const {
  const auto first_missing =
      std::upper_bound(samples_.begin(), samples_.end(), offset,
                       [](std::int64_t has, const Sample& sample) { return has < sample.offset; });
  if (first_missing == samples_.end()) return 0;
  return std::max<state::Nanos>(asked_at - first_missing->told_at, 0);
}

}  // namespace pillion::control
