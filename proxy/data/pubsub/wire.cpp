#include "proxy/data/pubsub/wire.hpp"

#include "protocol/resp/reply_cursor.hpp"

namespace pillion::data::pubsub {
namespace {

/// "pmessage" -> pattern, and "message" is left.
Kind take_kind(std::string_view& word) {
  if (word.starts_with('p')) {
    word.remove_prefix(1);
    return Kind::kPattern;
  }
  // "subscribe" begins with the letter of the sharded form as well.
  if (word.starts_with("ss") || word.starts_with("su") || word.starts_with("sm")) {
    if (word == "subscribe") return Kind::kChannel;
    word.remove_prefix(1);
    return Kind::kShard;
  }
  return Kind::kChannel;
}

}  // namespace

Push parse_push(std::string_view frame) {
  resp::ReplyCursor cursor(frame);
  resp::Node node{};
  Push push;
  if (!cursor.next(node) || node.type != '>' || node.integer < 1) return push;
  const std::int64_t elements = node.integer;
  if (!cursor.next(node) || (node.type != '$' && node.type != '+') || node.null) return push;
  std::string_view word = node.text;
  push.kind = take_kind(word);
  if (word == "message") {
    push.type = Push::Type::kMessage;
  } else if (word == "subscribe") {
    push.type = Push::Type::kSubscribed;
  } else if (word == "unsubscribe") {
    push.type = Push::Type::kUnsubscribed;
  } else {
    push.type = Push::Type::kOther;
    return push;
  }
  const std::int64_t expected =
      push.type == Push::Type::kMessage && push.kind == Kind::kPattern ? 4 : 3;
  if (elements != expected || !cursor.next(node) || node.type != '$') {
    push.type = Push::Type::kMalformed;
    return push;
  }
  push.name = node.text;
  return push;
}

std::string_view verb(Kind kind, bool subscribe) {
  switch (kind) {
    case Kind::kChannel:
      break;
    case Kind::kPattern:
      return subscribe ? "PSUBSCRIBE" : "PUNSUBSCRIBE";
    case Kind::kShard:
      return subscribe ? "SSUBSCRIBE" : "SUNSUBSCRIBE";
  }
  return subscribe ? "SUBSCRIBE" : "UNSUBSCRIBE";
}

}  // namespace pillion::data::pubsub
