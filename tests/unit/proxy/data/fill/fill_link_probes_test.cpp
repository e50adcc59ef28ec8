// What a link believes of replicas and of nodes of a cluster (COHERENCE I4-R, I4-C, I17, I18).
#include <gmock/gmock.h>

#include "tests/unit/proxy/data/fill/fill_link_fixture.hpp"

namespace pillion::data::fill {
namespace {

using state::kMillisecond;
using state::kSecond;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

std::string info(std::string_view text) {
  return bulk(text);
}
std::string primary_at(int offset, std::string_view history = "abc") {
  return info("role:master\r\nmaster_replid:" + std::string(history) +
              "\r\nmaster_repl_offset:" + std::to_string(offset) + "\r\n");
}
std::string replica_at(int offset, std::string_view link = "up") {
  return info("role:slave\r\nmaster_link_status:" + std::string(link) +
              "\r\nmaster_replid:abc\r\nslave_repl_offset:" + std::to_string(offset) + "\r\n");
}
std::string slots(std::string_view owner, int last = 16383) {
  return "*1\r\n*3\r\n:0\r\n:" + std::to_string(last) + "\r\n*3\r\n_\r\n:1\r\n" + bulk(owner);
}

class Probes : public FillLinkFixture {
 protected:
  void use(const FillLinkOptions& options) {
    fsm_ = std::make_unique<FillLinkFsm>(options, cache_, links_, invalidator_, sink_, counters_);
  }
  FillLinkOptions of_replica() {
    FillLinkOptions mine = options();
    mine.link = links_.acquire(0, cache::LinkSource::kReplica);
    mine.source = cache::LinkSource::kReplica;
    mine.clock = &clock_;
    mine.reply_timeout = 250 * kMillisecond;
    return mine;
  }
  FillLinkOptions of_node() {
    FillLinkOptions mine = options();
    mine.cluster = true;
    mine.max_negative_age = kSecond;
    return mine;
  }
  static std::string greeting() { return std::string(kHello) + std::string(kInfo) + "+OK\r\n"; }
  void connect_with(const std::string& answers) {
    connect();
    (void)sent();
    reply(answers);
  }
  cache::LinkId link() const { return fsm_->options().link; }
  Action tick(state::Nanos after) {
    now_ += after;
    return fsm_->on_tick(now_, 0);
  }
  /// A replica that is in step with a sample taken just before.
  void bring_replica_up() {
    use(of_replica());
    clock_.add(now_ - 5 * kMillisecond, "abc", 100);
    connect_with(greeting() + replica_at(100));
    ASSERT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
  }
  void bring_node_up() {
    use(of_node());
    connect_with(greeting() + bulk("me") + info("cluster_state:ok\r\n") + slots("me") +
                 primary_at(1));
    ASSERT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
  }

