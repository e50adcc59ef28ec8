#include "proxy/data/cache/spin_lock.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

namespace pillion::cache {
namespace {

TEST(SpinLock, HoldsOthersUpUntilItIsGivenBack) {
  SpinLock lock(true);
  std::atomic<bool> passed{false};
  lock.lock();
  std::thread other([&] {
    const std::lock_guard guard(lock);
    passed.store(true);
  });
  for (int i = 0; i < 100; ++i) std::this_thread::yield();
  EXPECT_FALSE(passed.load());
  lock.unlock();
  other.join();
  EXPECT_TRUE(passed.load());
}

TEST(SpinLock, DoesNothingWhenNotShared) {
  SpinLock lock(false);
  lock.lock();
  lock.lock();  // would spin for ever
  lock.unlock();
}

TEST(SpinLock, OneHolderAtATimeWhoSeesWhatTheLastOneDid) {
  SpinLock lock(true);
  int counter = 0;  // not atomic: that is the point
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int round = 0; round < 20'000; ++round) {
        const std::lock_guard guard(lock);
        ++counter;
        if (round % 1000 == 0) std::this_thread::yield();  // as if preempted while holding it
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counter, 80'000);
}

}  // namespace
}  // namespace pillion::cache
