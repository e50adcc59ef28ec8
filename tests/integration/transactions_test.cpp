// Commands that need a connection of their own: MULTI, WATCH, blocking reads, Pub/Sub, scripts.
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

TEST_P(TransactionsInBothProtocols, BlockingPopWaitsWithoutStoppingOthers) {
  RespClient waiting = client();
  RespClient other = client();
  waiting.send("BLPOP", "queue", "0");
  EXPECT_FALSE(waiting.try_read(50ms).has_value());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(other("SET", "k", "v").is_ok());
  EXPECT_EQ(other("RPUSH", "queue", "job"), 1);
  EXPECT_EQ(waiting.read().texts(), (std::vector<std::string>{"queue", "job"}));
  EXPECT_EQ(waiting("GET", "k"), "v");
}

TEST_P(TransactionsInBothProtocols, BlockingCommandsTimeOutByTheirOwnClock) {
  RespClient waiting = client();
  const Moment start = Clock::now();
  EXPECT_TRUE(waiting("BLPOP", "queue", "0.3").is_null());
  EXPECT_GE(milliseconds(Clock::now() - start), 290);
  EXPECT_TRUE(waiting("BRPOPLPUSH", "queue", "other", "0.05").is_null());
  EXPECT_TRUE(waiting("XREAD", "BLOCK", "50", "STREAMS", "stream", "$").is_null());
  EXPECT_TRUE(waiting("BZPOPMIN", "zset", "0.05").is_null());
}

TEST_F(Transactions, ManyClientsMayBlockAtOnce) {
  std::vector<RespClient> waiting;
  for (int i = 0; i < 200; ++i) {
    waiting.push_back(pillion.client());
    waiting.back().send("BLPOP", "queue" + std::to_string(i), "0");
  }
  RespClient pusher = pillion.client();
  ASSERT_TRUE(eventually([&] { return redis.info_number("clients", "blocked_clients") == 200; }));
  for (int i = 199; i >= 0; --i) pusher("RPUSH", "queue" + std::to_string(i), std::to_string(i));
  for (int i = 0; i < 200; ++i) {
    EXPECT_EQ(waiting[static_cast<std::size_t>(i)].read().items.at(1), std::to_string(i));
  }
}

TEST_F(Transactions, ClientThatLeavesWhileBlockingTakesNoJob) {
  {
    RespClient waiting = pillion.client();
    waiting.send("BLPOP", "queue", "0");
    ASSERT_TRUE(eventually([&] { return redis.info_number("clients", "blocked_clients") == 1; }));
  }
  ASSERT_TRUE(eventually([&] { return redis.info_number("clients", "blocked_clients") == 0; }));
  RespClient pusher = pillion.client();
  pusher("RPUSH", "queue", "job");
  EXPECT_EQ(redis("LLEN", "queue"), 1);
}

class TransactionsWithAShortTimeout : public ThroughPillion {
 protected:
  TransactionsWithAShortTimeout() : ThroughPillion({"upstream.command_timeout=200ms"}) {}
};

TEST_F(TransactionsWithAShortTimeout, BlockingIsNotCutOffByTheCommandTimeout) {
  RespClient waiting = pillion.client();
  waiting.send("BLPOP", "queue", "0");
  EXPECT_FALSE(waiting.try_read(700ms).has_value());
  redis("RPUSH", "queue", "late");
  EXPECT_EQ(waiting.read().items.at(1), "late");
}

