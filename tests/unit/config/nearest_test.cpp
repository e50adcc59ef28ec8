#include "config/nearest.hpp"

#include <gtest/gtest.h>

namespace pillion::config {
namespace {

std::string among_keys(std::string_view name) {
  return nearest(
      name, {"listen", "listen.address", "cache", "cache.max_bytes", "cache.max_age", "workers"});
}

TEST(Nearest, FewestEdits) {
  EXPECT_EQ(among_keys("worker"), "workers");
  EXPECT_EQ(among_keys("cahce"), "cache");
  EXPECT_EQ(among_keys("cache.max_byte"), "cache.max_bytes");
  EXPECT_EQ(among_keys("cache.max-bytes"), "cache.max_bytes");
  EXPECT_EQ(among_keys("cache.maxBytes"), "cache.max_bytes");
  EXPECT_EQ(among_keys("CACHE.MAX_AGE"), "cache.max_age");
  EXPECT_EQ(among_keys("listen.adress"), "listen.address");
}

TEST(Nearest, TheEarlierOfEquals) {
  EXPECT_EQ(nearest("debut", {"debug", "debus"}), "debug");
}

TEST(Nearest, SameBeginning) {
  EXPECT_EQ(nearest("warning", {"info", "warn"}), "warn");
}

TEST(Nearest, SameLastWordInAnotherSection) {
  EXPECT_EQ(among_keys("max_age"), "cache.max_age");
  EXPECT_EQ(among_keys("upstream.max_bytes"), "cache.max_bytes");
}

TEST(Nearest, NothingWhenNothingIsNear) {
  EXPECT_EQ(among_keys(""), "");
  EXPECT_EQ(among_keys("x"), "");
  EXPECT_EQ(among_keys("tls"), "");
  EXPECT_EQ(among_keys("compression"), "");
  EXPECT_EQ(among_keys(std::string(1000, 'a')), "");
  EXPECT_EQ(nearest("cache", {}), "");
}

}  // namespace
}  // namespace pillion::config
