#include "proxy/data/cache/cache_key.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace pillion::cache {
namespace {

TEST(CacheKey, SameNameSameHash) {
  const std::string binary("a\0b\r\n\xff", 6);
  EXPECT_EQ(hash_name(binary), hash_name(std::string(binary)));
  EXPECT_NE(hash_name(binary), hash_name(std::string_view(binary).substr(0, 5)));
  EXPECT_NE(hash_name(""), hash_name(std::string(1, '\0')));
}

TEST(CacheKey, VariantDependsOnEverything) {
  const NameHash name = hash_name("k");
  const std::uint64_t base = hash_variant(name, 0, 1, "$1\r\nk\r\n", true);
  EXPECT_EQ(base, hash_variant(name, 0, 1, "$1\r\nk\r\n", true));
  EXPECT_NE(base, hash_variant(name, 1, 1, "$1\r\nk\r\n", true));
  EXPECT_NE(base, hash_variant(name, 0, 2, "$1\r\nk\r\n", true));
  EXPECT_NE(base, hash_variant(hash_name("l"), 0, 1, "$1\r\nl\r\n", true));
  EXPECT_NE(hash_variant(name, 0, 1, "$1\r\nk\r\n$1\r\nf\r\n", false),
            hash_variant(name, 0, 1, "$1\r\nk\r\n$1\r\ng\r\n", false));
}

TEST(CacheKey, OnlyKeyNeedsNoLookAtTheArguments) {
  const NameHash name = hash_name("k");
  EXPECT_EQ(hash_variant(name, 0, 1, "one", true), hash_variant(name, 0, 1, "other", true));
}

TEST(CacheKey, NeighboursSpreadOverLowAndHighBits) {
  std::set<std::uint64_t> high;
  std::set<std::uint64_t> low;
  for (int i = 0; i < 4096; ++i) {
    const NameHash name = hash_name("key:" + std::to_string(i));
    high.insert(name >> 58);
    low.insert(hash_variant(name, 0, 1, "", true) & 0xFFFF);
  }
  EXPECT_EQ(high.size(), 64U);
  EXPECT_GT(low.size(), 3800U);  // 4096 balls in 65536 boxes: about 3970 boxes are hit
}

}  // namespace
}  // namespace pillion::cache
