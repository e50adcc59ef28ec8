// An inline command ("SET k 'a b'") -> its canonical multibulk encoding.
//
// Quoting is that of redis-cli and of Redis's inline protocol: "..." knows \n \r \t \b \a \xHH and
// takes any other escaped byte literally, '...' knows only \', a closing quote ends its word.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::resp {

/// Where a word's bytes are in the encoding.
struct InlineWord {
  std::uint32_t offset;
  std::uint32_t length;
};

/// Replaces `out` by the encoding of `line` (without its line end) and `words` by its words; a line
/// of blanks has none. False: unbalanced quotes, both are then worthless.
bool encode_inline(std::string_view line, std::string& out, std::vector<InlineWord>& words);

}  // namespace pillion::resp
