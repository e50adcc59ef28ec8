// Keys as GET would look them up, and a cache that holds them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/data/cache/cache.hpp"

namespace pillion::cache {

inline constexpr std::uint16_t kGet = 1;
inline constexpr state::Nanos kNow = state::kSecond;
inline constexpr state::Nanos kFar = 1000 * state::kSecond;

/// "key:0000012345" as name and as encoded argument, for i below `count`.
struct Keys {
  explicit Keys(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      std::string number = std::to_string(i);
      names.push_back("key:" + std::string(10 - number.size(), '0') + number);
      arguments.push_back("$14\r\n" + names.back() + "\r\n");
    }
    for (std::size_t i = 0; i < count; ++i) keys.push_back(make(i));
  }

  CacheKey make(std::size_t i) const {
    const NameHash name = hash_name(names[i]);
    return {.name = name,
            .variant = hash_variant(name, 0, kGet, arguments[i], true),
            .database = 0,
            .command = kGet,
            .arguments = arguments[i]};
  }

  std::vector<std::string> names;
  std::vector<std::string> arguments;
  std::vector<CacheKey> keys;
};

/// A cache with one live link.
struct LiveCache {
  explicit LiveCache(const CacheLimits& limits = {}) : cache(limits, links) {
    fill.store = true;
    fill.reply = reply;
    fill.deadline = kFar;
    fill.generation = links.open(0, kNow);
  }

  void store_all(const Keys& keys) {
    for (const CacheKey& key : keys.keys) cache.store(key, fill, cache.erase_count(key.name));
  }

  LinkTable links;
  Cache cache;
  std::string reply = "$64\r\n" + std::string(64, 'v') + "\r\n";
  Fill fill;
};

/// Visits 0 .. size-1 in an order that a prefetcher does not guess; size is a power of two.
class Scatter {
 public:
  Scatter(std::size_t size, std::size_t start) : mask_(size - 1), at_(start) {}
  std::size_t next() { return at_ = (at_ * 5 + 12345) & mask_; }

 private:
  std::size_t mask_;
  std::size_t at_;
};

}  // namespace pillion::cache
