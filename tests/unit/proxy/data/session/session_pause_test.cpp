// CLIENT PAUSE: what waits, what does not, and for how long.
#include "protocol/resp/writer.hpp"
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

constexpr state::Nanos kPaused = 100 * state::kMillisecond;

class SessionPause : public CrowdFixture {
 protected:
  void pause(Pause::Mode mode) { all_clients_.pause.begin(mode, now_ + kPaused, now_); }
  void let_go() {
    now_ += kPaused;
    (void)session_->on_tick(now_);
    go_on();
  }
  std::string sent() { return lanes_.shared_.count(key()) != 0 ? shared().sent() : std::string(); }
  std::string leased_sent() { return lanes_.leased_.empty() ? std::string() : leased().sent(); }
  bool held() const { return all_clients_.pause.held() == 1; }
};

TEST_F(SessionPause, IsBegunAndEndedByTheCommands) {
  say("CLIENT PAUSE 100 write");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_EQ(all_clients_.pause.mode(now_), Pause::Mode::kWrites);
  EXPECT_EQ(all_clients_.pause.mode(now_ + kPaused), Pause::Mode::kNone);
  say("CLIENT UNPAUSE");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_EQ(all_clients_.pause.mode(now_), Pause::Mode::kNone);
  say("CLIENT PAUSE 100");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(all_clients_.pause.mode(now_), Pause::Mode::kAll);
}

TEST_F(SessionPause, SaysRedissErrors) {
  const std::pair<const char*, const char*> errors[] = {
      {"CLIENT PAUSE x", "-ERR timeout is not an integer or out of range\r\n"},
      {"CLIENT PAUSE -1", "-ERR timeout is negative\r\n"},
      {"CLIENT PAUSE 100 SOME", "-ERR CLIENT PAUSE mode must be WRITE or ALL\r\n"},
      {"CLIENT PAUSE 100 ALL x", "-ERR syntax error\r\n"},
  };
  for (const auto& [request, error] : errors) {
    say(request);
    answer(shared(), "+OK\r\n");
    EXPECT_EQ(heard(), error) << request;
  }
  EXPECT_EQ(all_clients_.pause.mode(now_), Pause::Mode::kNone);
}

TEST_F(SessionPause, AnEternityIsNoOverflow) {
  say("CLIENT PAUSE 9223372036854775807 WRITE");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_EQ(all_clients_.pause.mode(now_ + 1000 * state::kSecond), Pause::Mode::kWrites);
}

TEST_F(SessionPause, AWriteIsHeldUntilTheTimeIsOver) {
  pause(Pause::Mode::kWrites);
  say("SET a 1|GET a");
  EXPECT_EQ(sent(), "");
  EXPECT_TRUE(held());
  EXPECT_TRUE(session_->activity().blocked);
  now_ += kPaused - 1;
  EXPECT_TRUE(session_->on_tick(now_)) << "it goes on being watched";
  go_on();
  EXPECT_EQ(sent(), "");
  now_ += 1;
  EXPECT_FALSE(session_->on_tick(now_) && held());
  go_on();
  EXPECT_EQ(sent(), "SET a 1|GET a");
  EXPECT_EQ(all_clients_.pause.held(), 0u);
  EXPECT_FALSE(session_->activity().blocked);
}

TEST_F(SessionPause, AWriteIsLetGoByUnpause) {
  pause(Pause::Mode::kWrites);
  say("SET a 1");
  all_clients_.pause.end();
  (void)session_->on_tick(now_);
  go_on();
  EXPECT_EQ(sent(), "SET a 1");
}

TEST_F(SessionPause, ALongerPauseHoldsWhoWaitsAlready) {
  pause(Pause::Mode::kWrites);
  say("SET a 1");
  all_clients_.pause.begin(Pause::Mode::kWrites, now_ + 2 * kPaused, now_);
  let_go();
  EXPECT_EQ(sent(), "");
  EXPECT_TRUE(held()) << "counted once";
  let_go();
  EXPECT_EQ(sent(), "SET a 1");
}

TEST_F(SessionPause, WhatReadsGoesOn) {
  pause(Pause::Mode::kWrites);
  say("GET a|PING|ECHO x|TTL a");
  EXPECT_EQ(sent(), "GET a|TTL a");
  EXPECT_EQ(all_clients_.pause.held(), 0u);
}

TEST_F(SessionPause, WhatReachesReplicasIsHeldThoughItIsNoWrite) {
  for (const char* request :
       {"PUBLISH c m", "PFCOUNT a", "FCALL f 0", "EVALSHA abc 0", "BLPOP q 0"}) {
    restart({});
    pause(Pause::Mode::kWrites);
    say(request);
    EXPECT_EQ(sent() + leased_sent(), "") << request;
    EXPECT_TRUE(held()) << request;
    session_.reset();
    EXPECT_EQ(all_clients_.pause.held(), 0u) << "who leaves is not held any more";
  }
}

TEST_F(SessionPause, WhatIsMalformedIsToldSoAtOnce) {
  pause(Pause::Mode::kWrites);
  say("SET a");
  EXPECT_EQ(sent(), "SET a");
  EXPECT_EQ(all_clients_.pause.held(), 0u);
}

TEST_F(SessionPause, AScriptThatDeclaresItWritesNothingGoesOn) {
  const std::string script = "#!lua flags=no-writes\nreturn 1";
  pause(Pause::Mode::kWrites);
  std::string eval;
  resp::append_request(eval, {"EVAL", script, "0"});
  say_raw(eval);
  EXPECT_EQ(leased_sent(), "EVAL " + script + " 0");
  answer(leased(), ":1\r\n");
  session_->on_fenced(fences_.back());
  say("EVALSHA " + scripts_.remember("#!lua flags=no-writes\nreturn 2") + " 0");
  EXPECT_NE(leased_sent(), "") << "it is known by its digest as well";
  answer(leased(), ":2\r\n");
  session_->on_fenced(fences_.back());
  say("EVAL_RO return 0");
  EXPECT_NE(leased_sent(), "");
  answer(leased(), ":3\r\n");
  say("EVAL return 0");
  EXPECT_EQ(leased_sent(), "");
  EXPECT_TRUE(held());
}

TEST_F(SessionPause, ATransactionIsHeldAtItsExecIfItWrites) {
  pause(Pause::Mode::kWrites);
  say("MULTI|GET a|EXEC");
  EXPECT_EQ(leased_sent(), "MULTI|GET a|EXEC");
  answer(leased(), "+OK\r\n+QUEUED\r\n*1\r\n$-1\r\n");
  pause(Pause::Mode::kNone);
  all_clients_.pause.end();
  say("MULTI|SET a 1");
  EXPECT_EQ(leased_sent(), "MULTI|SET a 1");
  pause(Pause::Mode::kWrites);
  say("EXEC");
  EXPECT_EQ(leased_sent(), "");
  EXPECT_TRUE(held());
  let_go();
  EXPECT_EQ(leased_sent(), "EXEC");
}

TEST_F(SessionPause, AnExecOfNothingIsAnsweredAtOnce) {
  pause(Pause::Mode::kWrites);
  say("EXEC");
  EXPECT_EQ(sent(), "EXEC") << "its error is the upstream's to word";
}

TEST_F(SessionPause, ItsStrictFormHoldsEverything) {
  pause(Pause::Mode::kAll);
  say("PING");
  EXPECT_EQ(heard(), "");
  EXPECT_TRUE(held());
  let_go();
  EXPECT_EQ(heard(), "+PONG\r\n");
}

}  // namespace
}  // namespace pillion::data::session
