#include "proxy/data/fill/fetch.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <optional>

namespace pillion::data::fill {
namespace {

using state::kMillisecond;
using state::kSecond;

constexpr state::Nanos kSent = 1000 * kSecond;
constexpr state::Nanos kNow = kSent + 5 * kMillisecond;
constexpr AgeLimits kAges{60 * kSecond, 2 * kSecond};

std::optional<state::Nanos> deadline(std::int64_t pttl, bool missing = false,
                                     const AgeLimits& ages = kAges) {
  return fill_deadline(pttl, missing, kSent, kNow, ages);
}

TEST(FillDeadline, WithoutATtlTheAgeLimitDecides) {
  EXPECT_EQ(deadline(kNoTtl), kNow + 60 * kSecond);
}

TEST(FillDeadline, ATtlCountsFromTheSendLessAMillisecond) {
  EXPECT_EQ(deadline(10'000), kSent + 9'999 * kMillisecond);
  EXPECT_EQ(deadline(2), kSent + kMillisecond);
}

TEST(FillDeadline, TheNearerOfTtlAndAge) {
  EXPECT_EQ(deadline(3'600'000), kNow + 60 * kSecond);
  EXPECT_EQ(deadline(10'000, false, {kSecond, kSecond}), kNow + kSecond);
}

TEST(FillDeadline, WhatIsAboutToExpireIsNotStored) {
  EXPECT_EQ(deadline(1), std::nullopt);
  EXPECT_EQ(deadline(0), std::nullopt);
  EXPECT_EQ(deadline(-3), std::nullopt) << "no answer of PTTL";
  EXPECT_EQ(deadline(std::numeric_limits<std::int64_t>::min()), std::nullopt);
}

TEST(FillDeadline, AMissingKeyIsKnownForALittle) {
  EXPECT_EQ(deadline(kMissing, true), kNow + 2 * kSecond);
  EXPECT_EQ(deadline(kMissing, true, {kSecond, 2 * kSecond}), kNow + kSecond)
      << "never longer than a value";
}

TEST(FillDeadline, AValueBesideMissingIsHistory) {
  EXPECT_EQ(deadline(kMissing, false), std::nullopt);
}

TEST(FillDeadline, AMissingFieldOfALivingKeyLivesAsTheKey) {
  EXPECT_EQ(deadline(10'000, true), kSent + 9'999 * kMillisecond);
  EXPECT_EQ(deadline(kNoTtl, true), kNow + 60 * kSecond);
}

TEST(FillDeadline, NoTtlOverflows) {
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  for (const std::int64_t pttl :
       {most, most - 1, most / kMillisecond, most / kMillisecond - 1, most / 4}) {
    EXPECT_EQ(deadline(pttl), kNow + 60 * kSecond) << pttl;
  }
}

}  // namespace
}  // namespace pillion::data::fill
