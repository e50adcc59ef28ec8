#include "proxy/data/fill/link_set.hpp"

#include <gmock/gmock.h>

#include "tests/unit/proxy/data/fill/fill_link_fixture.hpp"

namespace pillion::data::fill {
namespace {

using state::EndpointId;
using state::NodeRole;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct Layout {
  EndpointId primary;
  std::vector<EndpointId> replicas;
};

state::TopologySnapshot topology_of(const std::vector<Layout>& shards) {
  state::TopologySnapshot snapshot;
  snapshot.kind = state::TopologyKind::kReplicated;
  const auto add = [&](EndpointId id, NodeRole role) {
    state::Node node;
    node.endpoint.id = id;
    node.endpoint.name = "node" + std::to_string(id);
    node.role = role;
    node.in_rotation = true;
    snapshot.nodes.push_back(node);
  };
  for (const Layout& shard : shards) {
    snapshot.shards.push_back({shard.primary, shard.replicas});
    add(shard.primary, NodeRole::kPrimary);
    for (const EndpointId replica : shard.replicas) add(replica, NodeRole::kReplica);
  }
  snapshot.primary = snapshot.nodes.front().endpoint;
  return snapshot;
}

class LinkSetTest : public FillLinkFixture {
 protected:
  LinkSet& make(LinkSetOptions options) {
    options.link.commands = kCommands;
    set_ = std::make_unique<LinkSet>(
        LinkSet::Environment{cache_, links_, invalidator_, replication_, sink_, counters_}, options,
        [this](std::unique_ptr<FillLinkFsm> fsm) {
          machines_.push_back(fsm.get());
          kept_.push_back(std::make_shared<FillLink>(io_, turn_end_, topology_, std::move(fsm)));
          return kept_.back();
        });
    return *set_;
  }
  static LinkSetOptions with_replicas() {
    LinkSetOptions options;
    options.replicas = true;
    return options;
  }
  /// The machine behind the set's present link to that endpoint.
  FillLinkFsm& machine(EndpointId endpoint) {
    for (std::size_t i = 0; i < kept_.size(); ++i) {
      if (kept_[i].get() == set_->find(endpoint)) return *machines_[i];
    }
    throw std::logic_error("no link");
  }
  void bring_primary_up(EndpointId endpoint) {
    FillLinkFsm& fsm = machine(endpoint);
    fsm.start(now_);
    fsm.on_connected(now_);
    fsm.written(fsm.unwritten().size());
    const std::string role =
        fsm.options().clock != nullptr
            ? bulk("role:master\r\nmaster_replid:abc\r\nmaster_repl_offset:100\r\n")
            : std::string(kMaster);
    fsm.on_bytes(std::string(kHello) + std::string(kInfo) + "+OK\r\n" + role, now_, 0);
    ASSERT_EQ(fsm.status(), Status::kLive) << fsm.reason();
  }
  /// A shard of a cluster: the primary 4 and its replica 5, both live.
  void bring_shard_up(LinkSetOptions options) {
    state::TopologySnapshot snapshot = topology_of({{4, {5}}});
    snapshot.kind = state::TopologyKind::kCluster;
    make(std::move(options)).on_topology(snapshot, now_);
    now_ += state::kMillisecond;
    const auto node = [](std::string_view id) { return "*3\r\n_\r\n:1\r\n" + bulk(id); };
    const std::string slots = "*1\r\n*4\r\n:0\r\n:16383\r\n" + node("four") + node("five");
    const std::string greeting = std::string(kHello) + std::string(kInfo) + "+OK\r\n";
    const std::string well = bulk("cluster_state:ok\r\n") + slots;
    for (const EndpointId endpoint : std::vector<EndpointId>{4, 5}) {
      FillLinkFsm& fsm = machine(endpoint);
      fsm.start(now_);
      fsm.on_connected(now_);
      fsm.written(fsm.unwritten().size());
      fsm.on_bytes(endpoint == 4
                       ? greeting + bulk("four") + well + bulk("") +
                             bulk("role:master\r\nmaster_replid:abc\r\nmaster_repl_offset:100\r\n")
                       : greeting + bulk("five") + "+OK\r\n" + well +
                             bulk("role:slave\r\nmaster_link_status:up\r\nmaster_replid:abc\r\n"
                                  "slave_repl_offset:100\r\n"),
                   now_, 0);
      ASSERT_EQ(fsm.status(), Status::kLive) << fsm.reason();
      now_ += state::kMillisecond;
    }
  }
  std::string sent_to(EndpointId endpoint) {
    const std::string bytes(machine(endpoint).unwritten());
    machine(endpoint).written(bytes.size());
    return spoken(bytes);
  }
  std::vector<std::string> shown() {
    std::vector<std::string> lines;
    for (const state::LinkStats& link : set_->stats(now_))
      lines.push_back(link.endpoint + " " + link.role + " " + link.state);
    return lines;
  }

