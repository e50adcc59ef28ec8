// A cluster behind one plain port: slots move, nodes die and come, and clients notice nothing that
// Redis itself does not force upon them.
#include <atomic>
#include <random>
#include <thread>

#include "tests/integration/crowd.hpp"
#include "tests/integration/topology_fixture.hpp"
#include "tests/support/chaos_proxy.hpp"
#include "tests/support/cluster_client.hpp"
#include "tests/support/cluster_servers.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/replicated_servers.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

constexpr Millis kStaleness{500};  // cache.max_staleness in swift()

class Cluster : public ::testing::Test {
 protected:
  explicit Cluster(ClusterServers::Options options = {}) : cluster(std::move(options)) {}

  void start(const Settings& settings = swift()) { start(settings, cluster.url()); }
  void start(const Settings& settings, const std::string& url) {
    pillion = std::make_unique<PillionProcess>(url, settings);
    RespClient client = pillion->client();
    ASSERT_TRUE(eventually([&] {
      for (const std::uint32_t slot : {0U, 6'000U, 16'383U}) {
        if (!client("SET", key_in_slot(slot, "start"), "v").is_ok()) return false;
      }
      return true;
    })) << pillion->log();
  }

  /// Waits until all survivors agree on a new owner of a dead node's slot and call the cluster ok.
  Moment wait_for_agreement(std::uint32_t slot, std::size_t old_owner) {
    const bool agreed = eventually(
        [&] {
          const auto owner = cluster.owner_of(slot);
          return owner && *owner != old_owner && cluster.ok();
        },
        30s, 5ms);
    if (!agreed) throw TimedOut("the cluster does not agree");
    return Clock::now();
  }

  void expect_undisturbed(const Crowd& crowd) {
    EXPECT_EQ(crowd.dropped(), 0U);
    EXPECT_TRUE(crowd.wrong().empty()) << crowd.describe_troubles();
    EXPECT_TRUE(crowd.troubles().empty()) << crowd.describe_troubles();
    const auto audit = crowd.audit(ClusterClient::of(cluster));
    EXPECT_TRUE(audit.lost.empty()) << audit.lost.size() << ", such as " << audit.lost.front();
    EXPECT_TRUE(audit.repeated.empty()) << audit.repeated.front();
  }

  ClusterServers cluster;
  std::unique_ptr<PillionProcess> pillion;
};

class ClusterOfPrimaries : public Cluster {
 protected:
  ClusterOfPrimaries() : Cluster(options()) {}
  static ClusterServers::Options options() {
    ClusterServers::Options options;
    options.replicas_each = 0;
    return options;
  }
};

TEST_F(ClusterOfPrimaries, OneNodeOfTheUrlIsEnoughAndDeadOnesDoNoHarm) {
  RedisServer dead = RedisServer::not_yet_started();
  start(swift(), "redis+cluster://127.0.0.1:" + std::to_string(dead.port()) +
                     ",127.0.0.1:" + std::to_string(cluster.node(2).port()));
  RespClient client = pillion->client();
  for (std::uint32_t slot = 0; slot < kClusterSlots; slot += 97) {
    const std::string key = key_in_slot(slot);
    ASSERT_TRUE(client("SET", key, key).is_ok()) << slot;
    ASSERT_EQ(client("GET", key), key) << slot;
  }
  for (std::size_t i = 0; i < 3; ++i) EXPECT_GT(cluster.node(i)("DBSIZE").integer(), 50);
}

