#include "proxy/data/fill/server_check.hpp"

#include <algorithm>
#include <cctype>

#include "protocol/resp/reply_cursor.hpp"

namespace pillion::data::fill {
namespace {

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
           return std::tolower(static_cast<unsigned char>(x)) ==
                  std::tolower(static_cast<unsigned char>(y));
         });
}

bool is_list(const resp::Node& node) {
  return (node.type == '*' || node.type == '~') && !node.null;
}

/// Reads one command's entry behind its header; false when the bytes are not such an entry.
bool read_command(resp::ReplyCursor& cursor, const resp::Node& entry, std::string_view name,
                  bool& allowed) {
  allowed = false;
  resp::Node node{};
  if (entry.integer < 3 || !cursor.next(node) || !same_name(node.text, name)) return false;
  if (!cursor.next(node) || node.type != ':') return false;
  if (!cursor.next(node) || !is_list(node)) return false;
  bool readonly = false;
  bool vetoed = false;
  for (std::int64_t i = node.integer; i > 0; --i) {
    if (!cursor.next(node)) return false;
    readonly = readonly || node.text == "readonly";
    vetoed = vetoed || node.text == "write" || node.text == "blocking";
  }
  // first key, last key, step, ACL categories, then the tips (7.0 and later).
  for (std::int64_t i = 3; i < entry.integer; ++i) {
    if (!cursor.next(node)) return false;
    if (i != 7 || !is_list(node)) {
      if (!cursor.skip(node)) return false;
      continue;
    }
    for (std::int64_t tip = node.integer; tip > 0; --tip) {
      if (!cursor.next(node)) return false;
      vetoed = vetoed || node.text == "nondeterministic_output" || node.text == "dont_cache";
    }
  }
  allowed = readonly && !vetoed;
  return true;
}

}  // namespace

std::string_view role_of(std::string_view frame) {
  resp::ReplyCursor cursor(frame);
  resp::Node node{};
  if (!cursor.next(node) || !is_list(node) || node.integer < 1 || !cursor.next(node)) return {};
  return node.text;
}

std::uint64_t allowed_commands(std::string_view frame, std::span<const std::string_view> names) {
  resp::ReplyCursor cursor(frame);
  resp::Node node{};
  if (!cursor.next(node) || !is_list(node) ||
      node.integer != static_cast<std::int64_t>(names.size()))
    return 0;
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (!cursor.next(node)) return 0;
    if (node.null) continue;  // the server does not know it
    if (!is_list(node)) return 0;
    bool allowed = false;
    if (!read_command(cursor, node, names[i], allowed)) return 0;
    if (allowed) mask |= std::uint64_t{1} << i;
  }
  return mask;
}

}  // namespace pillion::data::fill
