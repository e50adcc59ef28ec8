// One fetch for many misses, and what an own write does to it (COHERENCE I8, I9, I11).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "proxy/data/cache/cache.hpp"
#include "tests/unit/proxy/data/cache/cache_fixture.hpp"

namespace pillion::cache {
namespace {

using Sessions = std::vector<std::uint64_t>;

class Coalescing : public CacheFixture {};

TEST_F(Coalescing, OneLeaderAllOthersJoin) {
  const Variant variant = get("k");
  const Lookup leader = lookup(variant, 1);
  ASSERT_EQ(leader.result, LookupResult::kFetch);
  for (std::uint64_t session = 2; session <= 1000; ++session) {
    const Lookup follower = lookup(variant, session);
    ASSERT_EQ(follower.result, LookupResult::kJoined);
    ASSERT_EQ(follower.flight, leader.flight);
  }
  EXPECT_EQ(cache_.stats().flights, 1U);
  EXPECT_TRUE(complete(variant, leader.flight, fill("v")));
  ASSERT_EQ(waiters_.size(), 1000U);
  EXPECT_EQ(waiters_.front().session, 1U);
  EXPECT_EQ(waiters_.back().session, 1000U);
  EXPECT_EQ(ask(variant), "v");
}

TEST_F(Coalescing, WaitersComeBackAsTheyWere) {
  const Variant variant = get("k");
  const Waiter waiter{.worker = 3, .session = 0xFFFF'FFFF'FFFF'FFFF, .slot = 0x1234'5678'9ABC};
  const Lookup leader = cache_.lookup(variant.key(), now_, waiter, [](const Entry&) {});
  complete(variant, leader.flight, {});
  ASSERT_EQ(waiters_.size(), 1U);
  EXPECT_EQ(waiters_[0].worker, waiter.worker);
  EXPECT_EQ(waiters_[0].session, waiter.session);
  EXPECT_EQ(waiters_[0].slot, waiter.slot);
}

TEST_F(Coalescing, OtherVariantsFlyAlone) {
  const Lookup one = lookup(get("k", 0));
  EXPECT_EQ(lookup(get("k", 1)).result, LookupResult::kFetch);
  EXPECT_EQ(lookup(strlen_of("k")).result, LookupResult::kFetch);
  EXPECT_EQ(lookup(hget("k", "f")).result, LookupResult::kFetch);
  EXPECT_EQ(lookup(get("k", 0)).flight, one.flight);
  EXPECT_EQ(cache_.stats().flights, 4U);
}

TEST_F(Coalescing, AMissOfAnyCauseJoins) {
  const Variant variant = get("k");
  put(variant, "v");
  now_ += limits_.max_staleness + 1;
  const Lookup leader = lookup(variant, 1);
  EXPECT_EQ(leader.result, LookupResult::kFetch);
  EXPECT_EQ(leader.cause, MissCause::kLease);
  const Lookup follower = lookup(variant, 2);
  EXPECT_EQ(follower.result, LookupResult::kJoined);
  EXPECT_EQ(follower.cause, MissCause::kLease);
}

TEST_F(Coalescing, NobodyJoinsAFlightOlderThanMaxStaleness) {
  const Variant variant = get("k");
  const Lookup old = lookup(variant, 1);
  now_ += limits_.max_staleness;
  EXPECT_EQ(lookup(variant, 2).flight, old.flight);
  ++now_;
  const Lookup recent = lookup(variant, 3);
  EXPECT_EQ(recent.result, LookupResult::kFetch);
  EXPECT_NE(recent.flight, old.flight);
  EXPECT_EQ(lookup(variant, 4).flight, recent.flight);
  links_.synced(kLink, now_);
  complete(variant, old.flight, fill("v"));
  EXPECT_EQ(sessions(), (Sessions{1, 2}));
  complete(variant, recent.flight, fill("v"));
  EXPECT_EQ(sessions(), (Sessions{3, 4}));
}

TEST_F(Coalescing, EveryEndAnswersTheWaiters) {
  const Variant variant = get("k");
  const std::string large(limits_.max_entry_bytes + 1, 'x');
  Fill stale_generation = fill("v");
  stale_generation.generation += 1000;
  Fill no_generation = fill("v");
  no_generation.generation = 0;
  for (const Fill& end : {Fill{}, fill(large), stale_generation, no_generation}) {
    const Lookup leader = lookup(variant, 1);
    lookup(variant, 2);
    EXPECT_FALSE(complete(variant, leader.flight, end));
    EXPECT_EQ(sessions(), (Sessions{1, 2}));
    EXPECT_EQ(cache_.stats().flights, 0U);
    EXPECT_EQ(cache_.stats().entries, 0U);
    EXPECT_FALSE(complete(variant, leader.flight, fill("v")));  // it has ended
    EXPECT_EQ(sessions(), Sessions{});
  }
}

TEST_F(Coalescing, AnEndWithoutAStoreKeepsWhatWasThere) {
  const Variant variant = get("k");
  put(variant, "v");
  now_ += limits_.max_staleness + 1;
  const Lookup leader = lookup(variant);
  complete(variant, leader.flight, {});
  links_.synced(kLink, now_);
  EXPECT_EQ(ask(variant), "v");
}

TEST_F(Coalescing, OwnWritePoisonsWhatIsBeingFetched) {
  const Variant variant = get("k");
  const NameHash name = hash_name("k");
  const Lookup before = lookup(variant, 1);
  lookup(variant, 2);
  EXPECT_FALSE(cache_.erase(name, true));
  // The write's client reads again: it must not get what was fetched before its write.
  const Lookup after = lookup(variant, 3);
  EXPECT_EQ(after.result, LookupResult::kFetch);
  EXPECT_NE(after.flight, before.flight);
  EXPECT_EQ(lookup(variant, 4).flight, after.flight);
  EXPECT_EQ(cache_.stats().flights, 2U);
  // The old reply answers those who asked before the write, and nobody else.
  EXPECT_FALSE(complete(variant, before.flight, fill("old")));
  EXPECT_EQ(sessions(), (Sessions{1, 2}));
  EXPECT_EQ(cache_.stats().entries, 0U);
  EXPECT_TRUE(complete(variant, after.flight, fill("new")));
  EXPECT_EQ(sessions(), (Sessions{3, 4}));
  EXPECT_EQ(ask(variant), "new");
}

TEST_F(Coalescing, PoisonedReplyThatComesLastDoesNotReplaceTheNewEntry) {
  const Variant variant = get("k");
  const Lookup before = lookup(variant, 1);
  cache_.erase(hash_name("k"), true);
  const Lookup after = lookup(variant, 2);
  EXPECT_TRUE(complete(variant, after.flight, fill("new")));
  EXPECT_FALSE(complete(variant, before.flight, fill("old")));
  EXPECT_EQ(ask(variant), "new");
}

TEST_F(Coalescing, OwnWritePoisonsEveryVariantOfTheKeyOnly) {
  const std::vector<Variant> poisoned = {get("k", 0), get("k", 1), strlen_of("k"), hget("k", "f")};
  std::vector<Lookup> flights;
  for (const Variant& variant : poisoned) flights.push_back(lookup(variant));
  const Lookup other = lookup(get("other"));
  cache_.erase(hash_name("k"), true);
  for (std::size_t i = 0; i < poisoned.size(); ++i) {
    EXPECT_FALSE(complete(poisoned[i], flights[i].flight, fill("v")));
    EXPECT_EQ(waiters_.size(), 1U);
  }
  EXPECT_TRUE(complete(get("other"), other.flight, fill("v")));
}

TEST_F(Coalescing, ForeignInvalidationErasesButDoesNotPoison) {
  const Variant variant = get("k");
  const Lookup leader = lookup(variant);
  cache_.erase(hash_name("k"), false);
  EXPECT_EQ(lookup(variant, 2).flight, leader.flight);
  EXPECT_TRUE(complete(variant, leader.flight, fill("v")));
}

TEST_F(Coalescing, PoisonAllReachesEveryShard) {
  std::vector<Variant> variants;
  std::vector<FlightId> flights;
  for (int i = 0; i < 200; ++i) {
    variants.push_back(get("key:" + std::to_string(i)));
    flights.push_back(lookup(variants.back()).flight);
  }
  cache_.poison_all();
  for (std::size_t i = 0; i < variants.size(); ++i) {
    EXPECT_EQ(lookup(variants[i]).result, LookupResult::kFetch);
    EXPECT_FALSE(complete(variants[i], flights[i], fill("v")));
    EXPECT_EQ(waiters_.size(), 1U);
  }
  EXPECT_EQ(cache_.stats().entries, 0U);
  EXPECT_EQ(cache_.stats().flights, variants.size());
}

TEST_F(Coalescing, IdsOfOneShardMeanNothingInAnother) {
  const Variant variant = get("k");
  const Lookup leader = lookup(variant, 1);
  for (int i = 0; i < 500; ++i) {
    const Variant other = get("key:" + std::to_string(i));
    // 16 shards by the default limits, told apart by bits of the top six.
    if (((other.key().name ^ variant.key().name) >> 58) % 16 == 0) continue;
    complete(other, leader.flight, fill("v"));
    ASSERT_EQ(sessions(), Sessions{}) << other.name;
  }
  EXPECT_TRUE(complete(variant, leader.flight, fill("v")));
  EXPECT_EQ(sessions(), Sessions{1});
}

}  // namespace
}  // namespace pillion::cache
