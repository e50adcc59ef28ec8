// The judge forgives what a server may choose, and nothing else.
#include "tests/differential/rules.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pillion::test {
namespace {

const std::string kAB = "*2\r\n$1\r\na\r\n$1\r\nb\r\n";
const std::string kBA = "*2\r\n$1\r\nb\r\n$1\r\na\r\n";

TEST(DifferentialRules, EqualBytesAreTheSameByEveryRule) {
  for (const Rule rule : {Rule::kExact, Rule::kUnordered, Rule::kExec, Rule::kAbout}) {
    EXPECT_TRUE(same_reply(rule, kAB, kAB));
  }
}

TEST(DifferentialRules, OrderIsForgivenWhereAsked) {
  EXPECT_FALSE(same_reply(Rule::kExact, kAB, kBA));
  EXPECT_TRUE(same_reply(Rule::kUnordered, kAB, kBA));
  EXPECT_FALSE(same_reply(Rule::kUnordered, kAB, "*2\r\n$1\r\na\r\n$1\r\na\r\n"));
  EXPECT_FALSE(same_reply(Rule::kUnordered, kAB, "~2\r\n$1\r\na\r\n$1\r\nb\r\n"));
}

TEST(DifferentialRules, PairsStayTogether) {
  const std::string one = "*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n";
  EXPECT_TRUE(same_reply(Rule::kPairs, one, "*4\r\n+b\r\n+2\r\n+a\r\n+1\r\n"));
  EXPECT_FALSE(same_reply(Rule::kPairs, one, "*4\r\n+a\r\n+2\r\n+b\r\n+1\r\n"));
  EXPECT_TRUE(
      same_reply(Rule::kPairs, "%2\r\n+a\r\n+1\r\n+b\r\n+2\r\n", "%2\r\n+b\r\n+2\r\n+a\r\n+1\r\n"));
}

TEST(DifferentialRules, ErrorsAndNullsAreNeverForgiven) {
  EXPECT_FALSE(same_reply(Rule::kUnordered, "-ERR one\r\n", "-ERR two\r\n"));
  EXPECT_FALSE(same_reply(Rule::kType, "$-1\r\n", "$1\r\na\r\n"));
  EXPECT_FALSE(same_reply(Rule::kType, "$-1\r\n", "*-1\r\n"));
  EXPECT_FALSE(same_reply(Rule::kUnordered, "*0\r\n", "*-1\r\n"));
}

TEST(DifferentialRules, ALifetimeMayPassMeanwhile) {
  EXPECT_TRUE(same_reply(Rule::kAbout, ":300000\r\n", ":299999\r\n"));
  EXPECT_TRUE(same_reply(Rule::kAbout, ":300000000\r\n", ":299998000\r\n"));
  EXPECT_FALSE(same_reply(Rule::kAbout, ":300000\r\n", ":200000\r\n"));
  EXPECT_FALSE(same_reply(Rule::kAbout, ":300000\r\n", ":-1\r\n"));
}

TEST(DifferentialRules, OnlyTheClientsIdDiffersInAHello) {
  EXPECT_TRUE(same_reply(Rule::kHello, "*4\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n",
                         "*4\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:9\r\n"));
  EXPECT_FALSE(same_reply(Rule::kHello, "*4\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:7\r\n",
                          "*4\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:7\r\n"));
}

TEST(DifferentialRules, ATransactionIsJudgedByItsCommands) {
  const std::string one = "*2\r\n" + kAB + ":5\r\n";
  EXPECT_TRUE(
      same_reply(Rule::kExec, one, "*2\r\n" + kBA + ":5\r\n", {Rule::kUnordered, Rule::kExact}));
  EXPECT_FALSE(
      same_reply(Rule::kExec, one, "*2\r\n" + kBA + ":5\r\n", {Rule::kExact, Rule::kExact}));
  EXPECT_FALSE(
      same_reply(Rule::kExec, one, "*2\r\n" + kBA + ":6\r\n", {Rule::kUnordered, Rule::kExact}));
}

}  // namespace
}  // namespace pillion::test
