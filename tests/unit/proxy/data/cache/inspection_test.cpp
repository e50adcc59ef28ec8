#include "proxy/data/cache/inspection.hpp"

#include "tests/unit/proxy/data/cache/cache_fixture.hpp"

namespace pillion::cache {
namespace {

class Inspection : public CacheFixture {
 protected:
  std::vector<CachedVariant> variants(std::string_view key, std::size_t limit = 100) const {
    return cache_.variants(key, now_, limit);
  }
  VariantState state_of(std::string_view key) const { return variants(key).at(0).state; }

  static std::function<bool(std::string_view)> begins_with(std::string prefix) {
    return [prefix](std::string_view key) { return key.substr(0, prefix.size()) == prefix; };
  }
};

TEST(FirstArgument, IsTheTextOfTheFirstBulk) {
  EXPECT_EQ(first_argument("$1\r\nk\r\n"), "k");
  EXPECT_EQ(first_argument("$3\r\na\r\n\r\n$1\r\nf\r\n"), "a\r\n");
  EXPECT_EQ(first_argument("$0\r\n\r\n"), "");
}

TEST(FirstArgument, BytesOfAnotherShapeHaveNone) {
  for (const char* bytes : {"", "$", "$1", "$1\r", "$1\r\n", "$5\r\nab", "*1\r\n", "$-1\r\nk\r\n",
                            "$99999999999999999999999\r\nk\r\n", "k"}) {
    EXPECT_EQ(first_argument(bytes), "") << bytes;
  }
}

TEST_F(Inspection, ShowsEveryVariantOfAKeyInEveryDatabase) {
  put(get("k"), "$5\r\nhello\r\n", kStart + 65'536'000'000);
  put(get("k", 3), "$1\r\nx\r\n");
  put(hget("k", "f"), "$1\r\ny\r\n");
  put(get("other"), "$1\r\nz\r\n");

  const auto found = variants("k");
  ASSERT_EQ(found.size(), 3U);
  int seen = 0;
  for (const CachedVariant& variant : found) {
    EXPECT_EQ(variant.state, VariantState::kFresh);
    if (variant.command == kHget) {
      EXPECT_EQ(variant.arguments, bulk("k") + bulk("f"));
      seen |= 1;
    } else if (variant.database == 3) {
      seen |= 2;
    } else {
      EXPECT_EQ(variant.reply_bytes, 11U);
      EXPECT_EQ(variant.remaining, 65'536'000'000);
      EXPECT_GE(variant.bytes, sizeof(Entry) + 11);
      seen |= 4;
    }
  }
  EXPECT_EQ(seen, 7);
  EXPECT_TRUE(variants("missing").empty());
}

TEST_F(Inspection, SaysWhyAnEntryWouldNotAnswer) {
  put(get("k"), "$1\r\nx\r\n", kStart + 655'360'000'000);
  EXPECT_EQ(state_of("k"), VariantState::kFresh);
  now_ += limits_.max_staleness + 1;
  EXPECT_EQ(state_of("k"), VariantState::kLease);
  links_.synced(kLink, now_);
  EXPECT_EQ(state_of("k"), VariantState::kFresh);
  now_ = kStart + 655'360'000'000;
  EXPECT_EQ(state_of("k"), VariantState::kExpired);
  EXPECT_EQ(variants("k").at(0).remaining, 0);
  links_.close(kLink);
  EXPECT_EQ(state_of("k"), VariantState::kDropped);
}

TEST_F(Inspection, LookingIsNotUsing) {
  put(get("k"), "$1\r\nx\r\n", kStart + 65'536);
  now_ = kStart + 65'536;
  EXPECT_EQ(variants("k").size(), 1U) << "an expired entry stays until a lookup finds it";
  EXPECT_EQ(cache_.stats().entries, 1U);
}

TEST_F(Inspection, BoundsWhatItCopies) {
  const std::string field(100'000, 'f');
  for (int i = 0; i < 5; ++i) put(hget("k", field + std::to_string(i)), "$1\r\nx\r\n");
  const auto found = variants("k", 3);
  ASSERT_EQ(found.size(), 3U);
  EXPECT_TRUE(found[0].arguments_cut);
  EXPECT_EQ(found[0].arguments.size(), CachedVariant::kMaxArguments);
}

TEST_F(Inspection, ErasesTheKeysThatFitAndCountsThemOnce) {
  put(get("user:1"), "$1\r\nx\r\n");
  put(get("user:1", 5), "$1\r\nx\r\n");
  put(hget("user:1", "f"), "$1\r\nx\r\n");
  put(get("user:2"), "$1\r\nx\r\n");
  put(get("item:1"), "$1\r\nx\r\n");
  EXPECT_EQ(cache_.erase_matching(begins_with("user:")), 2U);
  EXPECT_EQ(cache_.stats().entries, 1U);
  EXPECT_EQ(ask(get("item:1")), "$1\r\nx\r\n");
  EXPECT_EQ(cache_.erase_matching(begins_with("user:")), 0U);
}

TEST_F(Inspection, WhatWasAskedForBeforeIsNotStoredAfterwards) {
  const Lookup fitting = lookup(get("user:1"));
  const Lookup other = lookup(get("item:1"));
  const std::uint64_t member = cache_.erase_count(hash_name("user:2"));  // of an MGET
  EXPECT_EQ(cache_.erase_matching(begins_with("user:")), 0U);
  EXPECT_FALSE(complete(get("user:1"), fitting.flight, fill("$3\r\nold\r\n")));
  EXPECT_EQ(sessions(), std::vector<std::uint64_t>{1}) << "it is answered all the same";
  EXPECT_TRUE(complete(get("item:1"), other.flight, fill("$3\r\nnew\r\n")));
  const Variant variant = get("user:2");
  EXPECT_FALSE(cache_.store(variant.key(), fill("$3\r\nold\r\n"), member));
}

TEST_F(Inspection, ALookupAfterwardsStartsAFlightOfItsOwn) {
  lookup(get("user:1"));
  cache_.erase_matching(begins_with("user:"));
  const Lookup again = lookup(get("user:1"));
  EXPECT_EQ(again.result, LookupResult::kFetch);
  EXPECT_TRUE(complete(get("user:1"), again.flight, fill("$3\r\nnew\r\n")));
}

}  // namespace
}  // namespace pillion::cache
