#include "proxy/net/connect_rate.hpp"

#include <gtest/gtest.h>

namespace pillion::net {
namespace {

TEST(ConnectRate, ABurstThenTheRate) {
  ConnectRate rate(10, 3);
  state::Nanos now = state::kSecond;
  EXPECT_TRUE(rate.take(now));
  EXPECT_TRUE(rate.take(now));
  EXPECT_TRUE(rate.take(now));
  EXPECT_FALSE(rate.take(now));
  EXPECT_FALSE(rate.take(now + 99 * state::kMillisecond));
  EXPECT_TRUE(rate.take(now + 100 * state::kMillisecond));
  EXPECT_FALSE(rate.take(now + 100 * state::kMillisecond));
}

TEST(ConnectRate, NeverMoreThanTheRateOverTime) {
  ConnectRate rate(50, 10);
  int taken = 0;
  for (state::Nanos now = 0; now < 10 * state::kSecond; now += state::kMillisecond)
    taken += rate.take(now) ? 1 : 0;
  EXPECT_GE(taken, 500);
  EXPECT_LE(taken, 510);
}

}  // namespace
}  // namespace pillion::net
