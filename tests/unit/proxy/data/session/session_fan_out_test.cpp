// Commands that several servers have to answer.
#include "tests/unit/proxy/data/session/cluster_fixture.hpp"

namespace pillion::data::session {
namespace {

class SessionFanOut : public SpreadFixture {
 protected:
  SessionFanOut() { three_primaries(); }
};

TEST_F(SessionFanOut, RepliesAreMergedInAnyOrder) {
  say("MGET a b c|PING");
  EXPECT_EQ(sent_to(0), "MGET b");
  EXPECT_EQ(sent_to(1), "MGET c");
  EXPECT_EQ(sent_to(2), "MGET a");
  reply_from(1, "*1\r\n$1\r\nC\r\n");
  reply_from(2, "*1\r\n$1\r\nA\r\n");
  EXPECT_EQ(heard(), "");
  reply_from(0, "*1\r\n$-1\r\n");
  EXPECT_EQ(heard(), "*3\r\n$1\r\nA\r\n$-1\r\n$1\r\nC\r\n+PONG\r\n");
  expect_at_rest();
}

TEST_F(SessionFanOut, SumsAndOks) {
  say("DEL a b c|EXISTS a b|MSET a 1 c 2");
  EXPECT_EQ(sent_to(0), "DEL b|EXISTS b");
  EXPECT_EQ(sent_to(1), "DEL c|MSET c 2");
  EXPECT_EQ(sent_to(2), "DEL a|EXISTS a|MSET a 1");
  reply_from(2, ":1\r\n:0\r\n+OK\r\n");
  reply_from(1, ":1\r\n+OK\r\n");
  reply_from(0, ":0\r\n:1\r\n");
  EXPECT_EQ(heard(), ":2\r\n:1\r\n+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionFanOut, AllPrimariesAreAsked) {
  say("KEYS *|DBSIZE");
  for (EndpointId i = 0; i < 3; ++i) {
    EXPECT_EQ(sent_to(i), "KEYS *|DBSIZE");
    reply_from(i, "*1\r\n" + bulk(kKeys[i]) + ":1\r\n");
  }
  EXPECT_EQ(heard(), "*3\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\na\r\n:3\r\n");
  expect_at_rest();
}

TEST_F(SessionFanOut, APartThatMovedIsFollowed) {
  say("MGET a b|GET c");
  (void)sent_to(0);
  (void)sent_to(2);
  EXPECT_EQ(sent_to(1), "GET c");
  reply_from(0, moved_to(1));
  EXPECT_EQ(sent_to(1), "MGET b");
  reply_from(1, "$1\r\nC\r\n*1\r\n$1\r\nB\r\n");
  reply_from(2, "*1\r\n$1\r\nA\r\n");
  EXPECT_EQ(heard(), "*2\r\n$1\r\nA\r\n$1\r\nB\r\n$1\r\nC\r\n");
  expect_at_rest();
}

TEST_F(SessionFanOut, ATransactionBeginsAsTheClientSaidIt) {
  say("multi|PING|GET c");
  EXPECT_EQ(leased().sent(), "multi|PING|GET c") << "who watches by MONITOR sees it";
}

TEST_F(SessionFanOut, AnUnboundTransactionThatWritesIsHeldByAPause) {
  say("MULTI|FCALL f 0");
  EXPECT_EQ(heard(), "+OK\r\n+QUEUED\r\n");
  all_clients_.pause.begin(Pause::Mode::kWrites, now_ + state::kSecond, now_);
  say("EXEC");
  EXPECT_TRUE(lanes_.leased_.empty());
  tick(state::kSecond);
  EXPECT_EQ(leased().sent(), "MULTI|FCALL f 0|EXEC");
}

TEST_F(SessionFanOut, ATransactionIsBoundAtOnceWhereOneNodeOwnsAll) {
  publish(route::cluster_of({{1}}));
  say("MULTI|PING");
  EXPECT_EQ(leased().key_.endpoint, 1u);
  EXPECT_EQ(leased().sent(), "MULTI|PING");
}

TEST_F(SessionFanOut, ALostReadPartIsAskedAgain) {
  say("MGET a b");
  (void)sent_to(0);
  (void)sent_to(2);
  lose(0);
  after_pause();
  EXPECT_EQ(sent_to(0), "MGET b");
  reply_from(0, "*1\r\n$1\r\nB\r\n");
  reply_from(2, "*1\r\n$1\r\nA\r\n");
  EXPECT_EQ(heard(), "*2\r\n$1\r\nA\r\n$1\r\nB\r\n");
  expect_at_rest();
}

TEST_F(SessionFanOut, ALostWritePartIsTheAnswer) {
  say("MSET a 1 b 2|PING");
  (void)sent_to(0);
  (void)sent_to(2);
  lose(0);
  EXPECT_EQ(heard(), "");
  reply_from(2, "+OK\r\n");
  EXPECT_EQ(heard(),
            "-ERR upstream redis:6379 lost: connection closed by the upstream; the outcome of this "
            "command is unknown\r\n+PONG\r\n");
  EXPECT_EQ(counters_.writes_outcome_unknown.get(), 1u);
  expect_at_rest();
}

TEST_F(SessionFanOut, APartOfOneNodeStaysThatNodes) {
  take_down(1);
  say("DBSIZE");
  bring_up(1);
  after_pause();
  EXPECT_EQ(sent_to(0), "DBSIZE") << "not twice";
  EXPECT_EQ(sent_to(1), "DBSIZE");
  EXPECT_EQ(sent_to(2), "DBSIZE");
  reply_from(0, ":1\r\n");
  reply_from(1, "-LOADING Redis is loading the dataset in memory\r\n");
  after_pause();
  EXPECT_EQ(sent_to(0), "");
  EXPECT_EQ(sent_to(1), "DBSIZE");
  reply_from(1, ":10\r\n");
  reply_from(2, ":100\r\n");
  EXPECT_EQ(heard(), ":111\r\n");
  expect_at_rest();
}

TEST_F(SessionFanOut, OrItsSuccessors) {
  publish(route::cluster_of({{0}, {1, 3}, {2}}));
  take_down(1);
  say("DBSIZE");
  publish(route::cluster_of({{0}, {3, 1}, {2}}));
  after_pause();
  EXPECT_EQ(sent_to(0), "DBSIZE");
  EXPECT_EQ(sent_to(3), "DBSIZE");
}

TEST_F(SessionFanOut, PartsDoNotWaitForEachOther) {
  take_down(0);
  say("MSET b 1 c 2");
  EXPECT_EQ(sent_to(1), "MSET c 2");
  reply_from(1, "-TRYAGAIN\r\n");
  after_pause();
  EXPECT_EQ(sent_to(1), "MSET c 2") << "though the other still looks for its server";
  reply_from(1, "+OK\r\n");
  past_deadline();
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 unavailable: Connection refused\r\n");
  expect_at_rest();
}

TEST_F(SessionFanOut, KeysAreErasedBeforeTheReplyLeaves) {
  bring_link_up();
  say("GET a|GET b");
  link_replies("$1\r\n0\r\n:-1\r\n$1\r\n0\r\n:-1\r\n");
  (void)heard();
  (void)link_sent();
  say("DEL a b");
  reply_from(0, ":1\r\n");
  reply_from(2, ":1\r\n");
  EXPECT_EQ(heard(), ":2\r\n");
  say("GET a|GET b");
  EXPECT_EQ(link_sent(), "GET a|PTTL a|GET b|PTTL b");
}

TEST_F(SessionFanOut, WhatTheL1HasIsNotShownBehindANewerAnswer) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  (void)heard();
  (void)link_sent();
  // Too many keys for a fill.
  say("MGET a b c {a}1 {b}1 {c}1 {a}2 {b}2 {c}2");
  reply_from(0, "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
  reply_from(1, "*3\r\n$-1\r\n$-1\r\n$-1\r\n");
  reply_from(2, "*3\r\n$1\r\n1\r\n$-1\r\n$-1\r\n");
  EXPECT_EQ(heard().substr(0, 11), "*9\r\n$1\r\n1\r\n");
  say("GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a") << "a hit would be older";
}

TEST_F(SessionFanOut, AFlushEmptiesTheCache) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  (void)heard();
  (void)link_sent();
  say("FLUSHALL");
  for (EndpointId i = 0; i < 3; ++i) {
    EXPECT_EQ(sent_to(i), "FLUSHALL");
    reply_from(i, "+OK\r\n");
  }
  EXPECT_EQ(heard(), "+OK\r\n");
  say("GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a");
}

TEST_F(SessionFanOut, ItIsSilencedAsOneCommand) {
  say("CLIENT REPLY SKIP|MSET a 1 b 2|PING");
  reply_from(0, "+OK\r\n");
  reply_from(2, "+OK\r\n");
  EXPECT_EQ(heard(), "+PONG\r\n");
  expect_at_rest();
}

TEST_F(SessionFanOut, PartsGoBehindWhatIsOnItsWayAlready) {
  lanes_.always_another_ = true;
  say("SET a 1");
  const auto first = lanes_.shared_.at(key_to(2));
  say("MGET a b|SET a 2");
  EXPECT_EQ(first->sent(), "SET a 1|MGET a|SET a 2");
}

TEST_F(SessionFanOut, AWriteWaitsForUnansweredFetches) {
  bring_link_up();
  say("GET a|DEL a b");
  EXPECT_EQ(sent_to(0), "");
  link_replies("$1\r\n0\r\n:-1\r\n");
  go_on();
  EXPECT_EQ(sent_to(0), "DEL b");
  EXPECT_EQ(sent_to(2), "DEL a");
}

TEST_F(SessionFanOut, ACongestedServerHoldsAllOfItBack) {
  say("SET a 1");
  lane(2).congested_ = true;
  say("MSET a 1 b 2");
  EXPECT_EQ(sent_to(0), "");
  lane(2).congested_ = false;
  session_->on_uncongested();
  go_on();
  EXPECT_EQ(sent_to(0), "MSET b 2");
}

TEST_F(SessionFanOut, AClientThatLeavesIsAnsweredToNobody) {
  say("MGET a b");
  (void)sent_to(0);
  (void)sent_to(2);
  lane(0).reply("*1\r\n$1\r\nB\r\n");
  session_.reset();
  EXPECT_EQ(lane(2).reply("*1\r\n$1\r\nA\r\n"), upstream::Multiplexer::Status::kOk);
}

TEST_F(SessionFanOut, OneCursorGoesThroughAllNodes) {
  std::string cursor = "0";
  std::string seen;
  for (int step = 0; step < 10; ++step) {
    say("SCAN " + cursor + " COUNT 5");
    EndpointId asked = 9;
    std::string said;
    for (EndpointId i = 0; i < 3; ++i) {
      said = sent_to(i);
      if (said.empty()) continue;
      asked = i;
      break;
    }
    ASSERT_NE(asked, 9);
    // Every node has two pages.
    const bool first = said == "SCAN 0 COUNT 5";
    EXPECT_TRUE(first || said == "SCAN 17 COUNT 5") << said;
    seen += std::to_string(asked);
    reply_from(asked, "*2\r\n" + bulk(first ? "17" : "0") + "*1\r\n" + bulk("k"));
    const std::string reply = heard();
    ASSERT_EQ(reply.substr(0, 5), "*2\r\n$");
    const std::size_t from = reply.find("\r\n", 4) + 2;
    cursor = reply.substr(from, reply.find("\r\n", from) - from);
    expect_at_rest();
    if (cursor == "0") break;
  }
  EXPECT_EQ(cursor, "0");
  EXPECT_EQ(seen, "001122");
}

TEST_F(SessionFanOut, ACursorWaitsForItsOwnNode) {
  say("SCAN 0");
  (void)sent_to(0);
  reply_from(0, "*2\r\n" + bulk("0") + "*0\r\n");
  const std::string reply = heard();
  const std::size_t from = reply.find("\r\n", 4) + 2;
  const std::string cursor = reply.substr(from, reply.find("\r\n", from) - from);
  take_down(1);
  say("SCAN " + cursor);
  after_pause();
  EXPECT_EQ(sent_to(0), "") << "its cursor means nothing there";
  bring_up(1);
  after_pause();
  EXPECT_EQ(sent_to(1), "SCAN 0");
}

TEST_F(SessionFanOut, AScriptThatDoesNotCompileIsForgotten) {
  say("SCRIPT LOAD x");
  EXPECT_TRUE(scripts_.find("11f6ad8ec52a2984abaafd7c3b516503785c2072").has_value());
  for (EndpointId id = 0; id < 3; ++id) {
    EXPECT_EQ(sent_to(id), "SCRIPT LOAD x");
    reply_from(id, "-ERR Error compiling script\r\n");
  }
  EXPECT_EQ(heard(), "-ERR Error compiling script\r\n");
  EXPECT_FALSE(scripts_.find("11f6ad8ec52a2984abaafd7c3b516503785c2072").has_value());
  expect_at_rest();
}

TEST_F(SessionFanOut, ABadCursorIsSaid) {
  say("SCAN x");
  EXPECT_EQ(heard(), "-ERR invalid cursor\r\n");
}

TEST_F(SessionFanOut, WaitAsksEveryPrimaryBehindAPing) {
  say("SET b 1|WAIT 1 0|GET b");
  EXPECT_TRUE(lanes_.leased_.empty());
  (void)sent_to(0);
  reply_from(0, "+OK\r\n");
  ASSERT_EQ(lanes_.leased_.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(lanes_.leased_[i]->sent(), "PING pillion-wait|WAIT 1 0");
    EXPECT_EQ(lanes_.leased_[i]->limits_.back(), TimeLimit::kNone);
  }
  past_deadline();
  EXPECT_EQ(sent_to(0), "") << "GET waits for it";
  for (const std::size_t i : {2, 0, 1})
    answer(*lanes_.leased_[i], "+PONG\r\n:" + std::to_string(i + 1) + "\r\n");
  EXPECT_EQ(heard(), "+OK\r\n:1\r\n");
  EXPECT_EQ(sent_to(0), "GET b");
  reply_from(0, "$1\r\n1\r\n");
  (void)heard();
  EXPECT_EQ(lanes_.leases_left_, 100u);
  expect_at_rest();
}

}  // namespace
}  // namespace pillion::data::session
