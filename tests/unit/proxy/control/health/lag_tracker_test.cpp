#include "proxy/control/health/lag_tracker.hpp"

#include <gtest/gtest.h>

namespace pillion::control {
namespace {

using state::kMillisecond;
using state::kSecond;

TEST(LagTracker, InStepIsNoLag) {
  LagTracker tracker;
  EXPECT_EQ(tracker.lag(kSecond, 100), 0) << "nothing is known of the primary";
  tracker.note_primary(kSecond, 100);
  EXPECT_EQ(tracker.lag(2 * kSecond, 100), 0);
  EXPECT_EQ(tracker.lag(2 * kSecond, 150), 0) << "what came after the sample";
}

TEST(LagTracker, BehindSinceThePrimaryHadWhatTheReplicaHasNot) {
  LagTracker tracker;
  tracker.note_primary(1 * kSecond, 100);
  tracker.note_primary(2 * kSecond, 200);
  tracker.note_primary(3 * kSecond, 300);
  EXPECT_EQ(tracker.lag(3 * kSecond + 50 * kMillisecond, 290), 50 * kMillisecond);
  EXPECT_EQ(tracker.lag(3 * kSecond + 50 * kMillisecond, 200), 50 * kMillisecond);
  EXPECT_EQ(tracker.lag(3 * kSecond + 50 * kMillisecond, 199), 1050 * kMillisecond);
  EXPECT_EQ(tracker.lag(9 * kSecond, 50), 8 * kSecond);
}

TEST(LagTracker, AnIdlePrimaryAddsNoLag) {
  LagTracker tracker;
  for (int i = 1; i < 60; ++i) tracker.note_primary(i * kSecond, 100);
  EXPECT_EQ(tracker.lag(60 * kSecond, 100), 0);
  tracker.note_primary(60 * kSecond, 114);
  EXPECT_EQ(tracker.lag(60 * kSecond + kMillisecond, 100), kMillisecond);
}

TEST(LagTracker, AnAnswerFromBeforeTheSampleIsNoLag) {
  LagTracker tracker;
  tracker.note_primary(2 * kSecond, 200);
  EXPECT_EQ(tracker.lag(1 * kSecond, 100), 0);
}

TEST(LagTracker, ASmallerOffsetIsAnotherHistory) {
  LagTracker tracker;
  tracker.note_primary(1 * kSecond, 1000);
  tracker.note_primary(2 * kSecond, 10);
  EXPECT_EQ(tracker.lag(3 * kSecond, 10), 0);
  EXPECT_EQ(tracker.lag(3 * kSecond, 5), kSecond);
}

TEST(LagTracker, HoldsSoManySamplesAndNoMore) {
  LagTracker tracker;
  const auto most = static_cast<state::Nanos>(LagTracker::kMostSamples);
  for (state::Nanos i = 1; i <= 2 * most; ++i) tracker.note_primary(i * kSecond, i);
  EXPECT_EQ(tracker.lag(2 * most * kSecond, 0), (most - 1) * kSecond);
}

}  // namespace
}  // namespace pillion::control
