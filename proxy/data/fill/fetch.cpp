#include "proxy/data/fill/fetch.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/state/invariant.hpp"

namespace pillion::data::fill {

std::optional<state::Nanos> fill_deadline(std::int64_t pttl_ms, bool missing, state::Nanos sent_at,
                                          state::Nanos now, const AgeLimits& ages) {
  if (pttl_ms == kMissing) {
    // A value beside "missing": the key expired between the two; its answer is already history.
    if (!missing) return std::nullopt;
    return now + std::min(ages.negative, ages.value);
  }
  const state::Nanos by_age = now + ages.value;
  if (pttl_ms == kNoTtl || !state::holds(state::Invariant::kI7Deadline)) return by_age;
  if (pttl_ms <= 1) return std::nullopt;
  // Counted from before the bytes left: the server computed PTTL later, so this is never late.
  const state::Nanos ttl =
      pttl_ms > INT64_MAX / state::kMillisecond - 1 ? INT64_MAX / 2 : pttl_ms * state::kMillisecond;
  if (ttl > INT64_MAX / 4) return by_age;
  return std::min(by_age, sent_at + ttl - state::kMillisecond);
}

Refusal refusal_of(std::string_view frame) {
  static constexpr std::array<std::pair<std::string_view, Refusal>, 6> kRefusals = {{
      {"-MOVED ", Refusal::kMoved},
      {"-ASK ", Refusal::kAsk},
      {"-TRYAGAIN ", Refusal::kTryAgain},
      {"-CLUSTERDOWN ", Refusal::kClusterDown},
      {"-LOADING ", Refusal::kLoading},
      {"-MASTERDOWN ", Refusal::kMasterDown},
  }};
  if (frame.empty() || frame.front() != '-') return Refusal::kNone;
  for (const auto& [text, refusal] : kRefusals) {
    if (frame.starts_with(text)) return refusal;
  }
  return Refusal::kNone;
}

}  // namespace pillion::data::fill
