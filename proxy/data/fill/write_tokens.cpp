#include "proxy/data/fill/write_tokens.hpp"

#include <algorithm>

namespace pillion::data::fill {

WriteTokens::WriteTokens(bool enabled) {
  if (!enabled) return;
  table_ = std::make_unique<Table>();
  for (auto& token : *table_) token.store(kNever, std::memory_order_relaxed);
}

void WriteTokens::set_view(std::uint32_t worker, std::uint64_t view) {
  const std::lock_guard lock(mutex_);
  const auto known = std::find_if(views_.begin(), views_.end(),
                                  [worker](const auto& each) { return each.first == worker; });
  if (known == views_.end()) {
    views_.emplace_back(worker, view);
  } else {
    known->second = view;
  }
  compare_views();
}

void WriteTokens::forget_view(std::uint32_t worker) {
  const std::lock_guard lock(mutex_);
  views_.erase(std::remove_if(views_.begin(), views_.end(),
                              [worker](const auto& each) { return each.first == worker; }),
               views_.end());
  compare_views();
}

void WriteTokens::compare_views() {
  const bool same = std::all_of(views_.begin(), views_.end(), [this](const auto& each) {
    return each.second == views_.front().second;
  });
  one_view_.store(same, std::memory_order_release);
}

}  // namespace pillion::data::fill
