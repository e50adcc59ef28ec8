#include "proxy/control/health/roster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "proxy/control/topology/cluster_vote.hpp"
#include "tests/unit/proxy/control/topology/cluster_views.hpp"

namespace pillion::control {
namespace {

using state::kMillisecond;
using state::kSecond;
using state::NodeRole;
using state::TopologyKind;
using testing::ElementsAre;

class RosterTest : public testing::Test {
 protected:
  static Roster::Settings settings() {
    Roster::Settings all;
    all.rotation = {kSecond, 10 * kSecond, 2};
    all.display = "mymaster of s1:26379";
    all.zone = "here";
    all.zones = {{"r1:1", "here"}, {"r2:1", "there"}};
    return all;
  }
  static LayoutNode node(const std::string& host, NodeRole role) {
    LayoutNode entry;
    entry.name = host + ":1";
    entry.host = host;
    entry.port = 1;
    entry.role = role;
    return entry;
  }
  static Layout layout(const std::string& primary, const std::vector<std::string>& replicas,
                       TopologyKind kind = TopologyKind::kSentinel) {
    Layout all;
    all.kind = kind;
    all.nodes = {node(primary, NodeRole::kPrimary)};
    for (const std::string& replica : replicas) {
      all.nodes.push_back(node(replica, NodeRole::kReplica));
    }
    return all;
  }

  const state::TopologySnapshot& look() {
    roster.describe(snapshot, now);
    return snapshot;
  }
  const state::Node& node_at(const std::string& name) {
    for (const state::Node& each : look().nodes) {
      if (each.endpoint.name == name) return each;
    }
    ADD_FAILURE() << name << " is not there";
    static const state::Node kNone;
    return kNone;
  }
  state::EndpointId id(const std::string& name) { return node_at(name).endpoint.id; }

  void good(const std::string& name, const std::string& role, std::int64_t offset,
            const std::string& link = "connected") {
    HealthView view;
    view.up = true;
    view.error = "";
    view.role = role;
    view.replication.role = role;
    view.replication.offset = offset;
    if (role == "slave") view.replication.link = link;
    view.role_asked_at = now;
    view.role_told_at = now;
    view.version = "7.0.15";
    view.latency = kMillisecond;
    views[name] = view;
    roster.set_health(id(name), view, now);
  }
  /// It was up before, if ever.
  void bad(const std::string& name, const std::string& why) {
    HealthView view = views[name];
    view.up = false;
    view.error = why;
    view.failing = true;
    view.replication = {};
    roster.set_health(id(name), view, now);
  }
  void settle() {
    roster.set_layout(layout("p", {"r1", "r2"}), now);
    good("p:1", "master", 100);
    good("r1:1", "slave", 100);
    good("r2:1", "slave", 100);
  }
  void pass(state::Nanos span) { now += span; }

