// A hundred thousand random steps against a model made of maps.
//
// The model forgets nothing, the cache may (I19). So: whatever the cache answers, the model must
// allow; and what the model says is fresh must be there, as long as the cache never had to evict.
#include <gtest/gtest.h>

#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "proxy/data/cache/cache.hpp"
#include "tests/unit/proxy/data/cache/cache_fixture.hpp"

namespace pillion::cache {
namespace {

constexpr state::Nanos kTick = 65'536;  // deadlines are exact in these
constexpr state::Nanos kStaleness = 100 * kTick;

struct ModelEntry {
  std::string reply;
  state::Nanos deadline;
  LinkId link;
  Generation generation;
};

struct ModelFlight {
  Variant variant;
  state::Nanos started_at;
  bool poisoned = false;
  std::vector<std::uint64_t> sessions;
};

using Identity = std::tuple<std::uint32_t, std::uint16_t, std::string>;

Identity identity(const Variant& variant) {
  return {variant.database, variant.command, variant.arguments};
}

class Model {
 public:
  Model(std::size_t max_bytes, unsigned seed)
      : cache_({.max_bytes = max_bytes, .max_entry_bytes = 4000, .max_staleness = kStaleness},
               links_),
        may_evict_(max_bytes < 1'000'000),
        random_(seed) {
    for (LinkId link = 0; link < kLinks; ++link) links_.open(link, now_);
  }

  void step() {
    now_ += static_cast<state::Nanos>(random_() % 8) * kTick / 8;
    const auto dice = random_() % 100;
    if (flights_.size() > 40) {
      finish();
    } else if (dice < 55) {
      look();
    } else if (dice < 78) {
      finish();
    } else if (dice < 88) {
      wipe();
    } else if (dice < 97) {
      links_.synced(any_link(), now_);
    } else if (dice == 97 && random_() % 5 == 0) {
      const LinkId link = any_link();
      if (random_() % 2 == 0) links_.close(link);
      links_.open(link, now_);
    } else if (dice == 98 && random_() % 5 == 0) {
      links_.bump(any_link());
    } else if (random_() % 20 == 0) {
      cache_.poison_all();
      for (auto& [id, flight] : flights_) flight.poisoned = true;
    } else if (random_() % 20 == 0) {
      cache_.clear();
      entries_.clear();
    }
    const Stats stats = cache_.stats();
    ASSERT_LE(stats.bytes, stats.max_bytes);
    ASSERT_EQ(stats.flights, flights_.size());
    ASSERT_LE(stats.entries, entries_.size());
  }

  int hits() const { return hits_; }
  std::uint64_t evictions() const { return cache_.stats().evictions; }

 private:
  static constexpr LinkId kLinks = 3;

  LinkId any_link() { return static_cast<LinkId>(random_() % kLinks); }

  Variant any_variant() {
    const std::string name = "k" + std::to_string(random_() % 20);
    switch (random_() % 4) {
      case 0:
        return get(name);
      case 1:
        return get(name, 1);
      case 2:
        return strlen_of(name);
      default:
        return hget(name, std::to_string(random_() % 4));
    }
  }

  void look() {
    const Variant variant = any_variant();
    const Identity id = identity(variant);
    const std::uint64_t session = ++last_session_;
    std::string reply;
    const Lookup found =
        cache_.lookup(variant.key(), now_, {.worker = 0, .session = session, .slot = 0},
                      [&](const Entry& entry) { reply = reply_of(entry); });

    std::optional<MissCause> cause;
    const auto known = entries_.find(id);
    if (known == entries_.end()) {
      cause = MissCause::kAbsent;
    } else if (links_.generation(known->second.link) != known->second.generation) {
      cause = MissCause::kGeneration;
      entries_.erase(known);
    } else if (now_ >= known->second.deadline) {
      cause = MissCause::kExpired;
      entries_.erase(known);
    } else if (now_ - links_.synced_at(known->second.link) > kStaleness) {
      cause = MissCause::kLease;
    }

    if (found.result == LookupResult::kHit) {
      ++hits_;
      ASSERT_FALSE(cause.has_value()) << "served what it must not";
      ASSERT_EQ(reply, known->second.reply);
      return;
    }
    if (may_evict_ && found.cause == MissCause::kAbsent) {
      entries_.erase(id);
    } else {
      ASSERT_TRUE(cause.has_value()) << "lost an entry without need";
      ASSERT_EQ(found.cause, *cause);
    }

    // The newest flight that is not poisoned, when it is young enough.
    ModelFlight* joinable = nullptr;
    FlightId joinable_id = 0;
    for (auto& [flight_id, flight] : flights_) {
      if (identity(flight.variant) != id || flight.poisoned) continue;
      if (joinable == nullptr || order_[flight_id] > order_[joinable_id]) {
        joinable = &flight;
        joinable_id = flight_id;
      }
    }
    if (joinable != nullptr && now_ - joinable->started_at <= kStaleness) {
      ASSERT_EQ(found.result, LookupResult::kJoined);
      ASSERT_EQ(found.flight, joinable_id);
      joinable->sessions.push_back(session);
    } else {
      ASSERT_EQ(found.result, LookupResult::kFetch);
      ASSERT_EQ(flights_.count(found.flight), 0U);
      order_[found.flight] = ++last_order_;
      flights_[found.flight] = {.variant = variant, .started_at = now_, .sessions = {session}};
    }
  }

