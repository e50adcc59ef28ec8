// MONITOR: the upstream's stream, and beside it what was answered without the upstream.
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

class SessionMonitor : public CrowdFixture {};

TEST_F(SessionMonitor, BeginsWhenTheUpstreamAllowsIt) {
  say("SET a 1|MONITOR");
  EXPECT_TRUE(lanes_.leased_.empty()) << "behind what was asked before";
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(leased().sent(), "MONITOR");
  EXPECT_EQ(all_clients_.monitors.load(), 0u);
  // The stream may begin in the same piece as the answer.
  answer(leased(), "+OK\r\n+1.000001 [0 10.0.0.1:1] \"GET\" \"a\"\r\n+1.0");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n+1.000001 [0 10.0.0.1:1] \"GET\" \"a\"\r\n") << "whole lines";
  EXPECT_EQ(all_clients_.monitors.load(), 1u);
  EXPECT_TRUE(session_->waits_forever());
}

TEST_F(SessionMonitor, ARefusalIsAnAnswerLikeAnyOther) {
  say("MONITOR|GET a");
  answer(leased(), "-NOPERM this user has no permissions to run the 'monitor' command\r\n");
  EXPECT_EQ(heard(), "-NOPERM this user has no permissions to run the 'monitor' command\r\n");
  EXPECT_EQ(all_clients_.monitors.load(), 0u);
  EXPECT_FALSE(session_->activity().monitor);
  EXPECT_FALSE(session_->waits_forever());
  EXPECT_EQ(shared().sent(), "GET a");
}

TEST_F(SessionMonitor, WhatTheL1AnsweredIsShownToo) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  go_on();
  say("GET a|PING");
  EXPECT_TRUE(monitor_lines_.empty()) << "nobody watches";
  Session& watcher = join();
  say_as(watcher, "MONITOR", now_);
  leased().reply("+OK\r\n");
  say("GET a|ECHO x|SET a 1");
  ASSERT_EQ(monitor_lines_.size(), 2u) << "the upstream tells of the SET";
  EXPECT_NE(monitor_lines_[0].find("] \"GET\" \"a\"\r\n"), std::string::npos);
  EXPECT_NE(monitor_lines_[1].find("] \"ECHO\" \"x\"\r\n"), std::string::npos);
  (void)heard_by(watcher);
  watcher.on_monitor_line(monitor_lines_[0]);
  EXPECT_EQ(heard_by(watcher), monitor_lines_[0]);
  session_->on_monitor_line("+x\r\n");
  EXPECT_EQ(heard().find("+x"), std::string::npos) << "only who is in MONITOR hears";
}

TEST_F(SessionMonitor, EndsWithResetOrWithItsClient) {
  say("MONITOR");
  answer(leased(), "+OK\r\n");
  say("RESET|PING");
  EXPECT_EQ(heard(), "+OK\r\n+RESET\r\n+PONG\r\n");
  EXPECT_EQ(all_clients_.monitors.load(), 0u);
  EXPECT_FALSE(leased().alive_);
  say("MONITOR");
  answer(leased(), "+OK\r\n");
  session_.reset();
  EXPECT_EQ(all_clients_.monitors.load(), 0u);
}

TEST_F(SessionMonitor, ALostStreamEndsTheClient) {
  say("MONITOR");
  answer(leased(), "+OK\r\n");
  leased().lose();
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(session_->close_reason(), state::DisconnectReason::kUpstreamLost);
}

}  // namespace
}  // namespace pillion::data::session