TEST_F(ClusterOfPrimaries, AfterTheFirstLookNobodyIsRedirected) {
  start(without_cache());
  for (std::size_t i = 0; i < 3; ++i) cluster.node(i).reset_stats();
  RespClient client = pillion->client();
  for (int i = 0; i < 2'000; ++i) client("GET", "k" + std::to_string(i));
  for (std::size_t i = 0; i < 3; ++i) {
    const std::string stats = cluster.node(i)("INFO", "errorstats").text;
    EXPECT_EQ(stats.find("errorstat_MOVED"), std::string::npos) << stats;
  }
}

TEST_F(ClusterOfPrimaries, HotSlotsHitTheCache) {
  start();
  ASSERT_TRUE(pillion->wait_for_l1()) << pillion->log();
  ClusterClient straight = ClusterClient::of(cluster);
  RespClient client = pillion->client();
  for (int i = 0; i < 30; ++i) straight("SET", "hot" + std::to_string(i), "v");
  EXPECT_TRUE(eventually([&] {
    const auto before = pillion->hits();
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 30; ++i) client("GET", "hot" + std::to_string(i));
    }
    return pillion->hits() >= before + 60;
  })) << "of every node";
  for (int i = 0; i < 30; ++i) {
    const std::string key = "hot" + std::to_string(i);
    straight("SET", key, "w");
    EXPECT_TRUE(eventually([&] { return client("GET", key) == "w"; }, within(kStaleness, 0ms), 1ms))
        << key;
  }
}

// --- Slots that move ---------------------------------------------------------------------------

TEST_F(ClusterOfPrimaries, ThousandSlotsMoveUnderLoadAndNothingIsWrongOrLost) {
  start();
  Crowd crowd(pillion->port());
  std::this_thread::sleep_for(500ms);
  for (std::uint64_t round = 0; round < scaled(4, 1); ++round) {
    // There and back; a pause now and then leaves slots half moved for a while.
    std::mt19937 random(static_cast<unsigned>(round));
    const auto linger = [&] {
      if (random() % 50 == 0) std::this_thread::sleep_for(20ms);
    };
    cluster.move_slots(0, 999, 1, linger);
    std::this_thread::sleep_for(300ms);
    cluster.move_slots(0, 999, 0, linger);
    std::this_thread::sleep_for(300ms);
  }
  crowd.stop();
  ASSERT_TRUE(cluster.wait_until_settled());
  std::cout << crowd.writes() << " writes, " << crowd.reads() << " settled reads\n";
  expect_undisturbed(crowd);
}

TEST_F(ClusterOfPrimaries, KeysOfAHalfMovedSlotAreFoundWhereTheyAre) {
  start();
  const std::uint32_t slot = 42;
  const std::string stays = key_in_slot(slot, "stays");
  const std::string moves = key_in_slot(slot, "moves");
  const std::string missing = key_in_slot(slot, "missing");
  RespClient client = pillion->client();
  RespClient other = pillion->client3();
  client("MSET", stays, "1", moves, "2");
  cluster.begin_move(slot, 0, 1);
  cluster.migrate_key(0, 1, moves);
  for (int i = 0; i < 20; ++i) {
    ASSERT_EQ(client("GET", stays), "1");
    ASSERT_EQ(client("GET", moves), "2");
    ASSERT_EQ(other("GETRANGE", moves, "0", "-1"), "2");
    ASSERT_TRUE(client("GET", missing).is_null());
    ASSERT_EQ(client("APPEND", moves, ""), 1);
    ASSERT_EQ(client("EXISTS", stays), 1);
    ASSERT_EQ(client("EXISTS", moves), 1);
  }
  ASSERT_TRUE(client("SET", missing, "3").is_ok());
  ASSERT_EQ(client("GET", missing), "3");

  // Both halves at once: Redis says TRYAGAIN until the move is over, and Pillion tries again.
  const Moment asked = Clock::now();
  client.send("MGET", stays, moves, missing);
  std::this_thread::sleep_for(300ms);
  cluster.migrate_key(0, 1, stays);
  cluster.finish_move(slot, 0, 1);
  EXPECT_EQ(client.read().texts(), (std::vector<std::string>{"1", "2", "3"}));
  EXPECT_GE(Clock::now() - asked, 300ms);
  EXPECT_EQ(client("GET", stays), "1");

  cluster.begin_move(slot, 1, 2);
  cluster.migrate_key(1, 2, stays);
  const Moment again = Clock::now();
  const Value halves = client("MGET", stays, moves);
  if (halves.is_error()) {
    EXPECT_TRUE(halves.starts_with("TRYAGAIN")) << "in Redis's words: " << halves;
    EXPECT_GE(Clock::now() - again, 1s) << "not before the command's time is over";
  } else {
    EXPECT_EQ(halves.texts(), (std::vector<std::string>{"1", "2"}));
  }
  EXPECT_LE(Clock::now() - again, within(2s, 500ms));
}

