#include "protocol/resp/push_parser.hpp"

namespace pillion::resp {
namespace {

bool is_string(const Node& node) {
  return (node.type == '$' || node.type == '+') && !node.null;
}

// Every key must be readable before the first one is given out: a consumer that has dropped half
// of the keys and then meets rubbish would have to take the other half on trust.
bool all_strings(ReplyCursor keys, std::int64_t count) {
  Node node{};
  for (; count > 0; --count) {
    if (!keys.next(node) || !is_string(node)) return false;
  }
  return keys.at_end();
}

}  // namespace

Push::Push(std::string_view frame) : kind_(Kind::kMalformed), cursor_(frame) {
  Node node{};
  bool read = cursor_.next(node);
  while (read && node.type == '|') read = cursor_.skip(node) && cursor_.next(node);
  if (!read || node.type != '>' || node.integer < 1) return;
  const std::int64_t elements = node.integer;
  if (!cursor_.next(node) || !is_string(node)) return;
  if (node.text == "tracking-redir-broken") {
    kind_ = Kind::kRedirBroken;
    return;
  }
  if (node.text != "invalidate") {
    kind_ = Kind::kOther;
    return;
  }
  if (elements != 2 || !cursor_.next(node)) return;
  if (node.null) {
    if (cursor_.at_end()) kind_ = Kind::kInvalidateAll;
  } else if ((node.type == '*' || node.type == '~') && all_strings(cursor_, node.integer)) {
    kind_ = Kind::kInvalidate;
    keys_left_ = node.integer;
  }
}

bool Push::next_key(std::string_view& key) {
  if (keys_left_ == 0) return false;
  Node node{};
  if (!cursor_.next(node)) return false;
  --keys_left_;
  key = node.text;
  return true;
}

}  // namespace pillion::resp
