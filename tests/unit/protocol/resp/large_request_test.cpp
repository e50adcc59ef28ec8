#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/resp/request_parser.hpp"
#include "protocol/resp/writer.hpp"
#include "tests/support/byte_splitter.hpp"
#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::resp {
namespace {

using Status = LargeRequest::Status;

struct Outcome {
  Status status;
  std::size_t consumed;
  std::string error;
};

Outcome play(std::string_view input, const test::Cuts& cuts, const Limits& limits) {
  LargeRequest request(limits);
  Outcome outcome{Status::kMore, 0, ""};
  std::size_t start = 0;
  for (const std::size_t cut : cuts) {
    const ExactBytes block(input.substr(start, cut - start));
    std::size_t consumed = 0;
    outcome.status = request.feed(block.view(), consumed);
    outcome.consumed += consumed;
    start = cut;
    if (outcome.status != Status::kMore) break;
    EXPECT_EQ(consumed, block.view().size()) << "kMore consumes everything";
  }
  outcome.error = request.error_text();
  return outcome;
}

void expect_done(std::string_view input, std::size_t size) {
  test::for_each_split(input, [&](const test::Cuts& cuts) {
    const Outcome outcome = play(input, cuts, {});
    ASSERT_EQ(outcome.status, Status::kDone) << input << " first cut " << cuts.front();
    ASSERT_EQ(outcome.consumed, size) << input << " first cut " << cuts.front();
  });
}

void expect_error(std::string_view input, std::string_view reason, const Limits& limits = {}) {
  test::for_each_split(input, [&](const test::Cuts& cuts) {
    const Outcome outcome = play(input, cuts, limits);
    ASSERT_EQ(outcome.status, Status::kError) << input << " first cut " << cuts.front();
    ASSERT_EQ(outcome.error, "-ERR Protocol error: " + std::string(reason) + "\r\n") << input;
  });
}

TEST(LargeRequest, ConsumesExactlyOneCommand) {
  expect_done("*1\r\n$4\r\nPING\r\n", 14);
  expect_done("*2\r\n$3\r\nGET\r\n$10\r\n0123456789\r\n*1\r\n", 30);
  expect_done("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$2\r\n\r\n\r\nPING\r\n", 27);
  expect_done("*0\r\n*1", 4);
}

TEST(LargeRequest, IsNotDoneBeforeTheLastByte) {
  const std::string_view input = "*2\r\n$3\r\nGET\r\n$3\r\nabc\r\n";
  for (std::size_t size = 0; size < input.size(); ++size) {
    EXPECT_EQ(play(input, {size}, {}).status, Status::kMore) << size;
  }
}

TEST(LargeRequest, RefusesWhatTheParserRefuses) {
  expect_error("*x\r\n", "invalid multibulk length");
  expect_error("*01\r\n", "invalid multibulk length");
  expect_error("*1\rx", "invalid multibulk length");
  expect_error("*1\r\n$-1\r\n", "invalid bulk length");
  expect_error("*1\r\n$1\rx", "invalid bulk length");
  expect_error("*1\r\n$1\r\naxx", "invalid bulk length");
  expect_error("*1\r\n$1\r\na\rx", "invalid bulk length");
  expect_error("*1\r\n$1111111111111111111111111111111111111111111111\r\n", "invalid bulk length");
  expect_error("*1\r\nfoo\r\n", "expected '$', got 'f'");
  expect_error("*1\r\n\r\n", "expected '$', got ' '");
  expect_error("PING\r\n", "too big inline request");
}

TEST(LargeRequest, KeepsTheLimits) {
  Limits limits;
  limits.max_header = 8;
  limits.max_args = 2;
  limits.max_bulk = 5;
  expect_error("*3\r\n", "invalid multibulk length", limits);
  expect_error("*1\r\n$6\r\n", "invalid bulk length", limits);
  expect_error("*11111111", "too big mbulk count string", limits);
  expect_error("*1\r\n$11111111", "too big bulk count string", limits);
}

TEST(LargeRequest, ErrorsAndTheEndAreFinal) {
  std::size_t consumed = 7;
  LargeRequest done;
  ASSERT_EQ(done.feed("*1\r\n$1\r\na\r\n", consumed), Status::kDone);
  EXPECT_EQ(done.feed("*1\r\n", consumed), Status::kDone);
  EXPECT_EQ(consumed, 0U);
  LargeRequest dead;
  ASSERT_EQ(dead.feed("x", consumed), Status::kError);
  EXPECT_EQ(dead.feed("*1\r\n$1\r\na\r\n", consumed), Status::kError);
  EXPECT_EQ(consumed, 0U);
}

TEST(LargeRequest, AgreesWithTheParserOnLargeCommands) {
  Limits limits;
  limits.large_request = 1000;
  std::string input;
  append_request(input, {"SET", "key", std::string(5000, 'v')});
  const std::size_t size = input.size();
  input += "*1\r\n$4\r\nPING\r\n";
  RequestParser parser(limits);
  ASSERT_EQ(parser.parse(std::string_view(input).substr(0, 100)), RequestParser::Result::kLarge);
  const Outcome outcome = play(input, {100, 4096, input.size()}, limits);
  EXPECT_EQ(outcome.status, Status::kDone);
  EXPECT_EQ(outcome.consumed, size);
}

}  // namespace
}  // namespace pillion::resp
