// CLIENT TRACKING through a session: its lease, its pushes, and redirection to another client.
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

const std::string kInvalidation = ">2\r\n$10\r\ninvalidate\r\n*1\r\n$1\r\nk\r\n";

class SessionTracking : public CrowdFixture {
 protected:
  void track(std::string_view request = "CLIENT TRACKING ON") {
    say(request);
    answer(leased(), "+OK\r\n");
    (void)leased().sent();
    (void)heard();
  }
  void speak_resp3() {
    say("HELLO 3");
    (void)heard();
  }
};

TEST_F(SessionTracking, ItsConnectionIsKeptUntilItIsOff) {
  bring_link_up();
  say("CLIENT TRACKING ON|GET k");
  EXPECT_EQ(leased().sent(), "CLIENT TRACKING ON") << "what follows waits for the answer";
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(leased().sent(), "GET k") << "and is read where it is tracked, not from the L1";
  EXPECT_EQ(link_sent(), "");
  answer(leased(), "$1\r\n1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n$1\r\n1\r\n");
  EXPECT_TRUE(session_->activity().tracking);
  EXPECT_FALSE(session_->activity().tracking_broadcast);
  say("SET a 1|CLIENT TRACKING OFF|GET k");
  EXPECT_EQ(leased().sent(), "SET a 1");
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(leased().sent(), "CLIENT TRACKING OFF");
  answer(leased(), "+OK\r\n");
  EXPECT_FALSE(session_->activity().tracking);
  EXPECT_EQ(lanes_.leased_.size(), 1u);
  EXPECT_EQ(lanes_.given_dirty_, 1) << "nobody else gets a connection that tracked";
  EXPECT_EQ(link_sent(), "GET k|PTTL k") << "the L1 is back";
}

TEST_F(SessionTracking, ARefusalLeavesItAsItWas) {
  say("CLIENT TRACKING ON PREFIX x|GET k");
  answer(leased(), "-ERR PREFIX option requires BCAST mode to be enabled\r\n");
  EXPECT_EQ(heard(), "-ERR PREFIX option requires BCAST mode to be enabled\r\n");
  EXPECT_FALSE(session_->activity().tracking);
  EXPECT_FALSE(leased().alive_);
  EXPECT_EQ(shared().sent(), "GET k");
  answer(shared(), "$-1\r\n");
  track();
  say("CLIENT TRACKING ON BCAST");
  answer(leased(), "-ERR You can't switch BCAST mode on/off\r\n");
  EXPECT_TRUE(session_->activity().tracking) << "of one that was on before";
  EXPECT_TRUE(leased().alive_);
}

TEST_F(SessionTracking, WhatChangesNothingIsTheUpstreamsToWord) {
  say("CLIENT TRACKING OFF");
  EXPECT_EQ(leased().sent(), "CLIENT TRACKING OFF");
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_FALSE(leased().alive_);
  say("CLIENT TRACKING MAYBE");
  answer(leased(), "-ERR syntax error\r\n");
  EXPECT_EQ(heard(), "-ERR syntax error\r\n");
  EXPECT_FALSE(leased().alive_);
}

TEST_F(SessionTracking, BroadcastIsShown) {
  track("CLIENT TRACKING ON BCAST PREFIX user:");
  EXPECT_TRUE(session_->activity().tracking_broadcast);
  say("CLIENT INFO");
  EXPECT_NE(heard().find(" flags=tB "), std::string::npos);
}

TEST_F(SessionTracking, CachingGoesWhereItIsMeant) {
  track("CLIENT TRACKING ON OPTIN");
  say("CLIENT CACHING YES|GET k");
  EXPECT_EQ(leased().sent(), "CLIENT CACHING YES|GET k");
}

TEST_F(SessionTracking, PushesComeBetweenRepliesInTheirOrder) {
  speak_resp3();
  track();
  say("GET k|GET l");
  answer(leased(), "$1\r\n1\r\n" + kInvalidation + "$1\r\n2\r\n" + kInvalidation);
  EXPECT_EQ(heard(), "$1\r\n1\r\n" + kInvalidation + "$1\r\n2\r\n" + kInvalidation);
  answer(leased(), kInvalidation);
  EXPECT_EQ(heard(), kInvalidation) << "and while nothing is asked";
}

