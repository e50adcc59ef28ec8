// Commands for several servers: each goes to its own, replies leave in the client's order.
#include "tests/unit/proxy/data/session/cluster_fixture.hpp"

namespace pillion::data::session {
namespace {

class SessionWays : public SpreadFixture {
 protected:
  SessionWays() { three_primaries(); }

  /// Instead of the cluster; there is a way to it afterwards.
  void write_to_one_server() {
    state::TopologySnapshot one = route::replicated({0});
    one.redis_version = "7.0.15";
    publish(one);
    say("SET b 1");
    reply_from(0, "+OK\r\n");
  }
};

TEST_F(SessionWays, EveryCommandGoesToTheOwnerOfItsSlot) {
  say("SET b 1|SET c 2|SET a 3");
  EXPECT_EQ(sent_to(0), "SET b 1");
  EXPECT_EQ(sent_to(1), "SET c 2");
  EXPECT_EQ(sent_to(2), "SET a 3");
}

TEST_F(SessionWays, RepliesLeaveInOrderWhicheverComesFirst) {
  say("GET b|GET c|GET a|PING");
  reply_from(2, "$1\r\nA\r\n");
  reply_from(1, "$1\r\nC\r\n");
  EXPECT_EQ(heard(), "");
  reply_from(0, "$1\r\nB\r\n");
  EXPECT_EQ(heard(), "$1\r\nB\r\n$1\r\nC\r\n$1\r\nA\r\n+PONG\r\n");
  expect_at_rest();
}

TEST_F(SessionWays, OwnWritesEraseTheirKeysThoughRepliesComeOutOfOrder) {
  bring_link_up();
  say("GET b|GET a");
  link_replies("$1\r\n0\r\n:-1\r\n$1\r\n0\r\n:-1\r\n");
  (void)heard();
  (void)link_sent();
  say("SET b 1|SET a 1");
  reply_from(2, "+OK\r\n");
  EXPECT_EQ(heard(), "") << "the other is first";
  // The key of the write that was answered is gone already, that of the other not yet.
  EXPECT_EQ(counters_.cache_hits.get(), 0u);
  reply_from(0, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n");
  say("GET b|GET a");
  EXPECT_EQ(link_sent(), "GET b|PTTL b|GET a|PTTL a") << "both are gone";
}

TEST_F(SessionWays, APipelineToOneServerIsOneSlot) {
  context_.max_pipeline = 100;
  say("SET {b}1 1|SET {b}2 2|SET {b}3 3");
  EXPECT_EQ(sent_to(0), "SET {b}1 1|SET {b}2 2|SET {b}3 3");
  reply_from(0, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  reply_from(0, "+OK\r\n+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionWays, ALaneStaysWhileCommandsAreOnIt) {
  lanes_.always_another_ = true;
  say("SET b 1");
  const auto first = lanes_.shared_.at(key_to(0));
  say("GET c|SET b 2");
  EXPECT_EQ(first->sent(), "SET b 1|SET b 2") << "not beside the first";
  answer(*first, "+OK\r\n+OK\r\n");
  reply_from(1, "$-1\r\n");
  say("SET b 3");
  EXPECT_EQ(first->sent(), "");
  EXPECT_EQ(sent_to(0), "SET b 3") << "whichever is best by now";
}

TEST_F(SessionWays, ALaneIsChosenAnewWhenAPermissionWasGiven) {
  lanes_.always_another_ = true;
  say("CLIENT LIST");
  const auto first = lanes_.shared_.at(key_to(0));
  EXPECT_EQ(first->sent(), "CLIENT LIST ID 9223372036854775807");
  answer(*first, "$0\r\n\r\n");
  ASSERT_EQ(asked_.size(), 1u);
  session_->finish_gather(asked_[0].to.slot, "$0\r\n\r\n");
  go_on();
  EXPECT_EQ(heard(), "$0\r\n\r\n");
  say("SET b 1");
  EXPECT_EQ(first->sent(), "") << "the question is no longer on its lane";
  EXPECT_EQ(sent_to(0), "SET b 1");
}

TEST_F(SessionWays, IdentityAndDatabaseForgetTheWays) {
  write_to_one_server();
  say("SELECT 3|SET b 1");
  FakeLane& third = lanes_.shared(key(3));
  EXPECT_EQ(third.sent(), "SELECT 3");
  answer(third, "+OK\r\n");
  EXPECT_EQ(third.sent(), "SET b 1");
  answer(third, "+OK\r\n");
  say("AUTH bob secret|SET b 1");
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(lanes_.shared({{"bob", "secret"}, 3, 2, 0, false}).sent(), "SET b 1");
  answer(lanes_.shared({{"bob", "secret"}, 3, 2, 0, false}), "+OK\r\n");
  say("HELLO 3|SET b 1");
  EXPECT_EQ(lanes_.shared({{"bob", "secret"}, 3, 3, 0, false}).sent(), "SET b 1");
  answer(lanes_.shared({{"bob", "secret"}, 3, 3, 0, false}), "+OK\r\n");
  say("RESET|SET b 1");
  EXPECT_EQ(sent_to(0), "SET b 1");
}

TEST_F(SessionWays, WhatFollowsASelectInATransactionGoesToItsDatabase) {
  write_to_one_server();
  say("MULTI|SELECT 3|EXEC");
  answer(leased(), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  say("SET b 2");
  EXPECT_EQ(lanes_.shared(key(3)).sent(), "SET b 2");
}

TEST_F(SessionWays, CrossSlotIsRefusedInRedissWords) {
  say("RENAME b c|PING");
  EXPECT_EQ(heard(), "-CROSSSLOT Keys in request don't hash to the same slot\r\n+PONG\r\n");
}

TEST_F(SessionWays, ALeaseIsTheServersOfItsKeys) {
  say("BLPOP c 0");
  EXPECT_EQ(leased().key_, key_to(1));
  EXPECT_EQ(leased().sent(), "BLPOP c 0");
}

TEST_F(SessionWays, WhatAnotherServerAnswersWaitsForTheEndOfALease) {
  say("EVAL x 1 b|GET c");
  EXPECT_EQ(leased().sent(), "EVAL x 1 b");
  EXPECT_EQ(sent_to(1), "");
  answer(leased(), ":1\r\n");
  session_->on_fenced(fences_.at(0));
  go_on();
  EXPECT_EQ(sent_to(1), "GET c");
}

TEST_F(SessionWays, ACountOfAllKeysIsNotALeasesOwn) {
  say("EVAL x 1 b|DBSIZE");
  EXPECT_EQ(leased().sent(), "EVAL x 1 b");
  answer(leased(), ":1\r\n");
  session_->on_fenced(fences_.at(0));
  go_on();
  for (EndpointId i = 0; i < 3; ++i) EXPECT_EQ(sent_to(i), "DBSIZE") << i;
}

// Nobody serves a slot.

TEST_F(SessionWays, ACommandWaitsForAnOwnerAndGoesOn) {
  take_down(1);
  say("SET c 1|SET b 2");
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(sent_to(0), "") << "nothing overtakes what looks for its server";
  EXPECT_GT(refresh_.count(state::RefreshReason::kUnreachable), 0u);
  EXPECT_TRUE(after_pause());
  EXPECT_EQ(heard(), "");
  publish(route::cluster_of({{0}, {3}, {2}}));
  after_pause();
  EXPECT_EQ(sent_to(3), "SET c 1");
  reply_from(3, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_EQ(sent_to(0), "SET b 2");
  reply_from(0, "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionWays, WithoutAnOwnerItEndsAtTheDeadline) {
  take_down(1);
  say("SET c 1|PING");
  after_pause();
  past_deadline();
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 unavailable: Connection refused\r\n+PONG\r\n");
  expect_at_rest();
}

TEST_F(SessionWays, AnUnservedSlotIsClusterDownInTheEnd) {
  auto snapshot = route::cluster_of({{0}});
  auto slots = std::make_shared<state::SlotMap>(*snapshot.slots);
  for (std::size_t i = 8000; i < slots->size(); ++i) (*slots)[i] = state::kNoShard;
  snapshot.slots = slots;
  publish(snapshot);
  say("SET a 1");
  after_pause();
  past_deadline();
  EXPECT_EQ(heard(), "-CLUSTERDOWN Hash slot not served\r\n");
  expect_at_rest();
}

TEST_F(SessionWays, APermissionThatHadToWaitIsCountedNowhere) {
  take_down(0);
  say("CLIENT LIST");
  bring_up(0);
  after_pause();
  EXPECT_EQ(sent_to(0), "CLIENT LIST ID 9223372036854775807");
  reply_from(0, "$0\r\n\r\n");
  ASSERT_EQ(asked_.size(), 1u);
  session_->finish_gather(asked_[0].to.slot, "$0\r\n\r\n");
  go_on();
  EXPECT_EQ(heard(), "$0\r\n\r\n");
  say("SET b 1");
  EXPECT_EQ(sent_to(0), "SET b 1") << "the pipeline is not full";
}

TEST_F(SessionWays, WhatWaitsIsSentInTheOrderItWasAsked) {
  take_down(0);
  say("SET b 1|GET b");
  bring_up(0);
  after_pause();
  EXPECT_EQ(sent_to(0), "SET b 1");
  reply_from(0, "+OK\r\n");
  EXPECT_EQ(sent_to(0), "GET b");
}

TEST_F(SessionWays, AClientThatLeavesWhileItsCommandWaitsLeavesNothing) {
  take_down(0);
  say("SET b 1");
  session_.reset();
  bring_up(0);
  EXPECT_EQ(sent_to(0), "");
}

}  // namespace
}  // namespace pillion::data::session
