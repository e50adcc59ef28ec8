#include "proxy/logging/throttle.hpp"

#include <gtest/gtest.h>

namespace pillion::logging {
namespace {

using state::kSecond;

TEST(Throttle, OneLinePerIntervalAndTellsHowManyWereLeftOut) {
  Throttle throttle(kSecond);
  EXPECT_EQ(throttle.allow(100), std::optional<std::uint64_t>(0));
  EXPECT_EQ(throttle.allow(101), std::nullopt);
  EXPECT_EQ(throttle.allow(99 + kSecond), std::nullopt);
  EXPECT_EQ(throttle.allow(100 + kSecond), std::optional<std::uint64_t>(2));
  EXPECT_EQ(throttle.allow(100 + 2 * kSecond), std::optional<std::uint64_t>(0));
}

}  // namespace
}  // namespace pillion::logging
