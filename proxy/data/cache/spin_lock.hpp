// The lock of a shard: held for some tens of nanoseconds, nearly never contended.
//
// A std::mutex gives itself back with an atomic exchange, which waits until every store made under
// it has left the store buffer; on a hit those stores often miss the cache, and the wait was a
// quarter of a hit's cost. Here a plain release store does. A waiter spins briefly, then yields, so
// a holder that was preempted gets the CPU back.
//
// With one worker nobody else is there: the lock is then told so and does nothing, which spares the
// hit its only atomic exchange (a quarter of what was left of its cost, since the exchange waits
// for the copying of the previous reply).
#pragma once

#include <atomic>
#include <thread>

namespace pillion::cache {

/// Satisfies BasicLockable, for std::lock_guard.
class SpinLock {
 public:
  /// `shared`: more than one thread uses what it guards.
  explicit SpinLock(bool shared) : shared_(shared) {}

  void lock() {
    if (!shared_) return;
    while (held_.exchange(true, std::memory_order_acquire)) wait();
  }
  void unlock() {
    if (shared_) held_.store(false, std::memory_order_release);
  }

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
  const bool shared_;
};

}  // namespace pillion::cache
