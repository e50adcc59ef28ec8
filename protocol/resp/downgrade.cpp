#include "protocol/resp/downgrade.hpp"

#include "protocol/resp/reply_cursor.hpp"
#include "protocol/resp/writer.hpp"

namespace pillion::resp {
namespace {

constexpr std::string_view kNull = "$-1\r\n";
constexpr std::size_t kVerbatimPrefix = 4;  // "txt:"

bool is_pair(const Node& node) {
  return node.type == '*' && !node.null && node.integer == 2;
}

void append_line(std::string& out, char type, std::string_view line) {
  out += type;
  out.append(line);
  out.append("\r\n", 2);
}

// The next node that RESP2 knows: attributes are eaten.
bool next_value(ReplyCursor& cursor, Node& node) {
  while (cursor.next(node)) {
    if (node.type != '|') return true;
    if (!cursor.skip(node)) return false;
  }
  return false;
}

bool append_node(std::string& out, const Node& node) {
  switch (node.type) {
    case '+':
    case '-':
    case ':':
      append_line(out, node.type, node.text);
      return true;
    case '_':
      out.append(kNull);
      return true;
    case '$':
    case ',':
    case '(':
      if (node.null) {
        out.append(kNull);
      } else {
        append_bulk(out, node.text);
      }
      return true;
    case '#':
      append_integer(out, node.integer);
      return true;
    case '=':
      if (node.text.size() < kVerbatimPrefix || node.text[kVerbatimPrefix - 1] != ':') return false;
      append_bulk(out, node.text.substr(kVerbatimPrefix));
      return true;
    case '!':
      append_error(out, node.text);
      return true;
    case '*':
    case '~':
    case '%':
      if (node.null) {
        out.append("*-1\r\n", 5);
      } else {
        append_array_header(out, static_cast<std::size_t>(node.integer));
      }
      return true;
    default:
      return false;
  }
}

// Copies the `left` nodes that follow, and everything below them.
bool append_nodes(std::string& out, ReplyCursor& cursor, std::int64_t left) {
  Node node{};
  for (; left > 0; --left) {
    if (!next_value(cursor, node) || !append_node(out, node)) return false;
    if (node.type == '*' || node.type == '~' || node.type == '%') left += node.integer;
  }
  return true;
}

// [[member, score], ...]: a list of pairs is told from a flat one by its first element. The same
// command answers flat without WITHSCORES, and RESP2 upstreams never answer in pairs.
bool holds_pairs(ReplyCursor cursor, const Node& list) {
  Node first{};
  return list.type == '*' && list.integer > 0 && next_value(cursor, first) && is_pair(first);
}

bool append_flat(std::string& out, ReplyCursor& cursor, std::int64_t pairs) {
  append_array_header(out, static_cast<std::size_t>(pairs) * 2);
  Node node{};
  for (; pairs > 0; --pairs) {
    if (!next_value(cursor, node) || !is_pair(node)) return false;
    if (!append_nodes(out, cursor, 2)) return false;
  }
  return true;
}

bool append_frame(std::string& out, std::string_view frame, Shape shape) {
  ReplyCursor cursor(frame);
  Node node{};
  ReplyCursor ahead = cursor;
  if (shape == Shape::kPairsToFlat && next_value(ahead, node) && holds_pairs(ahead, node)) {
    return append_flat(out, ahead, node.integer) && ahead.at_end();
  }
  return append_nodes(out, cursor, 1) && cursor.at_end();
}

}  // namespace

bool same_in_resp2(std::string_view frame, Shape shape) {
  ReplyCursor cursor(frame);
  Node node{};
  for (bool top = true; cursor.next(node); top = false) {
    if (node.type != '$' && node.type != '+' && node.type != '-' && node.type != ':' &&
        node.type != '*') {
      return false;
    }
    if (top && shape == Shape::kPairsToFlat && holds_pairs(cursor, node)) return false;
  }
  return cursor.at_end() && !frame.empty();
}

bool append_downgraded(std::string& out, std::string_view frame, Shape shape) {
  const std::size_t before = out.size();
  if (append_frame(out, frame, shape)) return true;
  out.resize(before);
  return false;
}

}  // namespace pillion::resp
