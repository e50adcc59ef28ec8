// The rules of a request's header lines, shared by RequestParser and LargeRequest so that both
// accept the same commands. Rules and texts are Redis's (networking.c and string2ll, version 7.0),
// made stricter in one point: where Redis skips two bytes after a line or an argument, they must
// be CR LF, or an accepted command would not be its own canonical encoding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/resp/limits.hpp"

namespace pillion::resp::grammar {

inline constexpr std::string_view kTooBigInline = "too big inline request";
inline constexpr std::string_view kUnbalancedQuotes = "unbalanced quotes in request";
inline constexpr std::string_view kTooBigCountLine = "too big mbulk count string";
inline constexpr std::string_view kTooBigLengthLine = "too big bulk count string";
inline constexpr std::string_view kInvalidCount = "invalid multibulk length";
inline constexpr std::string_view kInvalidLength = "invalid bulk length";

/// Reads the line "*<count>" without its end. Empty when valid, else why it is not.
std::string_view check_count_line(std::string_view line, const Limits& limits, std::int64_t& count);

/// Reads the line "$<length>", given that '$' is there already.
std::string_view check_length_line(std::string_view line, const Limits& limits,
                                   std::int64_t& length);

/// "-ERR Protocol error: <reason>\r\n"
std::string error_line(std::string_view reason);

/// The complete error line for an argument that begins with something else than '$'.
std::string expected_dollar_line(char got);

}  // namespace pillion::resp::grammar
