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
    while (links_.acquire(0, LinkSource::kPrimary, kPrimaryServer) < kLink) {
    }
    replica_ = links_.acquire(0, LinkSource::kReplica, kPrimaryServer + 1);
    replica_generation_ = links_.open(replica_, kStart);
    other_ = links_.acquire(1, LinkSource::kPrimary, kPrimaryServer);
    other_generation_ = links_.open(other_, kStart);
  }

  Fill of_replica(std::string_view reply) const {
    Fill described = fill(reply);
    described.link = replica_;
    described.generation = replica_generation_;
    return described;
  }
  /// What another worker's link to the same server brought, and is shown.
  Fill of_other(std::string_view reply) const {
    Fill described = fill(reply);
    described.link = other_;
    described.generation = other_generation_;
    return shown(described);
  }
  static Fill shown(Fill described, bool tracked = true) {
    described.takeover = Takeover::kSameServer;
    described.tracked = tracked;
    return described;
  }
  void put_as(const Variant& variant, const Fill& described) {
    const Lookup missed = lookup_by(described.link, variant);
    ASSERT_EQ(missed.result, LookupResult::kFetch);
    ASSERT_TRUE(complete(variant, missed.flight, described));
  }

  static constexpr std::uint32_t kPrimaryServer = 7;
  LinkId replica_ = 0;
  Generation replica_generation_ = 0;
  LinkId other_ = 0;
  Generation other_generation_ = 0;
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
    return cache_.lookup(variant.key(), now_, {.worker = 0, .session = session, .slot = 0},
                         [](const Entry&) {}, {as_of});
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
  taking.takeover = Takeover::kOtherServers;
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
  taking.takeover = Takeover::kOtherServers;
  const Lookup missed = lookup(get("k"));
  EXPECT_FALSE(complete(get("k"), missed.flight, taking));
  EXPECT_EQ(ask(strlen_of("k")), "(miss)");
}

TEST_F(Sources, WhatIsOnItsWayFromElsewhereIsNotStoredAfterATakeover) {
  Fill taking = fill("value");
  taking.takeover = Takeover::kOtherServers;
  taking.tracked = true;
  put_as(get("k"), taking);
  const Lookup slow = lookup_by(replica_, strlen_of("k"), 1);
  const Lookup own = lookup(hget("k", "own"), 1);
  const std::uint64_t started = cache_.erase_count(get("k").key().name);
  put_as(hget("k", "f"), taking);
  EXPECT_EQ(lookup(hget("k", "own"), 2).result, LookupResult::kJoined) << "of the same link";
  EXPECT_EQ(lookup(strlen_of("k"), 3).result, LookupResult::kFetch);
  EXPECT_FALSE(complete(strlen_of("k"), slow.flight, of_replica("5")));
  EXPECT_EQ(sessions(), (std::vector<std::uint64_t>{1}));
  EXPECT_FALSE(cache_.store(get("k").key(), of_replica("old"), started));
  taking.takeover = Takeover::kAll;
  put_as(hget("k", "g"), taking);
  EXPECT_EQ(ask(hget("k", "g")), "value") << "its own flight had ended before";
  EXPECT_EQ(lookup(hget("k", "own"), 4).result, LookupResult::kFetch);
  complete(hget("k", "own"), own.flight, {});
}

// Two workers' links to one server: what one of them shows, the other may have read before.

TEST_F(Sources, TheFirstAnswerOfALinkMakesWhatOthersBroughtOld) {
  put_as(hget("h", "f"), shown(fill("1")));
  put_as(get("other"), shown(fill("stays")));
  const Lookup slow = lookup(strlen_of("h"), 1);
  const std::uint64_t started = cache_.erase_count(get("h").key().name);
  put_as(hget("h", "g"), of_other("2"));
  EXPECT_EQ(lookup_by(other_, strlen_of("h"), 2).result, LookupResult::kFetch) << "nobody joins it";
  EXPECT_FALSE(complete(strlen_of("h"), slow.flight, shown(fill("old"))));
  EXPECT_EQ(ask(hget("h", "f")), "(miss)");
  EXPECT_EQ(ask(get("other")), "stays");
  EXPECT_FALSE(cache_.store(get("h").key(), shown(fill("older")), started));
}

