#include "protocol/resp/number.hpp"

#include <limits>

namespace pillion::resp {

bool parse_integer(std::string_view digits, std::int64_t& value) {
  const bool negative = !digits.empty() && digits.front() == '-';
  if (negative) digits.remove_prefix(1);
  if (digits.empty()) return false;
  if (digits.front() == '0') {
    value = 0;
    return digits.size() == 1 && !negative;
  }
  const std::uint64_t limit =
      static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()) + (negative ? 1 : 0);
  std::uint64_t magnitude = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    const auto digit = static_cast<std::uint64_t>(c - '0');
    if (magnitude > (limit - digit) / 10) return false;
    magnitude = magnitude * 10 + digit;
  }
  value = static_cast<std::int64_t>(negative ? 0 - magnitude : magnitude);
  return true;
}

}  // namespace pillion::resp
