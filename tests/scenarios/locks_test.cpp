// Locks as the libraries take them: SET NX PX, released by a script that compares the owner.
#include <atomic>
#include <thread>

#include "tests/scenarios/application.hpp"

namespace pillion::test {
namespace {

class LocksScenario : public Application {};

const Script kRelease(
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0");
const Script kExtend(
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) "
    "end return 0");

bool acquire(RespClient& client, const std::string& lock, const std::string& owner,
             const std::string& lifetime_ms) {
  return client("SET", lock, owner, "NX", "PX", lifetime_ms).is_ok();
}

TEST_F(LocksScenario, TheSecondIsRefusedUntilTheFirstLetsGo) {
  std::vector<RespClient> workers = connections(4);
  for (int round = 0; round < 100; ++round) {
    RespClient& first = workers[static_cast<std::size_t>(round) % 4];
    RespClient& second = workers[static_cast<std::size_t>(round + 1) % 4];
    for (RespClient& worker : workers) EXPECT_TRUE(worker("GET", "lock:a").is_null());
    ASSERT_TRUE(acquire(first, "lock:a", "one", "30000"));
    EXPECT_FALSE(acquire(second, "lock:a", "two", "30000"));
    for (RespClient& worker : workers) ASSERT_EQ(worker("GET", "lock:a"), "one");
    EXPECT_EQ(kRelease(second, "1", "lock:a", "two"), 0) << "not the owner";
    EXPECT_EQ(kExtend(first, "1", "lock:a", "one", "40000"), 1);
    EXPECT_EQ(kRelease(first, "1", "lock:a", "one"), 1);
    for (RespClient& worker : workers) ASSERT_TRUE(worker("GET", "lock:a").is_null()) << round;
  }
}

/// What the lock guards is read by a plain GET and written by a plain SET: one stale read would
/// lose an increment.
TEST_F(LocksScenario, WhatALockGuardsIsNeverReadStale) {
  constexpr int kRounds = 60;
  constexpr std::size_t kWorkers = 5;
  std::atomic<int> inside{0};
  Crew crew;
  for (std::size_t number = 0; number < kWorkers; ++number) {
    crew.start([&, number] {
      RespClient worker = connection(number);
      RespClient reader = connection(number + 1);
      const std::string owner = "worker" + std::to_string(number);
      for (int round = 0; round < kRounds; ++round) {
        while (!acquire(worker, "lock:counter", owner, "30000")) std::this_thread::sleep_for(200us);
        if (++inside != 1) throw std::runtime_error("two are within the lock");
        const Value seen = sound(reader("GET", "counter"));
        const std::int64_t value = seen.is_null() ? 0 : seen.integer();
        sound(worker("SET", "counter", std::to_string(value + 1)));
        --inside;
        if (!(kRelease(worker, "1", "lock:counter", owner) == 1)) {
          throw std::runtime_error("the owner could not let go");
        }
      }
    });
  }
  crew.join();
  EXPECT_EQ(connection(0)("GET", "counter").text, std::to_string(kWorkers * kRounds));
}

TEST_F(LocksScenario, ALockThatRunsOutIsAnothersAndStaysIt) {
  RespClient slow = connection(0);
  RespClient quick = connection(1);
  ASSERT_TRUE(acquire(slow, "lock:b", "slow", "100"));
  EXPECT_EQ(quick("GET", "lock:b"), "slow");
  EXPECT_EQ(quick("GET", "lock:b"), "slow");
  const Moment start = Clock::now();
  ASSERT_TRUE(eventually([&] { return acquire(quick, "lock:b", "quick", "30000"); }, 2s, 1ms));
  EXPECT_GE(milliseconds(Clock::now() - start), 50);
  EXPECT_EQ(kRelease(slow, "1", "lock:b", "slow"), 0);
  EXPECT_EQ(slow("GET", "lock:b"), "quick");
}

/// A store that refuses older tokens is safe even from a holder whose lock has run out.
TEST_F(LocksScenario, FencingTokensOnlyGrow) {
  const Script store(
      "if tonumber(ARGV[1]) < tonumber(redis.call('GET', KEYS[1]) or '0') then return 0 end "
      "redis.call('SET', KEYS[1], ARGV[1]); redis.call('SET', KEYS[2], ARGV[2]); return 1");
  std::vector<RespClient> holders = connections(3);
  std::int64_t last = 0;
  for (int round = 0; round < 50; ++round) {
    RespClient& holder = holders[static_cast<std::size_t>(round) % 3];
    const auto replies = holder.pipeline(
        {{"MULTI"}, {"SET", "lock:c", "holder", "PX", "1000"}, {"INCR", "fence"}, {"EXEC"}});
    const std::int64_t token = replies[3].items.at(1).integer();
    EXPECT_GT(token, last);
    const std::string text = "written under " + std::to_string(token);
    EXPECT_EQ(store(holder, "2", "store:fence", "store:data", std::to_string(token), text), 1);
    if (last > 0) {
      EXPECT_EQ(store(holders[0], "2", "store:fence", "store:data", std::to_string(last), "late"),
                0);
    }
    for (RespClient& reader : holders) {
      ASSERT_EQ(reader("GET", "store:data"), text);
      ASSERT_EQ(reader("GET", "fence").text, std::to_string(token));
    }
    last = token;
  }
}

}  // namespace
}  // namespace pillion::test
