#include "protocol/glob.hpp"

#include <utility>

namespace pillion::protocol {
namespace {

/// Matches one character against the class behind '['; `at` moves behind the class.
bool match_class(std::string_view pattern, std::size_t& at, unsigned char c) {
  const bool negate = at < pattern.size() && pattern[at] == '^';
  if (negate) ++at;
  bool matched = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      ++at;
      matched = matched || static_cast<unsigned char>(pattern[at]) == c;
      ++at;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      auto low = static_cast<unsigned char>(pattern[at]);
      auto high = static_cast<unsigned char>(pattern[at + 2]);
      if (low > high) std::swap(low, high);
      matched = matched || (c >= low && c <= high);
      at += 3;
    } else {
      matched = matched || static_cast<unsigned char>(pattern[at]) == c;
      ++at;
    }
  }
  if (at < pattern.size()) ++at;  // ']'
  return matched != negate;
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  // Where to go on when a match fails: behind the latest star, one character further each time.
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    bool matched = false;
    std::size_t next = p;
    if (p < pattern.size()) {
      switch (pattern[p]) {
        case '*':
          star = p++;
          star_text = t;
          continue;
        case '?':
          matched = true;
          next = p + 1;
          break;
        case '[':
          next = p + 1;
          matched = match_class(pattern, next, static_cast<unsigned char>(text[t]));
          break;
        case '\\':
          if (p + 1 < pattern.size()) ++next;
          [[fallthrough]];
        default:
          matched = pattern[next] == text[t];
          ++next;
      }
    }
    if (matched) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace pillion::protocol
