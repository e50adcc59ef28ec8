#include "config/nearest.hpp"

#include <gtest/gtest.h>

namespace pillion::config {
namespace {

const std::vector<std::string_view> kNames{"listen",          "listen.address", "cache",
                                           "cache.max_bytes", "cache.max_age",  "workers"};

TEST(Nearest, FewestEdits) {
  EXPECT_EQ(nearest("worker", kNames), "workers");
  EXPECT_EQ(nearest("cahce", kNames), "cache");
  EXPECT_EQ(nearest("cache.max_byte", kNames), "cache.max_bytes");
  EXPECT_EQ(nearest("cache.max-bytes", kNames), "cache.max_bytes");
  EXPECT_EQ(nearest("cache.maxBytes", kNames), "cache.max_bytes");
  EXPECT_EQ(nearest("CACHE.MAX_AGE", kNames), "cache.max_age");
  EXPECT_EQ(nearest("listen.adress", kNames), "listen.address");
}

TEST(Nearest, TheEarlierOfEquals) {
  EXPECT_EQ(nearest("debut", {"debug", "debus"}), "debug");
}

TEST(Nearest, SameBeginning) {
  EXPECT_EQ(nearest("warning", {"info", "warn"}), "warn");
}

TEST(Nearest, SameLastWordInAnotherSection) {
  EXPECT_EQ(nearest("max_age", kNames), "cache.max_age");
  EXPECT_EQ(nearest("upstream.max_bytes", kNames), "cache.max_bytes");
}

TEST(Nearest, NothingWhenNothingIsNear) {
  EXPECT_EQ(nearest("", kNames), "");
  EXPECT_EQ(nearest("x", kNames), "");
  EXPECT_EQ(nearest("tls", kNames), "");
  EXPECT_EQ(nearest("compression", kNames), "");
  EXPECT_EQ(nearest(std::string(1000, 'a'), kNames), "");
  EXPECT_EQ(nearest("cache", {}), "");
}

}  // namespace
}  // namespace pillion::config
