// What several threads may see. Sized so that a sanitizer build ends in seconds.
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proxy/data/cache/cache.hpp"
#include "tests/unit/proxy/data/cache/cache_fixture.hpp"

namespace pillion::cache {
namespace {

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr int kRounds = 20'000;
#else
constexpr int kRounds = 100'000;
#endif

// Small steps of a per-thread generator; a shared one would order the threads.
class Dice {
 public:
  explicit Dice(std::uint32_t seed) : state_(seed * 2654435761U + 1) {}
  std::uint32_t roll(std::uint32_t sides) {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_ % sides;
  }

 private:
  std::uint32_t state_;
};

TEST(CacheThreads, EverythingAtOnce) {
  LinkTable links;
  links.open(0, 0);
  // Little room, so that pins outlive evictions all the time.
  Cache cache({.max_bytes = 64'000, .max_entry_bytes = 2000}, links);
  std::vector<Variant> variants;
  for (int i = 0; i < 64; ++i) {
    variants.push_back(get("k" + std::to_string(i)));
    variants.push_back(hget("k" + std::to_string(i), "f"));
  }
  std::vector<CacheKey> keys;
  for (const Variant& variant : variants) keys.push_back(variant.key());

  std::atomic<std::uint64_t> asked{0};
  std::atomic<std::uint64_t> answered{0};
  const auto work = [&](std::uint32_t number) {
    Dice dice(number);
    std::vector<Waiter> waiters;
    std::vector<Pin> pins(8);
    for (int i = 0; i < kRounds; ++i) {
      const CacheKey& key = keys[dice.roll(static_cast<std::uint32_t>(keys.size()))];
      const std::uint32_t what = dice.roll(100);
      if (what < 70) {
        Pin& pin = pins[dice.roll(8)];
        const Lookup found =
            cache.lookup(key, 0, {}, [&](const Entry& entry) { pin = Pin(entry); });
        if (found.result == LookupResult::kHit) {
          // Every reply begins with the arguments it answers.
          ASSERT_EQ(pin.bytes().substr(0, key.arguments.size()), key.arguments);
          continue;
        }
        asked.fetch_add(1);
        if (found.result != LookupResult::kFetch) continue;
        std::string reply(key.arguments);
        reply.append(dice.roll(1500), 'x');
        cache.complete(key.name, found.flight, key,
                       {.store = dice.roll(10) != 0,
                        .reply = reply,
                        .deadline = state::kSecond,
                        .generation = links.generation(0)},
                       waiters);
        answered.fetch_add(waiters.size());
      } else if (what < 85) {
        cache.erase(key.name, dice.roll(2) == 0);
      } else if (what < 95) {
        cache.peek(key, 0, [&](const Entry& entry, LinkId link, Generation) {
          EXPECT_EQ(link, 0);
          EXPECT_EQ(reply_of(entry).substr(0, key.arguments.size()), key.arguments);
        });
      } else if (what < 98) {
        const std::uint64_t started = cache.erase_count(key.name);
        cache.store(key,
                    {.store = true,
                     .reply = key.arguments,
                     .deadline = state::kSecond,
                     .generation = links.generation(0)},
                    started);
      } else if (what == 98) {
        EXPECT_LE(cache.stats().bytes, 64'000U);
      } else {
        switch (dice.roll(20)) {
          case 0:
            cache.poison_all();
            break;
          case 1:
            cache.clear();
            break;
          case 2:
            links.bump(0);
            break;
          default:
            links.synced(0, static_cast<state::Nanos>(dice.roll(100)));
        }
      }
    }
  };
  std::vector<std::thread> threads;
  for (std::uint32_t i = 0; i < 4; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cache.stats().flights, 0U);
  EXPECT_EQ(answered.load(), asked.load());  // nobody was forgotten, nobody answered twice
}

TEST(CacheThreads, OneFetchForSimultaneousMisses) {
  LinkTable links;
  Cache cache({}, links);
  const Variant variant = get("cold");
  const CacheKey key = variant.key();
  std::atomic<int> leaders{0};
  std::atomic<FlightId> flight{0};
  std::atomic<bool> go{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      while (!go.load()) std::this_thread::yield();
      const Lookup found = cache.lookup(key, 0, {}, [](const Entry&) {});
      if (found.result == LookupResult::kFetch) {
        leaders.fetch_add(1);
        flight.store(found.flight);
      }
    });
  }
  go.store(true);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(leaders.load(), 1);
  std::vector<Waiter> waiters;
  cache.complete(key.name, flight.load(), key, {}, waiters);
  EXPECT_EQ(waiters.size(), 8U);
}

// I12: one thread plays a link whose server executes MSET a n b n again and again: both messages,
// then both new values, in either order. Another thread, as an own writer would, erases at any
// time.
TEST(CacheThreads, MultiKeyHitsAreSnapshots) {
  LinkTable links;
  const Generation generation = links.open(0, 0);
  Cache cache({}, links);
  const Variant variants[] = {get("a"), get("b")};
  const CacheKey keys[] = {variants[0].key(), variants[1].key()};
  std::atomic<bool> stop{false};
  std::atomic<int> hits{0};
  std::thread link([&] {
    // Until the reader had its share, however the machine schedules the three.
    for (int n = 0; n < kRounds || (hits.load() < 100 && n < 1000 * kRounds); ++n) {
      if (n % 4096 == 0) std::this_thread::yield();
      cache.erase(keys[0].name, false);
      cache.erase(keys[1].name, false);
      const std::string value = std::to_string(n);
      for (const int which : {n % 2, 1 - n % 2}) {
        const CacheKey& key = keys[which];
        cache.store(key,
                    {.store = true,
                     .reply = value,
                     .deadline = state::kSecond,
                     .link = 0,
                     .generation = generation},
                    cache.erase_count(key.name));
      }
    }
    stop.store(true);
  });
  std::thread writer([&] {
    Dice dice(1);
    while (!stop.load()) {
      cache.erase(keys[dice.roll(2)].name, true);
      for (std::uint32_t i = dice.roll(200); i > 0; --i) std::this_thread::yield();
    }
  });
  std::uint64_t torn_seen = 0;
  int turn = 0;
  while (!stop.load()) {
    ++turn;
    std::string parts[2];
    const std::uint64_t before = cache.erase_sequence();
    bool hit = true;
    for (const int which : {turn % 2, 1 - turn % 2}) {
      hit = hit && cache.peek(keys[which], 0, [&](const Entry& entry, LinkId, Generation) {
        parts[which] = reply_of(entry);
      });
    }
    if (!hit) continue;
    if (before == cache.erase_sequence()) {
      hits.fetch_add(1);
      EXPECT_EQ(parts[0], parts[1]);
    } else if (parts[0] != parts[1]) {
      ++torn_seen;
    }
  }
  link.join();
  writer.join();
  RecordProperty("hits", hits.load());
  RecordProperty("torn", static_cast<int>(torn_seen));
  EXPECT_GE(hits.load(), 100);
}

// I8: once erase(k, poison) has returned, no lookup may give what was there or fetched before.
TEST(CacheThreads, NoReadAfterAnOwnWriteGivesTheOldValue) {
  LinkTable links;
  const Generation generation = links.open(0, 0);
  Cache cache({}, links);
  const Variant variant = get("k");
  const CacheKey key = variant.key();
  std::atomic<std::uint64_t> server{0};  // the value at the upstream
  std::atomic<bool> stop{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) {
    readers.emplace_back([&] {
      std::vector<Waiter> waiters;
      while (!stop.load()) {
        const Lookup found = cache.lookup(key, 0, {}, [](const Entry&) {});
        if (found.result != LookupResult::kFetch) {
          std::this_thread::yield();
          continue;
        }
        const std::string value = std::to_string(server.load());
        std::this_thread::yield();  // the reply is on its way
        cache.complete(
            key.name, found.flight, key,
            {.store = true, .reply = value, .deadline = state::kSecond, .generation = generation},
            waiters);
      }
    });
  }
  for (std::uint64_t n = 1; n <= static_cast<std::uint64_t>(kRounds) / 20; ++n) {
    server.store(n);
    cache.erase(key.name, true);
    std::string got;
    if (cache.peek(key, 0, [&](const Entry& e, LinkId, Generation) { got = reply_of(e); })) {
      ASSERT_EQ(got, std::to_string(n));
    }
    if (n % 256 == 0) std::this_thread::yield();
  }
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
}

}  // namespace
}  // namespace pillion::cache
