#include "proxy/data/route/retry_budget.hpp"

#include <algorithm>

namespace pillion::route {
namespace {

constexpr std::int64_t kUnitsPerToken = 100'000;
constexpr std::int64_t kUnitsPerPercent = kUnitsPerToken / 100;
constexpr state::Nanos kNanosPerUnit = state::kSecond / kUnitsPerToken;

}  // namespace

void RetryBudget::add(std::int64_t units) {
  units_ = std::min(units_ + units, share_.burst * kUnitsPerToken);
}

void RetryBudget::on_read() {
  add(share_.percent * kUnitsPerPercent);
}

bool RetryBudget::take(state::Nanos now) {
  if (!started_) {
    // A second of quiet is granted from the start.
    started_ = true;
    refilled_at_ = now - state::kSecond;
  }
  // No time is lost to rounding, and more than fills the bucket is not counted.
  const state::Nanos passed = (now - refilled_at_) / kNanosPerUnit;
  refilled_at_ += passed * kNanosPerUnit;
  add(std::min<std::int64_t>(passed, share_.burst * kUnitsPerToken) * share_.floor_per_second);
  if (units_ < kUnitsPerToken) return false;
  units_ -= kUnitsPerToken;
  return true;
}

}  // namespace pillion::route
