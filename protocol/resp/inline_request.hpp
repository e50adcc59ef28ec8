// An inline command ("SET k 'a b'") -> its canonical multibulk encoding.
//
// Quoting is that of redis-cli and of Redis's inline protocol: "..." knows \n \r \t \b \a \xHH and
// takes any other escaped byte literally, '...' knows only \', a closing quote ends its word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pillion::resp {

/// Appends the encoding of `line` (without its line end) to `out`, which must be empty, and sets
/// the number of words; a line of blanks gives 0 words and "*0\r\n". False: unbalanced quotes,
/// `out` is then worthless.
bool encode_inline(std::string_view line, std::string& out, std::size_t& words);

}  // namespace pillion::resp
