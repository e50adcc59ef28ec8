// A hit allocates nothing: neither by new nor by malloc (the linker wraps the latter for our code).
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include "proxy/data/cache/cache.hpp"
#include "tests/unit/proxy/data/cache/cache_fixture.hpp"

namespace {
std::size_t allocations = 0;
}

extern "C" {
void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t count, std::size_t size);
void* __real_realloc(void* memory, std::size_t size);

void* __wrap_malloc(std::size_t size) {
  ++allocations;
  return __real_malloc(size);
}
void* __wrap_calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __real_calloc(count, size);
}
void* __wrap_realloc(void* memory, std::size_t size) {
  ++allocations;
  return __real_realloc(memory, size);
}
}

void* operator new(std::size_t size) {
  ++allocations;
  void* memory = __real_malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace pillion::cache {
namespace {

class Allocations : public CacheFixture {};

TEST_F(Allocations, TheCounterCounts) {
  const std::size_t before = allocations;
  put(get("k"), std::string(100, 'x'));
  EXPECT_GT(allocations, before);
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
  const std::size_t before = allocations;
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
  EXPECT_EQ(allocations, before);
}

TEST_F(Allocations, ErasuresAndRepeatedFlightsOfTheSameShapeAllocateOnlyTheirEntry) {
  const Variant variant = get("k");
  const CacheKey key = variant.key();
  for (int warm_up = 0; warm_up < 3; ++warm_up) {
    put(variant, "v");
    cache_.erase(key.name, true);
  }
  const std::string_view reply = "v";
  const std::size_t before = allocations;
  for (int i = 0; i < 100; ++i) {
    const Lookup missed = cache_.lookup(key, now_, {}, [](const Entry&) {});
    ASSERT_TRUE(cache_.complete(key.name, missed.flight, key, fill(reply), waiters_));
    cache_.erase(key.name, true);
  }
  EXPECT_EQ(allocations - before, 100U);
}

}  // namespace
}  // namespace pillion::cache