TEST_F(ClusterOfPrimaries, T06_EntriesOfAMovedSlotDie) {
  start();
  ASSERT_TRUE(pillion->wait_for_l1());
  RespClient client = pillion->client();
  ClusterClient straight = ClusterClient::of(cluster);
  const std::uint32_t first = 100;
  const std::uint32_t last = 139;
  for (std::uint32_t slot = first; slot <= last; ++slot) {
    straight("SET", key_in_slot(slot, "there"), "old");
    for (int i = 0; i < 3; ++i) {
      ASSERT_EQ(client("GET", key_in_slot(slot, "there")), "old");
      // A missing key is no key to migrate: nobody is told anything when its slot moves.
      ASSERT_TRUE(client("GET", key_in_slot(slot, "missing")).is_null());
    }
  }
  cluster.move_slots(first, last, 2);
  for (std::uint32_t slot = first; slot <= last; ++slot) {
    straight("SET", key_in_slot(slot, "there"), "new");
    straight("SET", key_in_slot(slot, "missing"), "created");
  }
  std::this_thread::sleep_for(kStaleness);
  for (std::uint32_t slot = first; slot <= last; ++slot) {
    EXPECT_EQ(client("GET", key_in_slot(slot, "there")), "new") << slot;
    EXPECT_EQ(client("GET", key_in_slot(slot, "missing")), "created") << slot;
  }
}

TEST_F(ClusterOfPrimaries, T06_EntriesOfAStolenSlotDie) {
  start();
  ASSERT_TRUE(pillion->wait_for_l1());
  RespClient client = pillion->client();
  ClusterClient straight = ClusterClient::of(cluster);
  const std::uint32_t first = 200;
  const std::uint32_t last = 219;
  for (int round = 0; round < 2; ++round) {
    const std::size_t thief = round == 0 ? 1 : 2;
    for (std::uint32_t slot = first; slot <= last; ++slot) {
      straight("SET", key_in_slot(slot, "k"), "old");
      // Written past Pillion: what it knew of the key goes when the news of it have come.
      ASSERT_TRUE(eventually([&] { return client("GET", key_in_slot(slot, "k")) == "old"; }));
      for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(client("GET", key_in_slot(slot, "missing")).is_null());
      }
    }
    cluster.steal_slots(first, last, thief);
    RespClient at_thief = cluster.node(thief).client();
    for (std::uint32_t slot = first; slot <= last; ++slot) {
      ASSERT_TRUE(at_thief("SET", key_in_slot(slot, "missing"), "created").is_ok());
    }
    std::this_thread::sleep_for(kStaleness);
    for (std::uint32_t slot = first; slot <= last; ++slot) {
      EXPECT_TRUE(client("GET", key_in_slot(slot, "k")).is_null()) << slot;
      EXPECT_EQ(client("GET", key_in_slot(slot, "missing")), "created") << slot;
      EXPECT_EQ(at_thief("DEL", key_in_slot(slot, "missing")), 1);
    }
    std::this_thread::sleep_for(kStaleness);
  }
}

