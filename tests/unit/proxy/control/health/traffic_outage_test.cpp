#include "proxy/control/health/traffic_outage.hpp"

#include <gtest/gtest.h>

namespace pillion::control {
namespace {

class TrafficOutageTest : public testing::Test {
 protected:
  std::optional<TrafficOutage::News> look(std::uint64_t more_successes, std::uint64_t more_failures,
                                          bool up) {
    now += TrafficJudge::kSampleEvery;
    sample.successes += more_successes;
    sample.failures += more_failures;
    return outage.look(now, sample, judge.look(now, sample), up);
  }
  /// How many lines there are in so many samples, all alike.
  int lines(int samples, std::uint64_t more_successes, std::uint64_t more_failures, bool up) {
    int told = 0;
    for (int i = 0; i < samples; ++i) told += look(more_successes, more_failures, up) ? 1 : 0;
    return told;
  }

  TrafficJudge judge{2};
  TrafficOutage outage;
  TrafficSample sample{1000, 7};
  state::Nanos now = 1000 * state::kSecond;
};

TEST_F(TrafficOutageTest, IsToldOnceWhenItBeginsAndOnceWhenItIsOver) {
  EXPECT_FALSE(look(0, 0, true));
  const auto begun = look(0, 5, true);
  ASSERT_TRUE(begun);
  EXPECT_TRUE(begun->begun);
  EXPECT_EQ(lines(100, 0, 5, false), 0) << "ten seconds of failures are one outage";
  EXPECT_EQ(lines(19, 50, 0, true), 0) << "not quiet for long enough";
  const auto over = look(50, 0, true);
  ASSERT_TRUE(over);
  EXPECT_FALSE(over->begun);
  EXPECT_EQ(over->failures, 505U);
  EXPECT_EQ(over->lasted, 10 * state::kSecond);
  EXPECT_EQ(lines(100, 50, 0, true), 0);
}

TEST_F(TrafficOutageTest, FailuresAndRepliesInTurnAreOne) {
  look(0, 0, true);
  ASSERT_TRUE(look(0, 5, true));
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(look(3, 0, true));
    EXPECT_FALSE(look(0, 5, true));
  }
}

TEST_F(TrafficOutageTest, AServerThatIsDownAndIsSentNothingHasNotRecovered) {
  look(0, 0, true);
  ASSERT_TRUE(look(0, 5, true));
  EXPECT_EQ(lines(1000, 0, 0, false), 0);
  EXPECT_EQ(lines(1, 0, 0, true), 1) << "until it answers its probes";
}

TEST_F(TrafficOutageTest, TheNextOneIsToldAgain) {
  look(0, 0, true);
  ASSERT_TRUE(look(0, 5, true));
  ASSERT_EQ(lines(30, 50, 0, true), 1);
  const auto again = look(0, 5, false);
  ASSERT_TRUE(again);
  EXPECT_TRUE(again->begun);
}

TEST_F(TrafficOutageTest, SingleConnectionsThatFailAreNoNews) {
  look(0, 0, true);
  EXPECT_EQ(lines(100, 10, 5, true), 0);
}

}  // namespace
}  // namespace pillion::control
