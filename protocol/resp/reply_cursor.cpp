#include "protocol/resp/reply_cursor.hpp"

#include "protocol/resp/number.hpp"

namespace pillion::resp {
namespace {

// As FrameScanner's; doubling it for a map cannot overflow.
constexpr std::int64_t kMaxElements = 1LL << 31;

bool is_null_line(char type, std::string_view line) {
  return (type == '$' || type == '*') && line == "-1";
}

// The payload of a bulk of `length` bytes at the front of `rest`, its CR LF checked and eaten.
bool take_payload(std::string_view& rest, std::int64_t length, std::string_view& payload) {
  if (length < 0 || rest.size() < 2) return false;
  const auto size = static_cast<std::uint64_t>(length);
  if (rest.size() - 2 < size || rest.substr(size, 2) != "\r\n") return false;
  payload = rest.substr(0, size);
  rest.remove_prefix(size + 2);
  return true;
}

// An error is an answer of its own and says nothing about the key.
bool is_missing_scalar(const Node& node) {
  switch (node.type) {
    case ':':
    case '#':
      return node.integer == 0;
    case '$':
      return node.text.empty();
    case '+':
      return node.text == "none";
    default:
      return false;
  }
}

bool is_aggregate(char type) {
  return type == '*' || type == '~' || type == '%' || type == '>';
}

}  // namespace

bool ReplyCursor::next(Node& node) {
  if (rest_.empty()) return false;
  const char type = rest_.front();
  const std::size_t line_end = rest_.find("\r\n", 1);
  if (line_end == std::string_view::npos) return false;
  const std::string_view line = rest_.substr(1, line_end - 1);
  std::string_view rest = rest_.substr(line_end + 2);
  node = Node{type, false, 0, line};
  switch (type) {
    case '+':
    case '-':
    case ',':
    case '(':
      break;
    case '_':
      node.null = true;
      if (!line.empty()) return false;
      break;
    case '#':
      node.integer = line == "t" ? 1 : 0;
      if (line != "t" && line != "f") return false;
      break;
    case ':':
      if (!parse_integer(line, node.integer)) return false;
      break;
    case '$':
    case '=':
    case '!':
    case '*':
    case '~':
    case '>':
    case '%':
    case '|': {
      if (is_null_line(type, line)) {
        node.null = true;
        break;
      }
      std::int64_t number = 0;
      if (!parse_integer(line, number) || number < 0) return false;
      if (type == '$' || type == '=' || type == '!') {
        if (!take_payload(rest, number, node.text)) return false;
        break;
      }
      if (number > kMaxElements) return false;
      node.integer = type == '%' || type == '|' ? number * 2 : number;
      break;
    }
    default:
      return false;
  }
  rest_ = rest;
  return true;
}

bool ReplyCursor::skip(const Node& node) {
  std::int64_t left = is_aggregate(node.type) || node.type == '|' ? node.integer : 0;
  Node descendant{};
  for (; left > 0; --left) {
    if (!next(descendant)) return false;
    if (is_aggregate(descendant.type)) {
      left += descendant.integer;
    } else if (descendant.type == '|') {
      left += descendant.integer + 1;  // the node it describes still counts
    }
  }
  return true;
}

bool is_missing_reply(std::string_view frame) {
  ReplyCursor cursor(frame);
  Node node{};
  while (!cursor.at_end()) {
    if (!cursor.next(node)) return false;
    if (node.type == '|') {
      if (!cursor.skip(node)) return false;
    } else if (!node.null && !is_aggregate(node.type) && !is_missing_scalar(node)) {
      return false;
    }
  }
  return !frame.empty();
}

}  // namespace pillion::resp
