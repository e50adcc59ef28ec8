// A cache with one live link and a clock turned by hand; keys that own their bytes.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/data/cache/cache.hpp"

namespace pillion::cache {

inline void PrintTo(LookupResult result, std::ostream* out) {
  constexpr const char* kNames[] = {"hit", "too large", "joined", "fetch"};
  *out << kNames[static_cast<int>(result)];
}
inline void PrintTo(MissCause cause, std::ostream* out) {
  constexpr const char* kNames[] = {"absent", "expired", "lease", "generation"};
  *out << kNames[static_cast<int>(cause)];
}

// Ids as the command table might give them.
inline constexpr std::uint16_t kGet = 7;
inline constexpr std::uint16_t kStrlen = 8;
inline constexpr std::uint16_t kHget = 9;

// What a CacheKey points at, kept together with it.
struct Variant {
  std::string name;
  std::string arguments;
  std::uint32_t database = 0;
  std::uint16_t command = kGet;
  bool only_key = true;

  CacheKey key() const {
    const NameHash hash = hash_name(name);
    return {.name = hash,
            .variant = hash_variant(hash, database, command, arguments, only_key),
            .database = database,
            .command = command,
            .arguments = arguments};
  }
};

inline std::string bulk(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

inline Variant get(std::string_view name, std::uint32_t database = 0) {
  return {.name = std::string(name), .arguments = bulk(name), .database = database};
}
inline Variant strlen_of(std::string_view name) {
  return {.name = std::string(name), .arguments = bulk(name), .command = kStrlen};
}
inline Variant hget(std::string_view name, std::string_view field) {
  return {.name = std::string(name),
          .arguments = bulk(name) + bulk(field),
          .command = kHget,
          .only_key = false};
}

class CacheFixture : public ::testing::Test {
 protected:
  static constexpr LinkId kLink = 3;
  // Deadlines are exact at multiples of 65536 ns.
  static constexpr state::Nanos kStart = 65'536'000'000;
  static constexpr state::Nanos kFar = kStart + 65'536'000'000'000;

  explicit CacheFixture(const CacheLimits& limits = {}) : limits_(limits), cache_(limits, links_) {}

  Fill fill(std::string_view reply, state::Nanos deadline = kFar) const {
    return {.store = true,
            .reply = reply,
            .deadline = deadline,
            .link = kLink,
            .generation = generation_};
  }

  Lookup lookup(const Variant& variant, std::uint64_t session = 1) {
    return lookup_by(kLink, variant, session);
  }

  Lookup lookup_by(LinkId link, const Variant& variant, std::uint64_t session = 1) {
    return cache_.lookup(variant.key(), now_, {.worker = 0, .session = session, .slot = 0},
                         [this](const Entry& entry) { got_ = std::string(reply_of(entry)); },
                         {now_, link});
  }

  bool complete(const Variant& variant, FlightId flight, const Fill& fill) {
    const CacheKey key = variant.key();
    return cache_.complete(key.name, flight, key, fill, waiters_);
  }

  // Misses, fetches, stores.
  void put(const Variant& variant, std::string_view reply, state::Nanos deadline = kFar) {
    const Lookup missed = lookup(variant);
    ASSERT_EQ(missed.result, LookupResult::kFetch);
    ASSERT_TRUE(complete(variant, missed.flight, fill(reply, deadline)));
  }

  // The reply of a hit; what else happened otherwise. Leaves no flight behind.
  std::string ask(const Variant& variant) {
    const Lookup found = lookup(variant);
    switch (found.result) {
      case LookupResult::kHit:
        return got_;
      case LookupResult::kTooLarge:
        return "(too large)";
      case LookupResult::kJoined:
        return "(joined)";
      case LookupResult::kFetch:
        break;
    }
    cause_ = found.cause;
    complete(variant, found.flight, {});
    return "(miss)";
  }

  std::vector<std::uint64_t> sessions() const {
    std::vector<std::uint64_t> out;
    for (const Waiter& waiter : waiters_) out.push_back(waiter.session);
    return out;
  }

  CacheLimits limits_;
  LinkTable links_;
  Cache cache_;
  state::Nanos now_ = kStart;
  Generation generation_ = links_.open(kLink, kStart);
  std::string got_;
  MissCause cause_ = MissCause::kAbsent;
  std::vector<Waiter> waiters_;
};

}  // namespace pillion::cache
