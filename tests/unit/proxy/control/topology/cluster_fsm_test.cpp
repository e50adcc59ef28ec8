#include "proxy/control/topology/cluster_fsm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "config/hosts.hpp"
#include "tests/unit/proxy/control/topology/cluster_views.hpp"

namespace pillion::control {
namespace {

using config::HostPort;
using state::kMillisecond;
using state::kSecond;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

class ClusterFsmTest : public testing::Test {
 protected:
  void make(std::vector<HostPort> seeds = {{"A", 7000}, {"B", 7000}}) {
    ClusterFsm::Settings settings;
    settings.seeds = std::move(seeds);
    fsm = std::make_unique<ClusterFsm>(settings);
    take(fsm->on_start(now));
  }

  void take(ClusterStep step) {
    last = std::move(step);
    if (!last.ask.empty()) asked = last.ask;
  }
  void view(const std::string& node, const ClusterView& what) {
    take(fsm->on_view(now, {node, 7000}, what));
  }
  void fail(const std::string& node, const std::string& why = "Connection refused") {
    take(fsm->on_failure(now, {node, 7000}, why));
  }
  void timer() { take(fsm->on_timer(now)); }
  void request() { take(fsm->on_request(now)); }
  void pass(state::Nanos span) { now += span; }
  /// Everybody asked says the same.
  void all(const ClusterView& what) {
    for (const HostPort& node : std::vector<HostPort>(asked)) view(node.host, what);
  }
  std::vector<std::string> hosts() const {
    std::vector<std::string> out;
    for (const HostPort& node : asked) out.push_back(node.host);
    return out;
  }
  std::string owner(std::size_t slot) const {
    for (const LayoutNode& node : fsm->layout().nodes) {
      if (node.role == state::NodeRole::kPrimary && node.shard == fsm->layout().slots->at(slot)) {
        return node.cluster_id;
      }
    }
    return "nobody";
  }
  void settle() {
    make();
    all(whole_cluster());
    ASSERT_TRUE(last.layout);
  }

