// Numbers of header lines, as both directions read them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace pillion::resp {

/// Strict decimal, as Redis's string2ll: no '+', blanks, leading zeros, "-0" or overflow.
bool parse_integer(std::string_view digits, std::int64_t& value);

/// Reads "<n>\r\n" with n below 10^8, the shape of nearly every header, in one pass. Returns the
/// byte behind it, or nullptr for anything else, incomplete lines included: those are left to the
/// caller's careful path.
inline const char* read_short_number(const char* p, const char* end, std::uint32_t& value) {
  constexpr std::ptrdiff_t kDigits = 8;
  if (p == end) return nullptr;
  auto number = static_cast<std::uint32_t>(static_cast<unsigned char>(*p) - '0');
  if (number > 9) return nullptr;
  const char* const limit = end - p > kDigits ? p + kDigits : end;
  ++p;
  if (number != 0) {
    for (; p != limit; ++p) {
      const auto digit = static_cast<std::uint32_t>(static_cast<unsigned char>(*p) - '0');
      if (digit > 9) break;
      number = number * 10 + digit;
    }
  }
  if (end - p < 2 || p[0] != '\r' || p[1] != '\n') return nullptr;
  value = number;
  return p + 2;
}

}  // namespace pillion::resp