TEST_F(SessionTracking, APushComesBehindTheReplyItFollowed) {
  speak_resp3();
  track();
  say("GET k|GET l");
  leased().reply("$100000\r\nabc");
  leased().reply(std::string(99'997, 'x') + "\r\n" + kInvalidation + "$1\r\n2\r\n");
  const std::string all = heard();
  EXPECT_NE(all.find("x\r\n" + kInvalidation + "$1\r\n2\r\n"), std::string::npos);
}

TEST_F(SessionTracking, ALostConnectionEndsTheClient) {
  track();
  leased().lose();
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(session_->close_reason(), state::DisconnectReason::kUpstreamLost)
      << "it must forget what it cached";
}

TEST_F(SessionTracking, AConnectionLostBeforeItsAnswerIsAnError) {
  say("CLIENT TRACKING ON|PING");
  (void)leased().sent();
  leased().lose();
  go_on();
  const std::string all = heard();
  EXPECT_TRUE(all.starts_with("-ERR upstream redis:6379 lost")) << all;
  EXPECT_TRUE(all.ends_with("\r\n+PONG\r\n")) << all;
  EXPECT_FALSE(session_->activity().tracking);
  EXPECT_FALSE(ended());
}

TEST_F(SessionTracking, ResetEndsItWithoutEndingTheClient) {
  track();
  say("RESET|PING");
  EXPECT_EQ(heard(), "+RESET\r\n+PONG\r\n");
  EXPECT_FALSE(leased().alive_);
  EXPECT_FALSE(session_->activity().tracking);
  EXPECT_FALSE(ended());
}

TEST_F(SessionTracking, TheLimitOfConnectionsIsSaid) {
  lanes_.leases_left_ = 0;
  say("CLIENT TRACKING ON|PING");
  EXPECT_EQ(heard(), "-ERR upstream connection limit reached\r\n+PONG\r\n");
}

TEST_F(SessionTracking, IsNotBegunBeforeWhatWasAskedIsAnswered) {
  say("SET a 1|CLIENT TRACKING ON");
  EXPECT_TRUE(lanes_.leased_.empty());
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(leased().sent(), "CLIENT TRACKING ON");
}

TEST_F(SessionTracking, ATransactionWorksWithin) {
  track();
  say("MULTI|SET a 1|EXEC|GET a");
  EXPECT_EQ(leased().sent(), "MULTI|SET a 1|EXEC|GET a");
  answer(leased(), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n$1\r\n1\r\n");
  EXPECT_TRUE(session_->activity().tracking);
  EXPECT_TRUE(leased().alive_);
}

/// Session 2 is redirected to, session 1 tracks. The lease is the first lane, the receiver the
/// second.
class SessionRedirect : public SessionTracking {
 protected:
  SessionRedirect() : target_(join()) {}

  /// Up to the receiver's being asked for its id.
  void ask(std::string_view request = "CLIENT TRACKING ON REDIRECT 2") {
    say(request);
    meet();
  }
  void redirect() {
    ask();
    answer(receiver(), ":900\r\n");
    answer(lease(), "+OK\r\n");
    (void)lease().sent();
    (void)receiver().sent();
    (void)heard();
  }
  FakeLane& lease() { return *lanes_.leased_.at(0); }
  FakeLane& receiver() { return *lanes_.leased_.at(1); }
  /// What the upstream says to the receiver reaches the target as it would over workers.
  void invalidate(const std::string& push = kInvalidation) {
    receiver().reply(push);
    for (const auto& [to, frame] : std::exchange(delivered_, {})) {
      if (Session* session = find(to.name)) session->on_redirected_push(frame);
    }
  }
  void target_leaves() {
    part(0);
    for (const ClientPlace& source : std::exchange(told_, {}))
      find(source.name)->on_redirect_target_left({2, 1, 0});
  }

  Session& target_;
};

TEST_F(SessionRedirect, TheUpstreamIsToldOfAConnectionItKnows) {
  say("CLIENT TRACKING ON REDIRECT 2 NOLOOP|GET k");
  EXPECT_EQ(lanes_.leased_.size(), 1u) << "every worker is asked for the client first";
  EXPECT_EQ(lease().sent(), "");
  meet();
  ASSERT_EQ(lanes_.leased_.size(), 2u);
  EXPECT_EQ(receiver().key_.protocol, 3);
  EXPECT_EQ(receiver().sent(), "CLIENT ID");
  answer(receiver(), ":900\r\n");
  EXPECT_EQ(lease().sent(), "CLIENT TRACKING ON REDIRECT 900 NOLOOP");
  EXPECT_EQ(heard(), "");
  answer(lease(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_EQ(lease().sent(), "GET k");
  EXPECT_EQ(session_->activity().redirect, 2u);
}

TEST_F(SessionRedirect, ASubscriberOfResp2HearsMessages) {
  redirect();
  invalidate();
  EXPECT_EQ(heard_by(target_), "") << "it has not subscribed to anything";
  say_as(target_, "SUBSCRIBE __redis__:invalidate", now_);
  target_.on_subscription_settled(1, "");
  (void)heard_by(target_);
  invalidate();
  EXPECT_EQ(heard_by(target_),
            "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n*1\r\n$1\r\nk\r\n");
  invalidate(">2\r\n$10\r\ninvalidate\r\n_\r\n");
  EXPECT_EQ(heard_by(target_), "*3\r\n$7\r\nmessage\r\n$20\r\n__redis__:invalidate\r\n$-1\r\n");
}

TEST_F(SessionRedirect, AClientOfResp3HearsPushes) {
  say_as(target_, "HELLO 3", now_);
  (void)heard_by(target_);
  redirect();
  invalidate();
  EXPECT_EQ(heard_by(target_), kInvalidation);
  EXPECT_EQ(heard(), "") << "who tracks hears nothing";
}

TEST_F(SessionRedirect, IdsAreOursInEveryAnswer) {
  redirect();
  say("CLIENT GETREDIR|CLIENT TRACKINGINFO");
  EXPECT_EQ(lease().sent(), "CLIENT TRACKINGINFO");
  const std::string head = "*6\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n$8\r\nredirect\r\n";
  const std::string tail = "$8\r\nprefixes\r\n*0\r\n";
  answer(lease(), head + ":900\r\n" + tail);
  EXPECT_EQ(heard(), ":2\r\n" + head + ":2\r\n" + tail);
}

TEST_F(SessionRedirect, WithoutItIdsAreTheUpstreamsAnswers) {
  track();
  say("CLIENT GETREDIR|CLIENT TRACKINGINFO");
  EXPECT_EQ(lease().sent(), "CLIENT GETREDIR|CLIENT TRACKINGINFO");
}

TEST_F(SessionRedirect, ToNobodyIsAnError) {
  ask("CLIENT TRACKING ON REDIRECT 99");
  EXPECT_EQ(heard(), "-ERR The client ID you want redirect to does not exist\r\n");
  EXPECT_EQ(lanes_.leased_.size(), 1u);
  EXPECT_FALSE(session_->activity().tracking);
  EXPECT_FALSE(lease().alive_) << "nothing keeps its connection";
  say("GET k");
  EXPECT_EQ(shared().sent(), "GET k");
}

TEST_F(SessionRedirect, ARefusalClosesTheReceiver) {
  ask();
  answer(receiver(), ":900\r\n");
  answer(lease(), "-ERR no\r\n");
  EXPECT_EQ(heard(), "-ERR no\r\n");
  EXPECT_FALSE(receiver().alive_);
  EXPECT_FALSE(ended()) << "we closed it ourselves";
  EXPECT_FALSE(session_->activity().tracking);
}

TEST_F(SessionRedirect, AReceiverThatDoesNotTellItsIdIsOfNoUse) {
  ask();
  answer(receiver(), "-NOPERM no\r\n");
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 did not accept the redirection\r\n");
  EXPECT_EQ(lease().sent(), "");
  EXPECT_FALSE(receiver().alive_);
  say("PING");
  EXPECT_EQ(heard(), "+PONG\r\n");
}

TEST_F(SessionRedirect, TheLimitOfConnectionsHoldsForReceiversToo) {
  lanes_.leases_left_ = 1;
  ask();
  EXPECT_EQ(heard(), "-ERR upstream connection limit reached\r\n");
  EXPECT_FALSE(session_->activity().tracking);
}

TEST_F(SessionRedirect, AReceiverThatIsLostEndsTheClient) {
  redirect();
  receiver().lose();
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(session_->close_reason(), state::DisconnectReason::kUpstreamLost);
}

TEST_F(SessionRedirect, AReceiverThatIsLostWhileItIsAskedIsAnError) {
  ask();
  receiver().lose();
  go_on();
  EXPECT_EQ(heard().substr(0, 29), "-ERR upstream redis:6379 lost");
  EXPECT_FALSE(session_->activity().tracking);
}

TEST_F(SessionRedirect, OffClosesTheReceiverAndNothingElse) {
  redirect();
  say("CLIENT TRACKING OFF|PING");
  answer(lease(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+PONG\r\n");
  EXPECT_FALSE(receiver().alive_);
  EXPECT_FALSE(ended());
}

TEST_F(SessionRedirect, AnotherTargetReplacesTheFirst) {
  join();
  redirect();
  say("CLIENT TRACKING ON REDIRECT 3");
  meet();
  ASSERT_EQ(lanes_.leased_.size(), 3u);
  answer(leased(), ":901\r\n");
  EXPECT_EQ(lease().sent(), "CLIENT TRACKING ON REDIRECT 901");
  EXPECT_TRUE(receiver().alive_) << "until it is accepted";
  answer(lease(), "+OK\r\n");
  EXPECT_FALSE(receiver().alive_);
  EXPECT_TRUE(leased().alive_);
  EXPECT_FALSE(ended());
  EXPECT_EQ(session_->activity().redirect, 3u);
}

TEST_F(SessionRedirect, ATargetThatLeftIsFoundOutAtTheNextPush) {
  speak_resp3();
  redirect();
  target_leaves();
  EXPECT_FALSE(session_->activity().redirect_broken) << "Redis does not know it either";
  invalidate();
  EXPECT_TRUE(session_->activity().redirect_broken);
  EXPECT_FALSE(receiver().alive_);
  EXPECT_FALSE(ended());
  EXPECT_EQ(heard(), ">2\r\n$21\r\ntracking-redir-broken\r\n:2\r\n");
}

TEST_F(SessionRedirect, ABrokenOneIsShownWhereRedisShowsIt) {
  redirect();
  target_leaves();
  invalidate();
  say("CLIENT TRACKINGINFO");
  const std::string tail = "$8\r\nredirect\r\n:";
  answer(lease(), "*6\r\n$5\r\nflags\r\n*3\r\n$2\r\non\r\n$5\r\nbcast\r\n$6\r\nnoloop\r\n" + tail +
                      "900\r\n$8\r\nprefixes\r\n*0\r\n");
  EXPECT_EQ(heard(),
            "*6\r\n$5\r\nflags\r\n*4\r\n$2\r\non\r\n$5\r\nbcast\r\n$6\r\nnoloop\r\n"
            "$15\r\nbroken_redirect\r\n" +
                tail + "2\r\n$8\r\nprefixes\r\n*0\r\n");
}

TEST_F(SessionRedirect, ABrokenOneIsNotAddedToWhatTheUpstreamKnows) {
  speak_resp3();
  redirect();
  target_leaves();
  invalidate();
  (void)heard();
  say("CLIENT TRACKINGINFO");
  const std::string head =
      "%3\r\n$5\r\nflags\r\n~2\r\n$2\r\non\r\n$15\r\nbroken_redirect\r\n$8\r\nredirect\r\n";
  answer(lease(), head + ":900\r\n$8\r\nprefixes\r\n*0\r\n");
  EXPECT_EQ(heard(), head + ":2\r\n$8\r\nprefixes\r\n*0\r\n");
}

TEST_F(SessionRedirect, ABrokenOneIsNotToldToWhoSpeaksResp2) {
  redirect();
  target_leaves();
  invalidate();
  EXPECT_TRUE(session_->activity().redirect_broken);
  EXPECT_EQ(heard(), "");
  say("CLIENT INFO");
  EXPECT_NE(heard().find(" flags=tR "), std::string::npos);
}

TEST_F(SessionRedirect, WhoTheUpstreamSaysIsGoneIsNamedByOurId) {
  speak_resp3();
  redirect();
  answer(lease(), ">2\r\n$21\r\ntracking-redir-broken\r\n:900\r\n");
  EXPECT_EQ(heard(), ">2\r\n$21\r\ntracking-redir-broken\r\n:2\r\n");
}

TEST_F(SessionRedirect, AStrangerThatLeavesIsNoMatter) {
  redirect();
  session_->on_redirect_target_left({7, 1, 0});
  invalidate();
  EXPECT_FALSE(session_->activity().redirect_broken);
}

TEST_F(SessionRedirect, WhoTracksMayLeaveFirst) {
  redirect();
  session_.reset();
  EXPECT_FALSE(lease().alive_);
  EXPECT_FALSE(receiver().alive_);
}

}  // namespace
}  // namespace pillion::data::session