  boost::asio::io_context io_;
  net::TurnEnd turn_end_{io_};
  FillLink::Topology topology_;
  ReplicationClocks replication_;
  std::vector<FillLinkFsm*> machines_;
  std::vector<std::shared_ptr<FillLink>> kept_;
  std::unique_ptr<LinkSet> set_;
};

TEST_F(LinkSetTest, ALinkToThePrimaryIsAllThatAStandaloneServerNeeds) {
  LinkSet& set = make({});
  state::TopologySnapshot snapshot;
  snapshot.primary.name = "redis:6379";
  set.on_topology(snapshot, now_);
  EXPECT_THAT(shown(), ElementsAre("redis:6379 primary down"));
  EXPECT_EQ(machine(0).options().clock, nullptr);
  FillLink* const link = set.find(0);
  set.on_topology(snapshot, now_);
  EXPECT_EQ(set.find(0), link) << "the same as before";
}

TEST_F(LinkSetTest, ReplicasHaveLinksWhereTheyMayBeReadFrom) {
  LinkSetOptions options;
  make(options).on_topology(topology_of({{4, {5, 6}}}), now_);
  EXPECT_THAT(shown(), ElementsAre("node4 primary down"));
  EXPECT_EQ(machine(4).options().clock, nullptr);
  make(with_replicas()).on_topology(topology_of({{4, {5}}, {7, {8}}}), now_);
  EXPECT_THAT(shown(), ElementsAre("node4 primary down", "node5 replica down", "node7 primary down",
                                   "node8 replica down"));
  EXPECT_EQ(machine(4).options().clock, machine(5).options().clock);
  EXPECT_NE(machine(4).options().clock, machine(8).options().clock);
  EXPECT_EQ(machine(5).options().source, cache::LinkSource::kReplica);
  EXPECT_LT(machine(5).options().reply_timeout, machine(4).options().reply_timeout);
}

TEST_F(LinkSetTest, WithoutACacheLinksAreForReplicas) {
  LinkSetOptions options = with_replicas();
  options.cache = false;
  LinkSet& set = make(options);
  set.on_topology(topology_of({{4, {}}}), now_);
  EXPECT_THAT(shown(), IsEmpty());
  set.on_topology(topology_of({{4, {5}}}), now_);
  EXPECT_THAT(shown(), ElementsAre("node4 primary down", "node5 replica down"));
  EXPECT_FALSE(machine(5).options().tracking);
}

TEST_F(LinkSetTest, WhoLeavesIsClosedAndItsNameIsFree) {
  LinkSet& set = make(with_replicas());
  set.on_topology(topology_of({{4, {5, 6}}}), now_);
  bring_primary_up(4);
  const cache::LinkId link = machine(4).options().link;
  set.on_topology(topology_of({{6, {5}}}), now_);
  EXPECT_EQ(set.find(4), nullptr);
  EXPECT_EQ(links_.generation(link), 0u);
  EXPECT_THAT(shown(), ElementsAre("node5 replica down", "node6 primary down"));
  EXPECT_EQ(machine(5).options().clock, machine(6).options().clock) << "it follows the new one";
  std::size_t taken = 0;
  links_.for_each([&](cache::LinkId, std::uint32_t) { ++taken; });
  EXPECT_EQ(taken, 2u + options().link + 1u) << "and those of the fixture";
}

TEST_F(LinkSetTest, AFenceIsAcknowledgedOnceByAllThatFetched) {
  LinkSet& set = make({});
  set.on_topology(topology_of({{1, {}}, {2, {}}, {3, {}}}), now_);
  for (const EndpointId endpoint : std::vector<EndpointId>{1, 2, 3}) bring_primary_up(endpoint);
  set.send_fence(7, now_);
  EXPECT_THAT(sink_.calls(), ElementsAre("fence 7")) << "nobody has fetched";
  for (const EndpointId endpoint : std::vector<EndpointId>{1, 3}) {
    const cache::LinkId link = machine(endpoint).options().link;
    links_.note_fetch(link, links_.generation(link));
  }
  set.send_fence(8, now_);
  EXPECT_EQ(machine(2).unwritten(), "");
  machine(1).on_bytes("+PONG\r\n", now_, 0);
  EXPECT_THAT(sink_.calls(), IsEmpty());
  machine(3).on_bytes("+PONG\r\n", now_, 0);
  EXPECT_THAT(sink_.calls(), ElementsAre("fence 8"));
}

TEST_F(LinkSetTest, ALinkThatIsClosedHoldsNoFenceUp) {
  LinkSet& set = make({});
  set.on_topology(topology_of({{1, {}}, {2, {}}}), now_);
  bring_primary_up(1);
  const cache::LinkId link = machine(1).options().link;
  links_.note_fetch(link, links_.generation(link));
  set.send_fence(8, now_);
  EXPECT_THAT(sink_.calls(), IsEmpty());
  set.on_topology(topology_of({{2, {}}}), now_);
  EXPECT_THAT(sink_.calls(), ElementsAre("fence 8"));
}

TEST_F(LinkSetTest, OnlyWhoHasALinkCanBeFresh) {
  LinkSet& set = make(with_replicas());
  set.on_topology(topology_of({{4, {5}}}), now_);
  EXPECT_TRUE(set.fresh(4, 1, now_));
  EXPECT_FALSE(set.fresh(5, 1, now_)) << "it has proved nothing";
  EXPECT_FALSE(set.fresh(6, 1, now_));
  EXPECT_FALSE(set.fresh(state::kNoEndpoint, 1, now_));
}

TEST_F(LinkSetTest, WhatAReplicaDoesNotFindIsAskedOfThePrimaryOnceForAll) {
  bring_shard_up(with_replicas());
  asked_ = &machine(5);
  ASSERT_EQ(get("k", 1), "(fetch)");
  ASSERT_EQ(get("k", 2), "(wait)");
  EXPECT_EQ(sent_to(5), "GET k|PTTL k");
  machine(5).on_bytes("$-1\r\n:-2\r\n", now_, 0);
  EXPECT_THAT(sink_.calls(), IsEmpty());
  EXPECT_EQ(sent_to(4), "GET k|PTTL k");
  EXPECT_EQ(get("k", 3), "(wait)");
  machine(4).on_bytes("_\r\n:-2\r\n", now_, 0);
  EXPECT_THAT(sink_.calls(), ElementsAre("1 2 3 reply _\r\n"));
  EXPECT_EQ(cached("k"), "_\r\n") << "for as long as a cluster's missing keys are remembered";
  now_ += state::kSecond;
  EXPECT_EQ(cached("k"), "(none)");
  EXPECT_EQ(tokens_.of(cache::hash_name("k")), WriteTokens::kNever);
}

TEST_F(LinkSetTest, WhatAReplicaDoesNotFindIsAheadOfItWhereThatMatters) {
  LinkSetOptions options = with_replicas();
  options.key_affinity = true;
  bring_shard_up(options);
  asked_ = &machine(5);
  ASSERT_EQ(get("k", 1), "(fetch)");
  machine(5).on_bytes("$-1\r\n:-2\r\n", now_, 0);
  machine(4).on_bytes("$1\r\nv\r\n:-1\r\n", now_, 0);
  EXPECT_THAT(sink_.calls(), ElementsAre("1 reply $1\r\nv\r\n"));
  EXPECT_EQ(tokens_.of(cache::hash_name("k")), now_);
}

TEST_F(LinkSetTest, WhatAReplicaDoesNotFindIsGivenBackWhereThePrimaryCannotBeAsked) {
  bring_shard_up(with_replicas());
  asked_ = &machine(5);
  ASSERT_EQ(get("k", 1), "(fetch)");
  machine(4).on_failed("closed", now_, 0);
  machine(5).on_bytes("$-1\r\n:-2\r\n", now_, 0);
  EXPECT_THAT(sink_.calls(), ElementsAre("1 lost GET k"));
}

TEST_F(LinkSetTest, NoReplicaAnswersWhileWorkersDisagreeWhomKeysBelongTo) {
  LinkSetOptions options = with_replicas();
  options.key_affinity = true;
  bring_shard_up(options);
  EXPECT_TRUE(set_->fresh(5, 1, now_));
  options.worker = 1;
  options.link.commands = kCommands;
  auto other = std::make_unique<LinkSet>(
      LinkSet::Environment{cache_, links_, invalidator_, replication_, sink_, counters_}, options,
      [this](std::unique_ptr<FillLinkFsm> fsm) {
        return std::make_shared<FillLink>(io_, turn_end_, topology_, std::move(fsm));
      });
  EXPECT_FALSE(set_->fresh(5, 1, now_)) << "the other one knows of no replica";
  EXPECT_TRUE(set_->fresh(4, 1, now_));
  state::TopologySnapshot snapshot = topology_of({{4, {5}}});
  snapshot.kind = state::TopologyKind::kCluster;
  now_ += state::kMillisecond;
  other->on_topology(snapshot, now_);
  EXPECT_TRUE(tokens_.one_view());
  EXPECT_EQ(tokens_.of(1), now_) << "what the other one showed before that";
  EXPECT_FALSE(set_->fresh(5, 1, now_));
  snapshot.nodes[1].weight = 10;
  set_->on_topology(snapshot, now_);
  EXPECT_FALSE(tokens_.one_view());
  other.reset();
  EXPECT_TRUE(tokens_.one_view());
}

TEST_F(LinkSetTest, AChangedRotationIsAWriteOfEverything) {
  LinkSetOptions options = with_replicas();
  options.key_affinity = true;
  LinkSet& set = make(options);
  state::TopologySnapshot snapshot = topology_of({{4, {5, 6}}});
  set.on_topology(snapshot, now_);
  const state::Nanos first = tokens_.of(1);
  now_ += state::kSecond;
  set.on_topology(snapshot, now_);
  EXPECT_EQ(tokens_.of(1), first);
  snapshot.nodes[1].in_rotation = false;
  set.on_topology(snapshot, now_);
  EXPECT_EQ(tokens_.of(1), now_);
}

}  // namespace
}  // namespace pillion::data::fill
