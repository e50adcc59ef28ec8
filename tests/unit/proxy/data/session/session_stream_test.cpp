// Commands and replies too large to be gathered, and clients that do not read.
#include "tests/unit/proxy/data/session/session_fixture.hpp"

namespace pillion::data::session {
namespace {

using SessionStream = SessionFixture;

constexpr std::size_t kMegabyte = 1UL << 20;

std::string large_set(std::size_t size) {
  return "*3\r\n$3\r\nSET\r\n$1\r\na\r\n" + bulk(std::string(size, 'v'));
}

TEST_F(SessionStream, ALargeCommandPassesInPieces) {
  const std::string command = large_set(3 * kMegabyte);
  std::string passed;
  for (std::size_t at = 0; at < command.size(); at += 500'000) {
    say_raw(std::string_view(command).substr(at, 500'000));
    if (!lanes_.leased_.empty()) passed += leased().sent_raw();
  }
  EXPECT_EQ(passed.size(), command.size());
  EXPECT_TRUE(passed == command);
  say("PING");
  EXPECT_FALSE(session_->wants_input()) << "the lease is the large command's until its reply";
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+PONG\r\n");
}

TEST_F(SessionStream, ALargeWriteErasesItsKey) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  (void)link_sent();
  say_raw(large_set(2 * kMegabyte));
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(heard(), "$1\r\n0\r\n+OK\r\n");
  say("GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a");
}

TEST_F(SessionStream, AProtocolErrorInALargeCommandEndsItsLaneAndTheClient) {
  std::string command = large_set(2 * kMegabyte);
  command.replace(command.size() - 2, 2, "xx");
  say_raw(command);
  EXPECT_FALSE(leased().alive_) << "nobody may complete the half command";
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(heard().rfind("-ERR", 0), 0u);
}

TEST_F(SessionStream, ALaneLostUnderALargeCommandSwallowsTheRest) {
  const std::string command = large_set(3 * kMegabyte);
  say_raw(std::string_view(command).substr(0, 2 * kMegabyte));
  (void)leased().sent_raw();
  leased().lose();
  say_raw(std::string_view(command).substr(2 * kMegabyte));
  EXPECT_EQ(heard(),
            "-ERR upstream redis:6379 lost: connection closed by the upstream; the outcome of this "
            "command is "
            "unknown\r\n");
  say("BLPOP q 0");
  ASSERT_EQ(lanes_.leased_.size(), 2u) << "nobody waits for the lane that ended";
  EXPECT_EQ(leased().sent(), "BLPOP q 0");
}

TEST_F(SessionStream, AnAnswerBeforeTheEndOfALargeCommandSwallowsTheRest) {
  const std::string command = large_set(3 * kMegabyte);
  say_raw(std::string_view(command).substr(0, 2 * kMegabyte));
  (void)leased().sent_raw();
  leased().reply("-ERR Protocol error: invalid bulk length\r\n");
  leased().lose();
  say_raw(std::string_view(command).substr(2 * kMegabyte));
  EXPECT_EQ(heard(), "-ERR Protocol error: invalid bulk length\r\n");
  say("PING");
  EXPECT_EQ(heard(), "+PONG\r\n");
  EXPECT_TRUE(session_->quiet());
}

TEST_F(SessionStream, WithoutALeaseALargeCommandIsSwallowed) {
  lanes_.leases_left_ = 0;
  say_raw(large_set(2 * kMegabyte));
  say("PING");
  EXPECT_EQ(heard(), "-ERR upstream connection limit reached\r\n+PONG\r\n");
}

TEST_F(SessionStream, ALargeCommandOfUnknownMeaningIsRefused) {
  say_raw("*2\r\n$4\r\nPING\r\n" + bulk(std::string(2 * kMegabyte, 'v')));
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(heard(), "-ERR this command is too large\r\n");
}

TEST_F(SessionStream, AClientThatDoesNotReadIsNotRead) {
  context_.output_limit = 4 * kMegabyte;
  say("LRANGE l 0 -1");
  const std::string part(kMegabyte / 2, 'x');
  EXPECT_EQ(shared().reply("$3145728\r\n"), upstream::Multiplexer::Status::kOk);
  EXPECT_EQ(shared().reply(part), upstream::Multiplexer::Status::kOk);
  EXPECT_EQ(shared().reply(part), upstream::Multiplexer::Status::kPause);
  EXPECT_FALSE(session_->wants_input());
  EXPECT_EQ(shared().resumed_, 0);
  EXPECT_EQ(heard().size(), kMegabyte + 10);
  EXPECT_EQ(shared().resumed_, 1);
  EXPECT_TRUE(session_->wants_input());
}

TEST_F(SessionStream, EveryPausedLaneIsResumed) {
  bring_link_up();
  // Both are known to be too large for a fill link: each travels on a lane of its own.
  say("GET a|GET b");
  link_replies("$1048576\r\n");
  link_replies(std::string(kMegabyte, 'x') + "\r\n:-1\r\n$1048576\r\n");
  link_replies(std::string(kMegabyte, 'x') + "\r\n:-1\r\n");
  ASSERT_EQ(lanes_.leased_.size(), 2u);
  FakeLane& first = *lanes_.leased_[0];
  FakeLane& second = *lanes_.leased_[1];
  const std::string reply = "$1048576\r\n" + std::string(kMegabyte, 'x');
  EXPECT_EQ(first.reply(reply), upstream::Multiplexer::Status::kPause);
  EXPECT_EQ(second.reply(reply), upstream::Multiplexer::Status::kPause);
  EXPECT_EQ(heard().size(), reply.size());
  EXPECT_EQ(first.resumed_, 1);
  first.reply("\r\n");
  EXPECT_EQ(heard().size(), reply.size() + 2) << "what was parked of the second follows at once";
  EXPECT_EQ(second.resumed_, 1);
  second.reply("\r\n");
  EXPECT_EQ(heard(), "\r\n");
}

TEST_F(SessionStream, AReadAsideOnTheSharedLanePausesThatLane) {
  bring_link_up();
  lanes_.leases_left_ = 0;
  say("GET a");
  link_replies("$1048576\r\n");
  const std::string reply = "$1048576\r\n" + std::string(kMegabyte, 'x');
  EXPECT_EQ(shared().sent(), "GET a");
  EXPECT_EQ(shared().reply(reply), upstream::Multiplexer::Status::kPause)
      << "memory is bounded here as well";
  EXPECT_EQ(heard().size(), reply.size());
  EXPECT_EQ(shared().resumed_, 1);
  shared().reply("\r\n");
  EXPECT_EQ(heard(), "\r\n");
  EXPECT_TRUE(shared().alive_) << "a shared lane is not the session's to give back";
  EXPECT_EQ(lanes_.given_clean_ + lanes_.given_dirty_, 0);
}

TEST_F(SessionStream, AStalledClientIsClosed) {
  say("LRANGE l 0 -1");
  session_->on_output_progress(now_);
  shared().reply("$3145728\r\n" + std::string(kMegabyte, 'x'));
  now_ += context_.output_stall_timeout;
  EXPECT_TRUE(session_->on_tick(now_));
  EXPECT_FALSE(session_->aborted());
  now_ += 1;
  session_->on_tick(now_);
  ASSERT_TRUE(session_->aborted());
  EXPECT_EQ(*session_->aborted(), state::DisconnectReason::kOutputStalled);
}

TEST_F(SessionStream, OthersWaitingSpendMemoryFirst) {
  context_.output_limit = 3 * kMegabyte;
  say("LRANGE l 0 -1");
  // Somebody else's command behind it on the same lane.
  shared().submit(requests("GET z"), Requester{9, 9, 9}, CommandClass::kRead, TimeLimit::kCommand,
                  now_);
  const std::string part(kMegabyte, 'x');
  EXPECT_EQ(shared().reply("$10485760\r\n"), upstream::Multiplexer::Status::kOk);
  EXPECT_EQ(shared().reply(part), upstream::Multiplexer::Status::kOk);
  EXPECT_EQ(shared().reply(part), upstream::Multiplexer::Status::kOk);
  EXPECT_EQ(shared().reply(part), upstream::Multiplexer::Status::kPause);
  session_->on_output_progress(now_);
  now_ += 500 * state::kMillisecond + 1;
  session_->on_tick(now_);
  ASSERT_TRUE(session_->aborted());
  EXPECT_EQ(*session_->aborted(), state::DisconnectReason::kOutputLimit);
}

}  // namespace
}  // namespace pillion::data::session
