#include "proxy/data/upstream/connection_fsm.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pillion::data::upstream {
namespace {

using Action = ConnectionFsm::Action;
using Status = ConnectionFsm::Status;
using state::kMillisecond;
using state::kSecond;

constexpr state::Nanos kStart = 100 * kSecond;

class ConnectionFsmTest : public ::testing::Test {
 protected:
  static ConnectionFsm make(ChannelKey key, bool reconnect = true) {
    ConnectionFsm::Options options;
    options.key = std::move(key);
    options.reconnect = reconnect;
    return ConnectionFsm(std::move(options));
  }
  static ChannelKey with_password() { return {{"", "secret"}, 0, 2}; }
  Action feed(ConnectionFsm& fsm, std::string_view bytes) {
    std::size_t consumed = 0;
    return fsm.on_handshake_bytes(bytes, consumed, now_, 0);
  }
  state::Nanos now_ = kStart;
};

TEST_F(ConnectionFsmTest, WithoutAHandshakeConnectedMeansLive) {
  ConnectionFsm fsm = make({});
  EXPECT_EQ(fsm.status(), Status::kIdle);
  EXPECT_FALSE(fsm.accepts_commands());
  EXPECT_EQ(fsm.start(now_), Action::kConnect);
  EXPECT_EQ(fsm.status(), Status::kConnecting);
  EXPECT_TRUE(fsm.accepts_commands()) << "to be sent once live";
  EXPECT_EQ(fsm.on_connected(now_), Action::kGoLive);
  EXPECT_EQ(fsm.status(), Status::kLive);
}

TEST_F(ConnectionFsmTest, AHandshakeComesBeforeLive) {
  ConnectionFsm fsm = make(with_password());
  fsm.start(now_);
  EXPECT_EQ(fsm.on_connected(now_), Action::kSendHandshake);
  EXPECT_EQ(fsm.status(), Status::kHandshake);
  EXPECT_TRUE(fsm.accepts_commands());
  EXPECT_EQ(fsm.handshake_request(), "*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n");
  EXPECT_EQ(feed(fsm, "+O"), Action::kNone);
  EXPECT_EQ(feed(fsm, "K\r\n"), Action::kGoLive);
  EXPECT_EQ(fsm.status(), Status::kLive);
}

TEST_F(ConnectionFsmTest, ARefusalFailsWithTheUpstreamsWords) {
  ConnectionFsm fsm = make(with_password());
  fsm.start(now_);
  fsm.on_connected(now_);
  EXPECT_EQ(feed(fsm, "-WRONGPASS invalid username-password pair or user is disabled.\r\n"),
            Action::kFail);
  EXPECT_EQ(fsm.status(), Status::kBackoff);
  EXPECT_EQ(fsm.failure_kind(), FailureKind::kRefused);
  EXPECT_EQ(fsm.last_error(), "WRONGPASS invalid username-password pair or user is disabled.");
  EXPECT_FALSE(fsm.accepts_commands());
}

TEST_F(ConnectionFsmTest, ConnectAndHandshakeShareOneDeadline) {
  for (const bool connected : {false, true}) {
    ConnectionFsm fsm = make(with_password());
    fsm.start(kStart);
    if (connected) fsm.on_connected(kStart + 900 * kMillisecond);
    EXPECT_EQ(fsm.on_tick(kStart + kSecond - 1, 0), Action::kNone);
    EXPECT_EQ(fsm.on_tick(kStart + kSecond, 0), Action::kFail);
    EXPECT_EQ(fsm.failure_kind(), FailureKind::kConnect);
    EXPECT_EQ(fsm.last_error(), "connect timed out");
  }
}

TEST_F(ConnectionFsmTest, FailedAttemptsComeFurtherApart) {
  ConnectionFsm fsm = make({});
  fsm.start(now_);
  for (const state::Nanos wait : {10, 20, 40, 80, 160, 250, 250}) {
    EXPECT_EQ(fsm.on_failed(FailureKind::kConnect, "Connection refused", now_, 0), Action::kFail);
    EXPECT_EQ(fsm.status(), Status::kBackoff);
    EXPECT_EQ(fsm.on_tick(now_ + wait * kMillisecond - 1, 0), Action::kNone);
    now_ += wait * kMillisecond;
    EXPECT_EQ(fsm.on_tick(now_, 0), Action::kConnect);
    EXPECT_EQ(fsm.status(), Status::kConnecting);
  }
  // One that ends as soon as it is made is no better than one that is refused.
  fsm.on_connected(now_);
  now_ += 499 * kMillisecond;
  fsm.on_failed(FailureKind::kClosed, "x", now_, 0);
  EXPECT_EQ(fsm.on_tick(now_ + 250 * kMillisecond - 1, 0), Action::kNone);
  now_ += 250 * kMillisecond;
  EXPECT_EQ(fsm.on_tick(now_, 0), Action::kConnect);
  // Once it has worked for a while, the next failures start small again.
  fsm.on_connected(now_);
  now_ += 500 * kMillisecond;
  fsm.on_failed(FailureKind::kClosed, "x", now_, 0);
  EXPECT_EQ(fsm.on_tick(now_, 0), Action::kConnect)
      << "the first retry of one that worked is immediate";
  fsm.on_failed(FailureKind::kConnect, "x", now_, 0);
  EXPECT_EQ(fsm.on_tick(now_ + 10 * kMillisecond - 1, 0), Action::kNone);
  EXPECT_EQ(fsm.on_tick(now_ + 10 * kMillisecond, 0), Action::kConnect);
}

TEST_F(ConnectionFsmTest, FailingTwiceIsToldOnce) {
  ConnectionFsm fsm = make({});
  fsm.start(now_);
  EXPECT_EQ(fsm.on_failed(FailureKind::kConnect, "first", now_, 0), Action::kFail);
  EXPECT_EQ(fsm.on_failed(FailureKind::kClosed, "second", now_, 0), Action::kNone);
  EXPECT_EQ(fsm.last_error(), "first");
}

TEST_F(ConnectionFsmTest, ADedicatedConnectionHasOneLife) {
  for (const bool live : {false, true}) {
    ConnectionFsm fsm = make({}, false);
    fsm.start(now_);
    if (live) fsm.on_connected(now_);
    EXPECT_EQ(fsm.on_failed(FailureKind::kClosed, "x", now_, 0), Action::kFail);
    EXPECT_EQ(fsm.status(), Status::kClosed);
    EXPECT_FALSE(fsm.accepts_commands());
    EXPECT_EQ(fsm.on_tick(now_ + 3600 * kSecond, 0), Action::kNone);
    EXPECT_EQ(fsm.on_failed(FailureKind::kClosed, "y", now_, 0), Action::kNone);
  }
}

TEST_F(ConnectionFsmTest, NothingIsDueWhileIdleOrLive) {
  ConnectionFsm fsm = make({});
  EXPECT_EQ(fsm.on_tick(now_ + 3600 * kSecond, 0), Action::kNone);
  fsm.start(now_);
  fsm.on_connected(now_);
  EXPECT_EQ(fsm.on_tick(now_ + 3600 * kSecond, 0), Action::kNone);
}

}  // namespace
}  // namespace pillion::data::upstream