  std::unique_ptr<ClusterFsm> fsm;
  ClusterStep last;
  std::vector<HostPort> asked;
  state::Nanos now = 1000 * kSecond;
};

TEST_F(ClusterFsmTest, SeedsFirstThenEveryNode) {
  make();
  EXPECT_THAT(hosts(), UnorderedElementsAre("A", "B"));
  view("A", whole_cluster());
  EXPECT_FALSE(last.layout) << "B has not answered yet";
  pass(kMillisecond);
  view("B", whole_cluster());
  EXPECT_TRUE(last.layout);
  EXPECT_EQ(last.confirmed_at, now - kMillisecond) << "as of when they were asked";
  EXPECT_EQ(last.wake_at, now - kMillisecond + kSecond);
  EXPECT_THAT(fsm->layout().nodes, SizeIs(6));
  pass(kSecond);
  timer();
  EXPECT_THAT(hosts(), UnorderedElementsAre("A", "B", "C", "a", "b", "c"));
  all(whole_cluster());
  EXPECT_FALSE(last.layout);
  EXPECT_NE(last.confirmed_at, 0);
}

TEST_F(ClusterFsmTest, OneSeedThatAnswersIsEnough) {
  make({{"A", 7000}, {"old", 7000}});
  fail("old");
  view("A", whole_cluster());
  EXPECT_TRUE(last.layout);
}

TEST_F(ClusterFsmTest, WhoDoesNotAnswerIsNotWaitedForLong) {
  make();
  view("A", whole_cluster());
  EXPECT_EQ(last.wake_at, now + ClusterFsm::kPatience);
  pass(ClusterFsm::kPatience);
  timer();
  EXPECT_TRUE(last.layout);
}

TEST_F(ClusterFsmTest, ButForTheFirstAnswerAsLongAsItTakes) {
  make();
  pass(ClusterFsm::kPatience);
  timer();
  EXPECT_FALSE(last.layout);
  pass(kSecond);
  view("B", whole_cluster());
  EXPECT_TRUE(last.layout);
}

TEST_F(ClusterFsmTest, NobodyAnswersAndTheReasonIsTold) {
  make();
  fail("A");
  fail("B", "no answer within 1000 ms");
  EXPECT_TRUE(last.layout);
  EXPECT_EQ(fsm->layout().trouble,
            "no node of the cluster answers (B:7000: no answer within 1000 ms)");
  EXPECT_EQ(last.confirmed_at, 0);
  pass(kSecond);
  timer();
  EXPECT_THAT(hosts(), UnorderedElementsAre("A", "B"));
  all(whole_cluster());
  EXPECT_EQ(fsm->layout().trouble, "");
}

TEST_F(ClusterFsmTest, ARequestAsksAtOnceButNotTooOften) {
  settle();
  pass(ClusterFsm::kLeastBetween);
  request();
  EXPECT_THAT(last.ask, SizeIs(6));
  request();
  EXPECT_THAT(last.ask, IsEmpty()) << "one round at a time";
  all(whole_cluster());
  EXPECT_THAT(last.ask, IsEmpty());
  EXPECT_EQ(last.wake_at, now + ClusterFsm::kLeastBetween) << "the second one is not forgotten";
  pass(ClusterFsm::kLeastBetween - 1);
  request();
  EXPECT_THAT(last.ask, IsEmpty());
  pass(1);
  timer();
  EXPECT_THAT(last.ask, SizeIs(6));
}

TEST_F(ClusterFsmTest, DisagreementIsAskedAboutAgainSoon) {
  settle();
  pass(kSecond);
  timer();
  view("A", after_failover());
  for (const char* node : {"B", "C", "a", "b", "c"}) view(node, whole_cluster());
  EXPECT_EQ(owner(6000), "B");
  EXPECT_EQ(last.wake_at, now + ClusterFsm::kHurryEvery);
  pass(ClusterFsm::kHurryEvery);
  timer();
  all(after_failover());
  EXPECT_TRUE(last.layout);
  EXPECT_EQ(owner(6000), "b");
  EXPECT_EQ(last.wake_at, now + kSecond);
}

TEST_F(ClusterFsmTest, AFailoverThatIsDueIsWaitedForInAHurry) {
  settle();
  pass(kSecond);
  timer();
  ClusterView failed = whole_cluster();
  failed.shards[1].nodes[0].failed = true;
  all(failed);
  EXPECT_TRUE(last.layout);
  EXPECT_EQ(last.wake_at, now + ClusterFsm::kHurryEvery);
  pass(ClusterFsm::kHurryEvery);
  timer();
  all(after_failover());
  EXPECT_EQ(owner(6000), "b");
  EXPECT_EQ(last.wake_at, now + kSecond);
}

TEST_F(ClusterFsmTest, TheHurryHasAnEnd) {
  settle();
  const auto disagree = [&] {
    timer();
    view("A", after_failover());
    for (const char* node : {"B", "C", "a", "b", "c"}) view(node, whole_cluster());
  };
  pass(kSecond);
  disagree();
  for (state::Nanos spent = 0; spent <= ClusterFsm::kHurryFor; spent += ClusterFsm::kHurryEvery) {
    pass(ClusterFsm::kHurryEvery);
    disagree();
  }
  EXPECT_GT(last.wake_at, now + ClusterFsm::kHurryEvery);
}

TEST_F(ClusterFsmTest, ALoneViewFromThePastChangesNothing) {
  settle();
  pass(kSecond);
  timer();
  all(after_failover(8));
  ASSERT_EQ(owner(6000), "b");
  pass(kSecond);
  timer();
  const auto others = asked;
  for (const HostPort& node : others) {
    if (node.host != "A") fail(node.host);
  }
  view("A", whole_cluster(7));
  EXPECT_FALSE(last.layout);
  EXPECT_EQ(last.confirmed_at, 0);
  EXPECT_EQ(owner(6000), "b");
}

TEST_F(ClusterFsmTest, AMinorityInAFailedClusterChangesNothing) {
  settle();
  pass(kSecond);
  timer();
  ClusterView cut_off = after_failover(9);
  cut_off.ok = false;
  for (const char* node : {"A", "a", "b"}) view(node, cut_off);
  for (const char* node : {"B", "C", "c"}) fail(node);
  EXPECT_FALSE(last.layout) << "three of six";
  pass(kSecond);
  timer();
  ASSERT_THAT(asked, SizeIs(6)) << "those that failed a second ago are asked again";
  for (const char* node : {"A", "a", "b", "c"}) view(node, cut_off);
  for (const char* node : {"B", "C"}) fail(node);
  EXPECT_TRUE(last.layout) << "four of six";
}

TEST_F(ClusterFsmTest, WhoFailedJustNowIsLeftOutWhileOthersAreThere) {
  settle();
  pass(kSecond);
  timer();
  for (const char* node : {"A", "a", "b", "C", "c"}) view(node, whole_cluster());
  fail("B");
  pass(ClusterFsm::kLeastBetween);
  request();
  EXPECT_THAT(hosts(), UnorderedElementsAre("A", "a", "b", "C", "c"));
}

TEST_F(ClusterFsmTest, WhenAllHaveFailedTheSeedsAreAskedAsWell) {
  make({{"seed", 7000}});
  all(whole_cluster());
  pass(kSecond);
  timer();
  for (const HostPort& node : std::vector<HostPort>(asked)) fail(node.host);
  EXPECT_FALSE(last.layout) << "what was known stays";
  pass(ClusterFsm::kLeastBetween);
  request();
  EXPECT_THAT(hosts(), UnorderedElementsAre("A", "B", "C", "a", "b", "c", "seed"));
}

TEST_F(ClusterFsmTest, OfManyNodesAFewInTurn) {
  ClusterView many{true, 1, {}};
  for (int i = 0; i < 10; ++i) {
    const auto first = static_cast<std::uint16_t>(i * 1638);
    many.shards.push_back(cluster_shard(first, static_cast<std::uint16_t>(first + 1637),
                                        {cluster_node("P" + std::to_string(i), true),
                                         cluster_node("R" + std::to_string(i), false)}));
  }
  make();
  all(many);
  std::set<std::string> seen;
  for (int i = 0; i < 10; ++i) {
    pass(kSecond);
    timer();
    ASSERT_THAT(asked, SizeIs(ClusterFsm::kMostAsked));
    for (const std::string& host : hosts()) seen.insert(host);
    all(many);
  }
  EXPECT_THAT(seen, SizeIs(20));
}

TEST_F(ClusterFsmTest, AnswersThatComeTooLateAreDropped) {
  settle();
  view("A", after_failover(9));
  EXPECT_FALSE(last.layout);
  EXPECT_EQ(owner(6000), "B");
}

TEST_F(ClusterFsmTest, AnEmptyAnswerTakesNothingAway) {
  settle();
  pass(kSecond);
  timer();
  ClusterView reset;
  reset.ok = true;
  reset.epoch = 9;
  all(reset);
  EXPECT_FALSE(last.layout);
  EXPECT_THAT(fsm->layout().nodes, SizeIs(6));
}

}  // namespace
}  // namespace pillion::control
