#include "proxy/control/health/traffic_judge.hpp"

#include <gtest/gtest.h>

namespace pillion::control {
namespace {

class TrafficJudgeTest : public testing::Test {
 protected:
  bool look(std::uint64_t more_successes, std::uint64_t more_failures) {
    now += TrafficJudge::kSampleEvery;
    sample.successes += more_successes;
    sample.failures += more_failures;
    return judge.look(now, sample);
  }

  TrafficJudge judge{3};
  TrafficSample sample;
  state::Nanos now = 1000 * state::kSecond;
};

TEST_F(TrafficJudgeTest, FailuresWithoutASuccess) {
  EXPECT_FALSE(look(0, 0));
  EXPECT_FALSE(look(0, 1));
  EXPECT_FALSE(look(0, 1));
  EXPECT_TRUE(look(0, 1));
  EXPECT_FALSE(look(0, 0)) << "once";
  EXPECT_FALSE(look(0, 2));
  EXPECT_TRUE(look(0, 1));
}

TEST_F(TrafficJudgeTest, ManyAtOnce) {
  look(0, 0);
  EXPECT_TRUE(look(0, 50));
}

TEST_F(TrafficJudgeTest, WhatHappenedBeforeIsNoNews) {
  EXPECT_FALSE(look(10, 50));
  EXPECT_FALSE(look(0, 2));
}

TEST_F(TrafficJudgeTest, SuccessesBetweenOrBesideThem) {
  look(0, 0);
  EXPECT_FALSE(look(0, 2));
  EXPECT_FALSE(look(1, 0));
  EXPECT_FALSE(look(0, 2));
  EXPECT_FALSE(look(100, 50)) << "single connections fail, the server does not";
  EXPECT_FALSE(look(0, 2));
}

TEST_F(TrafficJudgeTest, NowAndThenIsNoTrend) {
  look(0, 0);
  for (int i = 0; i < 10; ++i) {
    EXPECT_FALSE(look(0, 2));
    now += TrafficJudge::kWindow;
  }
}

}  // namespace
}  // namespace pillion::control
