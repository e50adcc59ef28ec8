#include "proxy/data/pubsub/placement.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/data/pubsub/layout.hpp"

namespace pillion::data::pubsub {
namespace {

TEST(Placement, BeforeTheFirstSnapshotEverythingIsAtThePrimary) {
  const Placement placement;
  EXPECT_FALSE(placement.known());
  EXPECT_TRUE(placement.alone());
  EXPECT_EQ(placement.node_of({Kind::kShard, "foo"}), state::kNoEndpoint);
}

TEST(Placement, ShardChannelsBelongToThePrimaryOfTheirSlot) {
  Placement placement;
  EXPECT_TRUE(placement.update(cluster_of({1, 2})));
  EXPECT_TRUE(placement.cluster());
  EXPECT_FALSE(placement.alone());
  EXPECT_EQ(placement.node_of({Kind::kShard, kLow}), 1);
  EXPECT_EQ(placement.node_of({Kind::kShard, kHigh}), 2);
  EXPECT_EQ(placement.node_of({Kind::kShard, "{" + std::string(kHigh) + "}low"}), 2);
  EXPECT_EQ(placement.node_of({Kind::kChannel, kLow}), state::kNoEndpoint);
  EXPECT_EQ(placement.node_of({Kind::kPattern, kHigh}), state::kNoEndpoint);
}

TEST(Placement, ANewOrderOfTheShardsChangesNothing) {
  Placement placement;
  state::TopologySnapshot layout = cluster_of({1, 2});
  placement.update(layout);
  std::swap(layout.shards[0], layout.shards[1]);
  auto slots = *layout.slots;
  for (std::uint16_t& shard : slots) shard ^= 1;
  layout.slots = std::make_shared<const state::SlotMap>(slots);
  layout.nodes.clear();
  EXPECT_FALSE(placement.update(layout));
}

TEST(Placement, AFailoverIsAChange) {
  Placement placement;
  placement.update(cluster_of({1, 2}));
  EXPECT_TRUE(placement.update(cluster_of({1, 3})));
  EXPECT_EQ(placement.node_of({Kind::kShard, kHigh}), 3);
  EXPECT_FALSE(placement.is_primary(2));
  EXPECT_TRUE(placement.is_primary(3));
}

TEST(Placement, WhatNobodyOwnsIsAskedForAnywhere) {
  Placement placement;
  state::TopologySnapshot layout = cluster_of({1, 2});
  auto slots = *layout.slots;
  slots.fill(state::kNoShard);
  layout.slots = std::make_shared<const state::SlotMap>(slots);
  placement.update(layout);
  EXPECT_EQ(placement.node_of({Kind::kShard, kLow}), state::kNoEndpoint);
}

TEST(Placement, OutsideAClusterThereAreNoSlots) {
  Placement placement;
  EXPECT_TRUE(placement.update(watched(4)));
  EXPECT_FALSE(placement.alone());
  EXPECT_FALSE(placement.cluster());
  EXPECT_TRUE(placement.is_primary(4));
  EXPECT_EQ(placement.node_of({Kind::kShard, kLow}), state::kNoEndpoint);
}

}  // namespace
}  // namespace pillion::data::pubsub
