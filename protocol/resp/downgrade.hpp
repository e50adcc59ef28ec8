// RESP3 reply -> RESP2 reply, for the closed set of cacheable commands (DESIGN section 2).
//
// Maps and sets become arrays, doubles bulk strings, booleans 0/1, nulls "$-1" (a null aggregate of
// those commands is never sent by Redis 7). Where RESP3 pairs members with scores in nested arrays
// and RESP2 lists them flat (ZRANGE ... WITHSCORES), `flatten` says so.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace pillion::resp {

/// How the two protocols shape the reply of one command.
enum class Shape : std::uint8_t {
  kAsIs,         // only types differ, not the nesting
  kPairsToFlat,  // RESP3 [[member, score], ...] <-> RESP2 [member, score, ...]
};

/// True when the frame has the same bytes in both protocols.
bool same_in_resp2(std::string_view frame, Shape shape);

/// Appends the RESP2 form; attributes have none and are left out, a push is malformed here. Does
/// not allocate beyond what `out` needs. False: malformed frame, `out` restored.
bool append_downgraded(std::string& out, std::string_view frame, Shape shape);

}  // namespace pillion::resp
