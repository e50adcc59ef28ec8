#include "proxy/data/cache/shard.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/unit/proxy/data/cache/cache_fixture.hpp"

namespace pillion::cache {
namespace {

class ShardTest : public ::testing::Test {
 protected:
  bool put(Shard& shard, const std::string& name, std::string_view reply) {
    const Variant variant = get(name);
    const CacheKey key = variant.key();
    Graveyard graveyard;
    return shard.insert(*make_entry(key, EntryKind::kReply, reply, 0, 0, 1), key, graveyard);
  }
  static bool has(const Shard& shard, const std::string& name) {
    const Variant variant = get(name);
    return shard.find(variant.key()) != nullptr;
  }
  static void use(Shard& shard, const std::string& name) {
    const Variant variant = get(name);
    shard.touch(*shard.find(variant.key()));
  }
};

TEST_F(ShardTest, EvictsTheOldestThatWasNotUsed) {
  // Room for exactly four entries of this size and the smallest index.
  Shard probe(0, 1 << 20, false);
  const std::size_t empty = probe.bytes();
  const std::string reply(1000, 'x');
  ASSERT_TRUE(put(probe, "a", reply));
  Shard shard(0, empty + 4 * (probe.bytes() - empty) + 100, false);
  for (const char* name : {"a", "b", "c", "d"}) ASSERT_TRUE(put(shard, name, reply));
  EXPECT_EQ(shard.evictions(), 0U);
  use(shard, "a");
  use(shard, "b");
  ASSERT_TRUE(put(shard, "e", reply));
  EXPECT_FALSE(has(shard, "c"));  // a and b had their second chance
  ASSERT_TRUE(put(shard, "f", reply));
  EXPECT_FALSE(has(shard, "d"));
  use(shard, "a");
  ASSERT_TRUE(put(shard, "g", reply));
  EXPECT_FALSE(has(shard, "b"));
  EXPECT_TRUE(has(shard, "a"));
  EXPECT_EQ(shard.evictions(), 3U);
}

TEST_F(ShardTest, NothingUsedIsEvictedBeforeWhatWasNot) {
  // Just enough room, so that each large newcomer pushes a few of the oldest out.
  constexpr int kEntries = 800;
  Shard shard(0, 140'000);
  for (int i = 0; i < kEntries; ++i) ASSERT_TRUE(put(shard, std::to_string(i), "x"));
  ASSERT_EQ(shard.evictions(), 0U);
  std::mt19937 random(1);
  std::vector<bool> used(kEntries, false);
  int unused = kEntries;
  for (int i = 0; i < kEntries; ++i) {
    if (random() % 2 == 0) continue;
    use(shard, std::to_string(i));
    used[static_cast<std::size_t>(i)] = true;
    --unused;
  }
  int newcomers = 0;
  while (shard.evictions() + 20 < static_cast<std::size_t>(unused)) {
    ASSERT_TRUE(put(shard, "n" + std::to_string(++newcomers), std::string(1000, 'n')));
    for (int i = 0; i < kEntries; ++i) {
      ASSERT_TRUE(!used[static_cast<std::size_t>(i)] || has(shard, std::to_string(i))) << i;
    }
  }
  EXPECT_GT(newcomers, 20);
}

TEST_F(ShardTest, OneEvictionGivesABoundedNumberOfSecondChances) {
  Shard shard(0, 20'000);
  int count = 0;
  while (shard.evictions() == 0) ASSERT_TRUE(put(shard, std::to_string(count++), "x"));
  // How many had to go depends on what the allocator gave for each.
  const int first = static_cast<int>(shard.evictions());
  ASSERT_FALSE(has(shard, std::to_string(first - 1)));
  ASSERT_GT(count - first, Shard::kMaxSecondChances + 10);
  for (int i = first; i < count; ++i) use(shard, std::to_string(i));
  ASSERT_TRUE(put(shard, "newcomer", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
  const int gone = static_cast<int>(shard.evictions()) - first;
  ASSERT_GE(gone, 1);
  ASSERT_LE(gone, 2);
  // All were used, so the first to go is the one behind those that got their chance.
  EXPECT_FALSE(has(shard, std::to_string(first + Shard::kMaxSecondChances)));
  for (int i = 0; i < Shard::kMaxSecondChances; ++i) {
    EXPECT_TRUE(has(shard, std::to_string(first + i))) << i;
  }
}

TEST_F(ShardTest, HotEntrySurvivesAStreamOfNewcomers) {
  Shard shard(0, 1 << 20);
  ASSERT_TRUE(put(shard, "hot", "x"));
  for (int i = 0; i < 50'000; ++i) {
    ASSERT_TRUE(put(shard, "n" + std::to_string(i), std::string(100, 'x')));
    if (i % 100 == 0) {
      ASSERT_TRUE(has(shard, "hot")) << i;
      use(shard, "hot");
    }
  }
  EXPECT_GT(shard.evictions(), 40'000U);
}

TEST_F(ShardTest, NeverOverBudgetAndExactlyEmptyAfterwards) {
  constexpr std::size_t kBudget = 200'000;
  Shard shard(0, kBudget);
  const std::size_t empty = shard.bytes();
  std::mt19937 random(2);
  for (int step = 0; step < 30'000; ++step) {
    const std::string name = std::to_string(random() % 2000);
    if (random() % 5 == 0) {
      Graveyard graveyard;
      shard.erase(hash_name(name), graveyard);
    } else {
      const std::size_t size = random() % 20 == 0 ? random() % 150'000 : random() % 300;
      ASSERT_TRUE(put(shard, name, std::string(size, 'x')));
    }
    ASSERT_LE(shard.bytes(), kBudget);
  }
  for (int i = 0; i < 2000; ++i) {
    Graveyard graveyard;
    shard.erase(hash_name(std::to_string(i)), graveyard);
  }
  EXPECT_EQ(shard.entries(), 0U);
  ASSERT_TRUE(put(shard, "last", ""));  // lets the index shrink
  Graveyard graveyard;
  shard.erase(hash_name("last"), graveyard);
  EXPECT_EQ(shard.bytes(), empty);
}

TEST_F(ShardTest, RefusesWhatCanNeverFitAndKeepsNothingOfIt) {
  Shard shard(0, 10'000);
  EXPECT_FALSE(put(shard, "k", std::string(10'000, 'x')));
  EXPECT_EQ(shard.entries(), 0U);
  EXPECT_FALSE(has(shard, "k"));
  EXPECT_TRUE(put(shard, "k", std::string(8'000, 'x')));
}

TEST_F(ShardTest, OverheadPerSmallEntry) {
  Shard shard(0, 64 << 20);
  constexpr std::size_t kEntries = 20'000;
  std::size_t payload = 0;
  for (std::size_t i = 0; i < kEntries; ++i) {
    const std::string name = "key:" + std::to_string(100'000 + i);
    const std::string reply = bulk(std::string(64, 'v'));
    payload += bulk(name).size() + reply.size();
    ASSERT_TRUE(put(shard, name, reply));
  }
  const std::size_t overhead = (shard.bytes() - payload) / kEntries;
  RecordProperty("overhead", static_cast<int>(overhead));
  EXPECT_LE(overhead, 112U);
}

TEST_F(ShardTest, EraseCountMovesForTheNameFoundOrNot) {
  Shard shard(0, 10'000);
  const NameHash name = hash_name("k");
  const std::uint64_t before = shard.erase_count(name);
  Graveyard graveyard;
  EXPECT_FALSE(shard.erase(name, graveyard));
  EXPECT_NE(shard.erase_count(name), before);
  const std::uint64_t other = shard.erase_count(name ^ (std::uint64_t{1} << 32));
  EXPECT_FALSE(shard.erase(name, graveyard));
  EXPECT_EQ(shard.erase_count(name ^ (std::uint64_t{1} << 32)), other);
  shard.count_erasure_of_all();
  EXPECT_NE(shard.erase_count(name ^ (std::uint64_t{1} << 32)), other);
}

}  // namespace
}  // namespace pillion::cache
