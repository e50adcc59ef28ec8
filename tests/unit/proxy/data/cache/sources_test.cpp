// Entries of more links than one: what a replica filled, and who takes a key over (COHERENCE I8-F,
// I17).
#include <gtest/gtest.h>

#include "proxy/data/cache/cache.hpp"
#include "tests/unit/proxy/data/cache/cache_fixture.hpp"

namespace pillion::cache {
namespace {

class Sources : public CacheFixture {
 protected:
  Sources() {
    while (links_.acquire(0, LinkSource::kPrimary) < kLink) {
    }
    replica_ = links_.acquire(0, LinkSource::kReplica);
    replica_generation_ = links_.open(replica_, kStart);
  }

  Fill of_replica(std::string_view reply) const {
    Fill described = fill(reply);
    described.link = replica_;
    described.generation = replica_generation_;
    return described;
  }
  void put_as(const Variant& variant, const Fill& described) {
    const Lookup missed = lookup(variant);
    ASSERT_EQ(missed.result, LookupResult::kFetch);
    ASSERT_TRUE(complete(variant, missed.flight, described));
  }

  LinkId replica_ = 0;
  Generation replica_generation_ = 0;
};

TEST_F(Sources, AReplicasEntryWaitsUntilItsLinkIsPastTheDistrust) {
  put_as(get("r"), of_replica("of the replica"));
  put_as(get("p"), fill("of the primary"));
  now_ += 10;
  links_.distrust_replicas(now_);
  EXPECT_EQ(ask(get("r")), "(miss)");
  EXPECT_EQ(cause_, MissCause::kLease);
  EXPECT_EQ(ask(get("p")), "of the primary");
  links_.synced(replica_, now_);
  EXPECT_EQ(ask(get("r")), "(miss)") << "at the same moment is not past it";
  links_.synced(replica_, now_ + 1);
  EXPECT_EQ(ask(get("r")), "of the replica");
}

TEST_F(Sources, NobodyJoinsAFlightOfBeforeTheDistrust) {
  const Lookup before = lookup(get("k"), 1);
  now_ += 10;
  links_.distrust_replicas(now_);
  EXPECT_EQ(lookup(get("k"), 2).result, LookupResult::kFetch);
  now_ += 10;
  EXPECT_EQ(lookup(get("k"), 3).result, LookupResult::kFetch) << "sent at the same moment";
  EXPECT_EQ(lookup(get("k"), 4).result, LookupResult::kJoined);
  complete(get("k"), before.flight, {});
  EXPECT_EQ(sessions(), (std::vector<std::uint64_t>{1}));
}

TEST_F(Sources, AFlightIsAsOldAsWhatItBrings) {
  const Variant variant = get("k");
  const state::Nanos as_of = now_ - limits_.max_staleness + 10;
  const auto ask_as_of = [&](std::uint64_t session) {
    return cache_.lookup(
        variant.key(), now_, {.worker = 0, .session = session, .slot = 0}, [](const Entry&) {},
        as_of);
  };
  EXPECT_EQ(ask_as_of(1).result, LookupResult::kFetch);
  now_ += 10;
  EXPECT_EQ(ask_as_of(2).result, LookupResult::kJoined);
  now_ += 1;
  EXPECT_EQ(ask_as_of(3).result, LookupResult::kFetch);
}

TEST_F(Sources, WhoTakesAKeyOverIsItsOnlySource) {
  put_as(strlen_of("k"), of_replica("5"));
  put_as(get("other"), of_replica("stays"));
  put_as(hget("k", "f"), fill("own"));
  Fill taking = fill("value");
  taking.takeover = Takeover::kEntries;
  put_as(get("k"), taking);
  EXPECT_EQ(ask(strlen_of("k")), "(miss)");
  EXPECT_EQ(ask(hget("k", "f")), "own") << "of the same link";
  EXPECT_EQ(ask(get("k")), "value");
  EXPECT_EQ(ask(get("other")), "stays");
}

TEST_F(Sources, TakingOverAlsoWhenNothingIsStored) {
  put_as(strlen_of("k"), of_replica("5"));
  Fill taking;
  taking.link = kLink;
  taking.takeover = Takeover::kEntries;
  const Lookup missed = lookup(get("k"));
  EXPECT_FALSE(complete(get("k"), missed.flight, taking));
  EXPECT_EQ(ask(strlen_of("k")), "(miss)");
}

TEST_F(Sources, WhatIsOnItsWayFromElsewhereIsNotStoredAfterATakeover) {
  const Lookup slow = lookup(strlen_of("k"), 1);
  const std::uint64_t started = cache_.erase_count(get("k").key().name);
  Fill taking = fill("value");
  taking.takeover = Takeover::kEntries;
  put_as(get("k"), taking);
  EXPECT_EQ(lookup(strlen_of("k"), 2).result, LookupResult::kJoined) << "entries only";
  taking.takeover = Takeover::kEntriesAndFlights;
  put_as(hget("k", "f"), taking);
  EXPECT_EQ(ask(hget("k", "f")), "value") << "its own flight had ended before";
  EXPECT_EQ(lookup(strlen_of("k"), 3).result, LookupResult::kFetch);
  EXPECT_FALSE(complete(strlen_of("k"), slow.flight, of_replica("5")));
  EXPECT_EQ(sessions(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_FALSE(cache_.store(get("k").key(), of_replica("old"), started));
}

}  // namespace
}  // namespace pillion::cache
