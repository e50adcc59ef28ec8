// One RESP2 or RESP3 reply as a tree. For tests only: written without a glance at the product's own
// parsers, so that the two can disagree.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace pillion::test {

struct Value {
  char type = '_';           // the first byte on the wire
  bool null = false;         // "$-1", "*-1" or "_"
  std::string text;          // of every type that is not an aggregate, as it stood on the wire
  std::vector<Value> items;  // of aggregates; maps alternate key and value; attributes are skipped

  bool is_error() const { return type == '-' || type == '!'; }
  bool is_null() const { return null; }
  bool is_ok() const { return type == '+' && text == "OK"; }
  bool is_string() const { return (type == '$' || type == '+' || type == '=') && !null; }
  bool is_integer() const { return type == ':'; }
  bool is_push() const { return type == '>'; }
  bool starts_with(std::string_view prefix) const { return text.rfind(prefix, 0) == 0; }
  /// Of an integer, or of a string that spells one; anything else throws.
  std::int64_t integer() const;
  /// Of a map (or a RESP2 array in its place): the value behind `key`.
  const Value& at(std::string_view key) const;
  std::vector<std::string> texts() const;

  bool operator==(const Value& other) const;
};

/// A bulk string equals its text, an integer its number: EXPECT_EQ(reply, "abc").
bool operator==(const Value& value, std::string_view text);
bool operator==(const Value& value, std::int64_t number);
std::ostream& operator<<(std::ostream& out, const Value& value);

/// Reads one reply from the front of `bytes`: its length, or nothing while it is incomplete; then
/// `at_least` says how many bytes the next try needs. Throws on what is no RESP.
struct Incomplete {
  std::size_t at_least = 0;
};
std::optional<std::size_t> parse_reply(std::string_view bytes, Value& into, Incomplete& need);

/// A command as Redis clients send it.
std::string encode(const std::vector<std::string_view>& arguments);
void append_command(std::string& to, std::initializer_list<std::string_view> arguments);

/// Bytes for a message: shortened, with escapes.
std::string printable(std::string_view bytes, std::size_t most = 160);

}  // namespace pillion::test
