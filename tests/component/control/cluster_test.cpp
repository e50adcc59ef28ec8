// Discovery by the nodes of a cluster that say what the test wants.
#include <gmock/gmock.h>

#include "tests/component/control/control_plane_fixture.hpp"
#include "tests/component/control/scripted_replies.hpp"

namespace pillion::test {
namespace {

using testing::HasSubstr;

class ClusterDiscovery : public ControlPlaneTest {
 protected:
  ClusterDiscovery() {
    for (ScriptedServer& node : nodes) {
      answer_probes(node, local_name(node));
      be_primary(node);
      node.answer("CLUSTER INFO", bulk("cluster_state:ok\r\ncluster_current_epoch:1\r\n"));
    }
    split_at(8000);
    options.upstream.kind = config::UpstreamKind::kCluster;
    options.upstream.display = "cluster of two";
    options.upstream.seeds = {{"127.0.0.1", nodes[0].port()}};
    // What is not polled for has to be noticed otherwise.
    options.config.upstream.topology_refresh = 60s;
  }

  static std::string node_row(const ScriptedServer& node, const std::string& role,
                              const std::string& endpoint) {
    return array({bulk("id"), bulk("id-" + std::to_string(node.port())), bulk("port"),
                  number(node.port()), bulk("ip"), bulk(""), bulk("endpoint"), bulk(endpoint),
                  bulk("role"), bulk(role), bulk("replication-offset"), number(1), bulk("health"),
                  bulk("online")});
  }
  static std::string shard(int first, int last, const std::vector<std::string>& rows) {
    return array({bulk("slots"), array({number(first), number(last)}), bulk("nodes"), array(rows)});
  }

  /// Everybody says: the first node owns what is below `slot`, the second the rest, and the third
  /// replicates the second.
  void split_at(int slot) {
    for (ScriptedServer& node : nodes) {
      node.answer("CLUSTER SHARDS", shards_of(slot, "127.0.0.1"));
    }
  }
  std::string shards_of(int slot, const std::string& first_endpoint) const {
    return array({shard(0, slot - 1, {node_row(nodes[0], "master", first_endpoint)}),
                  shard(slot, 16383,
                        {node_row(nodes[1], "master", "127.0.0.1"),
                         node_row(nodes[2], "replica", "127.0.0.1")})});
  }
  std::string owner(std::size_t slot) const {
    const auto now = snapshot();
    if (!now->slots || now->slots->at(slot) >= now->shards.size()) return "nobody";
    const state::Node* node = now->find(now->shards[now->slots->at(slot)].primary);
    return node == nullptr ? "nobody" : node->endpoint.name;
  }
  bool owner_is(std::size_t slot, const ScriptedServer& node, Millis patience = kPatience) const {
    return eventually([&] { return owner(slot) == local_name(node); }, patience);
  }

  std::array<ScriptedServer, 3> nodes;
};

TEST_F(ClusterDiscovery, FindsEveryNodeFromOne) {
  be_replica(nodes[2], nodes[1]);
  start();
  ASSERT_TRUE(owner_is(0, nodes[0]));
  EXPECT_EQ(owner(7999), local_name(nodes[0]));
  EXPECT_EQ(owner(8000), local_name(nodes[1]));
  EXPECT_TRUE(becomes_up());
  EXPECT_TRUE(serves(local_name(nodes[2])));
  EXPECT_EQ(snapshot()->kind, state::TopologyKind::kCluster);
  EXPECT_GT(snapshot()->confirmed_at, 0);
  EXPECT_THAT(get("/topology"), HasSubstr("\"slots\":[[0,7999]]"));
  EXPECT_THAT(get("/readyz?verbose"), HasSubstr("[+] slots: ok"));
}

TEST_F(ClusterDiscovery, ARedirectionHasItLookAgain) {
  start();
  ASSERT_TRUE(owner_is(8000, nodes[1]));
  split_at(9000);
  refresh.ask(state::RefreshReason::kMoved);
  EXPECT_TRUE(owner_is(8000, nodes[0], 1000ms));
}

TEST_F(ClusterDiscovery, ManyRedirectionsAskFewTimes) {
  start();
  ASSERT_TRUE(owner_is(0, nodes[0]));
  ASSERT_TRUE(becomes_up());
  const int before = nodes[0].asked("CLUSTER SHARDS");
  const Moment begun = Clock::now();
  while (Clock::now() - begun < 300ms) refresh.ask(state::RefreshReason::kMoved);
  const double rounds = milliseconds(Clock::now() - begun) / 50;
  EXPECT_GT(nodes[0].asked("CLUSTER SHARDS"), before);
  EXPECT_LE(nodes[0].asked("CLUSTER SHARDS"), before + rounds + 2);
}

TEST_F(ClusterDiscovery, AServerBeforeSevenIsAskedForItsSlots) {
  for (ScriptedServer& node : nodes) {
    node.answer("CLUSTER SHARDS", "-ERR Unknown subcommand\r\n");
    node.answer("CLUSTER SLOTS",
                array({array({number(0), number(16383),
                              array({bulk("127.0.0.1"), number(nodes[1].port()), bulk("one")})})}));
  }
  start();
  EXPECT_TRUE(owner_is(1234, nodes[1]));
}

TEST_F(ClusterDiscovery, ANodeThatDoesNotKnowItsOwnAddressIsWhereItWasAsked) {
  nodes[0].answer("CLUSTER SHARDS", shards_of(8000, ""));
  start();
  EXPECT_TRUE(owner_is(0, nodes[0]));
  EXPECT_TRUE(becomes_up());
}

TEST_F(ClusterDiscovery, SaysWhyNothingIsKnown) {
  for (ScriptedServer& node : nodes) {
    node.answer("CLUSTER INFO", "-ERR This instance has cluster support disabled\r\n");
  }
  start();
  EXPECT_TRUE(becomes([](const auto& s) {
    return s.resolve_error.find("This instance has cluster support disabled") != std::string::npos;
  }));
  EXPECT_THAT(get("/readyz"), HasSubstr("[-] slots: "));
}

TEST_F(ClusterDiscovery, OneNodeThatIsAloneWithItsViewIsNotBelieved) {
  start();
  ASSERT_TRUE(owner_is(8000, nodes[1]));
  // All three are known from now on, and asked.
  nodes[0].answer("CLUSTER SHARDS", shards_of(9000, "127.0.0.1"));
  const int before = nodes[2].asked("CLUSTER SHARDS");
  refresh.ask(state::RefreshReason::kMoved);
  ASSERT_TRUE(eventually([&] { return nodes[2].asked("CLUSTER SHARDS") >= before + 3; }));
  EXPECT_EQ(owner(8000), local_name(nodes[1]));
}

}  // namespace
}  // namespace pillion::test
