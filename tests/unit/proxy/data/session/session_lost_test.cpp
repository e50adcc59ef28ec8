// What a client is told when an upstream connection ends, and what is asked again.
#include "tests/unit/proxy/data/session/session_fixture.hpp"

namespace pillion::data::session {
namespace {

using SessionLost = SessionFixture;

constexpr std::string_view kLost =
    "-ERR upstream redis:6379 lost: connection closed by the upstream\r\n";
constexpr std::string_view kUnknown =
    "-ERR upstream redis:6379 lost: connection closed by the upstream; the outcome of this command "
    "is unknown\r\n";

TEST_F(SessionLost, AReadIsAskedAgainExactlyOnce) {
  say("GET a");
  const auto first = lanes_.shared_.at(key());
  (void)first->sent();
  first->lose();
  EXPECT_NE(&shared(), first.get());
  EXPECT_EQ(shared().sent(), "GET a");
  EXPECT_EQ(counters_.upstream_retries.get(), 1u);
  EXPECT_EQ(heard(), "");
  const auto second = lanes_.shared_.at(key());
  second->lose();
  EXPECT_EQ(heard(), kLost);
  EXPECT_EQ(counters_.upstream_retries.get(), 1u);
}

TEST_F(SessionLost, AnAnsweredPartOfARunIsNotAskedAgain) {
  say("GET a|GET b|GET c");
  const auto first = lanes_.shared_.at(key());
  (void)first->sent();
  answer(*first, "$1\r\nA\r\n$1\r\n");
  first->lose();
  EXPECT_EQ(shared().sent(), "GET b|GET c");
  answer(shared(), "$1\r\nB\r\n$1\r\nC\r\n");
  EXPECT_EQ(heard(), "$1\r\nA\r\n$1\r\nB\r\n$1\r\nC\r\n");
}

TEST_F(SessionLost, AWriteIsNeverAskedAgain) {
  say("SET a 1|TTL a");
  const auto first = lanes_.shared_.at(key());
  (void)first->sent();
  first->lose();
  EXPECT_EQ(shared().sent(), "TTL a");
  EXPECT_EQ(heard(), kUnknown);
  EXPECT_EQ(counters_.writes_outcome_unknown.get(), 1u);
  answer(shared(), ":-1\r\n");
  EXPECT_EQ(heard(), ":-1\r\n");
}

TEST_F(SessionLost, AWriteThatWasNotSentHasAKnownOutcome) {
  say("SET a 1");
  lanes_.shared_.at(key())->lose();
  EXPECT_EQ(heard(), kLost);
  EXPECT_EQ(counters_.writes_outcome_unknown.get(), 0u);
}

TEST_F(SessionLost, ALostWriteStillErases) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  (void)link_sent();
  say("SET a 1");
  (void)shared().sent();
  lanes_.shared_.at(key())->lose();
  (void)heard();
  say("GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a");
}

TEST_F(SessionLost, RetriedReadsAndWhatFollowsTravelOnOneLane) {
  lanes_.always_another_ = true;
  say("TTL a");
  const auto first = lanes_.shared_.at(key());
  now_ += 1;
  say("TTL b");
  EXPECT_EQ(first->sent(), "TTL a|TTL b");
  first->lose();
  say("SET a 2");
  EXPECT_EQ(shared().sent(), "TTL a|TTL b|SET a 2");
  answer(shared(), ":1\r\n:2\r\n+OK\r\n");
  EXPECT_EQ(heard(), ":1\r\n:2\r\n+OK\r\n");
}

TEST_F(SessionLost, AReadAheadOfALostWriteIsNotAskedAgain) {
  say("TTL a|SET a 1");
  const auto first = lanes_.shared_.at(key());
  (void)first->sent();
  first->lose();
  EXPECT_EQ(heard(), std::string(kLost) + std::string(kUnknown))
      << "the write may have happened already";
}

TEST_F(SessionLost, WithoutAnotherWayTheReasonIsSaid) {
  say("GET a");
  (void)shared().sent();
  lanes_.upstream_down_ = true;
  lanes_.shared_.at(key())->fail({FailureKind::kTimeout, "no reply within 5000 ms"});
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 timed out: no reply within 5000 ms\r\n");
  say("GET a");
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 timed out: no reply within 5000 ms\r\n");
}

TEST_F(SessionLost, EveryKindOfFailureHasItsWords) {
  const auto text = [this](FailureKind kind, std::string_view detail) {
    say("INCR n");
    lanes_.shared_.at(key())->fail({kind, detail});
    return heard();
  };
  EXPECT_EQ(text(FailureKind::kConnect, "Connection refused"),
            "-ERR upstream redis:6379 unavailable: Connection refused\r\n");
  EXPECT_EQ(text(FailureKind::kRefused, "WRONGPASS bad"),
            "-ERR upstream redis:6379 refused the connection: WRONGPASS bad\r\n");
  EXPECT_EQ(text(FailureKind::kTimeout, "late"), "-ERR upstream redis:6379 timed out: late\r\n");
  EXPECT_EQ(text(FailureKind::kProtocol, "odd"),
            "-ERR upstream redis:6379 broke the protocol: odd\r\n");
}

TEST_F(SessionLost, HalfAStreamedReplyEndsTheClient) {
  say("LRANGE l 0 -1");
  (void)shared().sent();
  shared().reply("$100000\r\n" + std::string(70'000, 'x'));
  shared().lose();
  ASSERT_TRUE(session_->aborted());
  EXPECT_EQ(*session_->aborted(), state::DisconnectReason::kUpstreamLost);
}

TEST_F(SessionLost, ALostFetchIsAskedUpstream) {
  bring_link_up();
  say("GET a|PING");
  link_fsm_->on_failed("closed", now_, 0);
  EXPECT_EQ(shared().sent(), "GET a");
  answer(shared(), "$1\r\nA\r\n");
  EXPECT_EQ(heard(), "$1\r\nA\r\n+PONG\r\n");
  EXPECT_TRUE(session_->quiet());
}

TEST_F(SessionLost, ALostAuthIsSaidAndTheSessionGoesOn) {
  say("AUTH x|PING");
  (void)leased().sent();
  leased().lose();
  go_on();
  EXPECT_EQ(heard(), std::string(kUnknown) + "+PONG\r\n");
}

}  // namespace
}  // namespace pillion::data::session
