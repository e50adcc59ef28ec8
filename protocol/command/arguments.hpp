// How Redis reads single arguments: option words and integers. Private to this room.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace pillion::command {

/// True when `argument` is the option `word` (written in upper case) in any case.
inline bool is_word(std::string_view argument, std::string_view word) {
  if (argument.size() != word.size()) return false;
  for (std::size_t i = 0; i < word.size(); ++i) {
    const char c = argument[i];
    if ((c >= 'a' && c <= 'z' ? c - ('a' - 'A') : c) != word[i]) return false;
  }
  return true;
}

/// An integer as Redis's string2ll reads it: no '+', blanks, leading zeros, "-0" or overflow.
inline std::optional<std::int64_t> parse_integer(std::string_view argument) {
  if (argument == "0") return 0;
  const std::size_t sign = argument.starts_with('-') ? 1 : 0;
  if (argument.size() == sign || argument[sign] < '1' || argument[sign] > '9') return std::nullopt;
  std::int64_t value = 0;
  const char* const end = argument.data() + argument.size();
  const auto [stop, error] = std::from_chars(argument.data(), end, value);
  if (error != std::errc{} || stop != end) return std::nullopt;
  return value;
}

}  // namespace pillion::command
