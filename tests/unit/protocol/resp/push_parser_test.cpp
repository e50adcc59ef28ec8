#include "protocol/resp/push_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::resp {
namespace {

using Kind = Push::Kind;

std::vector<std::string> keys_of(std::string_view frame) {
  const ExactBytes block(frame);
  Push push(block.view());
  EXPECT_EQ(push.kind(), Kind::kInvalidate);
  std::vector<std::string> keys;
  std::string_view key;
  while (push.next_key(key)) keys.emplace_back(key);
  EXPECT_FALSE(push.next_key(key));
  return keys;
}

TEST(Push, InvalidationsNameTheirKeys) {
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys_of(">2\r\n$10\r\ninvalidate\r\n*1\r\n$3\r\nfoo\r\n"), Keys{"foo"});
  EXPECT_EQ(
      keys_of(bytes(">2\r\n$10\r\ninvalidate\r\n*3\r\n$0\r\n\r\n$2\r\n\r\n\r\n$2\r\n\0a\r\n")),
      (Keys{"", "\r\n", std::string(bytes("\0a"))}));
  EXPECT_EQ(keys_of("|1\r\n+a\r\n+b\r\n>2\r\n+invalidate\r\n*1\r\n$1\r\nk\r\n"), Keys{"k"});
  EXPECT_EQ(keys_of(">2\r\n$10\r\ninvalidate\r\n*0\r\n"), Keys{});
}

TEST(Push, NullInvalidatesEverything) {
  EXPECT_EQ(Push(">2\r\n$10\r\ninvalidate\r\n_\r\n").kind(), Kind::kInvalidateAll);
  EXPECT_EQ(Push(">2\r\n$10\r\ninvalidate\r\n*-1\r\n").kind(), Kind::kInvalidateAll);
}

TEST(Push, TellsOtherPushesApart) {
  EXPECT_EQ(Push(">2\r\n$21\r\ntracking-redir-broken\r\n:5\r\n").kind(), Kind::kRedirBroken);
  EXPECT_EQ(Push(">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n").kind(), Kind::kOther);
  EXPECT_EQ(Push(">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n").kind(), Kind::kOther);
}

// Whoever sees kMalformed must assume that any key may have changed.
TEST(Push, NeverReadsKeysOutOfAnUnknownShape) {
  for (const std::string_view frame :
       {"", "+OK\r\n", "*2\r\n$10\r\ninvalidate\r\n*0\r\n", ">0\r\n", ">1\r\n:1\r\n",
        ">1\r\n$10\r\ninvalidate\r\n", ">2\r\n$10\r\ninvalidate\r\n:1\r\n",
        ">2\r\n$10\r\ninvalidate\r\n$1\r\nk\r\n", ">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\nk\r\n",
        ">2\r\n$10\r\ninvalidate\r\n*2\r\n$1\r\nk\r\n:1\r\n",
        ">2\r\n$10\r\ninvalidate\r\n*1\r\n$-1\r\n",
        ">3\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n:1\r\n", "|1\r\n+a\r\n"}) {
    const ExactBytes block(frame);
    Push push(block.view());
    std::string_view key;
    EXPECT_EQ(push.kind(), Kind::kMalformed) << frame;
    EXPECT_FALSE(push.next_key(key)) << frame;
  }
}

}  // namespace
}  // namespace pillion::resp
