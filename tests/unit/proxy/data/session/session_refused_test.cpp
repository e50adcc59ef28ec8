// Commands that a server refuses because of where they were sent, or when.
#include "tests/unit/proxy/data/session/cluster_fixture.hpp"

namespace pillion::data::session {
namespace {

constexpr std::string_view kTryAgain =
    "-TRYAGAIN Multiple keys request during rehashing of slot\r\n";
constexpr std::string_view kClusterDown = "-CLUSTERDOWN The cluster is down\r\n";
constexpr std::string_view kLoading = "-LOADING Redis is loading the dataset in memory\r\n";
constexpr std::string_view kReadonly = "-READONLY You can't write against a read only replica.\r\n";

constexpr const char* kMoving = "-TRYAGAIN hash slot 3300 is moving from one node to another\r\n";

class SessionRefused : public SpreadFixture {
 protected:
  SessionRefused() { three_primaries(); }
};

TEST_F(SessionRefused, MovedIsFollowedAtOnce) {
  say("SET b 1");
  (void)sent_to(0);
  reply_from(0, moved_to(1));
  EXPECT_EQ(sent_to(1), "SET b 1");
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(refresh_.count(state::RefreshReason::kMoved), 1u);
  reply_from(1, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_EQ(counters_.upstream_retries.get(), 1u);
  expect_at_rest();
}

TEST_F(SessionRefused, AskIsFollowedBehindAsking) {
  say("SET b 1");
  (void)sent_to(0);
  reply_from(0, ask(1));
  EXPECT_EQ(sent_to(1), "ASKING|SET b 1");
  reply_from(1, "+OK\r\n+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n") << "the answer to ASKING is nobody's";
  expect_at_rest();
}

TEST_F(SessionRefused, NothingNewIsBegunMeanwhile) {
  say("SET b 1");
  (void)sent_to(0);
  reply_from(0, moved_to(1));
  say("SET c 1|PING");
  EXPECT_EQ(sent_to(1), "SET b 1");
  EXPECT_FALSE(session_->wants_input());
  reply_from(1, "+OK\r\n");
  EXPECT_EQ(sent_to(1), "SET c 1");
  reply_from(1, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n+PONG\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, WhatIsNotReadyIsAskedAgainAfterAPause) {
  for (const std::string_view refusal : {kTryAgain, kClusterDown, kLoading, kReadonly}) {
    say("SET b 1");
    (void)sent_to(0);
    reply_from(0, refusal);
    EXPECT_EQ(sent_to(0), "") << refusal;
    EXPECT_EQ(heard(), "");
    after_pause();
    EXPECT_EQ(sent_to(0), "SET b 1") << refusal;
    reply_from(0, "+OK\r\n");
    EXPECT_EQ(heard(), "+OK\r\n");
    expect_at_rest();
  }
}

TEST_F(SessionRefused, InTheEndTheClientGetsTheServersWords) {
  for (const std::string_view refusal : {kTryAgain, kClusterDown, kLoading, kReadonly}) {
    say("SET b 1|PING");
    const state::Nanos began = now_;
    int asked = 0;
    std::string out;
    while (out.empty() && now_ < began + 2 * context_.command_timeout) {
      if (sent_to(0) == "SET b 1") {
        ++asked;
        reply_from(0, refusal);
      }
      out = heard();
      after_pause();
    }
    EXPECT_EQ(out, std::string(refusal) + "+PONG\r\n");
    EXPECT_GT(asked, 10);
    EXPECT_LE(now_ - began, context_.command_timeout + 2 * route::kLongestPause);
    expect_at_rest();
  }
}

TEST_F(SessionRefused, MovedFollowsNoCircleForEver) {
  say("SET b 1");
  int asked = 0;
  EndpointId at = 0;
  while (sent_to(at) == "SET b 1" && asked < 100) {
    ++asked;
    const auto next = static_cast<EndpointId>(1 - at);
    reply_from(at, moved_to(next));
    at = next;
  }
  EXPECT_EQ(asked, 6) << "five redirections";
  EXPECT_EQ(heard(), kMoving);
  expect_at_rest();
}

TEST_F(SessionRefused, AnUnknownAddressWaitsForTheLayout) {
  say("SET b 1");
  (void)sent_to(0);
  reply_from(0, moved_to(9));
  EXPECT_EQ(heard(), "");
  publish(route::cluster_of({{9}, {1}, {2}}));
  after_pause();
  EXPECT_EQ(sent_to(9), "SET b 1");
}

TEST_F(SessionRefused, ARefusedOneInTheMiddleKeepsItsPlace) {
  say("GET {b}1|GET {b}2|GET {b}3|GET {b}4");
  (void)sent_to(0);
  reply_from(0, "$1\r\n1\r\n" + moved_to(1) + "$1\r\n3\r\n");
  EXPECT_EQ(heard(), "$1\r\n1\r\n");
  EXPECT_EQ(sent_to(1), "GET {b}2");
  reply_from(1, "$1\r\n2\r\n");
  EXPECT_EQ(heard(), "$1\r\n2\r\n$1\r\n3\r\n");
  reply_from(0, "$1\r\n4\r\n");
  EXPECT_EQ(heard(), "$1\r\n4\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, WhatIsParkedIsNotOvertaken) {
  say("GET {b}1|GET {b}2|GET {b}3");
  (void)sent_to(0);
  reply_from(0, moved_to(1) + "$1\r\n2\r\n");
  reply_from(1, "$1\r\n1\r\n");
  reply_from(0, "$1\r\n3\r\n");
  EXPECT_EQ(heard(), "$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, WhatWasParkedBeforeItBecameTheFrontComesFirst) {
  say("GET c|GET {b}1|GET {b}2");
  (void)sent_to(0);
  reply_from(0, "$1\r\n1\r\n" + moved_to(2));
  reply_from(1, "$1\r\nC\r\n");
  EXPECT_EQ(sent_to(2), "GET {b}2");
  reply_from(2, "$1\r\n2\r\n");
  EXPECT_EQ(heard(), "$1\r\nC\r\n$1\r\n1\r\n$1\r\n2\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, SeveralMayBeAnsweredInAnyOrder) {
  const std::vector<EndpointId> targets = {1, 2, 3};
  publish(route::cluster_of({{0}, {1}, {2}, {3}}));
  std::vector<std::size_t> order = {0, 1, 2};
  do {
    say("GET b|GET {b}x|GET {b}|GET {b}y|GET {b}z");
    (void)sent_to(0);
    std::string replies = "$1\r\n0\r\n";
    for (const EndpointId target : targets) replies += moved_to(target);
    reply_from(0, replies + "$1\r\n4\r\n");
    for (const std::size_t which : order) {
      EXPECT_EQ(sent_to(targets[which]).substr(0, 4), "GET ");
      reply_from(targets[which], "$1\r\n" + std::to_string(which + 1) + "\r\n");
    }
    EXPECT_EQ(heard(), "$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n$1\r\n3\r\n$1\r\n4\r\n");
    expect_at_rest();
  } while (std::next_permutation(order.begin(), order.end()));
}

TEST_F(SessionRefused, WritesThatMoveTogetherStayInOrder) {
  lanes_.always_another_ = true;
  say("SET b 1|SET b 2|GET b");
  const auto first = lanes_.shared_.at(key_to(0));
  (void)first->sent();
  answer(*first, moved_to(1) + moved_to(1) + moved_to(1));
  EXPECT_EQ(sent_to(1), "SET b 1|SET b 2|GET b") << "on one lane";
  reply_from(1, "+OK\r\n+OK\r\n$1\r\n2\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n$1\r\n2\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, WhatDependsOnARefusedWriteKeepsItFromBeingPutOff) {
  say("SET b 1|GET b");
  (void)sent_to(0);
  reply_from(0, kTryAgain);
  EXPECT_EQ(heard(), kTryAgain) << "GET b may have been done already";
  reply_from(0, "$-1\r\n");
  EXPECT_EQ(heard(), "$-1\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, ThatHoldsForWhatMovedTogetherToo) {
  say("SET b 1|SET b 2");
  (void)sent_to(0);
  reply_from(0, moved_to(1) + moved_to(1));
  EXPECT_EQ(sent_to(1), "SET b 1|SET b 2");
  reply_from(1, kLoading);
  reply_from(1, "+OK\r\n");
  EXPECT_EQ(heard(), std::string(kLoading) + "+OK\r\n") << "the first must not be done last";
  expect_at_rest();
}

TEST_F(SessionRefused, WhatMovedToADeadServerIsSentInItsOrder) {
  take_down(1);
  say("SET b 1|SET b 2|SET b 3");
  (void)sent_to(0);
  reply_from(0, moved_to(1) + moved_to(1) + moved_to(1));
  EXPECT_EQ(heard(), "");
  bring_up(1);
  publish(route::cluster_of({{1}, {2}}));
  for (int i = 0; i < 100; ++i) tick(3 * state::kMillisecond);
  EXPECT_EQ(sent_to(1), "SET b 1|SET b 2|SET b 3");
  reply_from(1, "+OK\r\n+OK\r\n+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, WhatIsAskedElsewhereAgainIsNotOvertaken) {
  take_down(1);
  say("SET b 1|SET b 2");
  (void)sent_to(0);
  reply_from(0, moved_to(1));
  bring_up(1);
  reply_from(0, moved_to(1));
  after_pause();
  EXPECT_EQ(sent_to(0), "SET b 1") << "the layout says so still";
  after_pause();
  EXPECT_EQ(sent_to(1), "") << "the first may be refused once more";
  reply_from(0, moved_to(1));
  after_pause();
  EXPECT_EQ(sent_to(1), "SET b 1|SET b 2");
  reply_from(1, "+OK\r\n+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, AMovedWriteErasesItsKeyBeforeItsReplyLeaves) {
  bring_link_up();
  say("GET b|GET {b}2");
  link_replies("$1\r\n0\r\n:-1\r\n$1\r\n0\r\n:-1\r\n");
  (void)heard();
  (void)link_sent();
  say("SET b 1|SET {b}2 1");
  (void)sent_to(0);
  reply_from(0, moved_to(1) + "+OK\r\n");
  EXPECT_EQ(heard(), "");
  reply_from(1, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n");
  say("GET b|GET {b}2");
  EXPECT_EQ(link_sent(), "GET b|PTTL b|GET {b}2|PTTL {b}2");
}

TEST_F(SessionRefused, InsideATransactionNothingMoves) {
  say("WATCH b|MULTI|SET b 1");
  EXPECT_EQ(leased().sent(), "WATCH b|MULTI|SET b 1");
  answer(leased(), "+OK\r\n+OK\r\n" + moved_to(1));
  EXPECT_EQ(heard(), std::string("+OK\r\n+OK\r\n") + kMoving)
      << "an address is none of its business";
  EXPECT_TRUE(refresh_.take()) << "the next one finds its node";
  say("EXEC");
  answer(leased(), moved_to(1));
  EXPECT_EQ(heard(),
            "-EXECABORT Transaction discarded: hash slot 3300 is moving from one node to "
            "another\r\n");
}

TEST_F(SessionRefused, AScriptMovesToALeaseElsewhere) {
  say("EVAL x 1 b");
  (void)leased().sent();
  const auto first = lanes_.leased_.back();
  answer(*first, moved_to(1));
  ASSERT_EQ(lanes_.leased_.size(), 2u);
  EXPECT_EQ(leased().key_, key_to(1));
  EXPECT_EQ(leased().sent(), "EVAL x 1 b");
  EXPECT_EQ(leased().limits_.back(), TimeLimit::kScript);
  answer(leased(), ":1\r\n");
  ASSERT_EQ(fences_.size(), 1u);
  EXPECT_EQ(heard(), "");
  session_->on_fenced(fences_[0]);
  go_on();
  EXPECT_EQ(heard(), ":1\r\n");
  EXPECT_EQ(lanes_.given_back_, upstream::LaneCondition::kSuspect);
  EXPECT_EQ(all_clients_.scripts.load(), 0u);
}

TEST_F(SessionRefused, ABlockingCommandMovesToALeaseElsewhere) {
  say("BLPOP b 0");
  (void)leased().sent();
  answer(*lanes_.leased_.back(), moved_to(1));
  EXPECT_EQ(leased().key_, key_to(1));
  EXPECT_EQ(leased().sent(), "BLPOP b 0");
  EXPECT_EQ(leased().limits_.back(), TimeLimit::kNone);
  past_deadline();
  EXPECT_EQ(heard(), "") << "it waits as long as its client does";
  answer(leased(), "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
  ASSERT_EQ(fences_.size(), 1u) << "it was woken by another's write (I16)";
  session_->on_fenced(fences_[0]);
  go_on();
  EXPECT_EQ(heard(), "*2\r\n$1\r\nb\r\n$1\r\nx\r\n");
}

TEST_F(SessionRefused, AClientThatLeavesTakesItsMovedBlockerAlong) {
  say("BLPOP b 0");
  (void)leased().sent();
  answer(*lanes_.leased_.back(), moved_to(1));
  const auto lease = lanes_.leased_.back();
  session_->leave();
  EXPECT_FALSE(lease->alive_);
  EXPECT_EQ(lanes_.leases_left_, 100u);
}

TEST_F(SessionRefused, AnUnsentScriptWithoutAServerEndsAtTheDeadline) {
  say("EVAL x 1 b");
  lanes_.down_ = {0, 1, 2};
  leased().lose();
  go_on();
  past_deadline();
  EXPECT_EQ(fences_.size(), 0u) << "it has written nothing";
  EXPECT_EQ(heard().substr(0, 5), "-ERR ");
}

TEST_F(SessionRefused, AnErrandThatIsLateOnALeaseEndsWithIt) {
  say("EVAL x 1 b");
  leased().lose();
  go_on();
  ASSERT_EQ(lanes_.leased_.size(), 2u);
  EXPECT_EQ(leased().sent(), "EVAL x 1 b");
  leased().fail({FailureKind::kTimeout, "no reply in time"});
  go_on();
  ASSERT_EQ(fences_.size(), 1u);
  session_->on_fenced(fences_[0]);
  go_on();
  EXPECT_EQ(heard(),
            "-ERR upstream redis:6379 timed out: no reply in time; the outcome of this command is "
            "unknown\r\n");
}

TEST_F(SessionRefused, ALateReplyFindsNobody) {
  say("GET b");
  (void)sent_to(0);
  reply_from(0, moved_to(1));
  EXPECT_EQ(sent_to(1), "GET b");
  past_deadline();
  EXPECT_EQ(heard(), kMoving) << "the latest word of a server";
  say("GET c");
  EXPECT_EQ(sent_to(1), "GET c");
  reply_from(1, "$4\r\nlate\r\n");
  EXPECT_EQ(heard(), "");
  reply_from(1, "$1\r\nC\r\n");
  EXPECT_EQ(heard(), "$1\r\nC\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, RepliesTurnedOffStayOff) {
  say("CLIENT REPLY OFF|SET b 1|SET {b}2 1|CLIENT REPLY ON");
  (void)sent_to(0);
  reply_from(0, moved_to(1) + "+OK\r\n");
  reply_from(1, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, ALargeReplyBehindARefusedOneIsBounded) {
  context_.output_limit = 200'000;
  say("GET {b}1|GET {b}2");
  (void)sent_to(0);
  reply_from(0, moved_to(1));
  reply_from(0, "$1000000\r\n" + std::string(150'000, 'x'));
  EXPECT_FALSE(session_->aborted());
  reply_from(0, std::string(150'000, 'x'));
  ASSERT_TRUE(session_->aborted());
  EXPECT_EQ(*session_->aborted(), state::DisconnectReason::kOutputLimit);
}

TEST_F(SessionRefused, ALargeReplyOfARefusedOneGetsItsPlace) {
  say("GET {b}1|GET {b}2");
  (void)sent_to(0);
  reply_from(0, moved_to(1) + "$1\r\n2\r\n");
  const std::string large = bulk(std::string(100'000, 'x'));
  reply_from(1, large.substr(0, 50'000));
  reply_from(1, large.substr(50'000));
  EXPECT_EQ(heard(), large + "$1\r\n2\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, AFetchThatIsRefusedGoesToALane) {
  bring_link_up();
  say("GET b|PING");
  EXPECT_EQ(link_sent(), "GET b|PTTL b");
  link_replies(moved_to(1) + moved_to(1));
  EXPECT_EQ(sent_to(1), "GET b");
  reply_from(1, "$1\r\nB\r\n");
  EXPECT_EQ(heard(), "$1\r\nB\r\n+PONG\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, ReadsOfOneKeyAreAskedAgainInTheirOrder) {
  bring_link_up();
  for (int round = 0; round < 20; ++round) {  // pauses are drawn by chance
    now_ += 2 * state::kSecond;
    cache_.erase(cache::hash_name("b"), true);
    say("GET b|GET b|GET b");
    ASSERT_EQ(link_sent(), "GET b|PTTL b") << "one flight for all";
    link_replies(std::string(kClusterDown) + std::string(kClusterDown));
    EXPECT_EQ(heard(), "");
    int value = 0;
    for (int wait = 0; value < 3 && wait < 1000; ++wait) {
      tick(state::kMillisecond);
      std::string sent = sent_to(0);
      for (; !sent.empty(); sent.erase(0, std::string_view("GET b|").size()))
        reply_from(0, bulk(std::to_string(++value)));
    }
    EXPECT_EQ(heard(), bulk("1") + bulk("2") + bulk("3"));
    expect_at_rest();
  }
}

TEST_F(SessionRefused, AFetchThatIsLostGoesToALane) {
  bring_link_up();
  say("GET b|SET b 2");
  link_fsm_->on_failed("closed", now_, 0);
  EXPECT_EQ(sent_to(0), "GET b");
  reply_from(0, "$1\r\nB\r\n");
  EXPECT_EQ(sent_to(0), "SET b 2");
  reply_from(0, "+OK\r\n");
  EXPECT_EQ(heard(), "$1\r\nB\r\n+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, UnsentCommandsAreAskedAgainInTheirOrder) {
  say("SET b 1|SET b 2|GET b");
  lose(0);
  EXPECT_EQ(sent_to(0), "SET b 1|SET b 2|GET b");
  reply_from(0, "+OK\r\n+OK\r\n$1\r\n2\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n$1\r\n2\r\n");
  expect_at_rest();
}

TEST_F(SessionRefused, SentWritesAreNeverAskedAgain) {
  say("SET b 1");
  (void)sent_to(0);
  lose(0);
  EXPECT_EQ(sent_to(0), "");
  EXPECT_EQ(heard(),
            "-ERR upstream redis:6379 lost: connection closed by the upstream; the outcome of this "
            "command is unknown\r\n");
  EXPECT_EQ(counters_.writes_outcome_unknown.get(), 1u);
  expect_at_rest();
}

TEST_F(SessionRefused, AMovedWriteThatIsLostIsNotAskedAgain) {
  say("SET b 1");
  (void)sent_to(0);
  reply_from(0, moved_to(1));
  (void)sent_to(1);
  lose(1);
  EXPECT_EQ(sent_to(1), "");
  EXPECT_EQ(counters_.writes_outcome_unknown.get(), 1u);
  EXPECT_NE(heard().find("unknown"), std::string::npos);
  expect_at_rest();
}

// One server.

class SessionAlone : public SpreadFixture {};

TEST_F(SessionAlone, WhatLooksLikeARedirectionIsAReply) {
  say("GET a|SET a 1|SET a 2");
  EXPECT_EQ(shared().sent(), "GET a|SET a 1|SET a 2");
  answer(shared(), moved_to(1) + std::string(kClusterDown) + std::string(kReadonly));
  EXPECT_EQ(heard(), moved_to(1) + std::string(kClusterDown) + std::string(kReadonly));
  expect_at_rest();
}

TEST_F(SessionAlone, LoadingIsWaitedFor) {
  say("SET a 1");
  (void)shared().sent();
  answer(shared(), kLoading);
  EXPECT_EQ(heard(), "");
  after_pause();
  EXPECT_EQ(shared().sent(), "SET a 1");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionAlone, AFetchThatMeetsLoadingWaitsToo) {
  bring_link_up();
  say("GET a");
  link_replies(std::string(kLoading) + std::string(kLoading));
  after_pause();
  EXPECT_EQ(shared().sent(), "GET a");
  answer(shared(), "$1\r\nA\r\n");
  EXPECT_EQ(heard(), "$1\r\nA\r\n");
  expect_at_rest();
}

TEST_F(SessionAlone, ManyLostReadsAreAskedAgainWhereManyWereAsked) {
  for (int i = 0; i < 500; ++i) {
    say("TTL a");
    answer(shared(), ":1\r\n");
  }
  (void)heard();
  for (int i = 0; i < 50; ++i) {
    now_ += 1;  // each a run of its own
    say("TTL a");
  }
  const auto first = lanes_.shared_.at(key());
  (void)first->sent();
  first->lose();
  std::string replies;
  for (int i = 0; i < 50; ++i) replies += ":1\r\n";
  answer(shared(), replies);
  EXPECT_EQ(heard(), replies);
  expect_at_rest();
}

// A primary whose place another may take.

class SessionFailover : public SpreadFixture {
 protected:
  SessionFailover() { publish(route::replicated({0, 1})); }
};

TEST_F(SessionFailover, AWriteThatAReplicaRefusesGoesToTheNextPrimary) {
  say("SET a 1");
  (void)sent_to(0);
  reply_from(0, kReadonly);
  EXPECT_EQ(refresh_.count(state::RefreshReason::kReadonly), 1u);
  publish(route::replicated({1, 0}));
  after_pause();
  EXPECT_EQ(sent_to(1), "SET a 1");
  reply_from(1, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionFailover, WhatWasNotSentGoesToTheNextPrimary) {
  say("SET a 1");
  lanes_.down_ = {0};
  lose(0);
  EXPECT_EQ(heard(), "");
  publish(route::replicated({1, 0}));
  after_pause();
  EXPECT_EQ(sent_to(1), "SET a 1");
  reply_from(1, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  expect_at_rest();
}

}  // namespace
}  // namespace pillion::data::session
