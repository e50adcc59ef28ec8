#include "proxy/control/health/rotation.hpp"

#include <gtest/gtest.h>

namespace pillion::control {
namespace {

using state::kMillisecond;
using state::kSecond;

class RotationTest : public testing::Test {
 protected:
  RotationTest() {
    replica.up = true;
    replica.role = "slave";
    replica.link = "connected";
    replica.primary_answers = true;
    replica.answered_since = true;
  }

  /// A good probe that begins and ends now.
  void probe() {
    replica.probed_at = now;
    rotation.update(now, replica);
  }
  void pass(state::Nanos span) { now += span; }

  RotationSettings settings{kSecond, 10 * kSecond, 2};
  Rotation rotation{settings, true};
  ReplicaState replica;
  state::Nanos now = 1000 * kSecond;
};

TEST_F(RotationTest, OutUntilKnownToBeFit) {
  EXPECT_FALSE(rotation.in());
  EXPECT_EQ(rotation.why(), "not probed yet");
  replica.up = false;
  replica.down_why = "Connection refused";
  probe();
  EXPECT_FALSE(rotation.in());
  EXPECT_EQ(rotation.why(), "Connection refused");
  EXPECT_EQ(rotation.ejections(), 0U) << "it was never in";
  replica.up = true;
  probe();
  EXPECT_TRUE(rotation.in());
  EXPECT_EQ(rotation.why(), "");
}

TEST_F(RotationTest, EveryReasonTakesItOutAtOnceAndGivesItBack) {
  probe();
  const ReplicaState good = replica;
  std::uint64_t ejections = 0;
  const auto check = [&](const std::string& why) {
    probe();
    EXPECT_FALSE(rotation.in()) << why;
    EXPECT_EQ(rotation.why(), why);
    EXPECT_EQ(rotation.ejections(), ++ejections);
    probe();
    EXPECT_EQ(rotation.ejections(), ejections) << "counted once";
    replica = good;
    probe();
    EXPECT_TRUE(rotation.in()) << "after " << why;
  };
  replica.up = false;
  replica.down_why = "no answer within 250 ms";
  check("no answer within 250 ms");
  replica.failed = true;
  check("the cluster says it has failed");
  replica.link = "sync";
  check("its link to the primary is not up (sync)");
  replica.role = "master";
  check("its role is master");
  replica.role = "";
  check("it does not say its role");
  replica.lag = 1001 * kMillisecond;
  check("it is 1001 ms behind");
}

TEST_F(RotationTest, ALaggingReplicaHasToCatchUpProperly) {
  replica.lag = kSecond;
  probe();
  EXPECT_TRUE(rotation.in());
  replica.lag = kSecond + kMillisecond;
  probe();
  EXPECT_FALSE(rotation.in());
  replica.lag = 501 * kMillisecond;
  probe();
  EXPECT_FALSE(rotation.in());
  replica.lag = 500 * kMillisecond;
  probe();
  EXPECT_TRUE(rotation.in());
  replica.lag = kSecond;
  probe();
  EXPECT_TRUE(rotation.in());
}

TEST_F(RotationTest, WithoutAPrimaryReadsGoOn) {
  probe();
  replica.primary_answers = false;
  replica.link = "connect";
  probe();
  EXPECT_TRUE(rotation.in());
  replica.role = "master";
  probe();
  EXPECT_TRUE(rotation.in()) << "promoted before the layout says so";
  replica.primary_answers = true;
  probe();
  EXPECT_FALSE(rotation.in());
  replica.primary_answers = false;
  probe();
  EXPECT_FALSE(rotation.in()) << "a stranger that says it is a primary is none of ours";
}

TEST_F(RotationTest, AReplicaMayKnowOfAPrimarysDeathBeforeWeDo) {
  probe();
  replica.link = "connect";
  replica.answered_since = false;
  probe();
  EXPECT_TRUE(rotation.in()) << "the primary's last answer may have been its last";
  replica.answered_since = true;
  probe();
  EXPECT_FALSE(rotation.in());
  replica.answered_since = false;
  probe();
  EXPECT_FALSE(rotation.in()) << "nothing has changed";
}

TEST_F(RotationTest, NoSlowStartForThoseThatWereThereFromTheStart) {
  probe();
  EXPECT_EQ(rotation.weight(now), 100U);
}

TEST_F(RotationTest, WhoComesBackStartsSlowly) {
  probe();
  replica.up = false;
  probe();
  replica.up = true;
  probe();
  ASSERT_TRUE(rotation.in());
  EXPECT_EQ(rotation.weight(now), 10U);
  EXPECT_EQ(rotation.weight(now + kSecond), 10U);
  EXPECT_EQ(rotation.weight(now + 5 * kSecond), 50U);
  EXPECT_EQ(rotation.weight(now + 9 * kSecond), 90U);
  EXPECT_EQ(rotation.weight(now + 10 * kSecond), 100U);
}

TEST_F(RotationTest, ANewcomerStartsSlowlyToo) {
  rotation = Rotation(settings, false);
  probe();
  EXPECT_EQ(rotation.weight(now), 10U);
  rotation = Rotation({kSecond, 0, 2}, false);
  probe();
  EXPECT_EQ(rotation.weight(now), 100U) << "slow_start: 0";
}

TEST_F(RotationTest, FailingTrafficEjectsUntilItHasRestedAndProbesWell) {
  probe();
  rotation.eject(now);
  EXPECT_FALSE(rotation.in());
  EXPECT_EQ(rotation.why(), "its commands fail");
  EXPECT_EQ(rotation.ejections(), 1U);
  pass(100 * kMillisecond);
  probe();
  pass(100 * kMillisecond);
  probe();
  EXPECT_FALSE(rotation.in()) << "two good probes, but too soon";
  pass(300 * kMillisecond);
  rotation.update(now, replica);
  EXPECT_TRUE(rotation.in());
  EXPECT_EQ(rotation.weight(now), 10U);
}

TEST_F(RotationTest, ProbesFromBeforeTheEjectionProveNothing) {
  probe();
  rotation.eject(now);
  pass(10 * kSecond);
  rotation.update(now, replica);
  rotation.update(now, replica);
  EXPECT_FALSE(rotation.in());
  probe();
  rotation.update(now, replica);
  EXPECT_FALSE(rotation.in()) << "one probe counts once";
  pass(kMillisecond);
  probe();
  EXPECT_TRUE(rotation.in());
}

TEST_F(RotationTest, RestsGetLongerAndAreForgivenInTheEnd) {
  const auto rest_until_in = [&] {
    rotation.eject(now);
    const state::Nanos began = now;
    while (!rotation.in()) {
      pass(100 * kMillisecond);
      probe();
    }
    return now - began;
  };
  probe();
  EXPECT_EQ(rest_until_in(), 500 * kMillisecond);
  EXPECT_EQ(rest_until_in(), 1000 * kMillisecond);
  EXPECT_EQ(rest_until_in(), 2000 * kMillisecond);
  for (int i = 0; i < 5; ++i) rest_until_in();
  EXPECT_EQ(rest_until_in(), Rotation::kLongestRest);
  pass(Rotation::kForgiven);
  probe();
  EXPECT_EQ(rest_until_in(), 500 * kMillisecond);
}

TEST_F(RotationTest, WhoIsOutCannotBeEjected) {
  rotation.eject(now);
  EXPECT_EQ(rotation.ejections(), 0U);
  probe();
  EXPECT_TRUE(rotation.in());
}

}  // namespace
}  // namespace pillion::control