TEST_F(ClusterOfPrimaries, T06_HitsEndWhenTheClusterIsDown) {
  start(swift({"upstream.command_timeout=500ms"}));
  ASSERT_TRUE(pillion->wait_for_l1());
  RespClient client = pillion->client();
  const std::string key = key_in_slot(300);
  client("SET", key, "v");
  for (int i = 0; i < 3; ++i) ASSERT_EQ(client("GET", key), "v");
  // Its owner is well and answers PING, but the others are out of its sight: somebody else may own
  // the slot by now.
  cluster.node(1).pause();
  cluster.node(2).pause();
  ASSERT_TRUE(eventually(
      [&] {
        client("GET", key);  // keeps it hot
        return cluster.node(0)("GET", key).starts_with("CLUSTERDOWN");
      },
      10s));
  std::this_thread::sleep_for(kStaleness);
  EXPECT_TRUE(client("GET", key).is_error());
  cluster.node(1).resume();
  cluster.node(2).resume();
  ASSERT_TRUE(cluster.wait_until_settled());
  EXPECT_TRUE(eventually([&] { return client("GET", key) == "v"; }));
}

TEST_F(ClusterOfPrimaries, BlockedClientIsTakenAlongWhenItsSlotMoves) {
  start();
  RespClient blocked = pillion->client();
  RespClient pushing = pillion->client();
  const std::uint32_t slot = 400;
  const std::string list = key_in_slot(slot, "list");
  blocked.send("BLPOP", list, "10");
  ASSERT_TRUE(
      eventually([&] { return cluster.node(0).info_number("clients", "blocked_clients") == 1; }));
  cluster.move_slots(slot, slot, 1);
  ASSERT_TRUE(eventually([&] {
    return cluster.node(1).info_number("clients", "blocked_clients") == 1;
  })) << "Redis unblocks it with MOVED, and it waits where the slot is now";
  ASSERT_EQ(pushing("RPUSH", list, "x"), 1);
  EXPECT_EQ(blocked.read().texts(), (std::vector<std::string>{list, "x"}));
}

TEST_F(ClusterOfPrimaries, ShardedSubscriptionMovesWithItsSlot) {
  start();
  RespClient subscriber = pillion->client();
  RespClient publisher = pillion->client();
  const std::uint32_t slot = 500;
  const std::string channel = key_in_slot(slot, "channel");
  ASSERT_EQ(subscriber("SSUBSCRIBE", channel).items.at(1), channel);
  cluster.move_slots(slot, slot, 2);
  // Redis itself ends the subscription; a client of a single Redis would not know what to do.
  EXPECT_TRUE(eventually([&] {
    publisher("SPUBLISH", channel, "again");
    const auto got = subscriber.try_read(100ms);
    return got && got->items.at(0) == "smessage" && got->items.at(2) == "again";
  }));
}

TEST_F(Cluster, SubscriptionsOutliveTheNodeTheyWereMadeAt) {
  start();
  std::vector<RespClient> subscribers;
  for (int i = 0; i < 6; ++i) {
    subscribers.push_back(pillion->client());
    subscribers.back()("SUBSCRIBE", "news");
  }
  cluster.node(0).kill9();
  wait_for_agreement(0, 0);
  RespClient publisher = pillion->client();
  for (auto& subscriber : subscribers) {
    EXPECT_TRUE(eventually([&] {
      publisher("PUBLISH", "news", "again");
      return subscriber.try_read(100ms).has_value();
    }));
  }
}

TEST_F(ClusterOfPrimaries, StolenSlotsUnderLoadLoseOnlyWhatRedisThrowsAway) {
  start();
  Crowd::Options options;
  options.values_may_be_lost = true;
  options.settled_keys = 1;
  // The one settled key lies in a slot that nobody steals.
  options.prefix = key_in_slot(16'000, "crowd");
  options.together = true;
  Crowd anchored(pillion->port(), options);
  options.prefix = "loose";
  // Settled keys of these may be stolen, so nobody reads them: their own are judged.
  options.settled_keys = 0;
  Crowd loose(pillion->port(), options);
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(500ms);
    cluster.steal_slots(3'000, 3'200, round % 2 == 0 ? 1 : 0);
  }
  std::this_thread::sleep_for(500ms);
  anchored.stop();
  loose.stop();
  expect_undisturbed(anchored);
  EXPECT_EQ(loose.dropped(), 0U);
  EXPECT_TRUE(loose.wrong().empty()) << loose.describe_troubles();
  EXPECT_TRUE(loose.troubles().empty()) << loose.describe_troubles();
  EXPECT_TRUE(loose.audit(ClusterClient::of(cluster)).repeated.empty());
}

