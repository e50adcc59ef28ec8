#include "proxy/data/request/hot_keys.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace pillion::data::request {
namespace {

void read(HotKeys& keys, std::string_view key, int times) {
  for (int i = 0; i < times; ++i) keys.observe(key);
}

TEST(HotKeys, EstimatesHowOftenAKeyWasRead) {
  HotKeys keys;
  read(keys, "k", 160'000);
  const auto top = keys.top(10);
  ASSERT_EQ(top.size(), 1U);
  EXPECT_EQ(top[0].key, "k");
  EXPECT_FALSE(top[0].truncated);
  EXPECT_NEAR(static_cast<double>(top[0].count), 160'000, 8'000);
}

TEST(HotKeys, KnowsNothingAtFirst) {
  const HotKeys keys;
  EXPECT_TRUE(keys.top(10).empty());
}

TEST(HotKeys, FindsTheHotAmongMoreKeysThanItHasCounters) {
  HotKeys keys;
  std::mt19937 random(7);
  for (int i = 0; i < 1'000'000; ++i) {
    // A tenth of the reads go to five keys, the rest to fifty thousand.
    const auto draw = random();
    if (draw % 10 == 0) {
      keys.observe("hot:" + std::to_string(draw / 10 % 5));
    } else {
      keys.observe("cold:" + std::to_string(random() % 50'000));
    }
  }
  const auto top = keys.top(5);
  ASSERT_EQ(top.size(), 5U);
  for (const HotKey& key : top) {
    EXPECT_EQ(key.key.substr(0, 4), "hot:");
    EXPECT_GT(key.count, 10'000U);
    EXPECT_LT(key.count, 30'000U);
  }
}

TEST(HotKeys, MostReadFirst) {
  HotKeys keys;
  read(keys, "b", 20'000);
  read(keys, "a", 80'000);
  read(keys, "c", 5'000);
  const auto top = keys.top(2);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].key, "a");
  EXPECT_EQ(top[1].key, "b");
}

TEST(HotKeys, AFixedOrderOfKeysHidesNone) {
  HotKeys keys;
  for (int i = 0; i < 40'000; ++i) {
    for (int key = 0; key < 16; ++key) keys.observe(std::to_string(key));
  }
  const auto top = keys.top(16);
  ASSERT_EQ(top.size(), 16U);
  for (const HotKey& key : top) EXPECT_NEAR(static_cast<double>(key.count), 40'000, 8'000);
}

TEST(HotKeys, HalvesAsTimePasses) {
  HotKeys keys;
  keys.tick(state::kSecond);
  read(keys, "k", 16'000);
  const auto before = keys.top(1).at(0).count;
  keys.tick(state::kSecond + HotKeys::kHalfLife - 1);
  EXPECT_EQ(keys.top(1).at(0).count, before);
  keys.tick(state::kSecond + HotKeys::kHalfLife);
  EXPECT_NEAR(static_cast<double>(keys.top(1).at(0).count), static_cast<double>(before) / 2,
              HotKeys::kSampleEvery);
  keys.tick(state::kSecond + 100 * HotKeys::kHalfLife);
  EXPECT_TRUE(keys.top(1).empty());
}

TEST(HotKeys, ANewHotKeyTakesOverFromAnOldOne) {
  HotKeys keys;
  state::Nanos now = state::kSecond;
  keys.tick(now);
  for (int i = 0; i < 300; ++i) read(keys, "old:" + std::to_string(i), 2'000);
  for (int i = 0; i < 6; ++i) {
    keys.tick(now += HotKeys::kHalfLife);
    read(keys, "new", 5'000);
  }
  EXPECT_EQ(keys.top(1).at(0).key, "new");
}

TEST(HotKeys, LongKeysAreCutAndSaySo) {
  HotKeys keys;
  const std::string exact(HotKeys::kMaxKey, 'e');
  const std::string prefix(HotKeys::kMaxKey, 'p');
  read(keys, exact, 1'000);
  read(keys, prefix + "1", 4'000);
  read(keys, prefix + "2", 2'000);
  const auto top = keys.top(10);
  ASSERT_EQ(top.size(), 3U) << "two long keys stay two, though they begin alike";
  EXPECT_EQ(top[0].key, prefix);
  EXPECT_TRUE(top[0].truncated);
  EXPECT_TRUE(top[1].truncated);
  EXPECT_EQ(top[2].key, exact);
  EXPECT_FALSE(top[2].truncated);
}

TEST(HotKeys, AnyBytesAndTheEmptyKey) {
  HotKeys keys;
  const std::string_view binary("\0\r\n\xff", 4);
  read(keys, binary, 2'000);
  read(keys, "", 1'000);
  const auto top = keys.top(10);
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].key, binary);
  EXPECT_EQ(top[1].key, "");
}

TEST(MergeHotKeys, AddsUpWhatTheWorkersSaw) {
  const auto merged = merge_hot_keys(
      {{{"a", false, 10}, {"b", false, 8}}, {{"b", false, 7}, {"c", false, 1}}, {}}, 2);
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].key, "b");
  EXPECT_EQ(merged[0].count, 15U);
  EXPECT_EQ(merged[1].key, "a");
}

TEST(MergeHotKeys, ACutKeyIsNotTheKeyOfTheSameBytes) {
  EXPECT_EQ(merge_hot_keys({{{"a", false, 1}, {"a", true, 1}}}, 10).size(), 2U);
  EXPECT_TRUE(merge_hot_keys({}, 10).empty());
}

}  // namespace
}  // namespace pillion::data::request
