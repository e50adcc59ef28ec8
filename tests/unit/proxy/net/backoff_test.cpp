#include "proxy/net/backoff.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>

namespace pillion::net {
namespace {

using state::kMillisecond;

TEST(Backoff, DoublesUpToTheCapBetweenHalfAndWhole) {
  const BackoffPolicy policy;
  const state::Nanos whole[] = {20, 40, 80, 160, 320, 500, 500, 500};
  for (std::uint32_t attempt = 0; attempt < 8; ++attempt) {
    const state::Nanos step = whole[attempt] * kMillisecond;
    EXPECT_EQ(backoff_delay(policy, attempt, 0), step / 2) << attempt;
    EXPECT_EQ(backoff_delay(policy, attempt, static_cast<std::uint64_t>(step / 2)), step)
        << attempt;
    for (std::uint64_t random = 1; random != 0; random *= 3) {
      const state::Nanos delay = backoff_delay(policy, attempt, random);
      EXPECT_GE(delay, step / 2);
      EXPECT_LE(delay, step);
      if (random > std::numeric_limits<std::uint64_t>::max() / 3) break;
    }
  }
}

TEST(Backoff, NeverOverflows) {
  EXPECT_EQ(backoff_delay({}, 1'000'000, 0), 250 * kMillisecond);
  EXPECT_EQ(backoff_delay({}, std::numeric_limits<std::uint32_t>::max(), 0), 250 * kMillisecond);
}

TEST(Backoff, SpreadsThoseWhoWereLostTogether) {
  EXPECT_NE(backoff_delay({}, 5, 1), backoff_delay({}, 5, 123'456'789));
}

}  // namespace
}  // namespace pillion::net
