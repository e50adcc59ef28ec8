// What the cache holds, for people who look into it: not for the path of a request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/cache/entry.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::cache {

enum class VariantState : std::uint8_t {
  kFresh,    // a lookup now would hit
  kLease,    // its link's lease has lapsed: no hit until the link has heard from the upstream
  kExpired,  // past its deadline
  kDropped,  // its link was lost or everything was flushed since; never served again
};

/// A copy of one entry's facts, without its reply.
struct CachedVariant {
  /// More argument bytes than this are not copied.
  static constexpr std::size_t kMaxArguments = 4096;

  std::uint32_t database = 0;
  std::uint16_t command = 0;  // command::Spec::id
  EntryKind kind = EntryKind::kReply;
  VariantState state = VariantState::kFresh;
  std::string arguments;  // encoded as in CacheKey::arguments, the key first; its beginning only
  bool arguments_cut = false;
  std::size_t bytes = 0;  // what the allocator gave for the entry
  std::size_t reply_bytes = 0;
  state::Nanos remaining = 0;  // until its deadline; 0 when expired
};

/// The first argument of an encoding as in CacheKey::arguments, which is the redis key; empty when
/// the bytes are no such encoding. A view into them.
std::string_view first_argument(std::string_view arguments);

}  // namespace pillion::cache
