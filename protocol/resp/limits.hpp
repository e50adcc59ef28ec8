// Limits of the wire: the only place where sizes of RESP are bounded.
//
// The figures are Redis's own (inline line, bulk, argument count, what a client may send before
// AUTH) or tighter where a shared process needs it. Units are bytes or element counts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pillion::resp {

struct Limits {
  std::size_t max_inline = 64 * 1024;          // one inline command, without its line end
  std::size_t max_bulk = 512UL * 1024 * 1024;  // one argument (Redis: proto-max-bulk-len)
  std::uint32_t max_args = 1024 * 1024;        // arguments of one command
  std::size_t max_header = 64 * 1024;          // a "*n" or "$n" line that never ends
  std::size_t large_request = 1024 * 1024;     // beyond this a command is streamed, not gathered
  bool unauthenticated = false;  // the bounds are those before AUTH; chooses Redis's error text
};

/// What a client may send before AUTH succeeded, as Redis 7 does it.
inline constexpr Limits kUnauthenticatedLimits{64 * 1024, 16 * 1024,   10,
                                               64 * 1024, 1024 * 1024, true};

/// Nesting of replies the scanner and the cursor accept.
inline constexpr std::uint32_t kMaxReplyDepth = 128;

}  // namespace pillion::resp
