// Commands about the session itself between MULTI and EXEC.
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

class SessionQueued : public CrowdFixture {
 protected:
  static std::string queued(std::size_t commands) {
    std::string out = "+OK\r\n";
    for (std::size_t i = 0; i < commands; ++i) out += "+QUEUED\r\n";
    return out;
  }
};

TEST_F(SessionQueued, AreAnsweredInTheirPlacesOfTheArray) {
  say("MULTI|CLIENT SETNAME me|GET k|CLIENT ID|CLIENT GETNAME|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|PING|GET k|PING|PING|EXEC") << "their places are kept";
  answer(leased(), queued(4));
  EXPECT_EQ(session_->state().name, "") << "nothing is done before EXEC";
  (void)heard();
  answer(leased(), "*4\r\n+PONG\r\n*2\r\n:1\r\n:2\r\n+PONG\r\n+PONG\r\n");
  EXPECT_EQ(heard(), "*4\r\n+OK\r\n*2\r\n:1\r\n:2\r\n:1\r\n$2\r\nme\r\n");
  EXPECT_EQ(session_->state().name, "me");
}

TEST_F(SessionQueued, PlacesAreCountedWithoutWhatWasNotQueued) {
  say("MULTI|MULTI|WATCH k|CLIENT ID|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|MULTI|WATCH k|PING|EXEC");
  answer(leased(),
         "+OK\r\n-ERR MULTI calls can not be nested\r\n-ERR WATCH inside MULTI is not allowed\r\n"
         "+QUEUED\r\n*1\r\n+PONG\r\n");
  EXPECT_TRUE(heard().ends_with("+QUEUED\r\n*1\r\n:1\r\n"));
}

TEST_F(SessionQueued, WhatIsNotDoneChangesNothing) {
  for (const char* reply :
       {"*-1\r\n", "-EXECABORT Transaction discarded because of previous errors.\r\n"}) {
    say("MULTI|CLIENT SETNAME me|EXEC");
    answer(leased(), queued(1) + reply);
    EXPECT_EQ(heard(), queued(1) + reply);
    EXPECT_EQ(session_->state().name, "");
  }
  say("MULTI|CLIENT SETNAME me|DISCARD");
  answer(leased(), queued(1) + "+OK\r\n");
  say("PING|CLIENT GETNAME");
  EXPECT_TRUE(heard().ends_with("+PONG\r\n$-1\r\n"));
}

TEST_F(SessionQueued, WhatFollowsExecFindsThemDone) {
  say("MULTI|CLIENT SETNAME me|EXEC|CLIENT GETNAME|MULTI|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|PING|EXEC");
  answer(leased(), queued(1) + "*1\r\n+PONG\r\n");
  EXPECT_EQ(heard(), queued(1) + "*1\r\n+OK\r\n$2\r\nme\r\n");
  EXPECT_EQ(leased().sent(), "MULTI|EXEC");
}

TEST_F(SessionQueued, AuthIsTheUpstreamsToAccept) {
  say("MULTI|AUTH bob secret|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|AUTH bob secret|EXEC");
  answer(leased(), queued(1) + "*1\r\n-WRONGPASS no\r\n");
  EXPECT_EQ(session_->state().identity.user, "");
  EXPECT_FALSE(leased().alive_) << "nobody knows who it is";
  say("MULTI|AUTH bob secret|EXEC|GET k");
  answer(leased(), queued(1) + "*1\r\n+OK\r\n");
  EXPECT_EQ(session_->state().identity.user, "bob");
  EXPECT_EQ(lanes_.shared({{"bob", "secret"}, 0, 2}).sent(), "GET k");
}

TEST_F(SessionQueued, HelloSaysOurId) {
  say("MULTI|HELLO 3|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|HELLO 3|EXEC");
  answer(leased(), queued(1) + "*1\r\n%1\r\n$2\r\nid\r\n:4711\r\n");
  const std::string all = heard();
  EXPECT_NE(all.find("*1\r\n%7\r\n"), std::string::npos) << all;
  EXPECT_NE(all.find("$2\r\nid\r\n:1\r\n"), std::string::npos) << all;
  EXPECT_EQ(all.find("4711"), std::string::npos);
  EXPECT_EQ(session_->state().protocol, 3);
}

TEST_F(SessionQueued, PausesBeginWithExecIfTheyAreAllowed) {
  say("MULTI|CLIENT PAUSE 100 WRITE|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|CLIENT PAUSE 0 WRITE|EXEC") << "the form that asks";
  answer(leased(), queued(1));
  EXPECT_EQ(all_clients_.pause.mode(now_), Pause::Mode::kNone);
  answer(leased(), "*1\r\n+OK\r\n");
  EXPECT_EQ(all_clients_.pause.mode(now_), Pause::Mode::kWrites);
  say("MULTI|CLIENT UNPAUSE|EXEC");
  answer(leased(), queued(1) + "*1\r\n-NOPERM no\r\n");
  EXPECT_EQ(all_clients_.pause.mode(now_), Pause::Mode::kWrites);
  say("MULTI|CLIENT UNPAUSE|EXEC");
  answer(leased(), queued(1) + "*1\r\n+OK\r\n");
  EXPECT_EQ(all_clients_.pause.mode(now_), Pause::Mode::kNone);
}

TEST_F(SessionQueued, InfoAndSwitchesAreOurs) {
  say("MULTI|CLIENT INFO|CLIENT NO-EVICT ON|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|PING|CLIENT NO-EVICT ON|EXEC");
  answer(leased(), queued(2) + "*2\r\n+PONG\r\n+OK\r\n");
  EXPECT_NE(heard().find("\r\nid=1 "), std::string::npos);
  EXPECT_TRUE(session_->state().no_evict);
}

TEST_F(SessionQueued, ALongReplyIsStillOursToChange) {
  say("MULTI|GET k|CLIENT ID|EXEC");
  answer(leased(), queued(2));
  (void)heard();
  const std::string long_one = "$100000\r\n" + std::string(100'000, 'x') + "\r\n";
  const std::string reply = "*2\r\n" + long_one + "+PONG\r\n";
  for (std::size_t at = 0; at < reply.size(); at += 30'000)
    answer(leased(), std::string_view(reply).substr(at, 30'000));
  EXPECT_EQ(heard(), "*2\r\n" + long_one + ":1\r\n");
}

TEST_F(SessionQueued, AnExecThatIsLostLeavesNoneBehind) {
  say("MULTI|CLIENT SETNAME me|EXEC|PING");
  (void)leased().sent();
  leased().lose();
  go_on();
  EXPECT_TRUE(heard().ends_with("+PONG\r\n"));
  EXPECT_EQ(session_->state().name, "");
  say("MULTI|GET k|EXEC");
  answer(leased(), queued(1) + "*1\r\n+PONG\r\n");
  EXPECT_EQ(heard(), queued(1) + "*1\r\n+PONG\r\n");
}

TEST_F(SessionQueued, TrackingsOwnAreTheUpstreams) {
  say("MULTI|CLIENT GETREDIR|CLIENT TRACKINGINFO|CLIENT CACHING YES");
  EXPECT_EQ(leased().sent(), "MULTI|CLIENT GETREDIR|CLIENT TRACKINGINFO|CLIENT CACHING YES");
}

}  // namespace
}  // namespace pillion::data::session
