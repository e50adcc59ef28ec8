#include "proxy/data/pubsub/wire.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/data/pubsub/wire_text.hpp"

namespace pillion::data::pubsub {
namespace {

using Type = Push::Type;

TEST(PubSubWire, KnowsEveryPush) {
  const struct {
    std::string frame;
    Type type;
    Kind kind;
  } cases[] = {
      {push({"message", "n", "x"}), Type::kMessage, Kind::kChannel},
      {push({"pmessage", "n", "c", "x"}), Type::kMessage, Kind::kPattern},
      {push({"smessage", "n", "x"}), Type::kMessage, Kind::kShard},
      {confirm("subscribe", "n"), Type::kSubscribed, Kind::kChannel},
      {confirm("psubscribe", "n"), Type::kSubscribed, Kind::kPattern},
      {confirm("ssubscribe", "n"), Type::kSubscribed, Kind::kShard},
      {confirm("unsubscribe", "n"), Type::kUnsubscribed, Kind::kChannel},
      {confirm("punsubscribe", "n"), Type::kUnsubscribed, Kind::kPattern},
      {confirm("sunsubscribe", "n"), Type::kUnsubscribed, Kind::kShard},
  };
  for (const auto& each : cases) {
    const Push parsed = parse_push(each.frame);
    EXPECT_EQ(parsed.type, each.type) << each.frame;
    EXPECT_EQ(parsed.kind, each.kind) << each.frame;
    EXPECT_EQ(parsed.name, "n") << each.frame;
  }
}

TEST(PubSubWire, NamesAreBytes) {
  const std::string name("a\0\r\n>", 5);
  const std::string frame = message(name, "");
  const Push parsed = parse_push(frame);
  EXPECT_EQ(parsed.name, name);
  EXPECT_GE(parsed.name.data(), frame.data()) << "within the frame";
}

TEST(PubSubWire, WhatItDoesNotKnowIsNotForUs) {
  for (const std::string& frame :
       {push({"invalidate", "x"}), push({"server-cpu-usage", "1", "2"}), push({"p"}), push({"s"}),
        push({""}), push({"pmonitor"}), push({"submessage", "a", "b"})}) {
    EXPECT_EQ(parse_push(frame).type, Type::kOther) << frame;
  }
}

TEST(PubSubWire, RefusesOtherShapes) {
  for (const std::string& frame :
       {push({"message", "n"}), push({"message", "n", "x", "y"}), push({"pmessage", "n", "x"}),
        push({"subscribe", "n"}), std::string(">0\r\n"), std::string(">1\r\n:1\r\n"),
        std::string(">3\r\n$7\r\nmessage\r\n:1\r\n:2\r\n"), std::string("*1\r\n$1\r\na\r\n")}) {
    EXPECT_EQ(parse_push(frame).type, Type::kMalformed) << frame;
  }
}

TEST(PubSubWire, HasAVerbForEverything) {
  EXPECT_EQ(verb(Kind::kChannel, true), "SUBSCRIBE");
  EXPECT_EQ(verb(Kind::kPattern, false), "PUNSUBSCRIBE");
  EXPECT_EQ(verb(Kind::kShard, true), "SSUBSCRIBE");
}

}  // namespace
}  // namespace pillion::data::pubsub
