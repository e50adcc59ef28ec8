#include "proxy/control/topology/sentinel_fsm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/hosts.hpp"

namespace pillion::control {
namespace {

using config::HostPort;
using state::kMillisecond;
using state::kSecond;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

const HostPort kA{"10.0.0.1", 6379};
const HostPort kB{"10.0.0.2", 6379};
const HostPort kC{"10.0.0.3", 6379};

class SentinelFsmTest : public testing::Test {
 protected:
  static HostPort sentinel(int i) { return {"s" + std::to_string(i), 26379}; }

  void make(int seeds) {
    SentinelFsm::Settings settings;
    for (int i = 1; i <= seeds; ++i) settings.seeds.push_back(sentinel(i));
    settings.master = "mymaster";
    fsm = std::make_unique<SentinelFsm>(settings);
    last = fsm->on_start(now);
    EXPECT_TRUE(last.poll);
  }

  /// An answer of a house of `all` sentinels.
  SentinelAnswer says(int i, std::optional<HostPort> primary, int all = 3,
                      std::vector<HostPort> replicas = {}) const {
    SentinelAnswer answer;
    answer.id = "id" + std::to_string(i);
    answer.primary = std::move(primary);
    for (const HostPort& replica : replicas) answer.replicas.push_back({replica, ""});
    for (int other = 1; other <= all; ++other) {
      if (other != i) answer.sentinels.push_back({sentinel(other), "id" + std::to_string(other)});
    }
    return answer;
  }
  void answer(int i, const SentinelAnswer& what) {
    last = fsm->on_answer(now, sentinel(i), what);
    if (last.verify) asked = last.verify;
  }
  void fail(int i, const std::string& why = "Connection refused") {
    last = fsm->on_failure(now, sentinel(i), why);
  }
  void role(const HostPort& server, const std::string& what, const std::string& why = "") {
    last = fsm->on_role(now, server, what, why);
  }
  void nominate(const HostPort& server) {
    last = fsm->on_nomination(now, server);
    if (last.verify) asked = last.verify;
  }
  void lose_primary() { last = fsm->on_probe(now, false); }
  void pass(state::Nanos span) { now += span; }
  /// A is gone and B, which a sentinel nominated, says that it is the primary.
  void switch_early() {
    settle();
    pass(kSecond);
    lose_primary();
    for (int i = 1; i <= 3; ++i) answer(i, says(i, kA, 3, {kB}));
    nominate(kB);
    ASSERT_EQ(last.verify, kB);
    role(kB, "master");
    ASSERT_EQ(fsm->primary(), kB);
    asked.reset();
  }

  /// All three agree on A, with B as its replica.
  void settle() {
    make(3);
    for (int i = 1; i <= 3; ++i) answer(i, says(i, kA, 3, {kB}));
    ASSERT_EQ(asked, kA);
    role(kA, "master");
    ASSERT_TRUE(last.layout);
    asked.reset();
  }

  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const LayoutNode& node : fsm->layout().nodes) out.push_back(node.name);
    return out;
  }
  std::vector<std::string> sentinels() const {
    std::vector<std::string> out;
    for (const HostPort& server : fsm->sentinels()) out.push_back(config::print_host(server));
    return out;
  }

  std::unique_ptr<SentinelFsm> fsm;
  SentinelStep last;
  std::optional<HostPort> asked;  // the latest to be verified
  state::Nanos now = 1000 * kSecond;
};

TEST_F(SentinelFsmTest, AMajorityAndAVerifiedRoleMakeAPrimary) {
  make(3);
  answer(1, says(1, kA));
  EXPECT_EQ(last.verify, std::nullopt) << "one of three";
  answer(2, says(2, kA));
  EXPECT_EQ(last.verify, kA);
  EXPECT_THAT(names(), IsEmpty());
  answer(3, says(3, kA));
  EXPECT_EQ(last.verify, std::nullopt) << "it is being asked";
  role(kA, "master");
  EXPECT_TRUE(last.layout);
  EXPECT_EQ(fsm->layout().kind, state::TopologyKind::kSentinel);
  EXPECT_THAT(names(), ElementsAre("10.0.0.1:6379"));
  EXPECT_EQ(fsm->layout().trouble, "");
}