TEST_F(Sources, LinksThatAreToldOfChangesLeaveEachOthersEntriesAlone) {
  put_as(hget("h", "f"), shown(fill("1")));
  put_as(hget("h", "g"), of_other("2"));
  put_as(hget("h", "f"), shown(fill("1")));
  put_as(strlen_of("h"), of_other("3"));
  EXPECT_EQ(ask(hget("h", "f")), "1");
  EXPECT_EQ(ask(hget("h", "g")), "2");
  EXPECT_EQ(ask(strlen_of("h")), "3");
}

TEST_F(Sources, AfterAChangeEveryLinkIsAStrangerAgain) {
  put_as(hget("h", "f"), shown(fill("1")));
  put_as(hget("h", "g"), of_other("2"));
  cache_.erase(get("h").key().name, false);
  put_as(hget("h", "f"), shown(fill("3")));
  put_as(hget("h", "g"), of_other("4"));
  EXPECT_EQ(ask(hget("h", "f")), "(miss)");
}

TEST_F(Sources, AfterTheEndOfAGenerationEveryLinkIsAStrangerAgain) {
  put_as(hget("h", "f"), shown(fill("1")));
  put_as(hget("h", "g"), of_other("2"));
  put_as(hget("h", "f"), shown(fill("1")));
  links_.close(other_);
  other_generation_ = links_.open(other_, kStart);
  put_as(hget("h", "g"), of_other("3"));
  EXPECT_EQ(ask(hget("h", "f")), "(miss)") << "it may have missed what it was not told of";
}

TEST_F(Sources, WhoIsNotToldOfChangesStaysAStranger) {
  put_as(hget("h", "f"), shown(fill("1")));
  put_as(hget("h", "g"), shown(of_other("2"), false));
  put_as(hget("h", "f"), shown(fill("1")));
  put_as(strlen_of("h"), of_other("3"));
  EXPECT_EQ(ask(hget("h", "f")), "(miss)");
}

TEST_F(Sources, WhatIsShownWithoutBeingStoredCountsAsWell) {
  put_as(hget("h", "f"), shown(fill("1")));
  Fill bare = of_other("");
  bare.store = false;
  EXPECT_FALSE(cache_.store(get("h").key(), bare, cache_.erase_count(get("h").key().name)));
  EXPECT_EQ(ask(hget("h", "f")), "(miss)");
}

TEST_F(Sources, AFlightThatIsHandedOverIsOfItsNewLink) {
  const Lookup led = lookup(hget("h", "f"), 1);
  cache_.hand_over(get("h").key().name, led.flight, other_);
  put_as(hget("h", "g"), of_other("2"));
  EXPECT_EQ(lookup(hget("h", "f"), 2).result, LookupResult::kJoined);
  complete(hget("h", "f"), led.flight, {});
}

TEST_F(Sources, OnlyTheVeryFlightIsJoined) {
  const Variant variant = get("k");
  const Lookup led = lookup(variant, 1);
  const Waiter waiter{.worker = 0, .session = 2, .slot = 0};
  EXPECT_FALSE(cache_.join(strlen_of("k").key(), led.flight, waiter)) << "of another command";
  EXPECT_TRUE(cache_.join(variant.key(), led.flight, waiter));
  cache_.erase(variant.key().name, true);
  EXPECT_FALSE(cache_.join(variant.key(), led.flight, waiter)) << "poisoned";
  complete(variant, led.flight, {});
  EXPECT_EQ(sessions(), (std::vector<std::uint64_t>{1, 2}));
  EXPECT_FALSE(cache_.join(variant.key(), led.flight, waiter)) << "ended";
  EXPECT_FALSE(cache_.join(variant.key(), 0, waiter));
}

}  // namespace
}  // namespace pillion::cache
