#include "config/units.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

namespace pillion::config {
namespace {

using ::testing::HasSubstr;

std::size_t bytes(std::string_view text) {
  const auto parsed = parse_bytes(text);
  EXPECT_TRUE(std::holds_alternative<std::size_t>(parsed)) << text;
  return std::holds_alternative<std::size_t>(parsed) ? std::get<std::size_t>(parsed) : 0;
}

std::string bytes_refusal(std::string_view text) {
  const auto parsed = parse_bytes(text);
  EXPECT_TRUE(std::holds_alternative<Refusal>(parsed)) << text;
  return std::holds_alternative<Refusal>(parsed) ? std::get<Refusal>(parsed).reason : "";
}

std::int64_t millis(std::string_view text) {
  const auto parsed = parse_duration(text);
  EXPECT_TRUE(std::holds_alternative<Millis>(parsed)) << text;
  return std::holds_alternative<Millis>(parsed) ? std::get<Millis>(parsed).count() : -1;
}

std::string duration_refusal(std::string_view text) {
  const auto parsed = parse_duration(text);
  EXPECT_TRUE(std::holds_alternative<Refusal>(parsed)) << text;
  return std::holds_alternative<Refusal>(parsed) ? std::get<Refusal>(parsed).reason : "";
}

TEST(Units, SizesWithAnICountIn1024AndWithoutIn1000) {
  EXPECT_EQ(bytes("0"), 0U);
  EXPECT_EQ(bytes("65536"), 65536U);
  EXPECT_EQ(bytes("10B"), 10U);
  EXPECT_EQ(bytes("512k"), 512'000U);
  EXPECT_EQ(bytes("512KB"), 512'000U);
  EXPECT_EQ(bytes("512KiB"), 512U << 10);
  EXPECT_EQ(bytes("512Ki"), 512U << 10);
  EXPECT_EQ(bytes("64MB"), 64'000'000U);
  EXPECT_EQ(bytes("64MiB"), 64U << 20);
  EXPECT_EQ(bytes("64 mib"), 64U << 20);
  EXPECT_EQ(bytes("2G"), 2'000'000'000U);
  EXPECT_EQ(bytes("2GiB"), 2UL << 30);
  EXPECT_EQ(bytes("3T"), 3'000'000'000'000U);
  EXPECT_EQ(bytes("3TiB"), 3UL << 40);
  EXPECT_EQ(bytes("18446744073709551615"), std::numeric_limits<std::size_t>::max());
}

TEST(Units, WhatIsNoSizeIsRefused) {
  for (const auto* text : {"", " ", "-1", "+1", "1.5MiB", "MiB", "64Mx", "64MiBs", "0x10", "1e3",
                           " 64MiB", "64MiB ", "64M iB", "1_000"}) {
    EXPECT_THAT(bytes_refusal(text), HasSubstr("is not a size")) << text;
  }
}

TEST(Units, SizesThatDoNotFitAreRefused) {
  EXPECT_THAT(bytes_refusal("18446744073709551616"), HasSubstr("too large"));
  EXPECT_THAT(bytes_refusal("18014398509481984KiB"), HasSubstr("too large"));
  EXPECT_THAT(bytes_refusal("99999999999999999999999999GiB"), HasSubstr("too large"));
  EXPECT_EQ(bytes("18014398509481983KiB"), 18014398509481983UL * 1024);
}

TEST(Units, Durations) {
  EXPECT_EQ(millis("250ms"), 250);
  EXPECT_EQ(millis("1s"), 1000);
  EXPECT_EQ(millis("1S"), 1000);
  EXPECT_EQ(millis("10 s"), 10'000);
  EXPECT_EQ(millis("1m"), 60'000);
  EXPECT_EQ(millis("1h"), 3'600'000);
  EXPECT_EQ(millis("2d"), 172'800'000);
  EXPECT_EQ(millis("0"), 0);
  EXPECT_EQ(millis("0s"), 0);
}

TEST(Units, ADurationWithoutUnitIsRefusedAndTheUnitsAreNamed) {
  EXPECT_EQ(duration_refusal("5"), "'5' has no unit: write 5ms, 5s, 5m or 5h");
}

TEST(Units, WhatIsNoDurationIsRefused) {
  for (const auto* text : {"", "-1s", "1.5s", "ms", "5us", "5min", "1m30s", "s5", " 5s"}) {
    EXPECT_THAT(duration_refusal(text), HasSubstr("is not a duration")) << text;
  }
  EXPECT_THAT(duration_refusal("9223372036854775807s"), HasSubstr("too large"));
  EXPECT_THAT(duration_refusal("9223372036854775808ms"), HasSubstr("too large"));
  EXPECT_THAT(duration_refusal("99999999999999999999s"), HasSubstr("too large"));
  EXPECT_EQ(millis("9223372036854775807ms"), std::numeric_limits<std::int64_t>::max());
}

TEST(Units, CountsAreDecimalDigitsOnly) {
  EXPECT_EQ(parse_count("0"), 0U);
  EXPECT_EQ(parse_count("4294967295"), 4294967295U);
  for (const auto* text : {"", "-1", "+1", "1.0", "4294967296", "1k", " 1", "1 "}) {
    EXPECT_EQ(parse_count(text), std::nullopt) << text;
  }
}

TEST(Units, Switches) {
  for (const auto* text : {"true", "True", "yes", "on", "ON", "1"}) {
    EXPECT_EQ(parse_switch(text), true) << text;
  }
  for (const auto* text : {"false", "FALSE", "no", "off", "0"}) {
    EXPECT_EQ(parse_switch(text), false) << text;
  }
  for (const auto* text : {"", "y", "2", "enabled", "true "}) {
    EXPECT_EQ(parse_switch(text), std::nullopt) << text;
  }
}

TEST(Units, WhatIsPrintedParsesToTheSame) {
  for (const auto value : {0UL, 1UL, 1023UL, 1024UL, 1025UL, 64UL << 20, 3UL << 30, 5UL << 40}) {
    EXPECT_EQ(bytes(print_bytes(value)), value);
  }
  EXPECT_EQ(print_bytes(64UL << 20), "64MiB");
  EXPECT_EQ(print_bytes(1000), "1000");
  for (const auto value :
       {0, 1, 999, 1000, 1500, 60'000, 90'000, 120'000, 3'600'000, 172'800'000}) {
    EXPECT_EQ(millis(print_duration(Millis{value})), value);
  }
  EXPECT_EQ(print_duration(Millis{60'000}), "60s");
  EXPECT_EQ(print_duration(Millis{300'000}), "5m");
  EXPECT_EQ(print_duration(Millis{250}), "250ms");
}

}  // namespace
}  // namespace pillion::config
