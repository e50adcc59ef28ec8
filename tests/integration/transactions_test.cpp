// MULTI, EXEC, DISCARD, WATCH: what Redis promises of them, whoever else writes meanwhile.
#include "tests/integration/fixture.hpp"
#include "tests/support/crew.hpp"

namespace pillion::test {
namespace {

class Transactions : public ThroughPillion {};
class TransactionsInBothProtocols : public ThroughPillionInBothProtocols {
 protected:
  std::string seen;      // through Pillion
  std::string expected;  // straight from Redis
};
INSTANTIATE_TEST_SUITE_P(Speaking, TransactionsInBothProtocols, ::testing::Values(2, 3),
                         protocol_name);

TEST_P(TransactionsInBothProtocols, MultiExecRunsWhatWasQueued) {
  RespClient through = client();
  EXPECT_TRUE(through("MULTI").is_ok());
  EXPECT_EQ(through("SET", "k", "1"), "QUEUED");
  EXPECT_EQ(through("INCR", "k"), "QUEUED");
  EXPECT_EQ(through("GET", "k"), "QUEUED");
  EXPECT_EQ(through("PING"), "QUEUED");
  EXPECT_TRUE(redis("GET", "k").is_null());
  const Value results = through("EXEC");
  ASSERT_EQ(results.items.size(), 4U);
  EXPECT_TRUE(results.items[0].is_ok());
  EXPECT_EQ(results.items[1], 2);
  EXPECT_EQ(results.items[2], "2");
  EXPECT_EQ(results.items[3], "PONG");
  EXPECT_EQ(through("GET", "k"), "2") << "the connection is an ordinary one again";
}

TEST_P(TransactionsInBothProtocols, DiscardAndErrorsAreThoseOfRedis) {
  RespClient through = client();
  RespClient straight = direct();
  for (const std::vector<std::string_view>& step :
       std::vector<std::vector<std::string_view>>{{"EXEC"},         {"DISCARD"},
                                                  {"MULTI"},        {"MULTI"},
                                                  {"WATCH", "k"},   {"SET", "k", "1"},
                                                  {"DISCARD"},      {"EXEC"},
                                                  {"MULTI"},        {"NOSUCHCOMMAND"},
                                                  {"SET", "k"},     {"EXEC"},
                                                  {"MULTI"},        {"SET", "text", "abc"},
                                                  {"INCR", "text"}, {"GET", "text"},
                                                  {"EXEC"},         {"MULTI"},
                                                  {"EXEC"},         {"UNWATCH"},
                                                  {"GET", "text"}}) {
    EXPECT_EQ(through.raw(step), straight.raw(step)) << step[0];
  }
}

TEST_P(TransactionsInBothProtocols, WholeTransactionInOnePipeline) {
  RespClient through = client();
  std::string commands;
  for (int i = 0; i < 200; ++i) {
    append_command(commands, {"GET", "n"});
    append_command(commands, {"MULTI"});
    append_command(commands, {"INCR", "n"});
    append_command(commands, {"GET", "n"});
    append_command(commands, {"EXEC"});
    append_command(commands, {"GET", "n"});
  }
  through.send_raw(commands);
  for (int i = 0; i < 200; ++i) {
    const std::string before = std::to_string(i);
    const std::string after = std::to_string(i + 1);
    const Value first = through.read();
    ASSERT_TRUE(i == 0 ? first.is_null() : first == before) << first;
    ASSERT_TRUE(through.read().is_ok());
    ASSERT_EQ(through.read(), "QUEUED");
    ASSERT_EQ(through.read(), "QUEUED");
    ASSERT_EQ(through.read().items.at(1), after);
    ASSERT_EQ(through.read(), after);
  }
}

TEST_F(Transactions, WatchFailsTheTransactionWhenTheKeyChanged) {
  RespClient through = pillion.client();
  warm(through, "k");
  EXPECT_TRUE(through("WATCH", "k").is_ok());
  redis("SET", "k", "changed");
  through("MULTI");
  through("SET", "k", "mine");
  EXPECT_TRUE(through("EXEC").is_null());
  EXPECT_EQ(redis("GET", "k"), "changed");
  EXPECT_TRUE(through("WATCH", "k").is_ok());
  redis("SET", "k", "changed again");
  EXPECT_TRUE(through("UNWATCH").is_ok());
  through("MULTI");
  through("SET", "k", "mine");
  EXPECT_FALSE(through("EXEC").is_null());
}

TEST_F(Transactions, T15_NoLostUpdateBetweenWatchAndExec) {
  redis("SET", "balance", "0");
  constexpr int kForeign = 3'000;
  Crew crew;
  crew.start([&] {
    RespClient foreign = redis.client();
    for (int i = 0; i < kForeign; ++i) foreign("INCR", "balance");
  });
  RespClient through = pillion.client();
  RespClient warmer = pillion.client();
  std::int64_t succeeded = 0;
  for (int i = 0; i < 3'000; ++i) {
    warmer("GET", "balance");
    ASSERT_TRUE(through("WATCH", "balance").is_ok());
    const std::int64_t seen = through("GET", "balance").integer();
    through("MULTI");
    through("SET", "balance", std::to_string(seen + 1));
    if (!through("EXEC").is_null()) ++succeeded;
  }
  crew.join();
  EXPECT_EQ(redis("GET", "balance"), std::to_string(kForeign + succeeded))
      << succeeded << " transactions of ours went through";
}

TEST_F(Transactions, ClientThatLeavesWithinMultiChangesNothing) {
  {
    RespClient through = pillion.client();
    through("MULTI");
    through("SET", "k", "never");
  }
  RespClient other = pillion.client();
  for (int i = 0; i < 20; ++i) EXPECT_NE(other("SET", "other", "v").text, "QUEUED");
  EXPECT_TRUE(redis("GET", "k").is_null());
}

/// What a session may say about itself, step by step beside a connection to Redis itself.
using Steps = std::vector<std::vector<std::string_view>>;

TEST_P(TransactionsInBothProtocols, SelectWithinMultiHoldsFromItsPlaceOn) {
  RespClient through = client();
  RespClient straight = direct();
  for (RespClient* one : {&straight, &through}) {
    redis("FLUSHALL");
    std::string* bytes = one == &through ? &seen : &expected;
    for (const auto& step : Steps{{"MULTI"},       {"SET", "k", "zero"},
                                  {"SELECT", "5"}, {"SET", "k", "five"},
                                  {"GET", "k"},    {"SELECT", "99"},
                                  {"GET", "k"},    {"SELECT", "abc"},
                                  {"SELECT", "0"}, {"GET", "k"},
                                  {"SELECT", "5"}, {"EXEC"},
                                  {"GET", "k"},    {"MULTI"},
                                  {"SELECT", "0"}, {"DISCARD"},
                                  {"GET", "k"},    {"MULTI"},
                                  {"SELECT", "0"}, {"NOSUCHCOMMAND"},
                                  {"EXEC"},        {"GET", "k"},
                                  {"WATCH", "k"},  {"SET", "k", "changed"},
                                  {"MULTI"},       {"SELECT", "0"},
                                  {"EXEC"},        {"GET", "k"},
                                  {"RESET"},       {"GET", "k"}}) {
      *bytes += one->raw(step);
    }
  }
  EXPECT_EQ(seen, expected);
  RespClient other = pillion.client();
  EXPECT_EQ(other("GET", "k"), "zero") << "nobody else's database changed";
}

TEST_P(TransactionsInBothProtocols, SelectInAPipelineWithATransaction) {
  RespClient through = client();
  redis("SET", "k", "zero");
  std::string commands;
  for (int i = 0; i < 100; ++i) {
    const std::string value = std::to_string(i);
    for (const auto& step : Steps{{"MULTI"},
                                  {"SELECT", "5"},
                                  {"SET", "k", value},
                                  {"EXEC"},
                                  {"GET", "k"},
                                  {"SELECT", "0"},
                                  {"GET", "k"}}) {
      commands += encode(step);
    }
  }
  through.send_raw(commands);
  for (int i = 0; i < 100; ++i) {
    for (int reply = 0; reply < 4; ++reply) ASSERT_FALSE(through.read().is_error());
    ASSERT_EQ(through.read(), std::to_string(i));
    ASSERT_TRUE(through.read().is_ok());
    ASSERT_EQ(through.read(), "zero");
  }
}

TEST_P(TransactionsInBothProtocols, NestedAndMisplacedCommandsAreAsInRedis) {
  RespClient through = client();
  RespClient straight = direct();
  for (const auto& step : Steps{
           {"MULTI"},
           {"MULTI"},
           {"SET", "k", "v"},
           {"MULTI"},
           {"EXEC"},
           {"MULTI"},
           {"WATCH", "k"},
           {"GET", "k"},
           {"EXEC"},
           {"WATCH"},
           {"WATCH", "k", "l"},
           {"WATCH", "m"},
           {"UNWATCH"},
           {"EXEC"},
           {"MULTI", "now"},
           {"EXEC", "now"},
           {"MULTI"},
           {"UNWATCH"},
           {"EXEC"},
           {"MULTI"},
           {"PING", "x"},
           {"ECHO", "y"},
           {"EXEC"},
           {"MULTI"},
           {"GET"},
           {"SET", "k", "w"},
           {"DISCARD"},
           {"GET", "k"},
           {"MULTI"},
           {"RESET"},
           {"EXEC"},
           {"GET", "k"},
       }) {
    EXPECT_EQ(through.raw(step), straight.raw(step)) << step[0];
  }
}

TEST_F(Transactions, WhatCannotBeQueuedThroughAProxyAbortsTheTransaction) {
  RespClient through = pillion.client();
  for (const auto& step : Steps{{"MONITOR"},
                                {"SUBSCRIBE", "c"},
                                {"CLIENT", "LIST"},
                                {"CLIENT", "KILL", "ID", "99"},
                                {"CLIENT", "REPLY", "OFF"},
                                {"CLIENT", "TRACKING", "ON"}}) {
    EXPECT_TRUE(through("MULTI").is_ok());
    EXPECT_EQ(through("SET", "k", "never"), "QUEUED");
    EXPECT_TRUE(through.command(step).is_error()) << step.back();
    EXPECT_TRUE(through("EXEC").starts_with("EXECABORT")) << step.back();
  }
  EXPECT_TRUE(through("GET", "k").is_null());
}

TEST_P(TransactionsInBothProtocols, NamesAndIdsWithinMultiAreTheClients) {
  RespClient through = client();
  const std::int64_t id = through("CLIENT", "ID").integer();
  through("CLIENT", "SETNAME", "before");
  through("MULTI");
  for (const auto& step : Steps{{"CLIENT", "GETNAME"},
                                {"CLIENT", "SETNAME", "within"},
                                {"CLIENT", "ID"},
                                {"CLIENT", "SETNAME", "not a name"},
                                {"INCR", "n"},
                                {"CLIENT", "GETNAME"},
                                {"CLIENT", "NO-EVICT", "ON"}}) {
    EXPECT_EQ(through.command(step), "QUEUED");
  }
  EXPECT_EQ(through("CLIENT", "GETNAME"), "QUEUED");
  const Value done = through("EXEC");
  ASSERT_EQ(done.items.size(), 8U);
  EXPECT_EQ(done.items[0], "before");
  EXPECT_TRUE(done.items[1].is_ok());
  EXPECT_EQ(done.items[2], id);
  EXPECT_TRUE(done.items[3].starts_with("ERR Client names cannot contain"));
  EXPECT_EQ(done.items[4], 1);
  EXPECT_EQ(done.items[5], "within");
  EXPECT_TRUE(done.items[6].is_ok());
  EXPECT_EQ(done.items[7], "within");
  EXPECT_EQ(through("CLIENT", "GETNAME"), "within");
  through("MULTI");
  through("CLIENT", "SETNAME", "never");
  through("DISCARD");
  EXPECT_EQ(through("CLIENT", "GETNAME"), "within");
}

TEST_P(TransactionsInBothProtocols, HelloWithinMultiChangesTheProtocolFromItsPlaceOn) {
  redis("HSET", "h", "f", "v");
  RespClient through = client();
  RespClient straight = direct();
  for (RespClient* one : {&through, &straight}) {
    for (const auto& step : Steps{{"MULTI"},
                                  {"HGETALL", "h"},
                                  {"HELLO", "3", "SETNAME", "me"},
                                  {"HGETALL", "h"},
                                  {"HELLO", "9"},
                                  {"HELLO", "2"},
                                  {"HGETALL", "h"},
                                  {"HELLO", "3"}}) {
      one->command(step);
    }
    const Value done = (*one)("EXEC");
    ASSERT_EQ(done.items.size(), 7U);
    std::string types;
    for (const Value& item : done.items) types += item.type;
    EXPECT_EQ(types, GetParam() == 3 ? "%%%-**%" : "*%%-**%");
    EXPECT_EQ((*one)("HGETALL", "h").type, '%');
    EXPECT_EQ((*one)("CLIENT", "GETNAME"), "me");
    EXPECT_EQ(done.items[1].at("id"), (*one)("CLIENT", "ID").integer());
  }
}

TEST_P(TransactionsInBothProtocols, TheSessionMayChangeBetweenWatchAndExec) {
  redis("ACL", "SETUSER", "bob", "on", ">secret", "~*", "+@all", "-incr");
  redis("HSET", "h", "f", "v");
  RespClient through = client();
  RespClient straight = direct();
  for (RespClient* one : {&straight, &through}) {
    redis("MSET", "k", "v", "n", "0");
    std::string* bytes = one == &through ? &seen : &expected;
    for (const auto& step : Steps{{"WATCH", "k"},
                                  {"SELECT", "5"},
                                  {"SELECT", "99"},
                                  {"SET", "k", "five"},
                                  {"MULTI"},
                                  {"GET", "k"},
                                  {"EXEC"},  // another database's k was watched
                                  {"GET", "k"},
                                  {"WATCH", "k"},
                                  {"AUTH", "bob", "wrong"},
                                  {"AUTH", "bob", "secret"},
                                  {"INCR", "n"},
                                  {"MULTI"},
                                  {"SET", "k", "bobs"},
                                  {"EXEC"},
                                  {"ACL", "WHOAMI"},
                                  {"SELECT", "0"},
                                  {"WATCH", "k"}}) {
      *bytes += one->raw(step);
    }
    EXPECT_EQ((*one)("HELLO", "3").type, '%');
    for (const auto& step :
         Steps{{"HGETALL", "h"}, {"MULTI"}, {"HGETALL", "h"}, {"EXEC"}, {"HGETALL", "h"}}) {
      *bytes += one->raw(step);
    }
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(Transactions, AuthWithinMultiHoldsFromExecOn) {
  redis("ACL", "SETUSER", "bob", "on", ">secret", "~*", "+@all", "-incr");
  RespClient through = pillion.client();
  through("MULTI");
  EXPECT_EQ(through("AUTH", "bob", "secret"), "QUEUED");
  EXPECT_EQ(through("SET", "k", "v"), "QUEUED");
  EXPECT_TRUE(through("EXEC").items.at(0).is_ok());
  EXPECT_EQ(through("ACL", "WHOAMI"), "bob");
  EXPECT_TRUE(through("INCR", "n").starts_with("NOPERM"));
  through("RESET");
  EXPECT_EQ(through("ACL", "WHOAMI"), "default");
}

TEST_F(Transactions, ClientsAfterItGetACleanConnection) {
  redis("HSET", "h", "f", "v");
  for (int i = 0; i < 20; ++i) {
    RespClient one = pillion.client();
    one("MULTI");
    one("SELECT", "7");
    one("HELLO", "3");
    one("CLIENT", "NO-EVICT", "ON");
    one("EXEC");
    one("WATCH", "k");
    one.close();
    RespClient next = pillion.client();
    next("MULTI");
    next("HGETALL", "h");
    const Value done = next("EXEC");
    ASSERT_EQ(done.items.size(), 1U) << "nobody's WATCH is left";
    ASSERT_EQ(done.items[0].type, '*');
    ASSERT_EQ(done.items[0].items.size(), 2U);
  }
}

TEST_F(Transactions, WhatExecWroteIsReadAtOnceByEveryClient) {
  RespClient writer = pillion.client();
  std::vector<RespClient> readers;
  for (int i = 0; i < 6; ++i) readers.push_back(pillion.client());
  for (int round = 0; round < 50; ++round) {
    for (auto& reader : readers) reader("GET", "k");
    const std::string value = std::to_string(round);
    writer("MULTI");
    writer("SET", "k", value);
    if (round % 2 == 1) writer("SELECT", "0");
    ASSERT_EQ(writer("EXEC").items.size(), round % 2 == 1 ? 2U : 1U);
    for (auto& reader : readers) ASSERT_EQ(reader("GET", "k"), value);
  }
}

}  // namespace
}  // namespace pillion::test
