// Lanes of a session's own: transactions, blocking commands, scripts, relays.
#include "tests/unit/proxy/data/session/session_fixture.hpp"

namespace pillion::data::session {
namespace {

using SessionLease = SessionFixture;

constexpr std::string_view kGone =
    "-ERR upstream redis:6379 was lost: the transaction is gone, nothing of it was done\r\n";

TEST_F(SessionLease, TakenAtMultiAndKeptAMomentAfterExec) {
  say("MULTI|SET a 1|GET a|EXEC");
  EXPECT_EQ(lanes_.leased_.size(), 1u);
  EXPECT_EQ(leased().sent(), "MULTI|SET a 1|GET a|EXEC");
  answer(leased(), "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n$1\r\n1\r\n");
  EXPECT_TRUE(session_->quiet());
  EXPECT_EQ(lanes_.given_clean_ + lanes_.given_dirty_, 0);

  say("MULTI|EXEC");
  EXPECT_EQ(lanes_.leased_.size(), 1u) << "the spare is used again";
  answer(leased(), "+OK\r\n*0\r\n");

  now_ += state::kSecond + 1;
  EXPECT_FALSE(session_->on_tick(now_) && lanes_.given_clean_ == 0);
  EXPECT_EQ(lanes_.given_clean_, 1);
}

TEST_F(SessionLease, WhoUsesLanesOfTheirOwnIsServedWithoutSleeping) {
  net::BusyPoll busy_poll(true);
  context_.busy_poll = &busy_poll;
  say("SET a 1");
  answer(shared(), "+OK\r\n");
  EXPECT_FALSE(busy_poll.looking()) << "a shared connection is no reason";

  say("MULTI|EXEC");
  answer(leased(), "+OK\r\n*0\r\n");
  ASSERT_TRUE(busy_poll.looking());
  ASSERT_FALSE(busy_poll.go_on(state::now() + net::BusyPoll::kWindow));
  say("SET a 1");
  EXPECT_TRUE(busy_poll.looking()) << "it has a spare lane";
}

TEST_F(SessionLease, ABusyUpstreamAbortsATransactionInRedisWords) {
  say("MULTI");
  leased().fail({FailureKind::kRefused, "BUSY Redis is busy running a script."});
  EXPECT_EQ(heard(), "-BUSY Redis is busy running a script.\r\n");
  say("INCR a");
  EXPECT_EQ(heard(), "-BUSY Redis is busy running a script.\r\n");
  say("EXEC|PING x");
  EXPECT_EQ(heard(), "-EXECABORT Transaction discarded because of previous errors.\r\n$1\r\nx\r\n");

  say("MULTI");
  leased().fail({FailureKind::kRefused, "BUSY Redis is busy running a script."});
  say("DISCARD");
  EXPECT_EQ(heard(), "-BUSY Redis is busy running a script.\r\n+OK\r\n");
}

TEST_F(SessionLease, ChangingLanesWaitsForWhatIsUnanswered) {
  say("SET a 1|MULTI|EXEC|SET b 2");
  EXPECT_EQ(shared().sent(), "SET a 1");
  EXPECT_TRUE(lanes_.leased_.empty());
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(leased().sent(), "MULTI|EXEC|SET b 2") << "the lease goes on until all is answered";
  answer(leased(), "+OK\r\n*0\r\n+OK\r\n");
  say("SET c 3");
  EXPECT_EQ(shared().sent(), "SET c 3");
}

TEST_F(SessionLease, NoCacheBetweenWatchAndExec) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  (void)link_sent();
  say("WATCH a|GET a");
  EXPECT_EQ(leased().sent(), "WATCH a|GET a");
  EXPECT_EQ(link_sent(), "");
}

TEST_F(SessionLease, AnExecErasesWhatItWrote) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  (void)link_sent();
  say("MULTI|SET a 1|EXEC");
  answer(leased(), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  say("GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a");
}

TEST_F(SessionLease, AQueuedScriptFencesItsExec) {
  say("MULTI|EVAL return 0|EXEC");
  answer(leased(), "+OK\r\n+QUEUED\r\n*1\r\n:1\r\n");
  ASSERT_EQ(fences_.size(), 1u);
  EXPECT_EQ(heard(), "+OK\r\n+QUEUED\r\n");
  session_->on_fenced(fences_[0]);
  EXPECT_EQ(heard(), "*1\r\n:1\r\n");
}

TEST_F(SessionLease, AQueuedSelectHoldsFromExec) {
  say("MULTI|SELECT 3|EXEC");
  answer(leased(), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  EXPECT_EQ(session_->state().database, 3u);
  EXPECT_EQ(lanes_.given_dirty_, 1) << "its connection is in another database now";
  say("GET a");
  EXPECT_EQ(lanes_.shared(key(3)).sent(), "GET a");
}

TEST_F(SessionLease, AQueuedSelectThatWasNotDoneChangesNothing) {
  say("WATCH a|MULTI|SELECT 3|EXEC");
  answer(leased(), "+OK\r\n+OK\r\n+QUEUED\r\n*-1\r\n");
  EXPECT_EQ(session_->state().database, 0u);
  say("MULTI|SELECT 3|EXEC");
  answer(leased(),
         "+OK\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of previous errors.\r\n");
  EXPECT_EQ(session_->state().database, 0u);
  say("MULTI|SELECT 3|DISCARD");
  answer(leased(), "+OK\r\n+QUEUED\r\n+OK\r\n");
  EXPECT_EQ(session_->state().database, 0u);
}

TEST_F(SessionLease, LostInsideMultiFailsEverythingUntilExec) {
  say("MULTI|SET a 1");
  answer(leased(), "+OK\r\n+QUEUED\r\n");
  (void)heard();
  leased().lose();
  say("SET b 2|GET a|EXEC|PING");
  EXPECT_EQ(heard(), std::string(kGone) + std::string(kGone) + std::string(kGone) + "+PONG\r\n");
}

TEST_F(SessionLease, LostBeforeExecIsSaidOnceAndOver) {
  say("MULTI|SET a 1");
  answer(leased(), "+OK\r\n+QUEUED\r\n");
  (void)heard();
  leased().lose();
  say("EXEC|PING|SET b 2");
  EXPECT_EQ(heard(), std::string(kGone) + "+PONG\r\n");
  EXPECT_EQ(shared().sent(), "SET b 2");
}

TEST_F(SessionLease, LostBeforeDiscardIsOverToo) {
  say("MULTI");
  answer(leased(), "+OK\r\n");
  (void)heard();
  leased().lose();
  say("DISCARD|PING");
  EXPECT_EQ(heard(), std::string(kGone) + "+PONG\r\n");
}

TEST_F(SessionLease, QuitAndResetWorkOnALostLease) {
  say("MULTI");
  answer(leased(), "+OK\r\n");
  (void)heard();
  leased().lose();
  say("RESET|PING");
  EXPECT_EQ(heard(), "+RESET\r\n+PONG\r\n");
  say("MULTI");
  answer(leased(), "+OK\r\n");
  (void)heard();
  leased().lose();
  say("QUIT");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionLease, ALostWatchIsNotForgottenAtMulti) {
  say("WATCH a");
  answer(leased(), "+OK\r\n");
  (void)heard();
  leased().lose();
  say("MULTI|SET a 1|EXEC|PING");
  EXPECT_EQ(heard(), std::string(kGone) + std::string(kGone) + std::string(kGone) + "+PONG\r\n");
}

TEST_F(SessionLease, ExecThatWasSentAndLostHasAnUnknownOutcome) {
  say("MULTI|SET a 1|EXEC");
  (void)leased().sent();
  answer(leased(), "+OK\r\n+QUEUED\r\n");
  leased().lose();
  go_on();
  EXPECT_EQ(heard(),
            "+OK\r\n+QUEUED\r\n-ERR upstream redis:6379 lost: connection closed by the upstream; "
            "the outcome of this "
            "command is unknown\r\n");
  say("PING");
  EXPECT_EQ(heard(), "+PONG\r\n");
}

TEST_F(SessionLease, BlockingCommandsHaveNoTimeLimitOfOurs) {
  say("BLPOP q 0");
  ASSERT_EQ(leased().limits_.size(), 1u);
  EXPECT_EQ(leased().limits_[0], TimeLimit::kNone);
  EXPECT_TRUE(session_->waits_forever());
  answer(leased(), "*2\r\n$1\r\nq\r\n$1\r\nv\r\n");
  EXPECT_FALSE(session_->waits_forever());
  EXPECT_EQ(heard(), "*2\r\n$1\r\nq\r\n$1\r\nv\r\n");
  say("MULTI|BLPOP q 0");
  EXPECT_EQ(leased().limits_.back(), TimeLimit::kCommand) << "inside MULTI it does not block";
}

TEST_F(SessionLease, AClientThatLeavesTakesItsBlockingCommandAlong) {
  say("BLPOP q 0");
  session_.reset();
  EXPECT_FALSE(leased().alive_);
}

TEST_F(SessionLease, TheLimitIsSaid) {
  lanes_.leases_left_ = 0;
  say("MULTI|PING");
  EXPECT_EQ(heard(), "-ERR upstream connection limit reached\r\n+PONG\r\n");
}

TEST_F(SessionLease, AnUpstreamThatCannotBeReachedIsSaidAndNobodyHangs) {
  lanes_.upstream_down_ = true;
  const std::string down = "-ERR upstream redis:6379 unavailable: Connection refused\r\n";
  say("MULTI|PING");
  EXPECT_EQ(heard(), down + "+PONG\r\n");
  say("BLPOP q 0|PING");
  EXPECT_EQ(heard(), down + "+PONG\r\n");
  say("MONITOR|PING");
  EXPECT_EQ(heard(), down + "+PONG\r\n");
  EXPECT_TRUE(session_->quiet());
}

TEST_F(SessionLease, ASpareSpeaksTheProtocolItWasMadeFor) {
  say("MULTI|EXEC");
  answer(leased(), "+OK\r\n*0\r\n");
  say("HELLO 3|MULTI");
  EXPECT_EQ(lanes_.leased_.size(), 2u);
  EXPECT_EQ(leased().key_.protocol, 3);
}

TEST_F(SessionLease, WhatIsAboutOthersIsNotAllowedInATransaction) {
  const std::string refused = "-ERR this command is not allowed inside MULTI through Pillion\r\n";
  for (const char* request : {"CLIENT LIST", "CLIENT KILL a:1", "CLIENT UNBLOCK 1",
                              "CLIENT REPLY OFF", "CLIENT TRACKING ON", "SUBSCRIBE c",
                              "UNSUBSCRIBE", "PSUBSCRIBE p", "SSUBSCRIBE s", "MONITOR", "SYNC"}) {
    say(std::string("MULTI|") + request + "|SET a 1|EXEC|PING");
    EXPECT_EQ(leased().sent(), "MULTI|SET a 1|DISCARD") << request;
    answer(leased(), "+OK\r\n+QUEUED\r\n+OK\r\n");
    EXPECT_EQ(heard(), "+OK\r\n" + refused +
                           "+QUEUED\r\n-EXECABORT Transaction discarded because of previous "
                           "errors.\r\n+PONG\r\n")
        << request;
  }
}

TEST_F(SessionLease, AMultiThatWasRefusedOpensNothing) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  (void)link_sent();
  say("MULTI");
  answer(leased(), "-NOPERM this user has no permissions to run the 'multi' command\r\n");
  EXPECT_FALSE(session_->activity().in_multi);
  say("SET a 1");
  answer(lanes_.shared_.count(key()) != 0 ? shared() : leased(), "+OK\r\n");
  (void)heard();
  say("GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a") << "the write erased it";
}

TEST_F(SessionLease, WhatWasSentBehindARefusedMultiIsFenced) {
  say("MULTI|SET a 1|EXEC");
  answer(leased(), "-NOPERM no\r\n+OK\r\n-ERR EXEC without MULTI\r\n");
  EXPECT_EQ(heard(), "-NOPERM no\r\n") << "the SET was done, and the L1 may not know it yet";
  ASSERT_FALSE(fences_.empty());
  for (std::size_t i = 0; i < fences_.size(); ++i) session_->on_fenced(fences_[i]);
  EXPECT_EQ(heard(), "+OK\r\n-ERR EXEC without MULTI\r\n");
  say("SET a 2");
  EXPECT_EQ(shared().sent(), "SET a 2");
}

TEST_F(SessionLease, WhatMayChangeAConnectionIsQueuedOnOneThatEndsWithIt) {
  say("MULTI|READONLY|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|READONLY|EXEC");
  answer(leased(), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  EXPECT_EQ(lanes_.given_dirty_, 1);
  EXPECT_FALSE(leased().alive_);
}

TEST_F(SessionLease, WhatMayChangeAConnectionGetsOneThatNobodyElseGets) {
  say("READONLY|SET a 1");
  EXPECT_EQ(leased().sent(), "READONLY|SET a 1");
  answer(leased(), "+OK\r\n+OK\r\n");
  EXPECT_FALSE(leased().alive_);
  say("SET a 2");
  EXPECT_EQ(shared().sent(), "SET a 2");
}

TEST_F(SessionLease, ARefusalIsForgottenWithItsTransaction) {
  say("MULTI|SUBSCRIBE c|DISCARD|MULTI|SET a 1|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|DISCARD|MULTI|SET a 1|EXEC");
}

TEST_F(SessionLease, ResetEndsTheTransactionAndEverythingElse) {
  say("CLIENT SETNAME me|HELLO 3");
  (void)heard();
  say("MULTI|SET a 1");
  answer(leased(), "+OK\r\n+QUEUED\r\n");
  (void)heard();
  say("RESET|SET a 2");
  EXPECT_EQ(heard(), "+RESET\r\n");
  EXPECT_FALSE(leased().alive_);
  EXPECT_EQ(session_->state().protocol, 2);
  EXPECT_EQ(session_->state().name, "");
  EXPECT_EQ(shared().sent(), "SET a 2");
}

TEST_F(SessionLease, ARelayPassesBothWaysUntilReset) {
  say("SET a 1|SYNC");
  EXPECT_TRUE(lanes_.leased_.empty());
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(leased().sent(), "SYNC");
  answer(leased(), "$9\r\nREDIS00");
  EXPECT_EQ(heard(), "+OK\r\n$9\r\nREDIS00");
  EXPECT_TRUE(session_->waits_forever());
  say("REPLCONF ACK|PING");
  EXPECT_EQ(leased().sent(), "REPLCONF ACK|PING");
  say("RESET|PING");
  EXPECT_EQ(heard(), "+RESET\r\n+PONG\r\n");
  EXPECT_FALSE(leased().alive_);
  EXPECT_FALSE(session_->waits_forever());
}

TEST_F(SessionLease, ALostRelayEndsTheClient) {
  say("SYNC");
  leased().lose();
  EXPECT_TRUE(session_->finished()) << "behind what it still has to write";
  EXPECT_EQ(session_->close_reason(), state::DisconnectReason::kUpstreamLost);
}

TEST_F(SessionLease, ARelayedClientThatReadsNothingPausesItsLane) {
  say("SYNC");
  const std::string chunk(64 * 1024, 'x');
  auto status = upstream::Multiplexer::Status::kOk;
  for (int i = 0; i < 16; ++i) status = leased().reply(chunk);
  EXPECT_EQ(status, upstream::Multiplexer::Status::kPause);
  EXPECT_EQ(heard().size(), 16 * chunk.size());
  EXPECT_EQ(leased().resumed_, 1);
}

TEST_F(SessionLease, AMalformedExecEndsTheTransaction) {
  say("MULTI|EXEC now|CLIENT GETNAME");
  EXPECT_EQ(leased().sent(), "MULTI|EXEC now");
  answer(leased(),
         "+OK\r\n-EXECABORT Transaction discarded because of: wrong number of arguments\r\n");
  EXPECT_EQ(heard(),
            "+OK\r\n-EXECABORT Transaction discarded because of: wrong number of arguments\r\n"
            "$-1\r\n");
  EXPECT_FALSE(session_->activity().in_multi);
}

}  // namespace
}  // namespace pillion::data::session
