#include "proxy/data/upstream/handshake.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/byte_splitter.hpp"
#include "tests/unit/proxy/data/text.hpp"

namespace pillion::data::upstream {
namespace {

using Result = Handshake::Result;

TEST(Handshake, SaysWhatTheKeyAsksFor) {
  const auto asks = [](Identity identity, std::uint32_t database, int protocol) {
    return spoken(Handshake({std::move(identity), database, protocol}).request());
  };
  EXPECT_EQ(asks({}, 0, 2), "");
  EXPECT_EQ(asks({"", "secret"}, 0, 2), "AUTH secret");
  EXPECT_EQ(asks({"bob", "secret"}, 0, 2), "AUTH bob secret");
  EXPECT_EQ(asks({}, 3, 2), "SELECT 3");
  EXPECT_EQ(asks({}, 0, 3), "HELLO 3");
  EXPECT_EQ(asks({"", "secret"}, 0, 3), "HELLO 3 AUTH default secret");
  // Before it is somebody and after: who may select is one of the two.
  EXPECT_EQ(asks({"bob", "secret"}, 7, 3), "SELECT 7|HELLO 3 AUTH bob secret|SELECT 7");
  EXPECT_EQ(asks({"bob", "secret"}, 7, 2), "SELECT 7|AUTH bob secret|SELECT 7");
  EXPECT_EQ(spoken(Handshake({{}, 3, 2}, true).request()), "SELECT 3|CLIENT ID");
  EXPECT_EQ(spoken(Handshake({{}, 0, 2}, true).request()), "CLIENT ID");
  EXPECT_EQ(spoken(Handshake({{}, 0, 3, 4, true}).request()), "HELLO 3|READONLY");
}

TEST(Handshake, NothingToSayIsDoneAtOnce) {
  Handshake handshake({{}, 0, 2});
  std::size_t consumed = 9;
  EXPECT_EQ(handshake.feed("+1\r\n", consumed), Result::kDone);
  EXPECT_EQ(consumed, 0u);
}

Result feed(Handshake& handshake, std::string_view bytes, const test::Cuts& cuts,
            std::size_t& total) {
  Result result = Result::kMore;
  total = 0;
  std::size_t at = 0;
  for (const std::size_t end : cuts) {
    if (result != Result::kMore) break;
    std::size_t consumed = 0;
    result = handshake.feed(bytes.substr(at, end - at), consumed);
    total += consumed;
    at = end;
  }
  return result;
}

TEST(Handshake, IsDoneAtEverySplitAndLeavesWhatFollows) {
  const std::string answers =
      "-NOAUTH Authentication required.\r\n%1\r\n$5\r\nproto\r\n:3\r\n+OK\r\n:4711\r\n";
  const std::string bytes = answers + "+next\r\n";
  test::for_each_split(bytes, [&](const test::Cuts& cuts) {
    Handshake handshake({{"bob", "secret"}, 7, 3}, true);
    std::size_t total = 0;
    EXPECT_EQ(feed(handshake, bytes, cuts, total), Result::kDone);
    EXPECT_EQ(total, answers.size());
    EXPECT_EQ(handshake.client_id(), 4711u);
  });
}

Result answered(Handshake& handshake, std::string_view replies) {
  std::size_t consumed = 0;
  return handshake.feed(replies, consumed);
}

TEST(Handshake, EitherSelectIsEnough) {
  const ChannelKey key{{"bob", "secret"}, 7, 2};
  const std::string denied = "-NOPERM this user has no permissions to run the 'select' command\r\n";
  const std::string out_of_range = "-ERR DB index is out of range\r\n";
  Handshake as_default(key);
  EXPECT_EQ(answered(as_default, "+OK\r\n+OK\r\n" + denied), Result::kDone);
  Handshake as_bob(key);
  EXPECT_EQ(answered(as_bob, denied + "+OK\r\n+OK\r\n"), Result::kDone);
  Handshake neither(key);
  EXPECT_EQ(answered(neither, denied + "+OK\r\n" + out_of_range), Result::kRefused);
  EXPECT_EQ(neither.refusal(), "ERR DB index is out of range") << "the words of the user's own try";
  Handshake nobody(key);
  EXPECT_EQ(answered(nobody, "+OK\r\n-WRONGPASS invalid\r\n"), Result::kRefused);
  EXPECT_EQ(nobody.refusal(), "WRONGPASS invalid");
}

TEST(Handshake, AnUpstreamThatDoesNotTellTheIdIsNoneTheLess) {
  Handshake handshake({{}, 0, 2}, true);
  EXPECT_EQ(answered(handshake, "-NOPERM no\r\n"), Result::kDone);
  EXPECT_EQ(handshake.client_id(), 0u);
}

TEST(Handshake, ARefusalIsToldInTheUpstreamsWords) {
  const std::string bytes = "-NOAUTH x\r\n+OK\r\n-ERR DB index is out of range\r\n";
  test::for_each_split(bytes, [&](const test::Cuts& cuts) {
    Handshake handshake({{"", "secret"}, 99, 2});
    std::size_t total = 0;
    EXPECT_EQ(feed(handshake, bytes, cuts, total), Result::kRefused);
    EXPECT_EQ(handshake.refusal(), "ERR DB index is out of range");
  });
}

TEST(Handshake, WhatIsNoRedisIsRefused) {
  for (const std::string& bytes :
       {std::string("HTTP/1.1 400 Bad Request\r\n"), std::string("$-7\r\n"),
        "$200000\r\n" + std::string(100'000, 'x')}) {
    Handshake handshake({{"", "secret"}, 0, 2});
    std::size_t consumed = 0;
    EXPECT_EQ(handshake.feed(bytes, consumed), Result::kRefused);
    EXPECT_EQ(handshake.refusal(), "ERR not a RESP reply to the handshake");
    EXPECT_EQ(handshake.refusal().find("secret"), std::string::npos);
  }
}

}  // namespace
}  // namespace pillion::data::upstream
