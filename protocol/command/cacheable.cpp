// The grammars accept less than Redis does (no hexadecimal scores, no repeated options): what they
// turn down is merely not cached. They must never accept what a server might answer from anything
// but the value of the key and these arguments.
#include "protocol/command/cacheable.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/command/arguments.hpp"
#include "protocol/command/cache_list.hpp"
#include "protocol/resp/number.hpp"

namespace pillion::command {
namespace {

constexpr std::array<CacheRule, kCacheList.size()> kRules = [] {
  std::array<CacheRule, kCacheList.size()> rules{};
  for (std::size_t i = 0; i < rules.size(); ++i) rules[i] = kCacheList[i].rule;
  return rules;
}();

bool is_integer(std::string_view argument) {
  std::int64_t value = 0;
  return resp::parse_integer(argument, value);
}

/// Drops leading digits; true when there was one.
bool skip_digits(std::string_view& text) {
  const std::size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  text.remove_prefix(digits);
  return digits > 0;
}

/// A decimal number or an infinity, as strtod reads it everywhere.
bool is_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  if (is_word(text, "INF") || is_word(text, "INFINITY")) return true;
  bool digits = skip_digits(text);
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    digits = skip_digits(text) || digits;
  }
  if (!digits) return false;
  if (text.starts_with('e') || text.starts_with('E')) {
    text.remove_prefix(1);
    if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
    if (!skip_digits(text)) return false;
  }
  return text.empty();
}

bool is_score_bound(std::string_view argument) {
  if (argument.starts_with('(')) argument.remove_prefix(1);
  return is_number(argument);
}

bool is_lex_bound(std::string_view argument) {
  return argument == "-" || argument == "+" || argument.starts_with('[') ||
         argument.starts_with('(');
}

bool integers_from(const resp::Command& command, std::size_t first) {
  for (std::size_t i = first; i < command.argc(); ++i) {
    if (!is_integer(command.arg(i))) return false;
  }
  return true;
}

bool bit_offset_ok(const resp::Command& command) {
  // Strings end at proto-max-bulk-len, 512 MiB unless it was raised; beyond, the answer depends on
  // the server's configuration.
  constexpr std::int64_t kLastBit = (std::int64_t{1} << 32) - 1;
  std::int64_t offset = 0;
  return resp::parse_integer(command.arg(2), offset) && offset >= 0 && offset <= kLastBit;
}

bool bit_count_ok(const resp::Command& command) {
  if (command.argc() == 2) return true;
  if (command.argc() == 3 || !is_integer(command.arg(2)) || !is_integer(command.arg(3))) {
    return false;
  }
  return command.argc() == 4 || is_word(command.arg(4), "BIT") || is_word(command.arg(4), "BYTE");
}

/// The bounds mean ranks, scores or members, depending on options that follow them.
bool sorted_range_ok(const resp::Command& command, bool& with_scores) {
  bool by_score = false;
  bool by_lex = false;
  bool reversed = false;
  bool limited = false;
  for (std::size_t i = 4; i < command.argc(); ++i) {
    const std::string_view option = command.arg(i);
    if (is_word(option, "WITHSCORES") && !with_scores) {
      with_scores = true;
    } else if (is_word(option, "REV") && !reversed) {
      reversed = true;
    } else if (is_word(option, "BYSCORE") && !by_score && !by_lex) {
      by_score = true;
    } else if (is_word(option, "BYLEX") && !by_score && !by_lex) {
      by_lex = true;
    } else if (is_word(option, "LIMIT") && !limited && command.argc() - i > 2 &&
               is_integer(command.arg(i + 1)) && is_integer(command.arg(i + 2))) {
      limited = true;
      i += 2;
    } else {
      return false;
    }
  }
  const auto bounds = [&command](bool (*accepts)(std::string_view)) {
    return accepts(command.arg(2)) && accepts(command.arg(3));
  };
  if (by_score) return bounds(is_score_bound);
  if (by_lex) return !with_scores && bounds(is_lex_bound);
  return !limited && bounds(is_integer);
}

}  // namespace

std::span<const CacheRule> cache_rules() {
  return kRules;
}

CacheForm cache_form(const Spec& spec, const resp::Command& command) {
  const CacheListing& listing = kCacheList[spec.cacheable - std::size_t{1}];
  const std::size_t argc = command.argc();
  if (argc < listing.min_args || (listing.max_args != 0 && argc > listing.max_args)) {
    return {false, listing.rule.shape};
  }
  switch (listing.grammar) {
    case Grammar::kAny:
      return {true, listing.rule.shape};
    case Grammar::kIntegers:
      return {integers_from(command, 2), listing.rule.shape};
    case Grammar::kBitOffset:
      return {bit_offset_ok(command), listing.rule.shape};
    case Grammar::kBitCount:
      return {bit_count_ok(command), listing.rule.shape};
    case Grammar::kScoreRange:
      return {is_score_bound(command.arg(2)) && is_score_bound(command.arg(3)), listing.rule.shape};
    case Grammar::kSortedRange: {
      bool with_scores = false;
      const bool accepted = sorted_range_ok(command, with_scores);
      return {accepted, with_scores ? resp::Shape::kPairsToFlat : listing.rule.shape};
    }
  }
  return {false, listing.rule.shape};
}

}  // namespace pillion::command
