// The lock of a shard: held for some tens of nanoseconds, nearly never contended.
//
// A std::mutex gives itself back with an atomic exchange, which waits until every store made under
// it has left the store buffer; on a hit those stores often miss the cache, and the wait was a
// quarter of a hit's cost. Here a plain release store does. A waiter spins briefly, then yields, so
// a holder that was preempted gets the CPU back.
#pragma once

#include <atomic>
#include <thread>

namespace pillion::cache {

/// Satisfies Lockable, for std::lock_guard.
class SpinLock {
 public:
  void lock() {
    while (held_.exchange(true, std::memory_order_acquire)) wait();
  }
  bool try_lock() { return !held_.exchange(true, std::memory_order_acquire); }
  void unlock() { held_.store(false, std::memory_order_release); }

 private:
  void wait() const {
    constexpr int kSpins = 100;
    for (int i = 0; i < kSpins; ++i) {
      if (!held_.load(std::memory_order_relaxed)) return;
#if defined(__x86_64__) || defined(__i386__)
      __builtin_ia32_pause();
#endif
    }
    std::this_thread::yield();
  }

  std::atomic<bool> held_{false};
};

}  // namespace pillion::cache
