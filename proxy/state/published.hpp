// One writer publishes immutable values; any thread reads the latest.
//
// A reader on a hot path keeps the shared_ptr it loaded and compares version() instead of loading
// again.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

namespace pillion::state {

template <class T>
class Published {
 public:
  using Ptr = std::shared_ptr<const T>;

  explicit Published(Ptr initial = std::make_shared<const T>()) : value_(std::move(initial)) {}

  Ptr load() const {
    std::lock_guard lock(mutex_);
    return value_;
  }

  /// Grows with every publish.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  void publish(Ptr next) {
    {
      std::lock_guard lock(mutex_);
      value_.swap(next);
    }
    version_.fetch_add(1, std::memory_order_release);
  }

 private:
  mutable std::mutex mutex_;
  Ptr value_;
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace pillion::state
