#include "proxy/data/route/route_table.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/data/route/layout.hpp"

namespace pillion::route {
namespace {

TEST(RouteTable, BeforeDiscoveryTheConfiguredServerIsTheOneShard) {
  state::TopologySnapshot snapshot;
  snapshot.primary.id = 3;
  const RouteTable table = table_of(snapshot);
  EXPECT_FALSE(table.cluster());
  ASSERT_EQ(table.shards().size(), 1U);
  EXPECT_EQ(table.primary_of(0), 3);
  EXPECT_EQ(table.shard_of(12000), 0);
}

TEST(RouteTable, AClusterNotSeenYetOwnsNothing) {
  state::TopologySnapshot snapshot;
  snapshot.kind = state::TopologyKind::kCluster;
  const RouteTable table = table_of(snapshot);
  EXPECT_TRUE(table.shards().empty());
  EXPECT_EQ(table.shard_of(0), kNoShard);
  EXPECT_EQ(table.primary_of(kNoShard), kNoEndpoint);
}

TEST(RouteTable, KnowsWhoOwnsASlotAndWhoIsWhere) {
  const RouteTable table = table_of(cluster_of({{0, 10}, {1, 11}}));
  EXPECT_EQ(table.shard_of(0), 0);
  EXPECT_EQ(table.shard_of(8191), 0);
  EXPECT_EQ(table.shard_of(8192), 1);
  EXPECT_EQ(table.primary_of(1), 1);
  EXPECT_EQ(table.shard_of_endpoint(11), 1);
  EXPECT_EQ(table.shard_of_endpoint(99), kNoShard);
  ASSERT_NE(table.node(10), nullptr);
  EXPECT_EQ(table.node(10)->endpoint.id, 10);
  EXPECT_EQ(table.node(99), nullptr);
  EXPECT_EQ(table.node(kNoEndpoint), nullptr);
}

TEST(RouteTable, EverySlotHasItsOwnerHoweverTheyAreScattered) {
  for (const std::size_t stretches : {1U, 2U, 3U, 16U, 256U, 257U, 16384U}) {
    state::TopologySnapshot snapshot = cluster_of({{0}, {1}, {2}});
    state::SlotMap slots{};
    for (std::size_t slot = 0; slot < slots.size(); ++slot) {
      const std::size_t stretch = slot * stretches / slots.size();
      slots[slot] = stretch % 4 == 3 ? kNoShard : static_cast<std::uint16_t>(stretch % 4);
    }
    snapshot.slots = std::make_shared<const state::SlotMap>(slots);
    const RouteTable table = table_of(snapshot);
    for (std::uint16_t slot = 0; slot < slots.size(); ++slot)
      ASSERT_EQ(table.shard_of(slot), slots[slot]) << stretches << " stretches, slot " << slot;
  }
}

TEST(RouteTable, APrimaryWithoutSlotsIsMarked) {
  state::TopologySnapshot snapshot = cluster_of({{0}, {1}});
  snapshot.nodes.push_back(node_of(2, state::NodeRole::kPrimary, 2));
  snapshot.shards.push_back(state::Shard{2, {}});
  const RouteTable table = table_of(snapshot);
  EXPECT_TRUE(table.shards()[0].owns_slots);
  EXPECT_TRUE(table.shards()[1].owns_slots);
  EXPECT_FALSE(table.shards()[2].owns_slots);
}

TEST(RouteTable, FindsEndpointsByNameAndByAddress) {
  state::TopologySnapshot snapshot = cluster_of({{0}, {1}, {2}});
  snapshot.nodes[1].endpoint.name = "redis-1.svc:7000";
  snapshot.nodes[2].endpoint.name = "[::1]:7001";
  snapshot.nodes[2].endpoint.port = 7001;
  snapshot.nodes[2].endpoint.addresses = {"::1"};
  const RouteTable table = table_of(snapshot);
  EXPECT_EQ(table.find("10.0.0.0", 7000), 0);
  EXPECT_EQ(table.find("redis-1.svc", 7000), 1);
  EXPECT_EQ(table.find("10.0.0.1", 7000), 1);
  EXPECT_EQ(table.find("::1", 7001), 2);
  EXPECT_EQ(table.find("10.0.0.0", 7001), kNoEndpoint);
  EXPECT_EQ(table.find("10.0.0", 7000), kNoEndpoint);
}

TEST(RouteTable, FindsANeighbourOnTheSameHost) {
  state::TopologySnapshot snapshot = cluster_of({{0}, {1}, {2}});
  snapshot.nodes[1].endpoint.name = "redis-1.svc:7001";
  snapshot.nodes[1].endpoint.port = 7001;
  snapshot.nodes[1].endpoint.addresses = {"10.0.0.0"};
  const RouteTable table = table_of(snapshot);
  EXPECT_EQ(table.find_beside(0, 7001), 1);
  EXPECT_EQ(table.find_beside(1, 7000), 0);
  EXPECT_EQ(table.find_beside(2, 7001), kNoEndpoint);
  EXPECT_EQ(table.find_beside(99, 7001), kNoEndpoint);
}

TEST(RouteTable, ShardsKeepTheirPlaceWhenAReplicaIsPromoted) {
  RouteTable table = table_of(cluster_of({{5, 1}, {3, 9}}));
  EXPECT_EQ(table.shards()[0].scan_place, 5);
  EXPECT_EQ(table.shards()[1].scan_place, 3);
  // The shards change their index, and the failed primary is still listed, without slots.
  state::TopologySnapshot snapshot = cluster_of({{3, 9}, {1}});
  snapshot.nodes.push_back(node_of(5, state::NodeRole::kPrimary, 2));
  snapshot.shards.push_back(state::Shard{5, {}});
  rebuild(table, snapshot);
  EXPECT_EQ(table.shards()[0].scan_place, 3);
  EXPECT_EQ(table.shards()[1].scan_place, 5);
  // A primary nobody has seen, with replicas that are known.
  rebuild(table, cluster_of({{3}, {77, 1}}));
  EXPECT_EQ(table.shards()[1].scan_place, 5);
  EXPECT_EQ(table.scan_place_of(77), 5);
  EXPECT_EQ(table.scan_place_of(200), 200) << "never seen";
}

}  // namespace
}  // namespace pillion::route