TEST_F(Transactions, SubscribersInResp2) {
  RespClient subscriber = pillion.client();
  EXPECT_EQ(subscriber("SUBSCRIBE", "news").texts(),
            (std::vector<std::string>{"subscribe", "news", "1"}));
  EXPECT_EQ(subscriber("PSUBSCRIBE", "w*").texts(),
            (std::vector<std::string>{"psubscribe", "w*", "2"}));
  RespClient publisher = pillion.client();
  EXPECT_EQ(publisher("PUBLISH", "news", "hello"), 1);
  EXPECT_EQ(publisher("PUBLISH", "weather", "rain"), 1);
  EXPECT_EQ(subscriber.read().texts(), (std::vector<std::string>{"message", "news", "hello"}));
  EXPECT_EQ(subscriber.read().texts(),
            (std::vector<std::string>{"pmessage", "w*", "weather", "rain"}));
  EXPECT_TRUE(subscriber("GET", "k").starts_with("ERR Can't execute 'get'"));
  EXPECT_EQ(subscriber("PING").texts(), (std::vector<std::string>{"pong", ""}));
  EXPECT_EQ(subscriber("UNSUBSCRIBE", "news").items.at(2), 1);
  EXPECT_EQ(subscriber("PUNSUBSCRIBE").items.at(2), 0);
  EXPECT_EQ(subscriber("PING"), "PONG");
  EXPECT_TRUE(subscriber("SET", "k", "v").is_ok());
}

TEST_F(Transactions, SubscribersInResp3MayGoOnTalking) {
  RespClient subscriber = pillion.client3();
  EXPECT_TRUE(subscriber("SUBSCRIBE", "news").is_push());
  EXPECT_TRUE(subscriber("SET", "k", "v").is_ok());
  EXPECT_EQ(subscriber("GET", "k"), "v");
  RespClient publisher = pillion.client();
  for (int i = 0; i < 100; ++i) publisher("PUBLISH", "news", std::to_string(i));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(subscriber.read().texts(),
              (std::vector<std::string>{"message", "news", std::to_string(i)}));
  }
}

TEST_F(Transactions, ManySubscribersAndTheirLeaving) {
  std::vector<RespClient> subscribers;
  for (int i = 0; i < 50; ++i) {
    subscribers.push_back(pillion.client());
    subscribers.back()("SUBSCRIBE", "news");
  }
  EXPECT_EQ(redis("PUBLISH", "news", "all"), 50);
  for (auto& subscriber : subscribers) EXPECT_EQ(subscriber.read().items.at(2), "all");
  subscribers.clear();
  EXPECT_TRUE(eventually([&] { return redis("PUBLISH", "news", "nobody") == 0; }));
}

TEST_P(TransactionsInBothProtocols, ScriptsSeeTheirArguments) {
  RespClient through = client();
  EXPECT_EQ(through("EVAL", "return {KEYS[1], ARGV[1], redis.call('SET', KEYS[1], ARGV[1])}", "1",
                    "k", "v")
                .texts(),
            (std::vector<std::string>{"k", "v", "OK"}));
  const std::string digest = through("SCRIPT", "LOAD", "return 7").text;
  EXPECT_EQ(through("EVALSHA", digest, "0"), 7);
  through("FUNCTION", "LOAD",
          "#!lua name=l\nredis.register_function('f', function() return 8 end)");
  EXPECT_EQ(through("FCALL", "f", "0"), 8);
}

TEST_P(TransactionsInBothProtocols, ScriptCannotForgeRepliesOfOthers) {
  RespClient attacker = client();
  RespClient victim = client();
  for (int i = 0; i < 50; ++i) {
    attacker("EVAL", "return redis.error_reply('x\\r\\n+forged\\r\\n+again')", "0");
    attacker = client();
    ASSERT_EQ(victim("SET", "k", "v").text, "OK");
    ASSERT_EQ(victim("INCR", "n"), i + 1);
  }
}

TEST_F(Transactions, WaitAndClientTrackingKeepToTheirConnection) {
  RespClient through = pillion.client3();
  EXPECT_TRUE(through("SET", "k", "v").is_ok());
  EXPECT_EQ(through("WAIT", "0", "10"), 0);
  RespClient tracked = pillion.client3();
  EXPECT_TRUE(tracked("CLIENT", "TRACKING", "ON").is_ok());
  EXPECT_EQ(tracked("GET", "k"), "v");
  redis("SET", "k", "new");
  const Value push = tracked.read();
  EXPECT_EQ(push.items.at(0), "invalidate");
  EXPECT_EQ(push.items.at(1).texts(), std::vector<std::string>{"k"});
}

}  // namespace
}  // namespace pillion::test