  Roster roster{settings()};
  state::EndpointTraffic traffic;
  state::TopologySnapshot snapshot;
  std::map<std::string, HealthView> views;  // as told last
  state::Nanos now = 1000 * kSecond;
};

TEST_F(RosterTest, BeforeAnybodyIsKnown) {
  look();
  EXPECT_EQ(snapshot.primary.name, "mymaster of s1:26379");
  EXPECT_EQ(snapshot.resolve_error, "mymaster of s1:26379 is not asked yet");
  EXPECT_FALSE(snapshot.probed);
  Layout none;
  none.kind = TopologyKind::kSentinel;
  none.trouble = "no sentinel answers";
  roster.set_layout(none, now);
  look();
  EXPECT_EQ(snapshot.kind, TopologyKind::kSentinel);
  EXPECT_EQ(snapshot.resolve_error, "no sentinel answers");
  EXPECT_TRUE(snapshot.probed) << "nobody has to wait any longer";
  EXPECT_FALSE(snapshot.up);
}

TEST_F(RosterTest, AStandaloneUpstream) {
  roster.set_layout(layout("p", {}, TopologyKind::kStandalone), now);
  AddressBook::Addresses unresolved;
  unresolved.error = "cannot resolve 'p'";
  roster.set_addresses("p", unresolved);
  look();
  EXPECT_EQ(snapshot.resolve_error, "cannot resolve 'p'");
  EXPECT_EQ(snapshot.error, "not probed yet");
  EXPECT_FALSE(snapshot.probed);
  roster.set_addresses("p", {{"10.0.0.1"}, ""});
  good("p:1", "master", 1);
  look();
  EXPECT_EQ(snapshot.kind, TopologyKind::kStandalone);
  EXPECT_THAT(snapshot.primary.addresses, ElementsAre("10.0.0.1"));
  EXPECT_EQ(snapshot.primary.port, 1);
  EXPECT_EQ(snapshot.primary.id, 0);
  EXPECT_EQ(snapshot.resolve_error, "");
  EXPECT_TRUE(snapshot.up && snapshot.probed);
  EXPECT_EQ(snapshot.role, "master");
  EXPECT_EQ(snapshot.redis_version, "7.0.15");
  EXPECT_DOUBLE_EQ(snapshot.latency_seconds, 0.001);
  ASSERT_EQ(snapshot.shards.size(), 1U);
  EXPECT_EQ(snapshot.shards[0].primary, 0);
  EXPECT_FALSE(snapshot.has_replicas());
}

TEST_F(RosterTest, ReplicasInStepAreInRotation) {
  settle();
  look();
  EXPECT_EQ(snapshot.shards[0].primary, id("p:1"));
  EXPECT_THAT(snapshot.shards[0].replicas, ElementsAre(id("r1:1"), id("r2:1")));
  EXPECT_FALSE(node_at("p:1").in_rotation);
  EXPECT_TRUE(node_at("r1:1").in_rotation);
  EXPECT_EQ(node_at("r1:1").weight, 100U);
  EXPECT_EQ(node_at("r1:1").error, "");
  EXPECT_TRUE(node_at("r1:1").near);
  EXPECT_FALSE(node_at("r2:1").near);
  EXPECT_EQ(node_at("r2:1").zone, "there");
}

TEST_F(RosterTest, AServerSaysItsZoneItself) {
  settle();
  HealthView view;
  view.up = true;
  view.zone = "here";
  roster.set_health(id("p:1"), view, now);
  EXPECT_TRUE(node_at("p:1").near);
  view.zone = "elsewhere";
  roster.set_health(id("r1:1"), view, now);
  EXPECT_EQ(node_at("r1:1").zone, "here") << "the configuration knows better";
}

TEST_F(RosterTest, FiguresAloneAreNoNews) {
  settle();
  HealthView view = views["r1:1"];
  view.latency = 5;
  view.role_asked_at = view.role_told_at = ++now;
  view.replication.offset = 101;
  ++view.good_probes;
  EXPECT_FALSE(roster.set_health(id("r1:1"), view, now));
  view.failing = true;
  EXPECT_TRUE(roster.set_health(id("r1:1"), view, now));
  view.replication.link = "connect";
  EXPECT_TRUE(roster.set_health(id("r1:1"), view, now));
  EXPECT_FALSE(roster.set_health(77, view, now));
}

TEST_F(RosterTest, LeavingRotationIsNews) {
  settle();
  HealthView primary = views["p:1"];
  primary.replication.offset = 200;
  primary.role_told_at = ++now;
  EXPECT_FALSE(roster.set_health(id("p:1"), primary, now));
  pass(2 * kSecond);
  HealthView view = views["r1:1"];
  view.role_asked_at = view.role_told_at = now;
  EXPECT_TRUE(roster.set_health(id("r1:1"), view, now));
}

TEST_F(RosterTest, LagIsMeasuredAgainstWhatThePrimaryHadWhen) {
  settle();
  pass(250 * kMillisecond);
  good("p:1", "master", 200);
  pass(900 * kMillisecond);
  good("r1:1", "slave", 150);
  EXPECT_EQ(node_at("r1:1").lag, 900 * kMillisecond);
  EXPECT_TRUE(node_at("r1:1").in_rotation);
  pass(200 * kMillisecond);
  good("r1:1", "slave", 199);
  EXPECT_FALSE(node_at("r1:1").in_rotation);
  EXPECT_EQ(node_at("r1:1").error, "it is 1100 ms behind");
  EXPECT_EQ(node_at("r1:1").ejections, 1U);
  EXPECT_TRUE(node_at("r2:1").in_rotation);
  pass(kMillisecond);
  good("r1:1", "slave", 200);
  EXPECT_TRUE(node_at("r1:1").in_rotation);
  EXPECT_EQ(node_at("r1:1").weight, 10U);
  pass(10 * kSecond);
  EXPECT_EQ(node_at("r1:1").weight, 100U);
}

TEST_F(RosterTest, WithoutThePrimaryReadsGoOn) {
  settle();
  pass(250 * kMillisecond);
  good("p:1", "master", 100);
  pass(10 * kMillisecond);
  bad("p:1", "Connection refused");
  good("r1:1", "slave", -1, "connect");  // what Redis says without a link
  EXPECT_TRUE(node_at("r1:1").in_rotation);
  EXPECT_EQ(node_at("r1:1").lag, 250 * kMillisecond);
  pass(30 * kSecond);
  good("r1:1", "slave", -1, "connect");
  EXPECT_TRUE(node_at("r1:1").in_rotation) << "however long it takes";
  EXPECT_FALSE(look().up);
  pass(kMillisecond);
  good("p:1", "master", 100);
  EXPECT_FALSE(node_at("r1:1").in_rotation) << "the primary is back, and this one not in step";
}

TEST_F(RosterTest, ButNotFromWhoWasBehindWhenThePrimaryDied) {
  settle();
  for (int i = 0; i < 8; ++i) {
    pass(250 * kMillisecond);
    good("p:1", "master", 100);
    good("r1:1", "slave", -1, "sync");
    good("r2:1", "slave", 100);
  }
  pass(250 * kMillisecond);
  bad("p:1", "Connection refused");
  good("r1:1", "slave", -1, "connect");
  good("r2:1", "slave", -1, "connect");
  EXPECT_FALSE(node_at("r1:1").in_rotation);
  EXPECT_EQ(node_at("r1:1").error, "it is 2000 ms behind");
  EXPECT_TRUE(node_at("r2:1").in_rotation);
}

TEST_F(RosterTest, ALinkThatIsDownCountsHoweverProbesFollowEachOther) {
  settle();
  pass(kMillisecond);
  good("r1:1", "slave", -1, "connect");
  EXPECT_TRUE(node_at("r1:1").in_rotation) << "the primary may be dying";
  pass(250 * kMillisecond);
  good("p:1", "master", 100);
  pass(kMillisecond);
  good("r1:1", "slave", -1, "connect");  // said again, after the primary has answered
  EXPECT_FALSE(node_at("r1:1").in_rotation);
  EXPECT_EQ(node_at("r1:1").error, "its link to the primary is not up (connect)");
}

TEST_F(RosterTest, AFailoverSwapsRolesAndCounts) {
  settle();
  const auto p = id("p:1");
  const auto r1 = id("r1:1");
  EXPECT_EQ(look().failovers, 0U);
  roster.set_layout(layout("r1", {"p", "r2"}), now);
  look();
  EXPECT_EQ(snapshot.failovers, 1U);
  EXPECT_EQ(snapshot.primary.name, "r1:1");
  EXPECT_EQ(snapshot.primary.id, r1);
  EXPECT_TRUE(snapshot.up) << "its health is known already";
  EXPECT_EQ(snapshot.shards[0].primary, r1);
  EXPECT_THAT(snapshot.shards[0].replicas, ElementsAre(p, id("r2:1")));
  EXPECT_FALSE(node_at("p:1").in_rotation) << "it still says that it is a primary";
  good("p:1", "slave", 100);
  EXPECT_TRUE(node_at("p:1").in_rotation);
  EXPECT_EQ(node_at("p:1").weight, 10U);
}

TEST_F(RosterTest, LagCountsFromTheNewPrimaryOn) {
  settle();
  pass(kSecond);
  good("p:1", "master", 500);  // what only the old primary had is lost
  roster.set_layout(layout("r1", {"r2"}), now);
  pass(kSecond);
  good("r1:1", "master", 120);
  good("r2:1", "slave", 120);
  EXPECT_EQ(node_at("r2:1").lag, 0);
  EXPECT_TRUE(node_at("r2:1").in_rotation);
}

TEST_F(RosterTest, WhoComesBackHasItsIdAgainButNotItsHealth) {
  settle();
  const auto r1 = id("r1:1");
  roster.set_layout(layout("p", {"r2"}), now);
  EXPECT_THAT(look().nodes, testing::SizeIs(2));
  pass(20 * kSecond);
  roster.set_layout(layout("p", {"r3", "r1", "r2"}), now);
  EXPECT_EQ(id("r1:1"), r1);
  EXPECT_FALSE(node_at("r1:1").in_rotation);
  good("r1:1", "slave", 100);
  EXPECT_EQ(node_at("r1:1").weight, 10U) << "a newcomer";
  EXPECT_TRUE(node_at("r2:1").in_rotation) << "which was there all the time";
}

TEST_F(RosterTest, FailingTrafficTakesAReplicaOutAndHasItProbed) {
  settle();
  EXPECT_THAT(roster.look(traffic, now).failing, testing::IsEmpty());
  pass(TrafficJudge::kSampleEvery);
  traffic.of(id("r1:1")).failures += 5;
  traffic.of(id("p:1")).failures += 5;
  EXPECT_THAT(roster.look(traffic, now).failing, ElementsAre(id("p:1"), id("r1:1")));
  EXPECT_FALSE(node_at("r1:1").in_rotation);
  EXPECT_TRUE(node_at("r2:1").in_rotation);
  EXPECT_TRUE(node_at("p:1").up) << "a primary has no substitute: probes decide";
  for (int i = 0; i < 6; ++i) {
    pass(TrafficJudge::kSampleEvery);
    good("r1:1", "slave", 100);
    EXPECT_THAT(roster.look(traffic, now).failing, testing::IsEmpty());
  }
  EXPECT_TRUE(node_at("r1:1").in_rotation) << "it comes back by itself";
}

TEST_F(RosterTest, ThereAreNoMoreThanThereAreIds) {
  std::vector<std::string> many;
  for (std::size_t i = 0; i < state::kMaxEndpoints + 3; ++i)
    many.push_back("h" + std::to_string(i));
  EXPECT_EQ(roster.set_layout(layout("p", many), now), 4U);
  EXPECT_THAT(look().nodes, testing::SizeIs(state::kMaxEndpoints));
}

class ClusterRosterTest : public RosterTest {
 protected:
  void set(const ClusterView& view) {
    roster.set_layout(vote({view}, roster.layout().slots).layout, now);
  }
};

TEST_F(ClusterRosterTest, APrimaryThatIsUpStandsForTheCluster) {
  set(whole_cluster());
  EXPECT_EQ(look().kind, TopologyKind::kCluster);
  EXPECT_FALSE(look().up);
  good("B:7000", "master", 1);
  EXPECT_EQ(look().primary.name, "B:7000");
  EXPECT_TRUE(look().up);
  good("A:7000", "master", 1);
  EXPECT_EQ(look().primary.name, "B:7000") << "as long as it serves";
  bad("B:7000", "Connection refused");
  EXPECT_EQ(look().primary.name, "A:7000");
  EXPECT_TRUE(look().up);
  bad("A:7000", "Connection refused");
  EXPECT_FALSE(look().up);
  ASSERT_TRUE(look().slots);
  EXPECT_EQ(look().shards.size(), 3U);
}

TEST_F(ClusterRosterTest, ReplicasBelongToTheirShards) {
  set(whole_cluster());
  good("A:7000", "master", 100);
  good("B:7000", "master", 7000);
  good("a:7000", "slave", 100);
  good("b:7000", "slave", 6000);
  EXPECT_TRUE(node_at("a:7000").in_rotation);
  EXPECT_EQ(node_at("a:7000").shard, 0);
  EXPECT_EQ(node_at("a:7000").cluster_id, "a");
  EXPECT_EQ(look().shards[1].primary, id("B:7000"));
  EXPECT_THAT(look().shards[1].replicas, ElementsAre(id("b:7000")));
  pass(2 * kSecond);
  good("a:7000", "slave", 100);
  good("b:7000", "slave", 6000);
  EXPECT_TRUE(node_at("a:7000").in_rotation);
  EXPECT_FALSE(node_at("b:7000").in_rotation) << "behind its own primary";
}

TEST_F(ClusterRosterTest, WhomTheClusterCallsFailedIsNotAsked) {
  ClusterView view = whole_cluster();
  set(view);
  good("A:7000", "master", 100);
  good("a:7000", "slave", 100);
  view.shards[0].nodes[1].failed = true;
  view.shards[0].nodes[0].failed = true;
  set(view);
  EXPECT_FALSE(node_at("a:7000").in_rotation);
  EXPECT_EQ(node_at("a:7000").error, "the cluster says it has failed");
  EXPECT_FALSE(node_at("A:7000").up);
}

TEST_F(ClusterRosterTest, FailoversAreCountedByShard) {
  set(whole_cluster());
  set(after_failover());
  EXPECT_EQ(look().failovers, 1U);
  EXPECT_EQ(look().shards[1].primary, id("b:7000"));
  set(after_failover(3));
  EXPECT_EQ(look().failovers, 1U);
  ClusterView moved = after_failover();
  moved.shards[0].slots = {{0, 100}};
  moved.shards[1].slots = {{101, 10922}};
  set(moved);
  EXPECT_EQ(look().failovers, 1U) << "slots moved, no primary changed";
}

}  // namespace
}  // namespace pillion::control
