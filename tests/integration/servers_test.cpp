// The servers that the tests of topologies stand on do what those tests take for granted. Redis
// alone: a mistake found here is none of Pillion's.
#include <gtest/gtest.h>

#include <thread>

#include "tests/integration/crowd.hpp"
#include "tests/support/cluster_client.hpp"
#include "tests/support/cluster_servers.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/replicated_servers.hpp"
#include "tests/support/sentinel_set.hpp"

namespace pillion::test {
namespace {

TEST(ReplicatedServersTest, ReplicationCanBeStalledAndForcedToStartOver) {
  ReplicatedServers set({2, true, {"--repl-backlog-size", "1mb"}});
  EXPECT_TRUE(eventually([&] { return set.primary()("ROLE").items.at(2).items.size() == 2; }));
  set.primary()("SET", "k", "1");
  ASSERT_TRUE(set.wait_until_in_step());
  EXPECT_EQ(set.replica(1)("GET", "k"), "1");

  set.link(0).stall(true);
  set.primary()("SET", "k", "2");
  ASSERT_TRUE(eventually([&] { return set.in_step(1); }));
  EXPECT_FALSE(set.in_step(0));
  EXPECT_EQ(set.replica(0)("GET", "k"), "1") << "it answers, and is behind";
  set.link(0).stall(false);
  ASSERT_TRUE(set.wait_until_in_step());
  EXPECT_EQ(set.replica(0)("GET", "k"), "2");

  set.force_full_resync(0);
  ASSERT_TRUE(set.wait_until_in_step());
  EXPECT_EQ(set.replica(0)("GET", "k"), "2");
  set.replica(1).restart();
  ASSERT_TRUE(set.wait_until_in_step());
  EXPECT_EQ(set.replica(1)("GET", "k"), "2") << "a replica is one again when it comes back";
}

TEST(SentinelSetTest, PrimaryFailsOverAndComesBackAsReplica) {
  const Moment begun = Clock::now();
  SentinelSet set;
  EXPECT_LT(Clock::now() - begun, 8s);
  ASSERT_EQ(set.primary(), 0U);
  set.server(0)("SET", "k", "v");
  ASSERT_TRUE(set.wait_until_whole());
  for (int round = 0; round < 2; ++round) {
    const std::size_t old_primary = set.primary();
    set.server(old_primary).kill9();
    const auto promotion = set.wait_for_promotion(old_primary);
    EXPECT_NE(promotion.server, old_primary);
    EXPECT_EQ(set.primary(), promotion.server);
    EXPECT_EQ(set.server(promotion.server)("GET", "k"), "v");
    set.bring_back(old_primary);
    ASSERT_TRUE(set.wait_until_whole());
    EXPECT_EQ(role_of(set.server(old_primary)).role, "slave");
  }
}

TEST(SentinelSetTest, SentinelsDieAndReturn) {
  SentinelSet set;
  set.sentinel(0).kill9();
  set.sentinel(1).kill9();
  set.server(0).kill9();
  EXPECT_THROW(set.wait_for_promotion(0, 4s), TimedOut) << "one of three is no majority";
  set.sentinel(1).restart();
  EXPECT_NE(set.wait_for_promotion(0).server, 0U);
}

TEST(ClusterServersTest, KeysHaveTheSlotsThatRedisGivesThem) {
  RedisServer node({"--cluster-enabled", "yes"});
  for (const std::string key :
       {"", "a", "foo", "{}x", "{user}:1", "a{b}c{d}", "{", "}{", "{{x}}"}) {
    EXPECT_EQ(node("CLUSTER", "KEYSLOT", key), static_cast<std::int64_t>(slot_of_key(key))) << key;
  }
  for (const std::uint32_t slot : {0U, 1U, 5'460U, 16'383U}) {
    EXPECT_EQ(node("CLUSTER", "KEYSLOT", key_in_slot(slot)), static_cast<std::int64_t>(slot));
  }
}

TEST(ClusterServersTest, PrimaryFailsOver) {
  const Moment begun = Clock::now();
  ClusterServers cluster;
  EXPECT_LT(Clock::now() - begun, 10s);
  EXPECT_EQ(cluster.primaries(), (std::vector<std::size_t>{0, 1, 2}));
  EXPECT_EQ(cluster.replicas_of(1), (std::vector<std::size_t>{4}));
  const std::string key = key_in_slot(0);
  EXPECT_TRUE(cluster.node(0)("SET", key, "v").is_ok());
  cluster.node(0).kill9();
  ASSERT_TRUE(eventually([&] { return cluster.owner_of(0) == std::size_t{3}; }, 20s));
  ASSERT_TRUE(cluster.wait_until_ok());
  EXPECT_EQ(cluster.node(3)("GET", key), "v");
  cluster.bring_back(0);
  ASSERT_TRUE(eventually([&] { return cluster.replicas_of(3).size() == 1; }, 20s));
  ASSERT_TRUE(cluster.wait_until_settled());
}

TEST(ClusterServersTest, SlotsMoveWithTheirKeysNodesComeAndGo) {
  ClusterServers cluster({3, 0});
  for (std::uint32_t slot = 0; slot < 100; ++slot) {
    for (int i = 0; i < 3; ++i) {
      cluster.node(0)("SET", key_in_slot(slot, std::to_string(i)), std::to_string(slot));
    }
  }
  cluster.begin_move(0, 0, 1);
  cluster.migrate_key(0, 1, key_in_slot(0, "1"));
  EXPECT_EQ(cluster.node(0)("GET", key_in_slot(0, "0")), "0");
  EXPECT_TRUE(cluster.node(0)("GET", key_in_slot(0, "1")).starts_with("ASK 0 "));
  EXPECT_TRUE(
      cluster.node(0)("MGET", key_in_slot(0, "0"), key_in_slot(0, "1")).starts_with("TRYAGAIN"));
  cluster.migrate_key(0, 1, key_in_slot(0, "0"));
  cluster.migrate_key(0, 1, key_in_slot(0, "2"));
  cluster.finish_move(0, 0, 1);
  EXPECT_TRUE(cluster.node(0)("GET", key_in_slot(0, "1")).starts_with("MOVED 0 "));

  cluster.move_slots(0, 99, 2);
  ASSERT_TRUE(cluster.wait_until_settled());
  for (std::uint32_t slot = 0; slot < 100; ++slot) {
    ASSERT_EQ(cluster.node(2)("GET", key_in_slot(slot, "2")), std::to_string(slot));
  }
  cluster.steal_slots(50, 59, 1);
  EXPECT_EQ(cluster.owner_of(55), std::size_t{1});
  EXPECT_TRUE(cluster.node(1)("GET", key_in_slot(55, "2")).is_null());

  const std::size_t added = cluster.add_primary();
  cluster.move_slots(0, 49, added);
  ASSERT_TRUE(cluster.wait_until_settled());
  EXPECT_EQ(cluster.owner_of(49), added);
  cluster.move_slots(0, 49, 0);
  cluster.remove(added);
  ASSERT_TRUE(cluster.wait_until_settled());
  EXPECT_EQ(cluster.primaries().size(), 3U);
}

TEST(ClusterClientTest, FindsKeysWhereverTheyGo) {
  ClusterServers cluster({3, 0});
  ClusterClient client = ClusterClient::of(cluster);
  for (std::uint32_t slot = 0; slot < 60; ++slot) {
    ASSERT_TRUE(client("SET", key_in_slot(slot * 200), std::to_string(slot)).is_ok());
  }
  cluster.begin_move(0, 0, 1);
  cluster.migrate_key(0, 1, key_in_slot(0));
  EXPECT_EQ(client("GET", key_in_slot(0)), "0") << "by ASK";
  cluster.finish_move(0, 0, 1);
  cluster.move_slots(200, 400, 2);
  for (std::uint32_t slot = 0; slot < 60; ++slot) {
    ASSERT_EQ(client("GET", key_in_slot(slot * 200)), std::to_string(slot));
  }
  const auto replies =
      client.together(key_in_slot(400), {{"MULTI"}, {"INCR", key_in_slot(400)}, {"EXEC"}});
  EXPECT_EQ(replies.at(2).items.at(0), 3);
}

/// The crowd is only as good as what it notices.
TEST(CrowdTest, SeesNothingWrongWithRedisItself) {
  RedisServer redis;
  Crowd crowd(redis.port());
  std::this_thread::sleep_for(500ms);
  const Moment middle = Clock::now();
  std::this_thread::sleep_for(500ms);
  crowd.stop();
  EXPECT_GT(crowd.writes(), 1'000U);
  EXPECT_GT(crowd.reads(), 500U);
  EXPECT_EQ(crowd.dropped(), 0U);
  EXPECT_TRUE(crowd.troubles().empty() && crowd.wrong().empty()) << crowd.describe_troubles();
  EXPECT_LT(crowd.all_writing_after(middle), 400ms);
  EXPECT_LT(crowd.longest_reading_gap(middle - 300ms, middle + 300ms), 200ms);
  const auto audit = crowd.audit(redis.client());
  EXPECT_TRUE(audit.lost.empty() && audit.repeated.empty());
}

TEST(CrowdTest, NoticesWhatMustNotBe) {
  RedisServer redis;
  Crowd::Options options;
  options.clients = 10;
  options.together = false;
  const auto noticed = [&](const std::function<void()>& misdeed) {
    redis("FLUSHALL");
    Crowd crowd(redis.port(), options);
    std::this_thread::sleep_for(200ms);
    misdeed();
    std::this_thread::sleep_for(200ms);
    crowd.stop();
    return !crowd.wrong().empty();
  };
  EXPECT_TRUE(noticed([&] {
    for (int i = 0; i < 50; ++i) redis("SET", "crowd:3:" + std::to_string(i % 8), "crowd:4:0|4|1");
  })) << "the value of another key";
  EXPECT_TRUE(noticed([&] { redis("INCRBY", "crowd:counter:1", "1000"); })) << "a repeated write";
  EXPECT_TRUE(noticed([&] { redis("FLUSHALL"); })) << "a lost value";

  redis("FLUSHALL");
  Crowd crowd(redis.port(), options);
  std::this_thread::sleep_for(200ms);
  crowd.stop();
  redis("SET", "crowd:2:0", "crowd:2:0|2|1");
  redis("INCRBY", "crowd:counter:1", "1000");
  redis("SET", "crowd:counter:2", "1");
  const auto audit = crowd.audit(redis.client());
  EXPECT_EQ(audit.repeated.size(), 1U);
  EXPECT_EQ(audit.lost.size(), 2U);

  Crowd cut(redis.port(), options);
  std::this_thread::sleep_for(100ms);
  redis("CLIENT", "KILL", "TYPE", "normal");
  std::this_thread::sleep_for(200ms);
  cut.stop();
  EXPECT_GE(cut.dropped(), 10U);
}

}  // namespace
}  // namespace pillion::test
