#include "proxy/net/busy_poll.hpp"

#include <gtest/gtest.h>

namespace pillion::net {
namespace {

TEST(BusyPoll, LooksForOneWindowAfterWhatIsExpected) {
  BusyPoll poll(true);
  EXPECT_FALSE(poll.looking());
  poll.expect(1'000);
  EXPECT_TRUE(poll.looking());
  EXPECT_TRUE(poll.go_on(1'000 + BusyPoll::kWindow - 1));
  EXPECT_FALSE(poll.go_on(1'000 + BusyPoll::kWindow));
  EXPECT_FALSE(poll.looking());
}

TEST(BusyPoll, AnotherExpectationBeginsAnotherWindow) {
  BusyPoll poll(true);
  poll.expect(1'000);
  poll.expect(2'000);
  EXPECT_TRUE(poll.go_on(1'999 + BusyPoll::kWindow));
}

TEST(BusyPoll, RestsWhenLookingNeverPays) {
  BusyPoll poll(true);
  state::Nanos now = state::kSecond;
  for (std::uint32_t i = 0; i < BusyPoll::kMaxVain; ++i) {
    poll.expect(now);
    ASSERT_TRUE(poll.looking()) << i;
    now += BusyPoll::kWindow;
    EXPECT_FALSE(poll.go_on(now));
  }
  poll.expect(now + BusyPoll::kRest - 1);
  EXPECT_FALSE(poll.looking());
  poll.expect(now + BusyPoll::kRest);
  EXPECT_TRUE(poll.looking());
}

TEST(BusyPoll, OneFindForgivesWhatWasVainBefore) {
  BusyPoll poll(true);
  state::Nanos now = state::kSecond;
  for (std::uint32_t i = 0; i < 3 * BusyPoll::kMaxVain; ++i) {
    poll.expect(now);
    ASSERT_TRUE(poll.looking()) << i;
    if (i % (BusyPoll::kMaxVain - 1) == 0) poll.found();
    now += BusyPoll::kWindow;
    poll.go_on(now);
  }
}

TEST(BusyPoll, OffMeansOff) {
  BusyPoll poll(false);
  poll.expect(1'000);
  EXPECT_FALSE(poll.looking());
}

}  // namespace
}  // namespace pillion::net