TEST_F(SentinelFsmTest, PollsRegularly) {
  settle();
  pass(999 * kMillisecond);
  EXPECT_FALSE((last = fsm->on_timer(now)).poll);
  EXPECT_EQ(last.wake_at, now + kMillisecond);
  pass(kMillisecond);
  EXPECT_TRUE((last = fsm->on_timer(now)).poll);
  EXPECT_EQ(last.wake_at, now + kSecond);
}

TEST_F(SentinelFsmTest, AnswersThatConfirmSaySo) {
  settle();
  answer(1, says(1, kA, 3, {kB}));
  EXPECT_TRUE(last.confirmed);
  EXPECT_FALSE(last.layout);
  fail(1);
  EXPECT_TRUE(last.confirmed);
  fail(2);
  EXPECT_FALSE(last.confirmed) << "the quorum is gone";
}

TEST_F(SentinelFsmTest, ReplicasComeAndGo) {
  settle();
  EXPECT_THAT(names(), ElementsAre("10.0.0.1:6379", "10.0.0.2:6379"));
  for (int i = 1; i <= 3; ++i) answer(i, says(i, kA, 3, {kC, kB}));
  EXPECT_THAT(names(), ElementsAre("10.0.0.1:6379", "10.0.0.2:6379", "10.0.0.3:6379"));
  EXPECT_EQ(fsm->layout().nodes[1].role, state::NodeRole::kReplica);
  answer(1, says(1, kA, 3, {kC}));
  EXPECT_THAT(names(), testing::SizeIs(3)) << "others still name it";
  answer(2, says(2, kA, 3, {kC}));
  answer(3, says(3, kA, 3, {kC}));
  EXPECT_TRUE(last.layout);
  EXPECT_THAT(names(), ElementsAre("10.0.0.1:6379", "10.0.0.3:6379"));
}

TEST_F(SentinelFsmTest, AHintPollsAtOnceAndInAHurry) {
  settle();
  pass(100 * kMillisecond);
  EXPECT_TRUE((last = fsm->on_hint(now)).poll);
  EXPECT_EQ(last.wake_at, now + SentinelFsm::kHurryEvery);
  pass(10 * kMillisecond);
  EXPECT_FALSE((last = fsm->on_hint(now)).poll) << "no more often than that";
  pass(40 * kMillisecond);
  EXPECT_TRUE((last = fsm->on_timer(now)).poll);
  pass(SentinelFsm::kHurryFor);
  EXPECT_TRUE((last = fsm->on_timer(now)).poll);
  EXPECT_EQ(last.wake_at, now + kSecond) << "and not for ever";
}

TEST_F(SentinelFsmTest, ASwitchIsPublishedOnceMostSayItAndTheServerTooAndTheOldPrimaryIsAReplica) {
  settle();
  pass(kSecond);
  fsm->on_hint(now);
  answer(1, says(1, kB, 3, {kA}));
  EXPECT_EQ(last.verify, std::nullopt) << "a lone sentinel decides nothing";
  EXPECT_EQ(fsm->primary(), kA);
  answer(2, says(2, kB, 3, {kA}));
  EXPECT_EQ(last.verify, kB);
  EXPECT_EQ(fsm->primary(), kA);
  EXPECT_FALSE(last.layout);
  role(kB, "master");
  EXPECT_TRUE(last.layout);
  EXPECT_EQ(fsm->primary(), kB);
  EXPECT_THAT(names(), ElementsAre("10.0.0.2:6379", "10.0.0.1:6379"));
  EXPECT_EQ(last.wake_at, now + kSecond) << "the hurry is over";
}

TEST_F(SentinelFsmTest, ASentinelThatLiesIsNotBelieved) {
  settle();
  pass(kSecond);
  answer(1, says(1, kB));
  answer(2, says(2, kB));
  ASSERT_EQ(last.verify, kB);
  role(kB, "slave");
  EXPECT_EQ(fsm->primary(), kA);
  EXPECT_FALSE(last.layout);
  EXPECT_LE(last.wake_at, now + SentinelFsm::kHurryEvery);
  last = fsm->on_timer(now);
  EXPECT_TRUE(last.poll) << "asked again in a hurry";
  EXPECT_EQ(last.verify, kB) << "and verified again";
}

