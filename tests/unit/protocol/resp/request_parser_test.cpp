#include "protocol/resp/request_parser.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/resp/writer.hpp"
#include "tests/support/byte_splitter.hpp"
#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::resp {
namespace {

using Result = RequestParser::Result;

// What one connection's bytes amount to: a line per event, so that runs compare and print well.
using Events = std::vector<std::string>;

std::string describe(const RequestParser& parser, Result result) {
  std::string event;
  switch (result) {
    case Result::kCommand:
    case Result::kCrossProtocol:
      event = result == Result::kCommand ? "command" : "cross";
      for (std::size_t i = 0; i < parser.command().argc(); ++i) {
        event.append(" <").append(parser.command().arg(i)).append(">");
      }
      return event + " used " + std::to_string(parser.consumed());
    case Result::kNothing:
      return "nothing used " + std::to_string(parser.consumed());
    case Result::kError:
      return std::string(parser.error_text());
    case Result::kLarge:
      return "large after " + std::to_string(parser.command().argc());
    case Result::kNeedMore:
      break;
  }
  return "need more";
}

bool ends_connection(Result result) {
  return result == Result::kError || result == Result::kCrossProtocol || result == Result::kLarge;
}

// Plays a session: delivers the bytes in the given cuts, each time in a block of exact size and at
// a new address, and takes every event out.
Events play(std::string_view input, const test::Cuts& cuts, const Limits& limits = {}) {
  RequestParser parser(limits);
  Events events;
  std::size_t start = 0;
  for (const std::size_t cut : cuts) {
    while (start < cut) {
      const ExactBytes block(input.substr(start, cut - start));
      const Result result = parser.parse(block.view());
      if (result == Result::kNeedMore) break;
      events.push_back(describe(parser, result));
      if (result == Result::kCommand) {
        std::string canonical;
        append_array_header(canonical, parser.command().argc());
        std::size_t args_offset = 0;
        for (std::size_t i = 0; i < parser.command().argc(); ++i) {
          append_bulk(canonical, parser.command().arg(i));
          if (i == 0) args_offset = canonical.size();
        }
        EXPECT_EQ(parser.command().raw(), canonical);
        EXPECT_EQ(parser.command().raw_args(), std::string_view(canonical).substr(args_offset));
      }
      if (ends_connection(result)) {
        if (result == Result::kError) {
          EXPECT_EQ(parser.parse(block.view()), Result::kError) << "an error is final";
        }
        return events;
      }
      start += parser.consumed();
    }
  }
  return events;
}

void expect_events(std::string_view input, const Events& expected, const Limits& limits = {}) {
  test::for_each_split(input, [&](const test::Cuts& cuts) {
    ASSERT_EQ(play(input, cuts, limits), expected)
        << testing::PrintToString(input.substr(0, 80)) << " first cut " << cuts.front();
  });
}

std::string protocol_error(std::string_view reason) {
  return "-ERR Protocol error: " + std::string(reason) + "\r\n";
}

TEST(RequestParser, ReadsMultibulkCommands) {
  expect_events("*1\r\n$4\r\nPING\r\n", {"command <PING> used 14"});
  expect_events("*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n", {"command <GET> <0123456789> used 30"});
  expect_events("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$2\r\n\r\n\r\n", {"command <SET> <> <\r\n> used 27"});
}

TEST(RequestParser, ArgumentsAreBinarySafe) {
  expect_events(bytes("*2\r\n$3\r\nGET\r\n$4\r\n\0\r\n*\r\n"),
                {std::string(bytes("command <GET> <\0\r\n*> used 23"))});
}

TEST(RequestParser, TakesPipelinesApart) {
  expect_events("*1\r\n$4\r\nPING\r\nGET a\r\n\r\n*0\r\n*2\r\n$3\r\nGET\r\n$1\r\nb\r\n",
                {"command <PING> used 14", "command <GET> <a> used 7", "nothing used 2",
                 "nothing used 4", "command <GET> <b> used 20"});
}

TEST(RequestParser, EmptyCommandsAreNothing) {
  for (const std::string_view input :
       {"*0\r\n", "*-1\r\n", "*-10\r\n", "\r\n", "\n", " \t\r\n", "\r\r\n"}) {
    expect_events(input, {"nothing used " + std::to_string(input.size())});
  }
}

TEST(RequestParser, ReadsInlineCommands) {
  expect_events("PING\n", {"command <PING> used 5"});
  expect_events("SET 'a b' \"x\\x41\\n\"\r\n", {"command <SET> <a b> <xA\n> used 21"});
  expect_events("$4\r\nPING\r\n", {"command <$4> used 4", "command <PING> used 6"});
  expect_events("\"\"\r\n", {"command <> used 4"});
}

// The texts are those of redis-server 7.0.15, asked byte for byte.
TEST(RequestParser, RefusesWithTheTextsOfRedis) {
  const std::string count = protocol_error("invalid multibulk length");
  for (const std::string_view input :
       {"*abc\r\n", "*01\r\n", "*+1\r\n", "* 1\r\n", "*1 \r\n", "*\r\n", "*-0\r\n",
        "*3000000000\r\n", "*99999999999999999999\r\n", "*1048577\r\n", "*1\n$4\r\n"}) {
    expect_events(input, {count});
  }
  const std::string length = protocol_error("invalid bulk length");
  for (const std::string_view input :
       {"*1\r\n$-1\r\n", "*1\r\n$04\r\nPING\r\n", "*1\r\n$536870913\r\n", "*1\r\n$blah\r\n",
        "*1\r\n$\r\n", "*1\r\n$ 4\r\n", "*1\r\n$+4\r\n", "*1\r\n$9223372036854775808\r\n"}) {
    expect_events(input, {length});
  }
  expect_events("*1\r\nfoo\r\n", {protocol_error("expected '$', got 'f'")});
  expect_events("*1\r\n\r\n", {protocol_error("expected '$', got ' '")});
  expect_events("PING \"a\"b\r\n", {protocol_error("unbalanced quotes in request")});
  expect_events("PING 'a\r\n", {protocol_error("unbalanced quotes in request")});
}

// Redis steps over any two bytes; here they must be CR LF, or raw() would not be canonical.
TEST(RequestParser, LineEndsMustBeLineEnds) {
  expect_events("*1\rX$4\r\nPING\r\n", {protocol_error("invalid multibulk length")});
  expect_events("*1\r\n$4\rXPING\r\n", {protocol_error("invalid bulk length")});
  expect_events("*1\r\n$4\r\nPINGxx", {protocol_error("invalid bulk length")});
  expect_events("*1\r\n$4\r\nPINGx", {protocol_error("invalid bulk length")});
  expect_events("*1\r\n$4\r\nPING\rx", {protocol_error("invalid bulk length")});
}

TEST(RequestParser, WaitsForAWholeLineBeforeItJudges) {
  for (const std::string_view input : {"*abc", "*1\r", "*1\n$4\n", "*1\r\n$x", "*1\r\nfoo", "\"",
                                       "*1\r\n$4\r\nPING", "*1\r\n$4\r\nPING\r"}) {
    expect_events(input, {});
  }
}

TEST(RequestParser, BoundsLinesThatNeverEnd) {
  Limits limits;
  limits.max_inline = 8;
  limits.max_header = 8;
  expect_events("12345678\r\n", {"command <12345678> used 10"}, limits);
  expect_events("12345678\n", {"command <12345678> used 9"}, limits);
  expect_events("123456789\r\n", {protocol_error("too big inline request")}, limits);
  expect_events("123456789", {protocol_error("too big inline request")}, limits);
  expect_events("*11111111", {protocol_error("too big mbulk count string")}, limits);
  expect_events("*1\r\n$11111111", {protocol_error("too big bulk count string")}, limits);
  expect_events("*1\r\n$1111111", {}, limits);
}

// To Redis a NUL ends the buffer it searches for a line end.
TEST(RequestParser, AnInlineLineWithANulNeverEnds) {
  expect_events(bytes("PI\0NG\r\nPING\r\n"), {});
  Limits limits;
  limits.max_inline = 8;
  expect_events(bytes("P\0\r\nPING\r\n"), {protocol_error("too big inline request")}, limits);
}

TEST(RequestParser, BeforeAuthTheLimitsAreTighter) {
  const Limits& limits = kUnauthenticatedLimits;
  expect_events("*11\r\n", {protocol_error("unauthenticated multibulk length")}, limits);
  expect_events("*1\r\n$16385\r\n", {protocol_error("unauthenticated bulk length")}, limits);
  expect_events("*3000000000\r\n", {protocol_error("invalid multibulk length")}, limits);
  const std::string token(16384, 't');
  std::string request;
  append_request(request, {"AUTH", token});
  EXPECT_EQ(play(request, {request.size()}, limits).size(), 1U);
}

TEST(RequestParser, LimitsChangeBetweenCommands) {
  RequestParser parser(kUnauthenticatedLimits);
  std::string request;
  append_request(request, {"SET", "k", std::string(20000, 'v')});
  ASSERT_EQ(parser.parse("*1\r\n$4\r\nPING\r\n"), Result::kCommand);
  parser.set_limits(Limits{});
  EXPECT_EQ(parser.parse(request), Result::kCommand);
}

TEST(RequestParser, CrossProtocolClosesInEitherForm) {
  expect_events("POST / HTTP/1.1\r\n", {"cross <POST> </> <HTTP/1.1> used 17"});
  expect_events("hOsT: x\r\n", {"cross <hOsT:> <x> used 9"});
  expect_events("*1\r\n$4\r\nPost\r\n", {"cross <Post> used 14"});
  expect_events("*1\r\n$5\r\nHOST:\r\n", {"cross <HOST:> used 15"});
  expect_events("HOST x\r\n", {"command <HOST> <x> used 8"});
  expect_events("*1\r\n$5\r\nHOST\x1a\r\n", {"command <HOST\x1a> used 15"});
}

TEST(RequestParser, SaysLargeAsSoonAsItIsKnown) {
  Limits limits;
  limits.large_request = 40;
  const std::string_view large = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$14\r\n";
  // 4 + 9 + 7 + 5 + 15 = 40 bytes are just gathered, one more is not.
  expect_events("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$13\r\n0123456789012\r\n",
                {"command <SET> <k> <0123456789012> used 40"}, limits);
  expect_events(large, {"large after 2"}, limits);
  expect_events("*3\r\n$100\r\n", {"large after 0"}, limits);
}

TEST(RequestParser, ManySmallArgumentsAreLargeToo) {
  Limits limits;
  limits.large_request = 40;
  std::string input = "*100\r\n";
  for (int i = 0; i < 5; ++i) input += "$1\r\na\r\n";  // 6 + 35 bytes
  expect_events(input, {"large after 4"}, limits);
}

TEST(RequestParser, AfterALargeCommandTheNextOneIsRead) {
  Limits limits;
  limits.large_request = 40;
  RequestParser parser(limits);
  ASSERT_EQ(parser.parse("*2\r\n$3\r\nGET\r\n$64\r\n"), Result::kLarge);
  EXPECT_EQ(parser.command().argc(), 1U);
  EXPECT_EQ(parser.command().name(), "GET");
  EXPECT_EQ(parser.command().raw(), "*2\r\n$3\r\nGET\r\n");
  ASSERT_EQ(parser.parse("*1\r\n$4\r\nPING\r\n"), Result::kCommand);
  EXPECT_EQ(parser.command().name(), "PING");
}

TEST(RequestParser, EqualArgumentsHaveEqualBytesInBothForms) {
  RequestParser multibulk;
  RequestParser line;
  ASSERT_EQ(multibulk.parse("*2\r\n$3\r\nGET\r\n$1\r\nk\r\n"), Result::kCommand);
  ASSERT_EQ(line.parse("get \"\\x6b\"\r\n"), Result::kCommand);
  EXPECT_EQ(multibulk.command().raw_args(), "$1\r\nk\r\n");
  EXPECT_EQ(multibulk.command().raw_args(), line.command().raw_args());
}

}  // namespace
}  // namespace pillion::resp
