// Reads that replicas answer: which ones, what they may not overtake, and what becomes of those
// that are refused or lost.
#include <gmock/gmock.h>

#include <array>
#include <string>
#include <vector>

#include "tests/unit/proxy/data/session/cluster_fixture.hpp"

namespace pillion::data::session {
namespace {

class SessionReplica : public SpreadFixture {
 protected:
  SessionReplica() { with_replicas(route::replicated({0, 1, 2})); }

  /// Which of the two replicas was asked just now, and what.
  std::pair<EndpointId, std::string> asked() {
    for (const EndpointId id : {EndpointId{1}, EndpointId{2}}) {
      const std::string said = sent_to(id);
      if (!said.empty()) return {id, said};
    }
    return {0, ""};
  }
};

TEST_F(SessionReplica, ReadsGoRound) {
  say("TTL a");
  const auto [first, said] = asked();
  EXPECT_EQ(said, "TTL a");
  reply_from(first, ":1\r\n");
  say("TTL a");
  const auto [second, again] = asked();
  EXPECT_EQ(again, "TTL a");
  EXPECT_NE(first, second);
  reply_from(second, ":2\r\n");
  EXPECT_EQ(heard(), ":1\r\n:2\r\n");
  EXPECT_EQ(sent_to(0), "");
  expect_at_rest();
}

TEST_F(SessionReplica, WritesAndReadsBehindThemGoToThePrimary) {
  say("SET a 1|TTL a");
  EXPECT_EQ(sent_to(0), "SET a 1|TTL a");
  const std::string b = unlike("a");
  say("TTL " + b);
  EXPECT_EQ(asked().second, "TTL " + b) << "another key";
}

TEST_F(SessionReplica, AWriteWaitsForAnUnansweredReadOfItsKey) {
  say("TTL a|SET a 1|PING");
  const auto [replica, said] = asked();
  EXPECT_EQ(said, "TTL a");
  EXPECT_EQ(sent_to(0), "");
  reply_from(replica, ":-1\r\n");
  EXPECT_EQ(sent_to(0), "SET a 1");
  reply_from(0, "+OK\r\n");
  EXPECT_EQ(heard(), ":-1\r\n+OK\r\n+PONG\r\n");
  expect_at_rest();
}

TEST_F(SessionReplica, WhatIsNoKeyedReadGoesToThePrimary) {
  say("DBSIZE|TIME|RANDOMKEY");
  EXPECT_EQ(sent_to(0), "DBSIZE|TIME|RANDOMKEY");
}

TEST_F(SessionReplica, ARefusedReadIsAskedOfThePrimaryAtOnce) {
  for (const std::string_view refusal :
       {"-LOADING Redis is loading the dataset in memory\r\n",
        "-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n"}) {
    say("TTL a|PING");
    const auto [replica, said] = asked();
    ASSERT_EQ(said, "TTL a");
    reply_from(replica, refusal);
    EXPECT_EQ(sent_to(0), "TTL a");
    EXPECT_EQ(heard(), "");
    reply_from(0, ":5\r\n");
    EXPECT_EQ(heard(), ":5\r\n+PONG\r\n");
    expect_at_rest();
  }
}

TEST_F(SessionReplica, ALostReadIsAskedOfThePrimary) {
  for (const FailureKind kind : {FailureKind::kClosed, FailureKind::kTimeout}) {
    say("TTL a|SET a 1");
    const auto [replica, said] = asked();
    ASSERT_EQ(said, "TTL a");
    lanes_.shared_.at(key_to(replica))->fail({kind, "gone"});
    go_on();
    EXPECT_EQ(sent_to(0), "TTL a");
    reply_from(0, ":5\r\n");
    EXPECT_EQ(sent_to(0), "SET a 1");
    reply_from(0, "+OK\r\n");
    EXPECT_EQ(heard(), ":5\r\n+OK\r\n");
    expect_at_rest();
    replicas_catch_up();
  }
}

TEST_F(SessionReplica, AReadThatNeverWentOutIsAskedOfThePrimaryToo) {
  say("TTL a");
  const EndpointId replica = lanes_.shared_.count(key_to(1)) != 0 ? 1 : 2;
  lose(replica);
  EXPECT_EQ(sent_to(0), "TTL a");
  reply_from(0, ":5\r\n");
  EXPECT_EQ(heard(), ":5\r\n");
  expect_at_rest();
}

TEST_F(SessionReplica, AReplicaThatCannotBeReachedIsPassedOver) {
  take_down(1);
  take_down(2);
  say("TTL a");
  EXPECT_EQ(sent_to(0), "TTL a");
}

TEST_F(SessionReplica, WithoutAPrimaryAReadWaitsUntilAReplicaHasWhatWasWritten) {
  say("SET a 1");
  reply_from(0, "+OK\r\n");
  (void)heard();
  lose(0);
  take_down(0);
  say("TTL a");
  EXPECT_EQ(asked().second, "") << "neither is known to have the write";
  replicas_catch_up();
  tick(1);
  const auto [replica, said] = asked();
  EXPECT_EQ(said, "TTL a");
  reply_from(replica, ":-1\r\n");
  EXPECT_EQ(heard(), ":-1\r\n");
  expect_at_rest();
}

TEST_F(SessionReplica, AReadPastTheL1KeepsNobodyFromTheReplicas) {
  for (int i = 0; i < 3; ++i) {
    say("GET a");
    const auto [replica, said] = asked();
    ASSERT_EQ(said, "GET a") << "the L1 has no link to fill it";
    reply_from(replica, "$1\r\nA\r\n");
  }
  EXPECT_EQ(sent_to(0), "");
  take_down(1);
  take_down(2);
  say("GET a");
  EXPECT_EQ(sent_to(0), "GET a");
  reply_from(0, "$1\r\nA\r\n");
  bring_up(1);
  bring_up(2);
  say("GET a");
  EXPECT_EQ(asked().second, "GET a") << "what the primary has shown is no write";
}

TEST_F(SessionReplica, AWriteThatWasNeverSentKeepsNobodyFromTheReplicas) {
  take_down(0);
  for (const char* write : {"SET a 1", "FLUSHALL", "INCR a"}) {
    now_ += state::kMillisecond;
    say(write);
    past_deadline();
    EXPECT_EQ(heard().substr(0, 4), "-ERR") << write;
    say("TTL a");
    const auto [replica, said] = asked();
    ASSERT_EQ(said, "TTL a") << write;
    reply_from(replica, ":-1\r\n");
    (void)heard();
    expect_at_rest();
  }
  EXPECT_EQ(counters_.invalidations_own.get(), 0U);
  EXPECT_EQ(counters_.flushes_own.get(), 0U);
}

TEST_F(SessionReplica, AWriteThatLeftNoByteOnItsWayOutKeepsNobodyFromTheReplicas) {
  say("SET a 1");  // it is with the lane, which has not written it yet
  const auto lost = lanes_.shared_.at(key_to(0));
  take_down(0);
  lost->lose();
  go_on();
  past_deadline();
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 lost: connection closed by the upstream\r\n");
  say("TTL a");
  EXPECT_EQ(asked().second, "TTL a");
}

TEST_F(SessionReplica, AWriteThatMayHaveBeenDoneKeepsItsKeyFromTheReplicas) {
  const std::string other = unlike("a");
  say("SET a 1");
  EXPECT_EQ(sent_to(0), "SET a 1");
  lose(0);
  take_down(0);
  EXPECT_THAT(heard(), testing::HasSubstr("the outcome of this command is unknown"));
  say("TTL a");
  EXPECT_EQ(asked().second, "");
  past_deadline();
  (void)heard();
  // An errand that is late is not known to have been left undone either.
  bring_up(0);
  say("TTL " + other);
  const auto [replica, said] = asked();
  EXPECT_EQ(said, "TTL " + other);
  reply_from(replica, ":-1\r\n");
  take_down(0);
  say("SET " + other + " 1");
  bring_up(0);
  after_pause();
  EXPECT_EQ(sent_to(0), "SET " + other + " 1");
  past_deadline();
  EXPECT_THAT(heard(), testing::HasSubstr("the outcome of this command is unknown"));
  take_down(0);
  say("TTL " + other);
  EXPECT_EQ(asked().second, "");
}

TEST_F(SessionReplica, SecondAskingsEndWithTheBudget) {
  director_.retries().set_share({.percent = 0, .floor_per_second = 1, .burst = 1});
  say("TTL a");
  auto [replica, said] = asked();
  lose(replica);
  EXPECT_EQ(sent_to(0), "TTL a");
  reply_from(0, ":5\r\n");
  (void)heard();
  say("TTL a");
  std::tie(replica, said) = asked();
  lose(replica);
  EXPECT_EQ(sent_to(0), "");
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 lost: connection closed by the upstream\r\n");
  expect_at_rest();
}

/// Reads of one key never go back in time (I17).
class SessionAffinity : public SpreadFixture {
 protected:
  SessionAffinity() : SpreadFixture(route::ReadBalance::kKeyAffinity) {
    with_replicas(replicas_of({100, 100}));
    replicas_catch_up();
  }

