// Event streams read by groups of consumers: each entry once, what was left behind is taken over.
#include <atomic>
#include <map>
#include <mutex>

#include "tests/scenarios/application.hpp"

namespace pillion::test {
namespace {

class ConsumerGroupsScenario : public Application {
 protected:
  /// Ids of the entries of the one stream in a reply of XREADGROUP.
  static std::vector<std::string> ids(const Value& reply) {
    std::vector<std::string> result;
    if (reply.is_null() || reply.items.empty()) return result;
    const Value& entries = reply.type == '%' ? reply.items.at(1) : reply.items.at(0).items.at(1);
    for (const Value& entry : entries.items) result.push_back(entry.items.at(0).text);
    return result;
  }
};

TEST_F(ConsumerGroupsScenario, EachEntryIsHandledOnce) {
  constexpr std::size_t kProducers = 2;
  constexpr std::size_t kConsumers = 4;
  constexpr std::size_t kEach = 400;
  RespClient admin = connection(0);
  EXPECT_TRUE(admin("XGROUP", "CREATE", "orders", "billing", "$", "MKSTREAM").is_ok());
  std::mutex mutex;
  std::map<std::string, int> handled;
  std::atomic<std::size_t> acknowledged{0};
  Crew crew;
  for (std::size_t number = 0; number < kConsumers; ++number) {
    crew.start([&, number] {
      RespClient consumer = connection(number);
      const std::string name = "consumer" + std::to_string(number);
      while (acknowledged < kProducers * kEach) {
        const Value reply = sound(consumer("XREADGROUP", "GROUP", "billing", name, "COUNT", "7",
                                           "BLOCK", "50", "STREAMS", "orders", ">"));
        for (const std::string& id : ids(reply)) {
          {
            std::lock_guard lock(mutex);
            ++handled[id];
          }
          acknowledged +=
              static_cast<std::size_t>(sound(consumer("XACK", "orders", "billing", id)).integer());
        }
      }
    });
  }
  for (std::size_t number = 0; number < kProducers; ++number) {
    crew.start([&, number] {
      RespClient producer = connection(number + 1);
      for (std::size_t i = 0; i < kEach; ++i) {
        sound(producer("XADD", "orders", "*", "order", std::to_string(i)));
      }
    });
  }
  crew.join();
  EXPECT_EQ(handled.size(), kProducers * kEach);
  for (const auto& [id, times] : handled) EXPECT_EQ(times, 1) << id;
  EXPECT_EQ(admin("XPENDING", "orders", "billing").items.at(0), 0);
  EXPECT_EQ(admin("XLEN", "orders"), static_cast<std::int64_t>(kProducers * kEach));
}

TEST_F(ConsumerGroupsScenario, WhatADeadConsumerHeldIsTakenOver) {
  constexpr int kEntries = 40;
  RespClient admin = connection(0);
  sound(admin("XGROUP", "CREATE", "jobs", "group", "0", "MKSTREAM"));
  for (int i = 0; i < kEntries; ++i) sound(admin("XADD", "jobs", "*", "n", std::to_string(i)));
  std::vector<std::string> held;
  {
    RespClient dying = connection(1);
    held = ids(sound(
        dying("XREADGROUP", "GROUP", "group", "dying", "COUNT", "15", "STREAMS", "jobs", ">")));
    ASSERT_EQ(held.size(), 15U);
    EXPECT_EQ(dying("XACK", "jobs", "group", held[0]), 1);
  }
  RespClient heir = connection(3);
  EXPECT_EQ(heir("XPENDING", "jobs", "group").items.at(0), 14);
  EXPECT_EQ(heir("XPENDING", "jobs", "group", "-", "+", "100", "dying").items.size(), 14U);
  EXPECT_EQ(heir("XCLAIM", "jobs", "group", "heir", "0", held[1], "JUSTID").texts(),
            std::vector<std::string>{held[1]});
  const Value claimed =
      sound(heir("XAUTOCLAIM", "jobs", "group", "heir", "0", "0", "COUNT", "100"));
  EXPECT_EQ(claimed.items.at(1).items.size(), 14U);
  EXPECT_TRUE(heir("XPENDING", "jobs", "group", "-", "+", "100", "dying").items.empty());
  const auto own = ids(sound(heir("XREADGROUP", "GROUP", "group", "heir", "STREAMS", "jobs", "0")));
  ASSERT_EQ(own.size(), 14U);
  for (const std::string& id : own) EXPECT_EQ(heir("XACK", "jobs", "group", id), 1);
  const auto rest =
      ids(sound(heir("XREADGROUP", "GROUP", "group", "heir", "STREAMS", "jobs", ">")));
  EXPECT_EQ(rest.size(), static_cast<std::size_t>(kEntries) - 15);
}

/// A consumer that blocks for ever is woken by an entry that another connection adds, and one that
/// leaves takes no entry with it.
TEST_F(ConsumerGroupsScenario, BlockedConsumersAreWokenAndLeaveNoTrace) {
  RespClient admin = connection(0);
  sound(admin("XGROUP", "CREATE", "events", "group", "$", "MKSTREAM"));
  {
    RespClient leaving = connection(2);
    leaving.send("XREADGROUP", "GROUP", "group", "gone", "BLOCK", "0", "STREAMS", "events", ">");
    ASSERT_TRUE(eventually([&] { return redis.info_number("clients", "blocked_clients") == 1; }));
  }
  ASSERT_TRUE(eventually([&] { return redis.info_number("clients", "blocked_clients") == 0; }))
      << "a client that left keeps its upstream blocked";
  RespClient waiting = connection(1);
  waiting.send("XREADGROUP", "GROUP", "group", "here", "BLOCK", "0", "STREAMS", "events", ">");
  ASSERT_TRUE(eventually([&] { return redis.info_number("clients", "blocked_clients") == 1; }));
  const Value id = sound(admin("XADD", "events", "*", "k", "v"));
  EXPECT_EQ(ids(waiting.read()), std::vector<std::string>{id.text});
}

}  // namespace
}  // namespace pillion::test