  ReplicationClock clock_;
};

TEST_F(Probes, APrimaryWithReplicasSamplesItsOffset) {
  FillLinkOptions mine = options();
  mine.clock = &clock_;
  use(mine);
  connect();
  EXPECT_EQ(sent(), "HELLO 3|COMMAND INFO GET MGET|CLIENT TRACKING ON OPTOUT|INFO replication");
  const state::Nanos asked = now_;
  now_ += 10 * kMillisecond;
  reply(greeting() + primary_at(100));
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(clock_.passed("abc", 100), asked);
  EXPECT_EQ(links_.synced_at(link()), asked);
  // Nobody reads it, but somebody reads its replicas.
  EXPECT_EQ(tick(kSecond), Action::kNone);
  clock_.want(now_);
  EXPECT_EQ(tick(20 * kMillisecond), Action::kWrite);
  EXPECT_EQ(sent(), "INFO replication");
}

TEST_F(Probes, AReplicaIsLiveWhenItHasProvedToBePastASample) {
  use(of_replica());
  connect_with(greeting() + replica_at(90));
  EXPECT_EQ(fsm_->status(), Status::kUnproven);
  EXPECT_FALSE(fsm_->accepts_fetches());
  EXPECT_EQ(links_.generation(link()), 0u);
  const state::Nanos sampled = now_;
  clock_.add(sampled, "abc", 100);
  EXPECT_EQ(tick(20 * kMillisecond), Action::kWrite) << "there is something to prove";
  EXPECT_EQ(sent(), "INFO replication");
  reply(replica_at(99));
  EXPECT_EQ(fsm_->status(), Status::kUnproven);
  EXPECT_EQ(tick(20 * kMillisecond), Action::kNone) << "not at once again";
  EXPECT_EQ(tick(60 * kMillisecond), Action::kWrite);
  reply(replica_at(100));
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(links_.synced_at(link()), sampled);
}

TEST_F(Probes, NothingElseRenewsAReplicasLease) {
  bring_replica_up();
  const state::Nanos proved = links_.synced_at(link());
  now_ += 100 * kMillisecond;
  ASSERT_EQ(get("k", 1), "(fetch)");
  fsm_->send_fence(9, now_);
  reply("$1\r\nv\r\n:-1\r\n+PONG\r\n");
  EXPECT_EQ(links_.synced_at(link()), proved);
  EXPECT_EQ(cached("k"), "$1\r\nv\r\n");
  tick(150 * kMillisecond);
  clock_.add(now_, "other", 100);
  reply(replica_at(500));
  EXPECT_EQ(links_.synced_at(link()), proved) << "another history";
  EXPECT_EQ(fsm_->source(now_).as_of, proved);
}

TEST_F(Probes, AReplicaWithoutItsPrimaryProvesNothingMore) {
  bring_replica_up();
  ASSERT_EQ(get("k", 1), "(fetch)");
  reply("$1\r\nv\r\n:-1\r\n");
  const state::Nanos proved = links_.synced_at(link());
  tick(250 * kMillisecond);
  reply(replica_at(100, "down"));
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(links_.synced_at(link()), proved) << "the lease of what it has goes on as it was";
  EXPECT_EQ(cached("k"), "$1\r\nv\r\n");
  tick(250 * kMillisecond);
  clock_.add(now_, "abc", 200);
  reply(replica_at(200));
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(links_.synced_at(link()), now_);
  EXPECT_EQ(cached("k"), "(none)") << "it may have taken over a whole new copy";
}

TEST_F(Probes, AReplicaThatAloneLostItsPrimaryIsLeft) {
  bring_replica_up();
  tick(250 * kMillisecond);
  reply(replica_at(100, "down"));
  clock_.add(now_ + 1, "abc", 100);
  tick(250 * kMillisecond);
  reply(replica_at(100, "down"));
  EXPECT_EQ(fsm_->status(), Status::kUnproven);
  EXPECT_EQ(fsm_->reason(), "the replica is not connected to its primary");
  EXPECT_EQ(links_.generation(link()), 0u);
}

TEST_F(Probes, APrimaryThatAnsweredBeforeItsReplicaSpokeMayBeGone) {
  bring_replica_up();
  clock_.expect(1);
  tick(250 * kMillisecond);
  clock_.add(now_ + 2, "abc", 100);  // asked after the replica was, and answered; then it dies
  now_ += 10 * kMillisecond;
  reply(replica_at(100, "down"));
  EXPECT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
  const state::Nanos refused = now_ + 5 * kMillisecond;
  clock_.note_refused(refused);
  tick(250 * kMillisecond);
  reply(replica_at(100, "down"));
  EXPECT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
  EXPECT_EQ(links_.synced_at(link()), refused);
}

TEST_F(Probes, AReplicaThatComesBackHasToBePastWhatItHasShown) {
  for (const bool key_affinity : {false, true}) {
    FillLinkOptions mine = of_replica();
    mine.key_affinity = key_affinity;
    use(mine);
    clock_.add(now_ - 5 * kMillisecond, "abc", 100);
    connect_with(greeting() + replica_at(100));
    ASSERT_EQ(fsm_->status(), Status::kLive);
    now_ += 50 * kMillisecond;
    fsm_->on_failed("closed", now_, 0);
    now_ += 50 * kMillisecond;
    connect_with(greeting() + replica_at(100));
    EXPECT_EQ(fsm_->status(), key_affinity ? Status::kUnproven : Status::kLive);
    clock_.add(now_, "abc", 100);
    tick(250 * kMillisecond);
    reply(replica_at(100));
    EXPECT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
    now_ += kSecond;
  }
}

TEST_F(Probes, AReplicaThatTakesOverACopyLosesItsGeneration) {
  bring_replica_up();
  tick(250 * kMillisecond);
  reply(replica_at(100, "down\r\nmaster_sync_in_progress:1"));
  EXPECT_EQ(fsm_->status(), Status::kUnproven);
  EXPECT_EQ(fsm_->reason(), "the replica is not connected to its primary");
  EXPECT_EQ(links_.generation(link()), 0u);
}

TEST_F(Probes, TheFurthestReplicaOfAPrimaryThatIsGoneStaysCurrent) {
  bring_replica_up();
  ASSERT_EQ(get("k", 1), "(fetch)");
  reply("$1\r\nv\r\n:-1\r\n");
  const state::Nanos proved = links_.synced_at(link());
  clock_.expect(2);
  tick(250 * kMillisecond);
  const state::Nanos refused = now_;
  clock_.note_refused(refused);
  reply(replica_at(100, "down"));
  EXPECT_EQ(links_.synced_at(link()), proved) << "the other one may be further";
  tick(300 * kMillisecond);
  reply(replica_at(100, "down"));
  EXPECT_EQ(links_.synced_at(link()), refused) << "the other one is silent";
  EXPECT_EQ(cached("k"), "$1\r\nv\r\n");
}

TEST_F(Probes, WhoRefusesAPrimarysLinkTellsItsClock) {
  FillLinkOptions mine = options();
  mine.clock = &clock_;
  use(mine);
  clock_.add(now_ - 1, "abc", 100);
  fsm_->start(now_);
  EXPECT_EQ(fsm_->on_connect_refused("Connection refused", now_ + 5, 0), Action::kClose);
  EXPECT_EQ(clock_.orphaned(1, now_ + 5, "abc", 100), now_);
  use(of_replica());
  clock_.add(now_ + 10, "abc", 100);
  fsm_->start(now_ + 20);
  fsm_->on_connect_refused("Connection refused", now_ + 25, 0);
  EXPECT_EQ(clock_.orphaned(1, now_ + 30, "abc", 100), std::nullopt) << "it was not the primary";
}

TEST_F(Probes, APrimaryThatRefusesIsAskedAsOftenAsItWouldBeProbed) {
  FillLinkOptions mine = options();
  mine.max_staleness = 400 * kMillisecond;
  const auto pause_after_refusals = [&](int refusals) {
    use(mine);
    fsm_->start(now_);
    for (int i = 0; i < refusals; ++i) {
      fsm_->on_connect_refused("Connection refused", now_, ~0ULL);
      while (fsm_->on_tick(now_, ~0ULL) != Action::kConnect) now_ += kMillisecond;
    }
    fsm_->on_connect_refused("Connection refused", now_, ~0ULL);
    const state::Nanos from = now_;
    while (fsm_->on_tick(now_, ~0ULL) != Action::kConnect) now_ += kMillisecond;
    return now_ - from;
  };
  EXPECT_GT(pause_after_refusals(10), 200 * kMillisecond) << "nobody waits for it";
  mine.clock = &clock_;
  clock_.add(now_, "abc", 100);
  EXPECT_LE(pause_after_refusals(0), 30 * kMillisecond);
  EXPECT_LE(pause_after_refusals(10), 100 * kMillisecond);
}

TEST_F(Probes, WhatAClustersReplicaDoesNotFindIsAskedForElsewhere) {
  FillLinkOptions mine = of_replica();
  mine.cluster = true;
  use(mine);
  SlotSet all = ~SlotSet{};
  clock_.add(now_ - 5 * kMillisecond, "abc", 100, &all);
  connect_with(greeting() + bulk("me") + "+OK\r\n" + info("cluster_state:ok\r\n") +
               "*1\r\n*4\r\n:0\r\n:16383\r\n*3\r\n_\r\n:1\r\n" + bulk("other") +
               "*3\r\n_\r\n:1\r\n" + bulk("me") + replica_at(100));
  ASSERT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
  ASSERT_EQ(get("k", 1), "(fetch)");
  ASSERT_EQ(get("m", 2), "(fetch)");
  reply("$-1\r\n:-2\r\n$1\r\nv\r\n:-1\r\n");
  EXPECT_THAT(sink_.calls(), ::testing::ElementsAre("1 lost GET k", "2 reply $1\r\nv\r\n"));
  EXPECT_EQ(cached("k"), "(none)");
  EXPECT_TRUE(fsm_->serves(7));
  clock_.note_leaving(7, now_ + 1);
  EXPECT_FALSE(fsm_->serves(7));
}

TEST_F(Probes, APrimaryThatIsReplicatedAlsoSaysWhichSlotsItGivesAway) {
  FillLinkOptions mine = of_node();
  mine.clock = &clock_;
  use(mine);
  connect_with(greeting() + bulk("me") + info("cluster_state:ok\r\n") + slots("me") +
               bulk("aa 10.0.0.1:7000@17000 myself,master - 0 0 1 connected 0-16383 [9->-bb]\n") +
               primary_at(1));
  ASSERT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
  EXPECT_TRUE(clock_.serves(8, now_));
  EXPECT_FALSE(clock_.serves(9, now_));
}

TEST_F(Probes, WhoIsNotWhatItWasIsLeft) {
  bring_replica_up();
  tick(250 * kMillisecond);
  EXPECT_EQ(reply(primary_at(100)), Action::kClose);
  EXPECT_EQ(fsm_->status(), Status::kBackoff);
  EXPECT_EQ(fsm_->reason(), "not a replica any more");
  FillLinkOptions mine = options();
  mine.clock = &clock_;
  use(mine);
  for (int again = 0; again < 10; ++again) {
    connect_with(greeting() + replica_at(100));
    EXPECT_EQ(fsm_->status(), Status::kBackoff);
    EXPECT_EQ(fsm_->reason(), "the upstream is not a primary: slave");
    now_ += 500 * kMillisecond;  // it may be one soon
  }
}

TEST_F(Probes, AnotherPrimaryEndsWhatWasProved) {
  bring_replica_up();
  ReplicationClock next;
  fsm_->follow(&clock_, now_);
  EXPECT_EQ(fsm_->status(), Status::kLive) << "the same";
  fsm_->follow(&next, now_);
  EXPECT_EQ(fsm_->status(), Status::kUnproven);
  EXPECT_EQ(links_.generation(link()), 0u);
  tick(250 * kMillisecond);
  reply(replica_at(1000));
  EXPECT_EQ(fsm_->status(), Status::kUnproven) << "no sample of the next one";
}

TEST_F(Probes, AStoppedReplicaGivesItsFetchesBackSoon) {
  bring_replica_up();
  ASSERT_EQ(get("k", 1), "(fetch)");
  EXPECT_EQ(tick(240 * kMillisecond), Action::kWrite);
  EXPECT_EQ(tick(20 * kMillisecond), Action::kClose);
  EXPECT_THAT(sink_.calls(), ElementsAre("1 lost GET k"));
}

TEST_F(Probes, AReplicaIsProbedWhileItIsUsed) {
  bring_replica_up();
  for (int i = 0; i < 39; ++i) {
    ASSERT_EQ(tick(260 * kMillisecond) == Action::kWrite, i < 38) << i;
    (void)sent();
    if (i < 38) reply(replica_at(100));
  }
  EXPECT_FALSE(fsm_->fresh(1, now_, kSecond));
  EXPECT_EQ(tick(20 * kMillisecond), Action::kWrite) << "somebody asked for it";
}

TEST_F(Probes, AReplicaIsFreshWhenItIsPastTheKeysToken) {
  bring_replica_up();
  const cache::NameHash name = cache::hash_name("k");
  const state::Nanos proved = links_.synced_at(link());
  EXPECT_TRUE(fsm_->fresh(name, now_, kSecond));
  EXPECT_TRUE(fsm_->fresh(name, proved + kSecond, kSecond));
  EXPECT_FALSE(fsm_->fresh(name, proved + kSecond + 1, kSecond)) << "too far behind";
  tokens_.set(name, proved);
  EXPECT_FALSE(fsm_->fresh(name, now_, kSecond));
  links_.synced(link(), proved + 1);
  EXPECT_TRUE(fsm_->fresh(name, now_, kSecond));
  tokens_.set_everything(proved + 1);
  EXPECT_FALSE(fsm_->fresh(name, now_, kSecond));
}

// Another worker's write is answered between the choice of the replica and the sending.
TEST_F(Probes, AFetchThatAWriteOvertookIsNotSentToTheReplica) {
  bring_replica_up();
  (void)sent();
  tokens_.set(cache::hash_name("k"), now_);
  EXPECT_EQ(get("k", 1), "(fetch)");
  EXPECT_EQ(sent(), "");
  EXPECT_THAT(sink_.calls(), IsEmpty()) << "not before the asker has a slot";
  fsm_->end_turn();
  EXPECT_THAT(sink_.calls(), ElementsAre("1 lost GET k"));
  EXPECT_EQ(cache_.stats().flights, 0u);
  EXPECT_EQ(get("m", 2), "(fetch)");
  EXPECT_EQ(sent(), "GET m|PTTL m");
}

TEST_F(Probes, WhatWasReadElsewhereLeavesAToken) {
  FillLinkOptions mine = options();
  mine.key_affinity = true;
  use(mine);
  go_live();
  Fetch fetch;
  fetch.request = requests("MGET a b");
  fetch.multi = true;
  fetch.elsewhere = true;
  for (const char* name : {"a", "b"}) {
    FetchKey key;
    key.name = cache::hash_name(name);
    key.offset = static_cast<std::uint32_t>(fetch.request.find(bulk(name)) + 4);
    key.length = 1;
    key.ages = {kSecond, kSecond};
    fetch.keys.push_back(key);
  }
  fsm_->send(std::move(fetch), now_);
  now_ += kMillisecond;
  EXPECT_EQ(tokens_.of(cache::hash_name("a")), WriteTokens::kNever);
  reply("*2\r\n$1\r\nv\r\n_\r\n:-1\r\n:-2\r\n");
  EXPECT_EQ(tokens_.of(cache::hash_name("a")), now_) << "when it was read, not when it was sent";
  EXPECT_EQ(tokens_.of(cache::hash_name("b")), now_);
}

TEST_F(Probes, WithoutACacheALinkOnlyProves) {
  FillLinkOptions mine = of_replica();
  mine.tracking = false;
  mine.identity = {"app", "secret"};
  use(mine);
  clock_.add(now_, "abc", 100);
  connect();
  EXPECT_EQ(sent(), "AUTH app secret|INFO replication");
  reply("+OK\r\n" + replica_at(100));
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_FALSE(fsm_->accepts_fetches());
  EXPECT_TRUE(fsm_->fresh(1, now_, kSecond));
}

TEST_F(Probes, ANodeOfAClusterHasToOwnSlots) {
  use(of_node());
  connect();
  EXPECT_EQ(sent(),
            "HELLO 3|COMMAND INFO GET MGET|CLIENT TRACKING ON OPTOUT|CLUSTER MYID|CLUSTER INFO|"
            "CLUSTER SLOTS|INFO replication");
  reply(greeting() + bulk("me") + info("cluster_state:ok\r\n") + slots("other") + primary_at(1));
  EXPECT_EQ(fsm_->status(), Status::kUnproven);
  EXPECT_EQ(fsm_->reason(), "it has no slots");
  EXPECT_EQ(tick(250 * kMillisecond), Action::kWrite) << "it goes on asking";
  EXPECT_EQ(sent(), "CLUSTER INFO|CLUSTER SLOTS|INFO replication");
  reply(info("cluster_state:fail\r\n") + slots("me") + primary_at(1));
  EXPECT_EQ(fsm_->reason(), "the cluster is down");
  tick(250 * kMillisecond);
  reply(info("cluster_state:ok\r\n") + slots("me") + primary_at(1));
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(links_.synced_at(link()), now_);
}

TEST_F(Probes, AReplicaInAClusterIsAskedToAnswer) {
  FillLinkOptions mine = of_replica();
  mine.cluster = true;
  use(mine);
  clock_.add(now_, "abc", 100);
  connect();
  EXPECT_EQ(
      sent(),
      "HELLO 3|COMMAND INFO GET MGET|CLIENT TRACKING ON OPTOUT|CLUSTER MYID|READONLY|CLUSTER INFO|"
      "CLUSTER SLOTS|INFO replication");
  const std::string map = "*1\r\n*4\r\n:0\r\n:9\r\n*3\r\n_\r\n:1\r\n" + bulk("primary") +
                          "*3\r\n_\r\n:2\r\n" + bulk("me");
  reply(greeting() + bulk("me") + "+OK\r\n" + info("cluster_state:ok\r\n") + map + replica_at(100));
  EXPECT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
  tick(250 * kMillisecond);
  reply(info("cluster_state:ok\r\n") + slots("primary") + replica_at(100));
  EXPECT_EQ(fsm_->status(), Status::kUnproven) << "nothing says that it replicates a slot";
}

TEST_F(Probes, ANodesLeaseMovesByItsSlotsOnly) {
  bring_node_up();
  const state::Nanos proved = links_.synced_at(link());
  now_ += 100 * kMillisecond;
  ASSERT_EQ(get("k", 1), "(fetch)");
  reply("$1\r\nv\r\n:-1\r\n");
  EXPECT_EQ(links_.synced_at(link()), proved);
  EXPECT_EQ(cached("k"), "$1\r\nv\r\n");
  EXPECT_EQ(tick(150 * kMillisecond), Action::kWrite);
  reply(info("cluster_state:ok\r\n") + slots("me") + primary_at(1));
  EXPECT_EQ(links_.synced_at(link()), now_);
  EXPECT_EQ(cached("k"), "$1\r\nv\r\n");
}

TEST_F(Probes, ASlotThatLeftTakesEverythingWithIt) {
  bring_node_up();
  ASSERT_EQ(get("k", 1), "(fetch)");
  reply("$1\r\nv\r\n:-1\r\n");
  ASSERT_EQ(get("m", 1), "(fetch)");
  links_.mark_used(link());
  tick(250 * kMillisecond);
  reply("$1\r\nw\r\n:-1\r\n" + info("cluster_state:ok\r\n") + slots("me", 16000) + primary_at(1));
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(cached("k"), "(none)");
  EXPECT_EQ(cached("m"), "(none)");
  EXPECT_EQ(get("m", 1), "(fetch)");
  // The same again, or more, is no reason.
  reply("$1\r\nw\r\n:-1\r\n");
  links_.mark_used(link());
  tick(250 * kMillisecond);
  reply(info("cluster_state:ok\r\n") + slots("me") + primary_at(1));
  EXPECT_EQ(cached("m"), "$1\r\nw\r\n");
}

TEST_F(Probes, RefusalsAreHandedToTheAskers) {
  bring_node_up();
  (void)sink_.calls();
  for (const std::string error : {"-ASK 7 10.0.0.2:7001\r\n", "-TRYAGAIN later\r\n",
                                  "-LOADING data\r\n", "-MOVED 7 10.0.0.2:7001\r\n"}) {
    ASSERT_EQ(get("k", 1), "(fetch)");
    EXPECT_EQ(get("k", 2), "(wait)");
    reply(error + error);
    EXPECT_THAT(sink_.calls(), ElementsAre("1 2 refused " + error));
    EXPECT_EQ(cached("k"), "(none)");
    EXPECT_EQ(cache_.stats().flights, 0u);
  }
  reply(info("cluster_state:ok\r\n") + slots("me") + primary_at(1));
  mget({"a", "b"}, 3);
  reply("-MOVED 7 10.0.0.2:7001\r\n:-2\r\n:-2\r\n");
  EXPECT_THAT(sink_.calls(), ElementsAre("3 refused -MOVED 7 10.0.0.2:7001\r\n"));
}

TEST_F(Probes, AMoveIsAskedAboutAtOnce) {
  bring_node_up();
  (void)sent();
  ASSERT_EQ(get("k", 1), "(fetch)");
  (void)sent();
  EXPECT_EQ(reply("-MOVED 7 10.0.0.2:7001\r\n"), Action::kWrite);
  EXPECT_EQ(sent(), "CLUSTER INFO|CLUSTER SLOTS|INFO replication");
}

TEST_F(Probes, ClusterDownEndsTheGeneration) {
  bring_node_up();
  ASSERT_EQ(get("k", 1), "(fetch)");
  reply("$1\r\nv\r\n:-1\r\n");
  ASSERT_EQ(get("m", 1), "(fetch)");
  (void)sink_.calls();
  reply("-CLUSTERDOWN The cluster is down\r\n");
  EXPECT_EQ(links_.generation(link()), 0u);
  reply("-CLUSTERDOWN The cluster is down\r\n");
  EXPECT_THAT(sink_.calls(), ElementsAre("1 refused -CLUSTERDOWN The cluster is down\r\n"));
  EXPECT_EQ(fsm_->status(), Status::kUnproven);
}

TEST_F(Probes, MissingKeysOfAClusterAreBelievedInForASecond) {
  bring_node_up();
  ASSERT_EQ(get("k", 1), "(fetch)");
  reply("_\r\n:-2\r\n");
  now_ += 900 * kMillisecond;
  EXPECT_EQ(cached("k"), "_\r\n");
  now_ += 101 * kMillisecond;
  EXPECT_EQ(cached("k"), "(none)");
}

}  // namespace
}  // namespace pillion::data::fill