  static state::TopologySnapshot replicas_of(std::array<std::uint32_t, 2> weights) {
    state::TopologySnapshot snapshot = route::replicated({0, 1, 2});
    for (state::Node& node : snapshot.nodes) {
      if (node.endpoint.id > 0) node.weight = weights[node.endpoint.id - 1];
    }
    return snapshot;
  }
  EndpointId home_of(const std::string& key) {
    say("TTL " + key);
    for (const EndpointId id : {EndpointId{0}, EndpointId{1}, EndpointId{2}}) {
      if (sent_to(id).empty()) continue;
      reply_from(id, ":1\r\n");
      (void)heard();
      return id;
    }
    ADD_FAILURE() << key << " was asked of nobody";
    return 0;
  }
  /// Two keys of one replica and one of the other.
  void find_keys() {
    const EndpointId first = home_of("k0");
    ASSERT_NE(first, 0);
    keys_ = {"k0"};
    std::string other;
    for (int i = 1; keys_.size() < 2 || other.empty(); ++i) {
      const std::string key = "k" + std::to_string(i);
      if (home_of(key) == first) {
        keys_.push_back(key);
      } else {
        other = key;
      }
    }
    keys_.resize(2);
    keys_.push_back(other);
    home_ = first;
  }

  std::vector<std::string> keys_;
  EndpointId home_ = 0;
};

TEST_F(SessionAffinity, KeysOfOneReplicaAreReadThereAndOfSeveralFromThePrimary) {
  find_keys();
  say("EXISTS " + keys_[0] + " " + keys_[1]);
  EXPECT_EQ(sent_to(home_), "EXISTS " + keys_[0] + " " + keys_[1]);
  reply_from(home_, ":2\r\n");
  say("EXISTS " + keys_[0] + " " + keys_[2]);
  EXPECT_EQ(sent_to(0), "EXISTS " + keys_[0] + " " + keys_[2]);
  reply_from(0, ":2\r\n");
  (void)heard();
  EXPECT_EQ(home_of(keys_[0]), 0) << "the primary may have shown more than the replica has";
  EXPECT_EQ(home_of(keys_[1]), home_);
}

TEST_F(SessionAffinity, WhatItsOwnReplicaAnsweredIsNotAheadOfIt) {
  find_keys();
  take_down(0);
  take_down(home_);
  say("GET " + keys_[0]);
  EXPECT_EQ(heard(), "");
  bring_up(home_);
  after_pause();
  EXPECT_EQ(sent_to(home_), "GET " + keys_[0]);
  now_ += state::kMillisecond;
  reply_from(home_, "$1\r\nA\r\n");
  EXPECT_EQ(heard(), "$1\r\nA\r\n");
  EXPECT_EQ(home_of(keys_[0]), home_);
}

TEST_F(SessionAffinity, AnErrandThatIsUnderWayWhenKeysChangeTheirReplicaMayBeAhead) {
  find_keys();
  take_down(0);
  take_down(home_);
  say("GET " + keys_[0]);
  bring_up(home_);
  after_pause();
  EXPECT_EQ(sent_to(home_), "GET " + keys_[0]);
  bring_up(0);
  state::TopologySnapshot changed = replicas_of({100, 100});
  changed.nodes[home_].in_rotation = false;
  now_ += state::kMillisecond;
  replica_links_.on_topology(changed, now_);
  publish(changed);
  replicas_catch_up();
  now_ += state::kMillisecond;
  reply_from(home_, "$1\r\nA\r\n");
  EXPECT_EQ(heard(), "$1\r\nA\r\n");
  EXPECT_EQ(home_of(keys_[0]), 0) << "the other replica may not have what was shown";
  replicas_catch_up();
  EXPECT_EQ(home_of(keys_[0]), 3 - home_);
}

TEST_F(SessionAffinity, WhatThePrimaryAnsweredPastTheL1IsAheadOfItsReplica) {
  find_keys();
  take_down(home_);
  say("GET " + keys_[0]);
  EXPECT_EQ(sent_to(0), "GET " + keys_[0]);
  now_ += state::kMillisecond;
  reply_from(0, "$1\r\nA\r\n");
  (void)heard();
  bring_up(home_);
  EXPECT_EQ(home_of(keys_[0]), 0);
  replicas_catch_up();
  EXPECT_EQ(home_of(keys_[0]), home_);
}

TEST_F(SessionAffinity, WithoutItsOwnReplicaAKeyIsReadFromThePrimary) {
  find_keys();
  say("SET " + keys_[0] + " 1");
  (void)sent_to(0);
  reply_from(0, "+OK\r\n");
  (void)heard();
  EXPECT_EQ(home_of(keys_[0]), 0);
  replicas_catch_up();
  EXPECT_EQ(home_of(keys_[0]), home_);
}

TEST_F(SessionAffinity, WhatIsUnderWayWhenKeysChangeTheirReplicaMayBeAhead) {
  find_keys();
  say("TTL " + keys_[0]);
  EXPECT_EQ(sent_to(home_), "TTL " + keys_[0]);
  const state::TopologySnapshot changed = replicas_of({100, 10});
  now_ += state::kMillisecond;
  replica_links_.on_topology(changed, now_);
  publish(changed);
  replicas_catch_up();
  EXPECT_NE(home_of(keys_[2]), 0) << "both have all that was read before that";
  now_ += state::kMillisecond;
  reply_from(home_, ":1\r\n");
  (void)heard();
  EXPECT_EQ(home_of(keys_[0]), 0);
}

class SessionClusterReplica : public SpreadFixture {
 protected:
  SessionClusterReplica() { with_replicas(route::cluster_of({{0, 10}, {1, 11}, {2, 12}})); }
};

TEST_F(SessionClusterReplica, EveryShardHasItsOwn) {
  say("TTL b|TTL c|TTL a|SET b 1");
  EXPECT_TRUE(lane(10).key_.readonly);
  EXPECT_EQ(sent_to(10), "TTL b");
  EXPECT_EQ(sent_to(11), "TTL c");
  EXPECT_EQ(sent_to(12), "TTL a");
  EXPECT_EQ(sent_to(0), "") << "SET waits";
  reply_from(12, ":3\r\n");
  reply_from(11, ":2\r\n");
  reply_from(10, ":1\r\n");
  EXPECT_EQ(heard(), ":1\r\n:2\r\n:3\r\n");
  EXPECT_EQ(sent_to(0), "SET b 1");
}

TEST_F(SessionClusterReplica, WhatIsBeingGivenAwayIsNotReadFromReplicas) {
  say("SET b 1");
  (void)sent_to(0);
  reply_from(0, ask(1));
  EXPECT_EQ(lane(1).sent(), "ASKING|SET b 1");
  reply_from(1, "+OK\r\n+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  // A replica knows nothing of that: it would say that there is no such key.
  now_ += state::kSecond;
  clocks_.of(0).add(now_ - 1, "history", 100);
  say("TTL b");
  EXPECT_EQ(sent_to(10), "");
  EXPECT_EQ(sent_to(0), "TTL b");
  say("TTL c");
  EXPECT_EQ(sent_to(11), "TTL c") << "another slot";
}

TEST_F(SessionClusterReplica, WhatAReplicaDoesNotFindItsPrimaryIsAskedFor) {
  say("TTL b|PTTL b|TTL b");
  EXPECT_EQ(sent_to(10), "TTL b|PTTL b|TTL b");
  reply_from(10, ":5\r\n:-2\r\n:6\r\n");
  EXPECT_EQ(sent_to(0), "PTTL b");
  EXPECT_EQ(heard(), ":5\r\n");
  reply_from(0, ask(1));
  EXPECT_EQ(lane(1).sent(), "ASKING|PTTL b") << "it had left with its slot";
  reply_from(1, "+OK\r\n:5500\r\n");
  EXPECT_EQ(heard(), ":5500\r\n:6\r\n");
  expect_at_rest();
}

TEST_F(SessionClusterReplica, OfAWriteOfSeveralShardsOnePartThatLeftIsEnough) {
  for (const EndpointId id : {EndpointId{0}, EndpointId{1}, EndpointId{2}}) take_down(id);
  now_ += state::kMillisecond;
  say("MSET b 1 c 1");
  past_deadline();
  EXPECT_EQ(heard().substr(0, 4), "-ERR");
  say("TTL b");
  EXPECT_EQ(sent_to(10), "TTL b");
  reply_from(10, ":1\r\n");
  (void)heard();
  bring_up(1);
  say("MSET b 1 c 1");
  after_pause();
  EXPECT_EQ(sent_to(1), "MSET c 1");
  reply_from(1, "+OK\r\n");
  past_deadline();
  EXPECT_EQ(heard().substr(0, 4), "-ERR");
  say("TTL c");
  EXPECT_EQ(sent_to(11), "");
  EXPECT_EQ(sent_to(1), "TTL c");
}

TEST_F(SessionClusterReplica, SeveralKeysAreReadFromTheirPrimary) {
  say("EXISTS b {b}2");
  EXPECT_EQ(sent_to(10), "");
  EXPECT_EQ(sent_to(0), "EXISTS b {b}2");
}

TEST_F(SessionClusterReplica, AReplicaThatDoesNotServeTheSlotSendsOn) {
  say("TTL b");
  (void)sent_to(10);
  reply_from(10, moved_to(0));
  EXPECT_EQ(sent_to(0), "TTL b");
  reply_from(0, ":1\r\n");
  EXPECT_EQ(heard(), ":1\r\n");
  expect_at_rest();
}

}  // namespace
}  // namespace pillion::data::session