TEST_F(ClusterOfPrimaries, NodesComeAndGoUnderLoad) {
  start();
  Crowd crowd(pillion->port());
  std::this_thread::sleep_for(300ms);
  const std::size_t added = cluster.add_primary();
  cluster.move_slots(0, 299, added);
  cluster.move_slots(8'000, 8'099, added);
  std::this_thread::sleep_for(500ms);
  EXPECT_GT(cluster.node(added).calls("get"), 0U) << "the new node is used";
  cluster.move_slots(0, 299, 0);
  cluster.move_slots(8'000, 8'099, 1);
  std::this_thread::sleep_for(300ms);
  cluster.remove(added);
  std::this_thread::sleep_for(500ms);
  crowd.stop();
  ASSERT_TRUE(cluster.wait_until_settled());
  expect_undisturbed(crowd);
}

// --- Nodes that fail ---------------------------------------------------------------------------

TEST_F(Cluster, KilledPrimaryIsReplacedAndAllIsWellASecondLater) {
  start(swift({"upstream.command_timeout=1s"}));
  for (std::uint64_t round = 1; round <= scaled(6, 2); ++round) {
    SCOPED_TRACE("round " + std::to_string(round));
    const std::size_t victim = cluster.owner_of(0).value();
    Crowd::Options options;
    options.prefix = "round" + std::to_string(round);
    options.values_may_be_lost = true;
    Crowd crowd(pillion->port(), options);
    std::this_thread::sleep_for(1s);
    const Moment killed = Clock::now();
    cluster.node(victim).kill9();
    const Moment agreed = wait_for_agreement(0, victim);
    std::this_thread::sleep_for(2'500ms);
    const Moment stopped = Clock::now();
    crowd.stop();
    const Millis resumed = crowd.all_writing_after(agreed);
    const auto audit = crowd.audit(ClusterClient::of(cluster));
    std::cout << "the cluster agreed after " << milliseconds(agreed - killed)
              << " ms, the last error came " << crowd.trouble_after(agreed, stopped).count()
              << " ms later; " << crowd.writes() << " writes, " << crowd.troubles().size()
              << " errors, " << audit.lost.size() << " keys went back as Redis lost them\n"
              << crowd.describe_troubles();
    EXPECT_EQ(crowd.dropped(), 0U);
    EXPECT_TRUE(crowd.wrong().empty());
    EXPECT_LE(resumed, within(1s));
    EXPECT_LE(crowd.trouble_after(agreed, stopped), within(1s));
    EXPECT_TRUE(audit.repeated.empty()) << audit.repeated.front();
    EXPECT_TRUE(audit.lost.empty() || audit.last_lost < agreed) << audit.lost.front();
    cluster.bring_back(victim);
    ASSERT_TRUE(cluster.wait_until_settled());
  }
}

TEST_F(Cluster, OrderedFailoverDropsNobody) {
  start();
  Crowd::Options options;
  options.values_may_be_lost = true;
  Crowd crowd(pillion->port(), options);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(500ms);
    const std::size_t primary = cluster.owner_of(0).value();
    const auto replicas = cluster.replicas_of(primary);
    ASSERT_FALSE(replicas.empty());
    ASSERT_TRUE(cluster.node(replicas.front())("CLUSTER", "FAILOVER").is_ok());
    const Moment agreed = wait_for_agreement(0, primary);
    std::this_thread::sleep_for(1'500ms);
    EXPECT_LT(Clock::now() - agreed, 10s);
  }
  crowd.stop();
  EXPECT_EQ(crowd.dropped(), 0U);
  EXPECT_TRUE(crowd.wrong().empty()) << crowd.describe_troubles();
  for (const auto& trouble : crowd.troubles()) {
    EXPECT_TRUE(is_unknown_outcome(trouble.text)) << trouble.command << ": " << trouble.text;
  }
  const auto audit = crowd.audit(ClusterClient::of(cluster));
  EXPECT_TRUE(audit.lost.empty()) << audit.lost.front();
  EXPECT_TRUE(audit.repeated.empty());
}

TEST_F(Cluster, ReplicasShareTheReadsAndTheirDeathGoesUnnoticed) {
  start(without_cache());
  Crowd crowd(pillion->port());
  const auto replicas_are_read = [&] {
    for (std::size_t i = 3; i < 6; ++i) {
      if (cluster.node(i).running() && cluster.node(i).calls("get") == 0) return false;
    }
    return true;
  };
  EXPECT_TRUE(eventually(replicas_are_read));
  cluster.node(3).kill9();
  std::this_thread::sleep_for(2s);
  cluster.node(4).pause();
  std::this_thread::sleep_for(3s);
  cluster.node(4).resume();
  cluster.bring_back(3);
  EXPECT_TRUE(eventually(replicas_are_read, 20s)) << "back in rotation";
  crowd.stop();
  ASSERT_TRUE(cluster.wait_until_settled());
  expect_undisturbed(crowd);
}

TEST_F(Cluster, WhatNoReplicaFindsIsAskedOfThePrimaryOnceForAllWhoWait) {
  start();
  ASSERT_TRUE(pillion->wait_for_l1()) << pillion->log();
  constexpr int kClients = 20;
  constexpr int kRounds = 20;
  std::vector<RespClient> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(pillion->client());
  const auto miss_together = [&](const std::string& key) {
    for (RespClient& client : clients) client.send("GET", key);
    for (RespClient& client : clients) ASSERT_TRUE(client.read().is_null());
  };
  int number = 0;
  const auto another = [&] { return key_in_slot(1, "missing" + std::to_string(number++)); };
  ASSERT_TRUE(eventually([&] {
    miss_together(another());
    return cluster.node(3).calls("get") > 0;
  })) << "its replica is read";
  cluster.node(0).reset_stats();
  for (int round = 0; round < kRounds; ++round) miss_together(another());
  EXPECT_GE(cluster.node(0).calls("get"), 1U) << "a key may leave its replica's sight";
  EXPECT_LE(cluster.node(0).calls("get"), 3U * kRounds) << "of " << kClients * kRounds;
}

class ClusterThatGoesOn : public Cluster {
 protected:
  ClusterThatGoesOn() : Cluster(options()) {}
  static ClusterServers::Options options() {
    ClusterServers::Options options;
    options.replicas_each = 0;
    options.full_coverage = false;
    options.node_timeout = 20s;
    return options;
  }
};

TEST_F(ClusterThatGoesOn, SlowNodeDelaysOnlyThoseWhoNeedIt) {
  start(without_cache({"upstream.command_timeout=1s"}));
  std::vector<RespClient> others;
  for (int i = 0; i < 8; ++i) others.push_back(pillion->client());
  std::vector<RespClient> needing;
  for (int i = 0; i < 8; ++i) needing.push_back(pillion->client());
  for (auto& client : others) client("SET", key_in_slot(16'000), "v");
  for (auto& client : needing) client("SET", key_in_slot(10), "v");

  cluster.node(0).pause();
  Crew crew;
  for (auto& client : needing) {
    crew.start([&] {
      for (int i = 0; i < 3; ++i) {
        const Moment asked = Clock::now();
        const Value reply = client("SET", key_in_slot(10), "v");
        if (!is_upstream_error(reply)) throw std::runtime_error("no error: " + reply.text);
        if (Clock::now() - asked > within(1s, 800ms)) throw std::runtime_error("an error too late");
      }
    });
  }
  Clock::duration slowest{0};
  std::mutex mutex;
  for (auto& client : others) {
    crew.start([&] {
      for (int i = 0; i < 400; ++i) {
        const Moment asked = Clock::now();
        const std::string key = key_in_slot(6'000 + static_cast<std::uint32_t>(i) * 20);
        if (!client("SET", key, "v").is_ok() || !(client("GET", key) == "v")) {
          throw std::runtime_error("a wrong answer for a node that works");
        }
        std::lock_guard lock(mutex);
        slowest = std::max(slowest, Clock::now() - asked);
      }
    });
  }
  crew.join();
  EXPECT_LT(slowest, within(200ms, 0ms));
  cluster.node(0).resume();
  EXPECT_TRUE(eventually([&] { return needing[0]("SET", key_in_slot(10), "v").is_ok(); }, 3s));
}

TEST_F(ClusterThatGoesOn, WhatStandsBeforeASlowNodesCommandIsAnsweredAtOnce) {
  start(without_cache());
  RespClient client = pillion->client();
  const std::string slow = key_in_slot(10);
  const std::string swift = key_in_slot(16'000);
  ASSERT_TRUE(client("SET", slow, "s").is_ok());
  ASSERT_TRUE(client("SET", swift, "f").is_ok());
  cluster.node(0).pause();
  std::string commands;
  append_command(commands, {"GET", swift});
  append_command(commands, {"GET", slow});
  append_command(commands, {"GET", swift});
  client.send_raw(commands);
  // Withheld for a moment, to be written with the others; it must not be for as long as they take.
  EXPECT_EQ(client.read(500ms), "f");
  EXPECT_FALSE(client.try_read(100ms)) << "the next is the slow node's";
  cluster.node(0).resume();
  EXPECT_EQ(client.read(), "s");
  EXPECT_EQ(client.read(), "f");
}

TEST_F(ClusterThatGoesOn, PipelineKeepsItsOrderAcrossNodesOneOfWhichIsSlow) {
  start(without_cache());
  RespClient client = pillion->client();
  cluster.node(0).pause();
  std::string commands;
  for (int i = 0; i < 300; ++i) {
    const std::string number = std::to_string(i);
    append_command(commands, {"SET", "pipeline:" + number, number});
    append_command(commands, {"ECHO", number});
    append_command(commands, {"GET", "pipeline:" + number});
  }
  client.send_raw(commands);
  std::this_thread::sleep_for(400ms);
  cluster.node(0).resume();
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(client.read().is_ok());
    ASSERT_EQ(client.read(), std::to_string(i));
    ASSERT_EQ(client.read(), std::to_string(i));
  }
}

TEST_F(ClusterThatGoesOn, WriteInFlightOnADyingNodeHasAnUnknownOutcomeAndIsNotRepeated) {
  start();
  RespClient client = pillion->client();
  const std::string key = key_in_slot(7, "n");
  for (int round = 0; round < 3; ++round) {
    cluster.node(0)("SET", key, "0");
    cluster.node(0).pause();
    client.send("INCR", key);
    std::this_thread::sleep_for(100ms);
    if (round == 2) {
      cluster.node(0).kill9();
      const Value reply = client.read(4s);
      EXPECT_TRUE(is_unknown_outcome(reply.text)) << reply;
      cluster.bring_back(0);
      EXPECT_TRUE(eventually([&] { return client("SET", key, "0").is_ok(); }, 10s));
      break;
    }
    const Value reply = client.read(4s);
    EXPECT_TRUE(is_unknown_outcome(reply.text)) << reply;
    cluster.node(0).resume();
    EXPECT_TRUE(eventually([&] { return client("EXISTS", key) == 1; }, 5s));
    std::this_thread::sleep_for(100ms);
    EXPECT_LE(cluster.node(0)("GET", key).integer(), 1);
  }
}

TEST_F(ClusterOfPrimaries, ClusterdownIsToldInRedissWordsAndPasses) {
  start(swift({"upstream.command_timeout=700ms"}));
  RespClient client = pillion->client();
  const std::string key = key_in_slot(500);
  for (std::size_t i = 0; i < 3; ++i) cluster.node(i)("CLUSTER", "DELSLOTS", "500");
  const Value reply = client("SET", key, "v");
  EXPECT_TRUE(reply.starts_with("CLUSTERDOWN")) << reply;
  EXPECT_TRUE(client("GET", key).starts_with("CLUSTERDOWN"));
  client.send("SET", key, "v");
  std::this_thread::sleep_for(100ms);
  cluster.node(0)("CLUSTER", "ADDSLOTS", "500");
  ASSERT_TRUE(cluster.wait_until_settled());
  client.read();
  EXPECT_TRUE(eventually([&] { return client("SET", key, "v").is_ok(); }));
}

// --- Storms ------------------------------------------------------------------------------------

TEST(Storms, AnOutageIsFollowedByNoMoreConnectionsThanConfigured) {
  RedisServer redis;
  ChaosProxy way(redis.port());
  constexpr std::size_t kPillions = 5;
  constexpr std::uint32_t kRate = 10;  // a second, of each worker
  std::vector<std::unique_ptr<PillionProcess>> pillions;
  for (std::size_t i = 0; i < kPillions; ++i) {
    pillions.push_back(std::make_unique<PillionProcess>(
        way.url(), swift({"upstream.reconnect_rate=" + std::to_string(kRate)})));
    ASSERT_TRUE(pillions.back()->wait_for_upstream());
  }
  std::atomic<bool> done{false};
  Crew crew;
  for (auto& pillion : pillions) {
    for (int i = 0; i < 10; ++i) {
      crew.start([&, i] {
        RespClient client = pillion->client();
        while (!done) {
          client("SET", "k" + std::to_string(i), "v");
          client("GET", "k" + std::to_string(i));
          if (i == 0) client("EVAL", "return 1", "0");
          std::this_thread::sleep_for(1ms);
        }
      });
    }
  }
  std::this_thread::sleep_for(500ms);
  way.refuse(true);
  way.reset_all();
  const std::uint64_t before = way.accepted();
  std::this_thread::sleep_for(3s);
  const std::uint64_t attempts = way.accepted() - before;
  way.refuse(false);
  EXPECT_TRUE(eventually(
      [&] {
        for (auto& pillion : pillions) {
          RespClient client = pillion->client();
          if (!client("SET", "again", "v").is_ok()) return false;
        }
        return true;
      },
      3s));
  done = true;
  crew.join();
  // Two workers each; the control plane's own probes come on top, five a second.
  const std::uint64_t allowed = kPillions * (2 * kRate + 5) * 3;
  std::cout << attempts << " attempts in 3 s, " << allowed << " allowed\n";
  EXPECT_LE(attempts, allowed + allowed / 10);
  EXPECT_GT(attempts, 0U);
}

TEST_F(ClusterOfPrimaries, RedirectionsDoNotLeadToAStormOfQuestions) {
  start(without_cache());
  Crowd crowd(pillion->port());
  std::this_thread::sleep_for(300ms);
  for (std::size_t i = 0; i < 3; ++i) cluster.node(i).reset_stats();
  const Moment begun = Clock::now();
  cluster.move_slots(2'000, 2'999, 1);
  cluster.move_slots(2'000, 2'999, 0);
  std::uint64_t asked = 0;
  const double seconds = seconds_since(begun);
  for (std::size_t i = 0; i < 3; ++i) {
    asked += cluster.node(i).calls("cluster|slots") + cluster.node(i).calls("cluster|shards");
  }
  crowd.stop();
  // By design: each refresh asks every node, at most some refreshes a second; and each worker's
  // fill link confirms each owner four times a second or so. This test's own questions are the 6.
  std::cout << asked << " questions for the layout in " << seconds << " s\n";
  EXPECT_LE(static_cast<double>(asked), 6 + (seconds + 1) * 3 * 40);
  EXPECT_TRUE(crowd.wrong().empty()) << crowd.describe_troubles();
}

}  // namespace
}  // namespace pillion::test