TEST_F(SentinelFsmTest, WhatIsNoLongerAgreedOnWhenItIsVerifiedIsDropped) {
  settle();
  answer(1, says(1, kB));
  answer(2, says(2, kB));
  ASSERT_EQ(last.verify, kB);
  answer(2, says(2, kA, 3, {kB}));
  role(kB, "master");
  EXPECT_EQ(fsm->primary(), kA);
}

TEST_F(SentinelFsmTest, WithoutAQuorumTheLastPrimaryStays) {
  settle();
  pass(kSecond);
  fail(1);
  fail(2);
  answer(3, says(3, kB));
  EXPECT_EQ(last.verify, std::nullopt) << "one of three";
  pass(600 * kSecond);
  last = fsm->on_timer(now);
  fail(3);
  EXPECT_EQ(fsm->primary(), kA);
  EXPECT_THAT(names(), ElementsAre("10.0.0.1:6379", "10.0.0.2:6379"));
}

TEST_F(SentinelFsmTest, OldVotesDoNotCount) {
  settle();
  answer(1, says(1, kB));
  pass(3 * kSecond + kMillisecond);
  answer(2, says(2, kB));
  EXPECT_EQ(last.verify, std::nullopt);
  answer(1, says(1, kB));
  EXPECT_EQ(last.verify, kB);
}

TEST_F(SentinelFsmTest, TheMajorityIsOfAllThereAreNotOfThoseThatAnswer) {
  make(1);
  answer(1, says(1, kA, 5));
  EXPECT_EQ(last.verify, std::nullopt) << "it knows four others";
  EXPECT_THAT(sentinels(), ElementsAre("s1:26379", "s2:26379", "s3:26379", "s4:26379", "s5:26379"));
  answer(2, says(2, kA, 5));
  EXPECT_EQ(last.verify, std::nullopt);
  answer(3, says(3, kA, 5));
  EXPECT_EQ(last.verify, kA);
}

TEST_F(SentinelFsmTest, OneSentinelUnderTwoNamesHasOneVote) {
  make(2);
  SentinelAnswer same = says(1, kA, 3);
  same.sentinels = {{{"10.1.1.2", 26379}, "id2"}, {{"10.1.1.3", 26379}, "id3"}};
  answer(1, same);
  answer(2, same);
  EXPECT_EQ(last.verify, std::nullopt);
}

TEST_F(SentinelFsmTest, ASeedIsNotLearntAgainUnderAnotherName) {
  make(2);
  answer(2, says(2, kA, 2));
  SentinelAnswer one = says(1, kA, 3);
  one.sentinels = {{{"10.1.1.2", 26379}, "id2"}, {{"10.1.1.3", 26379}, "id3"}};
  answer(1, one);
  EXPECT_THAT(sentinels(), ElementsAre("s1:26379", "s2:26379", "10.1.1.3:26379"));
}

TEST_F(SentinelFsmTest, SentinelsThatNobodyNamesAnyMoreAreForgotten) {
  make(1);
  answer(1, says(1, kA, 3));
  ASSERT_THAT(sentinels(), testing::SizeIs(3));
  answer(1, says(1, kA, 2));
  EXPECT_THAT(sentinels(), ElementsAre("s1:26379", "s2:26379"));
}

TEST_F(SentinelFsmTest, AtTheStartThoseThatAnswerWillDoAfterAWhile) {
  make(3);
  answer(1, says(1, kA));
  fail(2);
  fail(3);
  EXPECT_THAT(fsm->layout().trouble,
              HasSubstr("1 of 3 say 10.0.0.1:6379 (s2:26379: Connection refused)"));
  pass(SentinelFsm::kPatience);
  answer(1, says(1, kA));
  EXPECT_EQ(last.verify, kA);
  role(kA, "master");
  EXPECT_EQ(fsm->primary(), kA);
}

TEST_F(SentinelFsmTest, ButNotWhenTheyContradictEachOther) {
  make(4);
  answer(1, says(1, kA, 4));
  answer(2, says(2, kB, 4));
  pass(SentinelFsm::kPatience);
  answer(1, says(1, kA, 4));
  answer(2, says(2, kB, 4));
  EXPECT_EQ(last.verify, std::nullopt);
}

