#include "protocol/resp/request_grammar.hpp"

#include <gtest/gtest.h>

namespace pillion::resp::grammar {
namespace {

std::string_view count_error(std::string_view line, const Limits& limits) {
  std::int64_t count = 0;
  return check_count_line(line, limits, count);
}

std::string_view length_error(std::string_view line, const Limits& limits) {
  std::int64_t length = 0;
  return check_length_line(line, limits, length);
}

TEST(RequestGrammar, BoundsTheArgumentCount) {
  EXPECT_EQ(count_error("*1048576", {}), "");
  EXPECT_EQ(count_error("*-5", {}), "");
  EXPECT_EQ(count_error("*1048577", {}), kInvalidCount);
  EXPECT_EQ(count_error("*2147483648", {}), kInvalidCount);
  EXPECT_EQ(count_error("*", {}), kInvalidCount);
}

TEST(RequestGrammar, BoundsTheBulkLength) {
  EXPECT_EQ(length_error("$536870912", {}), "");
  EXPECT_EQ(length_error("$536870913", {}), kInvalidLength);
  EXPECT_EQ(length_error("$-1", {}), kInvalidLength);
  EXPECT_EQ(length_error("$", {}), kInvalidLength);
}

// Recorded from redis-server 7.0.15 with requirepass: beyond what Redis could ever take, the text
// is the ordinary one.
TEST(RequestGrammar, SaysWhenTheBoundIsTheOneBeforeAuth) {
  EXPECT_EQ(count_error("*10", kUnauthenticatedLimits), "");
  EXPECT_EQ(count_error("*11", kUnauthenticatedLimits), "unauthenticated multibulk length");
  EXPECT_EQ(count_error("*3000000000", kUnauthenticatedLimits), kInvalidCount);
  EXPECT_EQ(length_error("$16384", kUnauthenticatedLimits), "");
  EXPECT_EQ(length_error("$16385", kUnauthenticatedLimits), "unauthenticated bulk length");
  EXPECT_EQ(length_error("$536870913", kUnauthenticatedLimits), kInvalidLength);
}

TEST(RequestGrammar, ErrorsAreOneLineWhateverTheClientSent) {
  EXPECT_EQ(error_line(kInvalidLength), "-ERR Protocol error: invalid bulk length\r\n");
  EXPECT_EQ(expected_dollar_line('f'), "-ERR Protocol error: expected '$', got 'f'\r\n");
  EXPECT_EQ(expected_dollar_line('\r'), "-ERR Protocol error: expected '$', got ' '\r\n");
  EXPECT_EQ(expected_dollar_line('\n'), "-ERR Protocol error: expected '$', got ' '\r\n");
}

}  // namespace
}  // namespace pillion::resp::grammar
