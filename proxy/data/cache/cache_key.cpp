#define XXH_INLINE_ALL  // keys are short: a call would cost as much as the hash
#include "proxy/data/cache/cache_key.hpp"

#include <xxhash.h>

#include <random>

namespace pillion::cache {
namespace {

// Unknown to clients, so that they cannot choose keys that collide.
std::uint64_t seed() {
  static const std::uint64_t kSeed = [] {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) | device();
  }();
  return kSeed;
}

// A bijection that spreads every input bit over the whole word.
std::uint64_t spread(std::uint64_t x) {
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93U;
  x ^= x >> 32;
  x *= 0xD6E8FEB86659FD93U;
  x ^= x >> 32;
  return x;
}

}  // namespace

NameHash hash_name(std::string_view redis_key) {
  return XXH3_64bits_withSeed(redis_key.data(), redis_key.size(), seed());
}

std::uint64_t hash_variant(NameHash name, std::uint32_t database, std::uint16_t command,
                           std::string_view arguments, bool only_key) {
  const std::uint64_t where =
      spread(name ^ spread((static_cast<std::uint64_t>(database) << 16) | command));
  if (only_key) return where;
  return XXH3_64bits_withSeed(arguments.data(), arguments.size(), where);
}

}  // namespace pillion::cache
