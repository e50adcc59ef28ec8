// Replicas and clusters: scenarios in which one order of a few things matters.
#include <gtest/gtest.h>

#include "tests/component/coherence/world.hpp"

namespace pillion::coherence {
namespace {

using state::kMillisecond;

constexpr state::Nanos kProbePeriod = 250 * kMillisecond;

Scenario with_clients(std::size_t clients) {
  Scenario scenario;
  scenario.clients.resize(clients);
  scenario.monotonic = false;  // unless a scenario says so
  return scenario;
}

Scenario replicated(std::uint32_t replicas, std::size_t clients = 2) {
  Scenario scenario = with_clients(clients);
  scenario.name = "replicas";
  scenario.replicas = replicas;
  scenario.preparations = {{-1, "SET k v0"}, {-1, "SET m w0"}};
  return scenario;
}

Scenario cluster_node() {
  Scenario scenario = with_clients(1);
  scenario.name = "cluster";
  scenario.cluster = true;
  return scenario;
}

void end(World& world) {
  if (world.fault().empty()) world.finish();
  EXPECT_TRUE(world.fault().empty()) << world.fault() << "\n" << world.story();
}

#define ASSERT_SOUND(world) \
  ASSERT_TRUE((world).fault().empty()) << (world).fault() << "\n" << (world).story()

TEST(Replicas, AreReadFromOnceTheyHaveProvedToBeInStep) {
  World world(replicated(1));
  world.ask(0, "GET k");
  EXPECT_EQ(world.fetches_of(1), 1u);
  EXPECT_EQ(world.fetches_of(0), 0u);
  world.ask(1, "GET k");
  EXPECT_EQ(world.counters(0).cache_hits.get(), 1u);
  end(world);
}

TEST(Replicas, TakeTurns) {
  World world(replicated(2, 1));
  for (const char* key : {"a", "b", "c", "d"}) world.ask(0, std::string("GET ") + key);
  EXPECT_EQ(world.fetches_of(1), 2u);
  EXPECT_EQ(world.fetches_of(2), 2u);
  end(world);
}

TEST(Replicas, InvalidateWhatTheyFilled) {
  World world(replicated(1));
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv0\r\n");
  world.stranger("SET k v1");
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv1\r\n");
  end(world);
}

// The invalidation comes with the write, which the replica has not got: only its lease tells.
TEST(Replicas, ThatLagAreNotBelievedForLongerThanTheBound) {
  World world(replicated(1));
  world.ask(0, "GET k");
  world.hold_replication(true);
  world.advance(10 * kMillisecond);
  world.stranger("SET k v1");
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv0\r\n") << "within the bound";
  for (int i = 0; i < 6; ++i) {
    world.tick(1, kProbePeriod);
    world.ask(0, "GET k");
    ASSERT_SOUND(world);
  }
  EXPECT_EQ(world.ask(1, "GET k"), "$2\r\nv1\r\n");
  world.hold_replication(false);
  world.tick(2, kProbePeriod);
  const std::uint64_t before = world.fetches_of(1);
  world.ask(0, "GET m");
  EXPECT_EQ(world.fetches_of(1), before + 1) << "in step again";
  end(world);
}

TEST(Replicas, ThatLagAnswerNothingThatWasWrittenHere) {
  World world(replicated(1));
  world.ask(0, "GET k");
  world.hold_replication(true);
  world.advance(10 * kMillisecond);
  world.ask(0, "SET k v1");
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv1\r\n");
  EXPECT_EQ(world.ask(1, "STRLEN k"), ":2\r\n");
  EXPECT_EQ(world.fetches_of(1), 1u);
  // The write has a sample behind it now, but the replica is not there.
  world.tick(2, kProbePeriod);
  EXPECT_EQ(world.ask(1, "EXISTS k"), ":1\r\n");
  EXPECT_EQ(world.fetches_of(1), 1u);
  ASSERT_SOUND(world);
  world.hold_replication(false);
  world.tick(2, kProbePeriod);
  world.stranger("SET k v2");
  EXPECT_EQ(world.ask(1, "GET k"), "$2\r\nv2\r\n");
  EXPECT_EQ(world.fetches_of(1), 2u) << "it has passed the write";
  end(world);
}

TEST(Replicas, ThatLagServeNoHitsBehindAScript) {
  World world(replicated(1));
  world.ask(0, "GET k");
  world.hold_replication(true);
  world.advance(10 * kMillisecond);
  world.ask(0, "EVAL 'SET k v1' 0");
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv1\r\n");
  EXPECT_EQ(world.ask(1, "GET k"), "$2\r\nv1\r\n");
  ASSERT_SOUND(world);
  world.hold_replication(false);
  world.tick(2, kProbePeriod);
  end(world);
}

TEST(Replicas, ThatLagServeNothingOfBeforeAFlush) {
  World world(replicated(1));
  world.ask(0, "GET k");
  world.hold_replication(true);
  world.advance(10 * kMillisecond);
  world.ask(0, "FLUSHALL");
  EXPECT_EQ(world.ask(0, "GET k"), "$-1\r\n");
  EXPECT_EQ(world.ask(1, "GET m"), "$-1\r\n");
  end(world);
}

TEST(Replicas, ThatLostTheirPrimaryAreNotAsked) {
  World world(replicated(1));
  world.ask(0, "GET k");
  world.node(1).set_connected(false);
  world.tick(2, kProbePeriod);
  EXPECT_EQ(world.ask(0, "GET m"), "$2\r\nw0\r\n");
  EXPECT_EQ(world.fetches_of(1), 1u);
  world.stranger("SET k v1");
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv1\r\n") << "what it had stored is gone";
  // It takes everything anew, and is in step again.
  world.node(1).resync();
  world.tick(2, kProbePeriod);
  world.stranger("SET k v2");
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv2\r\n");
  EXPECT_EQ(world.fetches_of(1), 2u);
  end(world);
}

TEST(Replicas, AreLeftAloneWhileTheyTakeEverythingAnew) {
  World world(replicated(1));
  world.ask(0, "GET k");
  world.node(1).set_connected(false);
  world.stranger("SET k v1");
  for (int i = 0; i < 6; ++i) {
    world.tick(1, kProbePeriod);
    world.ask(0, "GET k");
    world.ask(1, "STRLEN k");
    ASSERT_SOUND(world);
  }
  world.node(1).resync();
  world.ask(0, "GET k");
  world.tick(3, kProbePeriod);
  end(world);
}

TEST(Replicas, ThatBecomePrimariesAreTrustedAsSuch) {
  World world(replicated(2));
  world.ask(0, "GET k");
  world.ask(0, "GET m");
  world.fail_over(2);
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv0\r\n");
  world.advance(10 * kMillisecond);
  world.ask(0, "SET k v1");
  EXPECT_EQ(world.ask(1, "GET k"), "$2\r\nv1\r\n");
  world.tick(4, kProbePeriod);
  world.stranger("SET m w1");
  EXPECT_EQ(world.ask(1, "GET m"), "$2\r\nw1\r\n");
  ASSERT_SOUND(world);
  // The old primary and the other replica are replicas of the new one.
  const std::uint64_t before = world.fetches_of(0) + world.fetches_of(1);
  world.ask(0, "GET x");
  world.ask(0, "GET y");
  EXPECT_EQ(world.fetches_of(0) + world.fetches_of(1), before + 2);
  end(world);
}

// A primary that its node no longer is: what follows it proves nothing under the next.
TEST(Replicas, ProveNothingByOffsetsOfAnotherPrimary) {
  World world(replicated(2, 1));
  world.hold_replication(true);
  world.advance(10 * kMillisecond);
  world.stranger("SET k v1");
  world.tick(1, kProbePeriod);
  world.hold_replication(false);
  world.fail_over(1);
  const std::uint64_t before = world.fetches_of(2);
  world.ask(0, "GET k");
  EXPECT_EQ(world.fetches_of(2), before) << "no sample of the new primary yet";
  end(world);
}

// The key's own replica, then the primary, then back: never to an older state (I17).
TEST(Replicas, OfAKeyTakeItBackOnlyWhenTheyHaveWhatWasRead) {
  Scenario scenario = replicated(1, 2);
  scenario.key_affinity = true;
  scenario.monotonic = true;
  World world(scenario);
  world.hold_replication(true);
  world.ask(0, "EVAL 'SET z 1' 0");  // nothing is read from the replica until it has this
  world.tick(1, kProbePeriod);       // a sample behind it
  world.advance(10 * kMillisecond);
  world.stranger("SET k longer");  // not in the sample
  world.advance(10 * kMillisecond);
  EXPECT_EQ(world.ask(0, "GET k"), "$6\r\nlonger\r\n") << "of the primary";
  world.node(1).replicate();  // the script, not the stranger's write
  world.tick(2, 100 * kMillisecond);
  ASSERT_SOUND(world);
  EXPECT_EQ(world.ask(0, "GET m"), "$2\r\nw0\r\n");
  EXPECT_EQ(world.fetches_of(1), 1u) << "the replica is past the script";
  EXPECT_EQ(world.ask(0, "STRLEN k"), ":6\r\n") << "but not past what was read of this key";
  ASSERT_SOUND(world);
  world.hold_replication(false);
  world.tick(2, kProbePeriod);
  EXPECT_EQ(world.ask(0, "EXISTS k"), ":1\r\n");
  EXPECT_EQ(world.fetches_of(1), 2u) << "now it is";
  end(world);
}

// What the replica had filled of a key goes when somebody newer answers for it (I17): here the
// primary, for two keys that belong to different replicas.
TEST(Replicas, OfAKeyAreNotHeardAnyMoreOnceThePrimaryWas) {
  Scenario scenario = replicated(2, 1);
  scenario.key_affinity = true;
  scenario.monotonic = true;
  World world(scenario);
  world.tick(1, kProbePeriod);
  EXPECT_EQ(world.ask(0, "STRLEN k"), ":2\r\n");
  EXPECT_EQ(world.fetches_of(0), 0u);
  world.hold_replication(true);
  world.advance(10 * kMillisecond);
  world.stranger("SET k longer");
  EXPECT_EQ(world.ask(0, "MGET k l"), "*2\r\n$6\r\nlonger\r\n$-1\r\n");
  EXPECT_EQ(world.fetches_of(0), 1u);
  EXPECT_EQ(world.ask(0, "STRLEN k"), ":6\r\n");
  end(world);
}

TEST(ClusterNode, FillsWhileItOwnsItsSlots) {
  World world(cluster_node());
  world.stranger("SET k v0");
  world.ask(0, "GET k");
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv0\r\n");
  EXPECT_EQ(world.counters(0).cache_hits.get(), 1u);
  for (int i = 0; i < 6; ++i) {
    world.tick(1, kProbePeriod);
    world.ask(0, "GET k");
  }
  EXPECT_EQ(world.counters(0).cache_hits.get(), 7u) << "the lease is renewed";
  EXPECT_GT(world.counters(0).probes.get(), 3u);
  end(world);
}

TEST(ClusterNode, ThatLostASlotWithAMissingKeySaysNothing) {
  World world(cluster_node());
  EXPECT_EQ(world.ask(0, "GET k"), "$-1\r\n");
  world.node(0).lose_slot('k');
  world.stranger("SET k v1");
  EXPECT_EQ(world.ask(0, "GET k"), "$-1\r\n") << "within the bound";
  world.tick(1, kProbePeriod);
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv1\r\n") << "asked elsewhere";
  end(world);
}

TEST(ClusterNode, BelievesInAMissingKeyForASecondOnly) {
  World world(cluster_node());
  EXPECT_EQ(world.ask(0, "GET k"), "$-1\r\n");
  world.tick(3, kProbePeriod);
  world.ask(0, "GET k");
  EXPECT_EQ(world.counters(0).cache_hits.get(), 1u);
  world.tick(2, kProbePeriod);
  world.ask(0, "GET k");
  EXPECT_EQ(world.counters(0).cache_hits.get(), 1u);
  end(world);
}

TEST(ClusterNode, ThatWasRobbedOfASlotIsNotBelievedForLongerThanTheBound) {
  World world(cluster_node());
  world.stranger("SET k v0");
  world.stranger("SET m w0");
  world.ask(0, "GET k");
  world.ask(0, "GET m");
  world.node(0).lose_slot('k');
  world.stranger("SET k v1");
  for (int i = 0; i < 6; ++i) {
    world.tick(1, kProbePeriod);
    world.ask(0, "GET k");
    world.ask(0, "GET m");
    ASSERT_SOUND(world);
  }
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv1\r\n");
  end(world);
}

TEST(ClusterNode, ThatSendsAnAskerAwayIsAskedAtOnceWhatItOwns) {
  World world(cluster_node());
  world.stranger("SET k v0");
  world.stranger("SET kk w0");
  world.ask(0, "GET k");
  world.node(0).lose_slot('k');
  world.stranger("SET k v1");
  EXPECT_EQ(world.ask(0, "GET kk"), "$2\r\nw0\r\n") << "by who has the slot now";
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv1\r\n") << "the same slot: no time has passed";
  end(world);
}

TEST(ClusterNode, OfAClusterThatIsDownIsNotBelieved) {
  World world(cluster_node());
  world.stranger("SET k v0");
  world.ask(0, "GET k");
  world.node(0).set_down(true);
  world.stranger("SET k v1");
  for (int i = 0; i < 6; ++i) {
    world.tick(1, kProbePeriod);
    world.ask(0, "GET k");
    ASSERT_SOUND(world);
  }
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv1\r\n");
  world.node(0).set_down(false);
  world.tick(2, kProbePeriod);
  const std::uint64_t before = world.fetches_of(0);
  world.ask(0, "GET k");
  EXPECT_EQ(world.fetches_of(0), before + 1) << "trusted again";
  end(world);
}

TEST(ClusterNode, ThatAnswersClusterDownHasLostItsGeneration) {
  World world(cluster_node());
  world.stranger("SET k v0");
  world.ask(0, "GET k");
  world.node(0).set_down(true);
  EXPECT_EQ(world.ask(0, "GET m"), "$-1\r\n") << "by those that go on";
  world.stranger("SET k v1");
  EXPECT_EQ(world.ask(0, "GET k"), "$2\r\nv1\r\n") << "no time has passed";
  world.node(0).set_down(false);
  end(world);
}

}  // namespace
}  // namespace pillion::coherence
