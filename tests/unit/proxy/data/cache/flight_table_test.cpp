#include "proxy/data/cache/flight_table.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace pillion::cache {
namespace {

using Ended = FlightTable::Ended;

// Hashes chosen by hand, so that collisions can be.
CacheKey crafted(std::uint64_t name, std::uint64_t variant, std::string_view arguments) {
  return {.name = name, .variant = variant, .database = 0, .command = 1, .arguments = arguments};
}

Waiter waiter(std::uint64_t session) {
  return {.worker = 0, .session = session, .slot = 0};
}

constexpr LinkId kLink = 3;

class Flights : public ::testing::Test {
 protected:
  FlightTable table_{63};
  std::vector<Waiter> waiters_;
};

TEST_F(Flights, EndHandsWaitersOverInOrderOnce) {
  const CacheKey key = crafted(1, 1, "k");
  const FlightId id = table_.start(key, 0, kLink, waiter(10));
  EXPECT_NE(id, 0U);
  EXPECT_EQ(table_.join(key, 0, 100, waiter(11)), id);
  EXPECT_EQ(table_.join(key, 0, 100, waiter(12)), id);
  EXPECT_EQ(table_.size(), 1U);
  waiters_.push_back(waiter(99));  // replaced, not appended to
  EXPECT_EQ(table_.end(id, key, waiters_), Ended::kClean);
  ASSERT_EQ(waiters_.size(), 3U);
  EXPECT_EQ(waiters_[0].session, 10U);
  EXPECT_EQ(waiters_[2].session, 12U);
  EXPECT_EQ(table_.size(), 0U);
  waiters_.clear();
  EXPECT_EQ(table_.end(id, key, waiters_), Ended::kUnknown);
  EXPECT_TRUE(waiters_.empty());
}

TEST_F(Flights, IdOfAReusedSlotIsAnother) {
  const CacheKey key = crafted(1, 1, "k");
  std::set<FlightId> ids;
  for (int i = 0; i < 1000; ++i) {
    const FlightId id = table_.start(key, 0, kLink, waiter(1));
    EXPECT_TRUE(ids.insert(id).second);
    EXPECT_EQ(table_.end(id, key, waiters_), Ended::kClean);
  }
  const FlightId live = table_.start(key, 0, kLink, waiter(1));
  for (const FlightId old : ids) ASSERT_EQ(table_.end(old, key, waiters_), Ended::kUnknown);
  EXPECT_EQ(table_.end(0, key, waiters_), Ended::kUnknown);
  EXPECT_EQ(table_.end(live + 1, key, waiters_), Ended::kUnknown);  // a slot that never was
  EXPECT_EQ(table_.end(live, key, waiters_), Ended::kClean);
}

TEST_F(Flights, SameHashOtherArgumentsIsAnotherFlight) {
  const CacheKey one = crafted(1, 1, "one");
  const CacheKey two = crafted(1, 1, "two");
  const FlightId id = table_.start(one, 0, kLink, waiter(1));
  EXPECT_EQ(table_.join(two, 0, 100, waiter(2)), 0U);
  EXPECT_EQ(table_.join(one, 0, 100, waiter(3)), id);
}

TEST_F(Flights, JoinAgeIsInclusive) {
  const CacheKey key = crafted(1, 1, "k");
  const FlightId id = table_.start(key, 1000, kLink, waiter(1));
  EXPECT_EQ(table_.join(key, 1100, 100, waiter(2)), id);
  EXPECT_EQ(table_.join(key, 1101, 100, waiter(3)), 0U);
  EXPECT_EQ(table_.join(key, 900, 100, waiter(4)), id);  // another worker's clock reading is older
}

TEST_F(Flights, TheNewestOfSeveralIsJoined) {
  const CacheKey key = crafted(1, 1, "k");
  const FlightId old = table_.start(key, 0, kLink, waiter(1));
  const FlightId recent = table_.start(key, 500, kLink, waiter(2));
  EXPECT_EQ(table_.join(key, 550, 100, waiter(3)), recent);
  EXPECT_EQ(table_.end(old, key, waiters_), Ended::kClean);
  EXPECT_EQ(waiters_.size(), 1U);
  EXPECT_EQ(table_.end(recent, key, waiters_), Ended::kClean);
  EXPECT_EQ(waiters_.size(), 2U);
}

TEST_F(Flights, PoisonReachesEveryFlightOfTheNameAndNoOther) {
  const CacheKey one = crafted(1, 1, "one");
  const CacheKey two = crafted(1, 2, "two");
  const CacheKey other = crafted(2, 3, "other");
  const FlightId first = table_.start(one, 0, kLink, waiter(1));
  const FlightId second = table_.start(two, 0, kLink, waiter(2));
  const FlightId third = table_.start(other, 0, kLink, waiter(3));
  table_.poison(1);
  EXPECT_EQ(table_.join(one, 0, 100, waiter(4)), 0U);
  EXPECT_EQ(table_.join(two, 0, 100, waiter(4)), 0U);
  EXPECT_EQ(table_.join(other, 0, 100, waiter(4)), third);
  EXPECT_EQ(table_.size(), 3U);
  EXPECT_EQ(table_.end(first, one, waiters_), Ended::kPoisoned);
  EXPECT_EQ(waiters_.size(), 1U);
  EXPECT_EQ(table_.end(second, two, waiters_), Ended::kPoisoned);
  EXPECT_EQ(table_.end(third, other, waiters_), Ended::kClean);
}

TEST_F(Flights, PoisonAllAlsoWhenSomeAreAlreadyPoisoned) {
  const CacheKey one = crafted(1, 1, "one");
  const CacheKey two = crafted(2, 2, "two");
  const FlightId first = table_.start(one, 0, kLink, waiter(1));
  const FlightId second = table_.start(two, 0, kLink, waiter(2));
  table_.poison(1);
  table_.poison_all();
  table_.poison_all();
  EXPECT_EQ(table_.end(first, one, waiters_), Ended::kPoisoned);
  EXPECT_EQ(table_.end(second, two, waiters_), Ended::kPoisoned);
  const FlightId third = table_.start(one, 0, kLink, waiter(3));
  EXPECT_EQ(table_.end(third, one, waiters_), Ended::kClean);
}

TEST_F(Flights, EndedUnderAnotherKeyIsNotClean) {
  const CacheKey key = crafted(1, 1, "k");
  const FlightId id = table_.start(key, 0, kLink, waiter(1));
  EXPECT_EQ(table_.end(id, crafted(1, 1, "other"), waiters_), Ended::kPoisoned);
  EXPECT_EQ(waiters_.size(), 1U);  // they are answered all the same
  EXPECT_EQ(table_.join(key, 0, 100, waiter(2)), 0U);
}

TEST_F(Flights, WaitersMemoryIsReusedButNotHoarded) {
  const CacheKey key = crafted(1, 1, "k");
  FlightId id = table_.start(key, 0, kLink, waiter(1));
  for (std::uint64_t i = 0; i < 10'000; ++i) table_.join(key, 0, 100, waiter(i));
  EXPECT_EQ(table_.end(id, key, waiters_), Ended::kClean);
  EXPECT_EQ(waiters_.size(), 10'001U);
  id = table_.start(key, 0, kLink, waiter(1));
  EXPECT_EQ(table_.end(id, key, waiters_), Ended::kClean);  // takes the large vector in
  id = table_.start(key, 0, kLink, waiter(1));
  EXPECT_EQ(table_.end(id, key, waiters_), Ended::kClean);
  EXPECT_LT(waiters_.capacity(), 1000U);  // and has let it go
}

}  // namespace
}  // namespace pillion::cache
