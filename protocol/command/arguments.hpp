// How Redis reads the words among the arguments. Private to this room; integers are read by
// protocol/resp/number.hpp.
#pragma once

#include <cstddef>
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

}  // namespace pillion::command
