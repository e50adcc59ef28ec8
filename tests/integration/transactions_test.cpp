// MULTI, EXEC, DISCARD, WATCH: what Redis promises of them, whoever else writes meanwhile.
#include "tests/integration/fixture.hpp"
#include "tests/support/crew.hpp"

namespace pillion::test {
namespace {

class Transactions : public ThroughPillion {};
class TransactionsInBothProtocols : public ThroughPillionInBothProtocols {};
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

TEST_F(Transactions, SelectWithinMulti) {
  RespClient through = pillion.client();
  through("MULTI");
  EXPECT_EQ(through("SELECT", "5"), "QUEUED");
  EXPECT_EQ(through("SET", "k", "five"), "QUEUED");
  EXPECT_EQ(through("EXEC").items.size(), 2U);
  EXPECT_EQ(through("GET", "k"), "five") << "the database stays selected, as in Redis";
  RespClient other = pillion.client();
  EXPECT_TRUE(other("GET", "k").is_null());
}

}  // namespace
}  // namespace pillion::test
