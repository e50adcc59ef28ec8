#include "proxy/control/topology/cluster_vote.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/proxy/control/topology/cluster_views.hpp"

namespace pillion::control {
namespace {

using state::NodeRole;
using testing::ElementsAre;

/// "A:0 a:0r": name, shard, r for replicas, ! for the failed.
std::vector<std::string> words(const Layout& layout) {
  std::vector<std::string> out;
  for (const LayoutNode& node : layout.nodes) {
    out.push_back(node.cluster_id + ":" + std::to_string(node.shard) +
                  (node.role == NodeRole::kReplica ? "r" : "") + (node.failed ? "!" : ""));
  }
  return out;
}

std::string owner(const Layout& layout, std::size_t slot) {
  const std::uint16_t shard = layout.slots->at(slot);
  for (const LayoutNode& node : layout.nodes) {
    if (node.role == NodeRole::kPrimary && node.shard == shard) return node.cluster_id;
  }
  return "nobody";
}

TEST(ClusterVote, AllSayTheSame) {
  const auto outcome = vote({whole_cluster(), whole_cluster(), whole_cluster()}, nullptr);
  EXPECT_TRUE(outcome.unanimous);
  const Layout& layout = outcome.layout;
  EXPECT_EQ(layout.kind, state::TopologyKind::kCluster);
  EXPECT_EQ(layout.shards, 3);
  EXPECT_THAT(words(layout), ElementsAre("A:0", "a:0r", "B:1", "b:1r", "C:2", "c:2r"));
  EXPECT_EQ(layout.nodes[0].name, "A:7000");
  EXPECT_EQ(layout.nodes[0].host, "A");
  EXPECT_EQ(owner(layout, 0), "A");
  EXPECT_EQ(owner(layout, 5460), "A");
  EXPECT_EQ(owner(layout, 5461), "B");
  EXPECT_EQ(owner(layout, 16383), "C");
}

TEST(ClusterVote, SlotsThatDidNotMoveAreTheSameObject) {
  const auto first = vote({whole_cluster()}, nullptr).layout;
  EXPECT_EQ(vote({whole_cluster(7)}, first.slots).layout, first);
  EXPECT_EQ(vote({after_failover()}, first.slots).layout.slots, first.slots)
      << "the shard has another primary, the slots are its own as before";
  ClusterView moved = whole_cluster();
  moved.shards[0].slots = {{0, 5000}};
  moved.shards[1].slots = {{5001, 10922}};
  EXPECT_NE(vote({moved}, first.slots).layout.slots, first.slots);
}

TEST(ClusterVote, ALoneNodeThatWasCutOffChangesNothing) {
  const auto outcome = vote({after_failover(), whole_cluster(), after_failover()}, nullptr);
  EXPECT_FALSE(outcome.unanimous);
  EXPECT_THAT(words(outcome.layout), ElementsAre("A:0", "a:0r", "b:1", "C:2", "c:2r"));
  EXPECT_EQ(owner(outcome.layout, 6000), "b");
}

TEST(ClusterVote, TiesGoToTheHighestEpoch) {
  EXPECT_EQ(owner(vote({whole_cluster(5), after_failover(6)}, nullptr).layout, 6000), "b");
  EXPECT_EQ(owner(vote({after_failover(6), whole_cluster(5)}, nullptr).layout, 6000), "b");
  EXPECT_EQ(owner(vote({after_failover(5), whole_cluster(6)}, nullptr).layout, 6000), "B");
}

TEST(ClusterVote, ViewsOfAFailedClusterCountOnlyAmongThemselves) {
  ClusterView cut_off = whole_cluster(9);
  cut_off.ok = false;
  const auto outcome = vote({cut_off, cut_off, after_failover(2)}, nullptr);
  EXPECT_EQ(owner(outcome.layout, 6000), "b");
  EXPECT_FALSE(outcome.unanimous);
  EXPECT_EQ(owner(vote({cut_off, cut_off}, nullptr).layout, 6000), "B");
}

TEST(ClusterVote, AFailedPrimaryKeepsItsSlotsUntilSomebodyTakesThem) {
  ClusterView view = whole_cluster();
  view.shards[1].nodes[0].failed = true;
  const auto layout = vote({view, view}, nullptr).layout;
  EXPECT_THAT(words(layout), ElementsAre("A:0", "a:0r", "B:1!", "b:1r", "C:2", "c:2r"));
  EXPECT_EQ(owner(layout, 6000), "B");
}

TEST(ClusterVote, OneNodeAloneInCallingAnotherFailedIsNotBelieved) {
  ClusterView doubtful = whole_cluster();
  doubtful.shards[0].nodes[1].failed = true;
  EXPECT_THAT(words(vote({doubtful, whole_cluster(), whole_cluster()}, nullptr).layout),
              ElementsAre("A:0", "a:0r", "B:1", "b:1r", "C:2", "c:2r"));
}

TEST(ClusterVote, TheNewPrimaryOfAShardThatStillListsTheOldOne) {
  ClusterView view = whole_cluster();
  view.shards[1].nodes = {cluster_node("B", true, true), cluster_node("b", true)};
  EXPECT_EQ(owner(vote({view}, nullptr).layout, 6000), "b");
  view.shards[1].nodes = {cluster_node("b", true), cluster_node("B", true, true)};
  EXPECT_EQ(owner(vote({view}, nullptr).layout, 6000), "b");
}

TEST(ClusterVote, APrimaryWithoutSlotsIsAShardOfItsOwn) {
  ClusterView view = whole_cluster();
  view.shards.push_back(empty_shard({cluster_node("D", true), cluster_node("d", false)}));
  EXPECT_THAT(words(vote({view}, nullptr).layout),
              ElementsAre("A:0", "a:0r", "B:1", "b:1r", "C:2", "c:2r", "D:3", "d:3r"));
}

TEST(ClusterVote, ANodeThatOnlyOneKnowsIsNotThereYet) {
  ClusterView more = whole_cluster();
  more.shards.push_back(empty_shard({cluster_node("D", true)}));
  EXPECT_THAT(words(vote({more, whole_cluster()}, nullptr).layout), testing::SizeIs(6));
  EXPECT_THAT(words(vote({more, more, whole_cluster()}, nullptr).layout), testing::SizeIs(7));
}

TEST(ClusterVote, SlotsWithoutAnOwner) {
  ClusterView view = whole_cluster();
  view.shards[2].slots = {{10923, 16000}};
  const auto layout = vote({view, view}, nullptr).layout;
  EXPECT_EQ(owner(layout, 16000), "C");
  EXPECT_EQ(layout.slots->at(16001), state::kNoShard);
}

TEST(ClusterVote, NobodySaysAnything) {
  const auto layout = vote({ClusterView{}}, nullptr).layout;
  EXPECT_TRUE(layout.nodes.empty());
  EXPECT_EQ(layout.shards, 0);
  EXPECT_EQ(layout.slots->at(0), state::kNoShard);
}

}  // namespace
}  // namespace pillion::control
