#include "protocol/resp/reply_cursor.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::resp {
namespace {

Node only(std::string_view frame) {
  ReplyCursor cursor(frame);
  Node node{};
  EXPECT_TRUE(cursor.next(node)) << frame;
  EXPECT_TRUE(cursor.at_end()) << frame;
  Node none{};
  EXPECT_FALSE(cursor.next(none));
  return node;
}

TEST(ReplyCursor, ReadsEveryScalar) {
  EXPECT_EQ(only("+OK\r\n").text, "OK");
  EXPECT_EQ(only("-ERR no\r\n").text, "ERR no");
  EXPECT_EQ(only(":-7\r\n").integer, -7);
  EXPECT_EQ(only("$3\r\na\r\n\r\n").text, "a\r\n");
  EXPECT_EQ(only(",1.5\r\n").text, "1.5");
  EXPECT_EQ(only("(123\r\n").text, "123");
  EXPECT_EQ(only("=5\r\ntxt:a\r\n").text, "txt:a");
  EXPECT_EQ(only("!5\r\nERR x\r\n").text, "ERR x");
  EXPECT_EQ(only("#t\r\n").integer, 1);
  EXPECT_EQ(only("#f\r\n").integer, 0);
  for (const std::string_view null : {"$-1\r\n", "*-1\r\n", "_\r\n"}) {
    EXPECT_TRUE(only(null).null) << null;
    EXPECT_EQ(only(null).integer, 0) << null;
  }
  EXPECT_FALSE(only("$0\r\n\r\n").null);
}

TEST(ReplyCursor, WalksInWireOrderAndSkips) {
  ReplyCursor cursor(
      "*4\r\n%1\r\n+k\r\n*1\r\n|1\r\n+a\r\n+b\r\n:1\r\n~2\r\n+x\r\n+y\r\n*0\r\n:9\r\n");
  Node node{};
  ASSERT_TRUE(cursor.next(node));
  EXPECT_EQ(node.integer, 4);
  ASSERT_TRUE(cursor.next(node));
  EXPECT_EQ(node.type, '%');
  EXPECT_EQ(node.integer, 2) << "a map counts keys and values";
  ASSERT_TRUE(cursor.skip(node));
  ASSERT_TRUE(cursor.next(node));
  EXPECT_EQ(node.type, '~');
  ASSERT_TRUE(cursor.skip(node));
  ASSERT_TRUE(cursor.next(node));
  EXPECT_EQ(node.type, '*');
  ASSERT_TRUE(cursor.skip(node));
  EXPECT_EQ(cursor.rest(), ":9\r\n");
  ASSERT_TRUE(cursor.next(node));
  EXPECT_EQ(node.integer, 9);
  ASSERT_TRUE(cursor.skip(node));
  EXPECT_TRUE(cursor.at_end());
}

TEST(ReplyCursor, StopsAtMalformedBytes) {
  for (const std::string_view frame :
       {"", "x\r\n", "+OK", "+OK\r", "$3\r\nab\r\n", "$3\r\nabcd\r\n", "$-2\r\n", "$x\r\n",
        ":x\r\n", ":\r\n", "#x\r\n", "_x\r\n", "%-1\r\n", "*2147483649\r\n",
        "$9999999999999999999\r\n"}) {
    const ExactBytes block(frame);
    ReplyCursor cursor(block.view());
    Node node{};
    EXPECT_FALSE(cursor.next(node)) << frame;
    EXPECT_EQ(cursor.at_end(), frame.empty()) << "nothing is consumed";
  }
  ReplyCursor cursor("*2\r\n:1\r\n");
  Node node{};
  ASSERT_TRUE(cursor.next(node));
  EXPECT_FALSE(cursor.skip(node)) << "an element is missing";
}

TEST(MissingReply, KnowsWhatACommandSaysOfAnAbsentKey) {
  for (const std::string_view frame :
       {"_\r\n", "$-1\r\n", "*-1\r\n", ":0\r\n", "#f\r\n", "$0\r\n\r\n", "+none\r\n", "*0\r\n",
        "~0\r\n", "%0\r\n", "*2\r\n_\r\n_\r\n", "*2\r\n:0\r\n:0\r\n", "*1\r\n*1\r\n$-1\r\n",
        "|1\r\n+a\r\n+b\r\n_\r\n"}) {
    EXPECT_TRUE(is_missing_reply(frame)) << frame;
  }
}

TEST(MissingReply, AnythingElseIsAnAnswer) {
  for (const std::string_view frame :
       {"", ":1\r\n", "$1\r\na\r\n", "+OK\r\n", "+\r\n", "-ERR\r\n", "!3\r\nERR\r\n", ",0\r\n",
        "*2\r\n_\r\n$1\r\na\r\n", "*2\r\n:0\r\n:1\r\n", "*1\r\n-ERR\r\n", "#t\r\n", "$1\r\n",
        "%1\r\n$1\r\nf\r\n_\r\n"}) {
    EXPECT_FALSE(is_missing_reply(frame)) << frame;
  }
}

}  // namespace
}  // namespace pillion::resp
