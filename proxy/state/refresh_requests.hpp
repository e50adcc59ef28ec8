// How the data plane asks the control plane to look at the upstream's layout again: a redirection,
// a write refused by a demoted primary, an endpoint that fails.
//
// Any thread asks; asking again before the first request was taken costs one atomic and wakes
// nobody. The control plane limits how often it follows.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>

namespace pillion::state {

enum class RefreshReason : std::uint8_t {
  kMoved,
  kAsk,
  kTryAgain,
  kClusterDown,
  kReadonly,
  kMasterDown,
  kLoading,
  kUnreachable,
  kCount
};

class RefreshRequests {
 public:
  /// Called by the asking thread, at most once between two take()s. Set before any thread asks.
  void on_request(std::function<void()> wake) { wake_ = std::move(wake); }

  /// Something of the kind happened that says nothing of the layout.
  void count_only(RefreshReason reason) {
    counts_[static_cast<std::size_t>(reason)].fetch_add(1, std::memory_order_relaxed);
  }

  void ask(RefreshReason reason) {
    count_only(reason);
    if (!wanted_.exchange(true, std::memory_order_acq_rel) && wake_) wake_();
  }

  /// True once after any number of requests.
  bool take() { return wanted_.exchange(false, std::memory_order_acq_rel); }

  std::uint64_t count(RefreshReason reason) const {
    return counts_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
  }

 private:
  std::array<std::atomic<std::uint64_t>, static_cast<std::size_t>(RefreshReason::kCount)> counts_{};
  std::atomic<bool> wanted_{false};
  std::function<void()> wake_;
};

}  // namespace pillion::state
