// When an entry may answer, and what makes it go (COHERENCE I3, I4, I7, I12, I13, I14).
#include "proxy/data/cache/cache.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <random>
#include <string>

#include "tests/unit/proxy/data/cache/cache_fixture.hpp"

namespace pillion::cache {
namespace {

class CacheTest : public CacheFixture {};

TEST_F(CacheTest, MissThenHit) {
  EXPECT_EQ(ask(get("k")), "(miss)");
  EXPECT_EQ(cause_, MissCause::kAbsent);
  put(get("k"), "$1\r\nv\r\n");
  EXPECT_EQ(ask(get("k")), "$1\r\nv\r\n");
  const Stats stats = cache_.stats();
  EXPECT_EQ(stats.entries, 1U);
  EXPECT_EQ(stats.flights, 0U);
  EXPECT_EQ(stats.max_bytes, limits_.max_bytes);
}

TEST_F(CacheTest, OnHitSeesTheKind) {
  const Variant variant = get("k");
  const Lookup missed = lookup(variant);
  Fill plain = fill("+v\r\n");
  plain.kind = EntryKind::kPlain;
  ASSERT_TRUE(complete(variant, missed.flight, plain));
  EntryKind seen = EntryKind::kReply;
  cache_.lookup(variant.key(), now_, {}, [&](const Entry& entry) { seen = kind_of(entry); });
  EXPECT_EQ(seen, EntryKind::kPlain);
}

TEST_F(CacheTest, LeaseIsGoodUpToAndIncludingMaxStaleness) {
  put(get("k"), "v");
  now_ = kStart + limits_.max_staleness;
  EXPECT_EQ(ask(get("k")), "v");
  ++now_;
  EXPECT_EQ(ask(get("k")), "(miss)");
  EXPECT_EQ(cause_, MissCause::kLease);
  links_.synced(kLink, kStart + 1);  // the entry was kept, and the lease is renewed
  EXPECT_EQ(ask(get("k")), "v");
}

TEST_F(CacheTest, HitsAndLeaseMissesMarkTheLinkUsedOthersDoNot) {
  put(get("k"), "v");
  EXPECT_FALSE(links_.take_used(kLink));
  EXPECT_EQ(ask(get("absent")), "(miss)");
  EXPECT_FALSE(links_.take_used(kLink));
  EXPECT_EQ(ask(get("k")), "v");
  EXPECT_TRUE(links_.take_used(kLink));
  now_ += limits_.max_staleness + 1;
  EXPECT_EQ(ask(get("k")), "(miss)");
  EXPECT_TRUE(links_.take_used(kLink));
}

TEST_F(CacheTest, DeadlineIsExclusive) {
  const state::Nanos deadline = kStart + 65'536 * 1000;
  put(get("k"), "v", deadline);
  now_ = deadline - 1;
  EXPECT_EQ(ask(get("k")), "v");
  now_ = deadline;
  EXPECT_EQ(ask(get("k")), "(miss)");
  EXPECT_EQ(cause_, MissCause::kExpired);
  EXPECT_EQ(cache_.stats().expirations, 1U);
  EXPECT_EQ(cache_.stats().entries, 0U);
}

TEST_F(CacheTest, DeadlineNeverRoundsUp) {
  const state::Nanos deadline = kStart + 50 * state::kMillisecond + 12'345;
  put(get("k"), "v", deadline);
  now_ = deadline - 66 * state::kMicrosecond;
  EXPECT_EQ(ask(get("k")), "v");
  now_ = deadline;
  EXPECT_EQ(ask(get("k")), "(miss)");
}

TEST_F(CacheTest, ClosedLinkServesNothingAndReopenedNeither) {
  put(get("k"), "v");
  put(get("l"), "v");
  links_.close(kLink);
  EXPECT_EQ(ask(get("k")), "(miss)");
  EXPECT_EQ(cause_, MissCause::kGeneration);
  generation_ = links_.open(kLink, now_);
  EXPECT_EQ(ask(get("l")), "(miss)");
  EXPECT_EQ(cause_, MissCause::kGeneration);
  EXPECT_EQ(cache_.stats().entries, 0U);  // what cannot answer any more was dropped
  EXPECT_EQ(cache_.stats().expirations, 0U);
  put(get("k"), "new");
  EXPECT_EQ(ask(get("k")), "new");
}

TEST_F(CacheTest, BumpEndsWhatWasStoredBefore) {
  put(get("k"), "v");
  links_.bump(kLink);
  EXPECT_EQ(ask(get("k")), "(miss)");
  EXPECT_EQ(cause_, MissCause::kGeneration);
}

TEST_F(CacheTest, EntriesOfAnotherLinkLiveOn) {
  put(get("k"), "v");
  const Generation other = links_.open(kLink + 1, now_);
  const Lookup missed = lookup(get("l"));
  Fill from_other = fill("w");
  from_other.link = kLink + 1;
  from_other.generation = other;
  ASSERT_TRUE(complete(get("l"), missed.flight, from_other));
  links_.close(kLink);
  EXPECT_EQ(ask(get("k")), "(miss)");
  EXPECT_EQ(ask(get("l")), "w");
}

TEST_F(CacheTest, DatabaseCommandAndArgumentsTellVariantsApart) {
  put(get("k", 0), "db0");
  EXPECT_EQ(ask(get("k", 1)), "(miss)");
  EXPECT_EQ(ask(get("k", 65536)), "(miss)");
  put(get("k", 1), "db1");
  EXPECT_EQ(ask(strlen_of("k")), "(miss)");
  put(strlen_of("k"), "len");
  put(hget("k", "f1"), "one");
  EXPECT_EQ(ask(hget("k", "f2")), "(miss)");
  put(hget("k", "f2"), "two");
  EXPECT_EQ(ask(get("k", 0)), "db0");
  EXPECT_EQ(ask(get("k", 1)), "db1");
  EXPECT_EQ(ask(strlen_of("k")), "len");
  EXPECT_EQ(ask(hget("k", "f1")), "one");
  EXPECT_EQ(ask(hget("k", "f2")), "two");
  EXPECT_EQ(ask(get("K")), "(miss)");
}

TEST_F(CacheTest, DatabasesBeyondAnEntrysFieldAreFetchedNotStored) {
  const Variant far = get("k", 65536);
  const Lookup missed = lookup(far);
  EXPECT_FALSE(complete(far, missed.flight, fill("v")));
  EXPECT_EQ(sessions(), std::vector<std::uint64_t>{1});
  EXPECT_EQ(ask(get("k", 0)), "(miss)");
}

TEST_F(CacheTest, BinaryKeys) {
  const std::string one("\0a\r\n", 4);
  const std::string two("\0b\r\n", 4);
  put(get(one), "1");
  put(get(two), "2");
  put(get(""), "empty");
  EXPECT_EQ(ask(get(one)), "1");
  EXPECT_EQ(ask(get(two)), "2");
  EXPECT_EQ(ask(get("")), "empty");
  EXPECT_TRUE(cache_.erase(hash_name(one), false));
  EXPECT_EQ(ask(get(one)), "(miss)");
  EXPECT_EQ(ask(get(two)), "2");
}

TEST_F(CacheTest, AHashAloneAnswersNothing) {
  // Same name hash, same variant hash, other arguments: as a collision would look.
  const CacheKey one{.name = 5, .variant = 6, .database = 0, .command = 1, .arguments = "one"};
  const CacheKey two{.name = 5, .variant = 6, .database = 0, .command = 1, .arguments = "two"};
  ASSERT_TRUE(cache_.store(one, fill("1"), cache_.erase_count(5)));
  const auto read = [&](const CacheKey& key) {
    std::string reply = "(miss)";
    cache_.peek(key, now_,
                [&](const Entry& entry, LinkId, Generation) { reply = reply_of(entry); });
    return reply;
  };
  EXPECT_EQ(read(one), "1");
  EXPECT_EQ(read(two), "(miss)");
  ASSERT_TRUE(cache_.store(two, fill("2"), cache_.erase_count(5)));
  EXPECT_EQ(read(one), "1");
  EXPECT_EQ(read(two), "2");
  EXPECT_TRUE(cache_.erase(5, false));
  EXPECT_EQ(read(one), "(miss)");
  EXPECT_EQ(read(two), "(miss)");
}

TEST_F(CacheTest, EraseTakesEveryVariantInEveryDatabase) {
  put(get("k", 0), "v");
  put(get("k", 9), "v");
  put(strlen_of("k"), "v");
  for (int i = 0; i < 100; ++i) put(hget("k", std::to_string(i)), "v");
  put(get("other"), "v");
  EXPECT_TRUE(cache_.erase(hash_name("k"), false));
  EXPECT_FALSE(cache_.erase(hash_name("k"), false));
  EXPECT_EQ(cache_.stats().entries, 1U);
  EXPECT_EQ(ask(get("k", 9)), "(miss)");
  EXPECT_EQ(ask(hget("k", "42")), "(miss)");
  EXPECT_EQ(ask(get("other")), "v");
}

TEST_F(CacheTest, NewerStoreReplacesTheOlder) {
  put(get("k"), "old");
  const std::uint64_t bytes = cache_.stats().bytes;
  ASSERT_TRUE(cache_.store(get("k").key(), fill("new"), cache_.erase_count(hash_name("k"))));
  EXPECT_EQ(ask(get("k")), "new");
  EXPECT_EQ(cache_.stats().entries, 1U);
  EXPECT_EQ(cache_.stats().bytes, bytes);
}

TEST_F(CacheTest, PinOutlivesEraseClearAndTheCache) {
  auto cache = std::make_unique<Cache>(limits_, links_);
  const Variant one = get("one");
  const Variant two = get("two");
  Pin erased;
  Pin cleared;
  ASSERT_TRUE(cache->store(one.key(), fill("first"), 0));
  ASSERT_TRUE(cache->store(two.key(), fill("second"), 0));
  cache->lookup(one.key(), now_, {}, [&](const Entry& entry) { erased = Pin(entry); });
  cache->lookup(two.key(), now_, {}, [&](const Entry& entry) { cleared = Pin(entry); });
  EXPECT_TRUE(cache->erase(one.key().name, true));
  cache->clear();
  EXPECT_EQ(cache->stats().entries, 0U);
  cache.reset();
  EXPECT_EQ(erased.bytes(), "first");
  EXPECT_EQ(cleared.bytes(), "second");
}

TEST_F(CacheTest, TooLargeMarkerSendsUpstreamUntilItIsErased) {
  const Variant variant = get("big");
  const Lookup missed = lookup(variant);
  Fill marker = fill("");
  marker.kind = EntryKind::kTooLarge;
  ASSERT_TRUE(complete(variant, missed.flight, marker));
  EXPECT_EQ(ask(variant), "(too large)");
  EXPECT_FALSE(cache_.peek(variant.key(), now_, [](const Entry&, LinkId, Generation) {}));
  now_ += limits_.max_staleness + 1;  // no lease is needed to go upstream
  EXPECT_EQ(ask(variant), "(too large)");
  EXPECT_EQ(cache_.stats().flights, 0U);
  EXPECT_TRUE(cache_.erase(variant.key().name, false));
  EXPECT_EQ(ask(variant), "(miss)");
}

TEST_F(CacheTest, TooLargeMarkerExpiresAndDiesWithItsLink) {
  const Variant variant = get("big");
  Fill marker = fill("ignored", kStart + 65'536);
  marker.kind = EntryKind::kTooLarge;
  ASSERT_TRUE(cache_.store(variant.key(), marker, 0));
  now_ = kStart + 65'536;
  EXPECT_EQ(ask(variant), "(miss)");
  EXPECT_EQ(cause_, MissCause::kExpired);
  marker.deadline = kFar;
  ASSERT_TRUE(cache_.store(variant.key(), marker, 0));
  links_.close(kLink);
  EXPECT_EQ(ask(variant), "(miss)");
  EXPECT_EQ(cause_, MissCause::kGeneration);
}

TEST_F(CacheTest, StoreIsRefusedWhenTheKeyWasErasedMeanwhile) {
  const Variant variant = get("k");
  const NameHash name = hash_name("k");
  for (const bool poison : {false, true}) {
    const std::uint64_t started = cache_.erase_count(name);
    EXPECT_FALSE(cache_.erase(name, poison));
    EXPECT_FALSE(cache_.store(variant.key(), fill("stale"), started));
    EXPECT_EQ(ask(variant), "(miss)");
  }
  const std::uint64_t started = cache_.erase_count(name);
  cache_.poison_all();
  EXPECT_FALSE(cache_.store(variant.key(), fill("stale"), started));
  EXPECT_TRUE(cache_.store(variant.key(), fill("fresh"), cache_.erase_count(name)));
  EXPECT_EQ(ask(variant), "fresh");
}

TEST_F(CacheTest, StoreIsRefusedForAGenerationThatIsOver) {
  const Variant variant = get("k");
  const Fill old = fill("stale");
  links_.close(kLink);
  EXPECT_FALSE(cache_.store(variant.key(), old, 0));
  generation_ = links_.open(kLink, now_);
  EXPECT_FALSE(cache_.store(variant.key(), old, 0));
  Fill none = fill("never live");
  none.generation = 0;
  none.link = kLink + 1;  // closed: its generation is 0 as well
  EXPECT_FALSE(cache_.store(variant.key(), none, 0));
  Fill nonsense = fill("no such link");
  nonsense.link = LinkTable::kMaxLinks;
  EXPECT_FALSE(cache_.store(variant.key(), nonsense, 0));
  EXPECT_EQ(cache_.stats().entries, 0U);
}

TEST_F(CacheTest, PeekTellsLinkAndGenerationAndStartsNothing) {
  const Variant variant = get("k");
  const auto nothing = [](const Entry&, LinkId, Generation) { FAIL() << "no entry to show"; };
  EXPECT_FALSE(cache_.peek(variant.key(), now_, nothing));
  EXPECT_EQ(cache_.stats().flights, 0U);
  put(variant, "v");
  LinkId link = 0;
  Generation generation = 0;
  EXPECT_TRUE(cache_.peek(variant.key(), now_, [&](const Entry& entry, LinkId l, Generation g) {
    EXPECT_EQ(reply_of(entry), "v");
    link = l;
    generation = g;
  }));
  EXPECT_EQ(link, kLink);
  EXPECT_EQ(generation, generation_);
  EXPECT_TRUE(links_.take_used(kLink));
  now_ += limits_.max_staleness + 1;
  EXPECT_FALSE(cache_.peek(variant.key(), now_, nothing));
}

TEST_F(CacheTest, EverythingThatErasesMovesTheSequence) {
  std::uint64_t last = cache_.erase_sequence();
  const auto moved = [&] {
    const std::uint64_t previous = std::exchange(last, cache_.erase_sequence());
    return last != previous;
  };
  put(get("k"), "v");
  EXPECT_EQ(ask(get("k")), "v");
  EXPECT_FALSE(moved());
  cache_.erase(hash_name("k"), false);
  EXPECT_TRUE(moved());
  cache_.erase(hash_name("k"), false);  // nothing there: it may have been evicted just now
  EXPECT_TRUE(moved());
  cache_.erase(hash_name("k"), true);
  EXPECT_TRUE(moved());
  cache_.poison_all();
  EXPECT_TRUE(moved());
}

TEST_F(CacheTest, MultiKeyReadSeesThatItIsTorn) {
  // MSET a b by someone else, between the peeks of a and of b.
  const Variant a = get("a");
  const Variant b = get("b");
  put(a, "a old");
  put(b, "b old");
  std::string read;
  const auto add = [&](const Entry& entry, LinkId, Generation) { read += reply_of(entry); };
  const std::uint64_t before = cache_.erase_sequence();
  EXPECT_TRUE(cache_.peek(a.key(), now_, add));
  cache_.erase(hash_name("a"), false);
  cache_.erase(hash_name("b"), false);
  put(b, "b new");
  EXPECT_TRUE(cache_.peek(b.key(), now_, add));
  EXPECT_EQ(read, "a oldb new");
  EXPECT_NE(cache_.erase_sequence(), before);
}

TEST_F(CacheTest, ClearDropsEntriesAndLetsFlightsGoOn) {
  put(get("k"), "v");
  const Lookup missed = lookup(get("l"));
  cache_.clear();
  EXPECT_EQ(cache_.stats().entries, 0U);
  EXPECT_EQ(cache_.stats().flights, 1U);
  EXPECT_EQ(ask(get("k")), "(miss)");
  EXPECT_TRUE(complete(get("l"), missed.flight, fill("v")));
  EXPECT_EQ(ask(get("l")), "v");
}

class SmallCacheTest : public CacheFixture {
 protected:
  SmallCacheTest() : CacheFixture({.max_bytes = 100'000, .max_entry_bytes = 1000}) {}
};

TEST_F(SmallCacheTest, ReplyOverMaxEntryBytesIsNotStored) {
  const Variant variant = get("k");
  Lookup missed = lookup(variant);
  EXPECT_FALSE(complete(variant, missed.flight, fill(std::string(1001, 'x'))));
  EXPECT_EQ(sessions(), std::vector<std::uint64_t>{1});
  missed = lookup(variant);
  EXPECT_TRUE(complete(variant, missed.flight, fill(std::string(1000, 'x'))));
}

TEST_F(SmallCacheTest, ArgumentsCountAgainstTheBudgetToo) {
  const Variant variant = hget("k", std::string(100'000, 'f'));
  const Lookup missed = lookup(variant);
  EXPECT_FALSE(complete(variant, missed.flight, fill("v")));
}

TEST_F(SmallCacheTest, BytesStayWithinTheLimitUnderChurn) {
  std::mt19937 random(3);
  for (int step = 0; step < 20'000; ++step) {
    const Variant variant = get(std::to_string(random() % 3000));
    const std::size_t size = random() % 1000;
    cache_.store(variant.key(), fill(std::string(size, 'x')),
                 cache_.erase_count(variant.key().name));
    ASSERT_LE(cache_.stats().bytes, limits_.max_bytes);
  }
  EXPECT_GT(cache_.stats().evictions, 1000U);
  EXPECT_GT(cache_.stats().bytes, limits_.max_bytes / 2);
}

TEST_F(SmallCacheTest, WhatIsHitIsKept) {
  put(get("hit"), "v");
  put(get("peeked"), "v");
  for (int i = 0; i < 5000; ++i) {
    const Variant variant = get(std::to_string(i));
    cache_.store(variant.key(), fill(std::string(100, 'x')),
                 cache_.erase_count(variant.key().name));
    ASSERT_EQ(ask(get("hit")), "v") << i;
    ASSERT_TRUE(cache_.peek(get("peeked").key(), now_, [](const Entry&, LinkId, Generation) {}));
  }
  EXPECT_GT(cache_.stats().evictions, 3000U);
}

TEST(CacheCharge, CoversPayloadAndOverhead) {
  EXPECT_EQ(Cache::charge(10, 20) - Cache::charge(0, 0), 30U);
  EXPECT_LE(Cache::charge(0, 0), 104U);
}

class UnsharedCacheTest : public CacheFixture {
 protected:
  UnsharedCacheTest() : CacheFixture({.shared = false}) {}
};

TEST_F(UnsharedCacheTest, WorksAsASharedOne) {
  put(get("k"), "v");
  EXPECT_EQ(ask(get("k")), "v");
  const Lookup leader = lookup(get("l"), 1);
  EXPECT_EQ(lookup(get("l"), 2).flight, leader.flight);
  cache_.erase(hash_name("l"), true);
  EXPECT_FALSE(complete(get("l"), leader.flight, fill("v")));
  EXPECT_TRUE(cache_.erase(hash_name("k"), true));
  EXPECT_EQ(ask(get("k")), "(miss)");
}

TEST(CacheLimitsTest, NoBytesMeansNoEntriesButFlightsWork) {
  LinkTable links;
  const Generation generation = links.open(0, 0);
  Cache cache({.max_bytes = 0}, links);
  const Variant variant = get("k");
  const Lookup missed = cache.lookup(variant.key(), 0, {.worker = 0, .session = 4, .slot = 0},
                                     [](const Entry&) { FAIL(); });
  ASSERT_EQ(missed.result, LookupResult::kFetch);
  std::vector<Waiter> waiters;
  EXPECT_FALSE(cache.complete(
      variant.key().name, missed.flight, variant.key(),
      {.store = true, .reply = "v", .deadline = state::kSecond, .generation = generation},
      waiters));
  ASSERT_EQ(waiters.size(), 1U);
  EXPECT_EQ(waiters[0].session, 4U);
}

}  // namespace
}  // namespace pillion::cache
