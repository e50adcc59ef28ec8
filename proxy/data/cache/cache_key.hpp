// What one cached reply is the answer to.
#pragma once

#include <cstdint>
#include <string_view>

namespace pillion::cache {

/// Hash of a redis key's bytes alone: what invalidations and own writes name. Seeded per process.
using NameHash = std::uint64_t;

NameHash hash_name(std::string_view redis_key);

/// One readable variant: database, command and the exact argument bytes (COHERENCE I13, I14).
/// `arguments` is the canonical encoding behind the command's name (resp::Command::raw_args), so
/// equal bytes mean equal arguments and nothing else does. The identity is the fill links' own ACL
/// user; others bypass the cache.
struct CacheKey {
  NameHash name;          // hash_name(key)
  std::uint64_t variant;  // hash_variant(...)
  std::uint32_t database;
  std::uint16_t command;  // command::Spec::id
  std::string_view arguments;
};

/// `only_key`: the arguments are just the key, so its hash need not be computed twice.
std::uint64_t hash_variant(NameHash name, std::uint32_t database, std::uint16_t command,
                           std::string_view arguments, bool only_key);

}  // namespace pillion::cache
