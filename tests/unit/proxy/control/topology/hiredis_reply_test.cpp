#include "proxy/control/topology/hiredis_reply.hpp"

#include <gtest/gtest.h>

namespace pillion::control {
namespace {

HiredisReply parse(std::string_view bytes) {
  ReplyReader reader;
  reader.feed(bytes);
  return std::get<HiredisReply>(reader.next());
}

std::string refusal(std::string_view bytes) {
  ReplyReader reader;
  reader.feed(bytes);
  const auto next = reader.next();
  const auto* bad = std::get_if<BadReply>(&next);
  return bad == nullptr ? "accepted" : bad->why;
}

TEST(HiredisReply, TextOfEachKindOfString) {
  EXPECT_EQ(parse("+PONG\r\n").text(), "PONG");
  EXPECT_EQ(parse(std::string_view("$3\r\na\0b\r\n", 9)).text(), std::string_view("a\0b", 3));
  const HiredisReply error = parse("-NOAUTH Authentication required.\r\n");
  EXPECT_TRUE(error.is_error());
  EXPECT_EQ(error.text(), "NOAUTH Authentication required.");
}

TEST(HiredisReply, WhatIsNoStringHasNoText) {
  EXPECT_EQ(parse(":7\r\n").text(), "");
  EXPECT_EQ(parse("$-1\r\n").text(), "");
  EXPECT_EQ(parse("*0\r\n").text_at(0), "");
}

TEST(HiredisReply, ElementsOfAnArray) {
  const HiredisReply role = parse("*3\r\n$6\r\nmaster\r\n:42\r\n*0\r\n");
  EXPECT_TRUE(role.is_array());
  EXPECT_EQ(role.size(), 3U);
  EXPECT_EQ(role.text_at(0), "master");
  EXPECT_EQ(role.text_at(1), "");
  EXPECT_EQ(role.text_at(9), "");
}

TEST(ReplyReader, TellsNeedMoreFromAnErrorAtEverySplit) {
  const std::string bytes = "*2\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n+PONG\r\n";
  const std::size_t first_ends = bytes.find("+PONG");
  for (std::size_t split = 0; split < first_ends; ++split) {
    ReplyReader reader;
    reader.feed(std::string_view(bytes).substr(0, split));
    EXPECT_TRUE(std::holds_alternative<NeedMore>(reader.next())) << split;
    reader.feed(std::string_view(bytes).substr(split));
    const auto first = reader.next();
    ASSERT_TRUE(std::holds_alternative<HiredisReply>(first)) << split;
    EXPECT_EQ(std::get<HiredisReply>(first).text_at(1), "127.0.0.1");
    EXPECT_EQ(std::get<HiredisReply>(reader.next()).text(), "PONG");
    EXPECT_TRUE(std::holds_alternative<NeedMore>(reader.next()));
  }
}

TEST(ReplyReader, ErrorsAreFinal) {
  ReplyReader reader;
  reader.feed("HTTP/1.1 400 Bad Request\r\n");
  EXPECT_TRUE(std::holds_alternative<BadReply>(reader.next()));
  reader.feed("+PONG\r\n");
  EXPECT_TRUE(std::holds_alternative<BadReply>(reader.next()));
}

TEST(ReplyReader, AnAnnouncedArrayReservesNothing) {
  // hiredis alone would calloc 16 GiB here; under ASan or a memory limit that ends the process.
  ReplyReader reader;
  reader.feed("*2147483647\r\n:1\r\n");
  EXPECT_FALSE(std::holds_alternative<HiredisReply>(reader.next()));
}

TEST(ReplyReader, LargeRepliesAreRefusedBeforeTheyArrive) {
  EXPECT_EQ(refusal("$1048577\r\nab"), "the reply is larger than 1 MiB");
}

TEST(ReplyReader, Resp3IsRefused) {
  EXPECT_NE(refusal("%1\r\n+a\r\n+b\r\n"), "accepted");
}

}  // namespace
}  // namespace pillion::control