TEST_F(SentinelFsmTest, WithoutAPrimaryTheReasonIsTold) {
  make(2);
  fail(1, "WRONGPASS invalid username-password pair");
  EXPECT_FALSE(last.layout) << "the other may answer";
  fail(2, "Connection refused");
  EXPECT_TRUE(last.layout);
  EXPECT_EQ(fsm->layout().trouble,
            "no sentinel answers (s1:26379: WRONGPASS invalid username-password pair)");
  answer(1, says(1, std::nullopt, 1));
  answer(2, says(2, std::nullopt, 1));
  EXPECT_EQ(fsm->layout().trouble, "the sentinels know no primary called 'mymaster'");
  answer(1, says(1, kA, 2));
  answer(2, says(2, kA, 2));
  role(kA, "", "Connection refused");
  EXPECT_TRUE(last.layout);
  EXPECT_EQ(fsm->layout().trouble, "10.0.0.1:6379 is said to be the primary: Connection refused");
  EXPECT_LE(last.wake_at - now, SentinelFsm::kHurryEvery);
}

TEST_F(SentinelFsmTest, OneVoiceIsEnoughWhileThePrimaryCannotBeReached) {
  settle();
  pass(kSecond);
  answer(1, says(1, kB, 3, {kA}));
  EXPECT_EQ(last.verify, std::nullopt) << "the primary answers";
  lose_primary();
  EXPECT_EQ(last.verify, kB);
  EXPECT_EQ(fsm->primary(), kA);
  role(kB, "master");
  EXPECT_TRUE(last.layout);
  EXPECT_EQ(fsm->primary(), kB);
  EXPECT_FALSE(last.confirmed) << "no majority has said so";
}

TEST_F(SentinelFsmTest, ButNotAgainForAPrimaryThatIsBackBeforeTheAnswer) {
  settle();
  answer(1, says(1, kB, 3, {kA}));
  lose_primary();
  ASSERT_EQ(last.verify, kB);
  fsm->on_probe(now, true);
  role(kB, "master");
  EXPECT_EQ(fsm->primary(), kA);
}

TEST_F(SentinelFsmTest, OneVoiceForAStrangerIsNotEnough) {
  settle();
  lose_primary();
  answer(1, says(1, kC, 3, {kA}));
  EXPECT_EQ(last.verify, std::nullopt) << "no replica of ours";
  nominate(kC);
  EXPECT_EQ(last.verify, std::nullopt);
  answer(2, says(2, kC, 3, {kA}));
  EXPECT_EQ(last.verify, kC) << "but a majority is";
}

TEST_F(SentinelFsmTest, ANomineeIsAskedUntilItIsPromoted) {
  settle();
  pass(kSecond);
  lose_primary();
  nominate(kB);
  EXPECT_EQ(last.verify, kB);
  role(kB, "slave");
  EXPECT_EQ(fsm->primary(), kA);
  EXPECT_LE(last.wake_at, now + SentinelFsm::kHurryEvery);
  pass(SentinelFsm::kHurryEvery);
  last = fsm->on_timer(now);
  EXPECT_TRUE(last.poll);
  EXPECT_EQ(last.verify, kB);
  role(kB, "master");
  EXPECT_TRUE(last.layout);
  EXPECT_THAT(names(), ElementsAre("10.0.0.2:6379", "10.0.0.1:6379"))
      << "no sentinel lists its replicas yet: those known last";
  EXPECT_EQ(fsm->layout().nodes[1].role, state::NodeRole::kReplica);
}

TEST_F(SentinelFsmTest, ANominationMovesNothingWhileThePrimaryAnswersAndDoesNotLast) {
  settle();
  nominate(kB);
  EXPECT_EQ(last.verify, std::nullopt);
  EXPECT_TRUE(fsm->on_timer(now + SentinelFsm::kHurryEvery).poll) << "but is a hint";
  pass(SentinelFsm::kNominationFor);
  lose_primary();
  EXPECT_EQ(last.verify, std::nullopt);
}

