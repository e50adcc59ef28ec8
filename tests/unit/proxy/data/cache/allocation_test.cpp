// A hit allocates nothing, neither by new nor by malloc.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/data/cache/cache.hpp"
#include "tests/support/allocation_counter.hpp"
#include "tests/unit/proxy/data/cache/cache_fixture.hpp"

namespace pillion::cache {
namespace {

using test::allocations;

class Allocations : public CacheFixture {};

TEST_F(Allocations, TheCounterCounts) {
  const std::size_t before = allocations();
  put(get("k"), std::string(100, 'x'));
  EXPECT_GT(allocations(), before);
}

TEST_F(Allocations, HitsAllocateNothing) {
  std::vector<Variant> variants;
  std::vector<CacheKey> keys;
  for (int i = 0; i < 1000; ++i) variants.push_back(get("key:" + std::to_string(i)));
  for (const Variant& variant : variants) {
    put(variant, std::string(64, 'x'));
    keys.push_back(variant.key());
  }
  std::string out;
  out.reserve(1 << 20);
  Pin pin;
  const std::size_t before = allocations();
  for (std::size_t round = 0; round < 10; ++round) {
    for (const CacheKey& key : keys) {
      const NameHash name = hash_name("some key");
      const std::uint64_t variant = hash_variant(name, 0, kGet, key.arguments, false);
      ASSERT_NE(variant, key.variant);
      const Lookup found = cache_.lookup(key, now_, {}, [&](const Entry& entry) {
        out += reply_of(entry);
        pin = Pin(entry);
      });
      ASSERT_EQ(found.result, LookupResult::kHit);
      ASSERT_TRUE(cache_.peek(key, now_, [&](const Entry&, LinkId, Generation) {}));
    }
  }
  EXPECT_EQ(allocations(), before);
}

TEST_F(Allocations, ErasuresAndRepeatedFlightsOfTheSameShapeAllocateOnlyTheirEntry) {
  const Variant variant = get("k");
  const CacheKey key = variant.key();
  for (int warm_up = 0; warm_up < 3; ++warm_up) {
    put(variant, "v");
    cache_.erase(key.name, true);
  }
  const std::string_view reply = "v";
  const std::size_t before = allocations();
  for (int i = 0; i < 100; ++i) {
    const Lookup missed = cache_.lookup(key, now_, {}, [](const Entry&) {});
    ASSERT_TRUE(cache_.complete(key.name, missed.flight, key, fill(reply), waiters_));
    cache_.erase(key.name, true);
  }
  EXPECT_EQ(allocations() - before, 100U);
}

}  // namespace
}  // namespace pillion::cache