  void finish() {
    if (flights_.empty()) return;
    auto at = flights_.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(random_() % flights_.size()));
    const ModelFlight flight = at->second;
    const LinkId link = any_link();
    Fill fill;
    fill.store = random_() % 8 != 0;
    fill.link = link;
    fill.generation = links_.generation(link) - (random_() % 10 == 0 ? 1 : 0);
    const std::string reply(random_() % 20 == 0 ? 4001 : random_() % 700,
                            static_cast<char>('a' + random_() % 26));
    fill.reply = reply;
    fill.deadline = (now_ / kTick + static_cast<state::Nanos>(random_() % 1000)) * kTick;
    const CacheKey key = flight.variant.key();
    const bool stored = cache_.complete(key.name, at->first, key, fill, waiters_);
    std::vector<std::uint64_t> sessions;
    for (const Waiter& waiter : waiters_) sessions.push_back(waiter.session);
    ASSERT_EQ(sessions, flight.sessions);
    const bool expected = fill.store && !flight.poisoned && reply.size() <= 4000 &&
                          fill.generation == links_.generation(link);
    ASSERT_EQ(stored, expected);
    if (stored) entries_[identity(flight.variant)] = {reply, fill.deadline, link, fill.generation};
    order_.erase(at->first);
    flights_.erase(at);
  }

  void wipe() {
    const std::string name = any_variant().name;
    const bool poison = random_() % 2 == 0;
    cache_.erase(hash_name(name), poison);
    const std::string prefix = bulk(name);
    for (auto at = entries_.begin(); at != entries_.end();) {
      at = std::get<2>(at->first).starts_with(prefix) ? entries_.erase(at) : std::next(at);
    }
    if (!poison) return;
    for (auto& [id, flight] : flights_) {
      if (flight.variant.name == name) flight.poisoned = true;
    }
  }

  LinkTable links_;
  Cache cache_;
  bool may_evict_;
  std::mt19937 random_;
  state::Nanos now_ = 1000 * kTick;
  std::map<Identity, ModelEntry> entries_;
  std::map<FlightId, ModelFlight> flights_;
  std::map<FlightId, int> order_;
  std::vector<Waiter> waiters_;
  std::uint64_t last_session_ = 0;
  int last_order_ = 0;
  int hits_ = 0;
};

TEST(CacheModel, LosesNothingWhileThereIsRoom) {
  Model model(64 << 20, 11);
  for (int i = 0; i < 100'000; ++i) {
    model.step();
    if (::testing::Test::HasFatalFailure()) FAIL() << "step " << i;
  }
  EXPECT_GT(model.hits(), 5'000);
  EXPECT_EQ(model.evictions(), 0U);
}

TEST(CacheModel, AnswersNothingWrongWhileItEvicts) {
  Model model(16'000, 12);
  for (int i = 0; i < 100'000; ++i) {
    model.step();
    if (::testing::Test::HasFatalFailure()) FAIL() << "step " << i;
  }
  EXPECT_GT(model.hits(), 5'000);
  EXPECT_GT(model.evictions(), 100U);
}

}  // namespace
}  // namespace pillion::cache