TEST_F(SentinelFsmTest, OfTwoThatAreNamedEachIsAsked) {
  make(3);
  for (int i = 1; i <= 3; ++i) answer(i, says(i, kA, 3, {kB, kC}));
  role(kA, "master");
  lose_primary();
  nominate(kB);
  ASSERT_EQ(last.verify, kB);
  role(kB, "", "Connection refused");
  answer(1, says(1, kC, 3, {kB}));
  EXPECT_EQ(last.verify, kC);
  role(kC, "slave");
  EXPECT_EQ(fsm->on_timer(now).verify, kB);
}

TEST_F(SentinelFsmTest, APrimaryThatWasLeftEarlyIsNotGoneBackToWhileTheNewOneIsNamed) {
  switch_early();
  answer(1, says(1, kB, 3, {kA}));
  for (int round = 0; round < 100; ++round) {  // A is restarted, and two sentinels have not heard
    pass(kSecond);
    answer(1, says(1, kB, 3, {kA}));
    answer(2, says(2, kA, 3, {kB}));
    answer(3, says(3, kA, 3, {kB}));
    EXPECT_EQ(asked, std::nullopt);
  }
  EXPECT_EQ(fsm->primary(), kB);
  answer(2, says(2, kB, 3, {kA}));
  EXPECT_TRUE(last.confirmed);
}

TEST_F(SentinelFsmTest, NorBeforeASentinelHadTheTimeToNameTheNewOne) {
  switch_early();
  for (int i = 1; i <= 3; ++i) answer(i, says(i, kA, 3, {kB}));
  EXPECT_EQ(asked, std::nullopt);
  pass(SentinelFsm::kNominationFor);
  for (int i = 1; i <= 3; ++i) answer(i, says(i, kA, 3, {kB}));
  EXPECT_EQ(asked, kA) << "the failover was given up: the sentinels are right";
}

TEST_F(SentinelFsmTest, ANewPrimaryThatIsMadeAReplicaAgainIsLeftAtOnce) {
  switch_early();
  for (int i = 1; i <= 3; ++i) answer(i, says(i, kA, 3, {kB}));
  ASSERT_EQ(asked, std::nullopt);
  const state::Nanos switched = now;
  pass(kMillisecond);
  EXPECT_EQ(fsm->on_demoted(now, switched - 1).verify, std::nullopt)
      << "a health check had asked it while it was a replica";
  EXPECT_EQ(fsm->on_demoted(now, now).verify, kA);
}

TEST_F(SentinelFsmTest, OnceAMajorityHasFollowedItMayLeadBack) {
  switch_early();
  for (int i = 1; i <= 3; ++i) answer(i, says(i, kB, 3, {kA}));
  pass(kSecond);
  answer(1, says(1, kA, 3, {kB}));
  EXPECT_EQ(asked, std::nullopt);
  answer(2, says(2, kA, 3, {kB}));
  EXPECT_EQ(asked, kA);
}

TEST_F(SentinelFsmTest, AsksOftenWhileThePrimaryCannotBeReachedAndLessInALongOutage) {
  settle();
  pass(kSecond);
  lose_primary();
  EXPECT_TRUE(last.poll);
  state::Nanos end = now + SentinelFsm::kBriskFor;
  for (; now < end; now = last.wake_at) {
    last = fsm->on_timer(now);
    ASSERT_EQ(last.wake_at, now + SentinelFsm::kHurryEvery);
  }
  last = fsm->on_probe(now, false);
  EXPECT_EQ(last.wake_at, now - SentinelFsm::kHurryEvery + SentinelFsm::kLongOutageEvery);
  last = fsm->on_probe(now, true);
  pass(SentinelFsm::kHurryFor);
  last = fsm->on_timer(now);
  EXPECT_EQ(last.wake_at, now + kSecond);
}

TEST_F(SentinelFsmTest, AnswersOfStrangersAreIgnored) {
  settle();
  last = fsm->on_answer(now, {"nobody", 1}, says(9, kB, 1));
  EXPECT_EQ(last.verify, std::nullopt);
  last = fsm->on_role(now, kC, "master", "");
  EXPECT_EQ(fsm->primary(), kA);
}

}  // namespace
}  // namespace pillion::control
