#include "proxy/data/route/replica_selector.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

#include "tests/unit/proxy/data/route/layout.hpp"

namespace pillion::route {
namespace {

constexpr auto kAll = [](EndpointId) { return true; };

/// Keys that are spread like hashes.
cache::NameHash key_of(std::uint64_t n) {
  return (n + 1) * 0x9e3779b97f4a7c15;
}

class Selector {
 public:
  explicit Selector(ReadBalance balance, state::TopologySnapshot snapshot)
      : selector_(balance), snapshot_(std::move(snapshot)) {
    update();
  }

  void update() {
    rebuild(table_, snapshot_);
    selector_.update(table_);
  }
  state::Node& node(EndpointId id) {
    for (state::Node& node : snapshot_.nodes) {
      if (node.endpoint.id == id) return node;
    }
    ADD_FAILURE() << id;
    return snapshot_.nodes.front();
  }
  template <class Eligible = decltype(kAll)>
  std::map<EndpointId, int> shares(int reads, Eligible eligible = kAll) {
    std::map<EndpointId, int> shares;
    for (int i = 0; i < reads; ++i) {
      ++shares[selector_.choose(0, key_of(static_cast<std::uint64_t>(i)), eligible)];
    }
    return shares;
  }
  ReplicaSelector& operator*() { return selector_; }
  ReplicaSelector* operator->() { return &selector_; }

 private:
  ReplicaSelector selector_;
  RouteTable table_;
  state::TopologySnapshot snapshot_;
};

using Shares = std::map<EndpointId, int>;

TEST(ReplicaSelector, NoReplicaMeansThePrimary) {
  for (const ReadBalance balance :
       {ReadBalance::kRoundRobin, ReadBalance::kKeyAffinity, ReadBalance::kLeastLatency}) {
    Selector selector(balance, replicated({0, 1, 2}));
    EXPECT_TRUE(selector->has_replicas(0));
    EXPECT_EQ(selector->choose(0, 1, [](EndpointId) { return false; }), kNoEndpoint);
    EXPECT_EQ(selector->choose(1, 1, kAll), kNoEndpoint) << "no such shard";
    selector.node(1).in_rotation = false;
    selector.node(2).in_rotation = false;
    selector.update();
    EXPECT_FALSE(selector->has_replicas(0));
    EXPECT_EQ(selector->choose(0, 1, kAll), kNoEndpoint);
  }
}

TEST(ReplicaSelector, RoundRobinIsExact) {
  Selector selector(ReadBalance::kRoundRobin, replicated({0, 1, 2, 3}));
  EXPECT_EQ(selector.shares(3), (Shares{{1, 1}, {2, 1}, {3, 1}}));
  EXPECT_EQ(selector.shares(3000), (Shares{{1, 1000}, {2, 1000}, {3, 1000}}));
  // Snapshots come with every probe; whose turn it is stays.
  Shares shares;
  for (int i = 0; i < 300; ++i) {
    selector.update();
    ++shares[selector->choose(0, 1, kAll)];
  }
  EXPECT_EQ(shares, (Shares{{1, 100}, {2, 100}, {3, 100}}));
}

TEST(ReplicaSelector, WhoIsNotEligibleIsPassedOver) {
  Selector selector(ReadBalance::kRoundRobin, replicated({0, 1, 2, 3}));
  EXPECT_EQ(selector.shares(100, [](EndpointId id) { return id != 2; }),
            (Shares{{1, 50}, {3, 50}}));
  const Shares after = selector.shares(300);
  for (const auto& [id, share] : after) EXPECT_NEAR(share, 100, 2) << id;
}

TEST(ReplicaSelector, ASlowStartGetsItsShareSpreadEvenly) {
  Selector selector(ReadBalance::kRoundRobin, replicated({0, 1, 2}));
  selector.node(2).weight = 25;
  selector.update();
  EXPECT_EQ(selector.shares(1000), (Shares{{1, 800}, {2, 200}}));
  int longest = 0;
  int run = 0;
  for (int i = 0; i < 100; ++i) {
    run = selector->choose(0, 1, kAll) == 1 ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  EXPECT_EQ(longest, 4);
  selector.node(2).weight = 0;
  selector.update();
  EXPECT_GT(selector.shares(1000)[1], 980) << "a weight of nothing is nearly nothing";
}

TEST(ReplicaSelector, WhoComesBackIsOwedNothing) {
  Selector selector(ReadBalance::kRoundRobin, replicated({0, 1, 2}));
  selector.shares(1001);
  selector.node(2).in_rotation = false;
  selector.update();
  EXPECT_EQ(selector.shares(1000), (Shares{{1, 1000}}));
  selector.node(2).in_rotation = true;
  selector.update();
  const Shares after = selector.shares(10);
  EXPECT_EQ(after, (Shares{{1, 5}, {2, 5}}));
}

TEST(ReplicaSelector, TheOwnZoneComesFirst) {
  for (const ReadBalance balance :
       {ReadBalance::kRoundRobin, ReadBalance::kKeyAffinity, ReadBalance::kLeastLatency}) {
    Selector selector(balance, replicated({0, 1, 2, 3, 4}));
    selector.node(2).near = true;
    selector.node(4).near = true;
    selector.node(2).latency = state::kMicrosecond;
    selector.node(4).latency = 2 * state::kMicrosecond;
    selector.update();
    const Shares near = selector.shares(200);
    EXPECT_EQ(near.size(), 2U);
    EXPECT_TRUE(near.contains(2) && near.contains(4));
    EXPECT_EQ(selector.shares(100, [](EndpointId id) { return id != 2; }), (Shares{{4, 100}}));
    const Shares far = selector.shares(100, [](EndpointId id) { return id != 2 && id != 4; });
    EXPECT_TRUE(far.contains(1) && far.contains(3) && far.size() == 2) << "else any";
  }
}

TEST(ReplicaSelector, AKeyStaysOnItsReplica) {
  Selector selector(ReadBalance::kKeyAffinity, replicated({0, 1, 2, 3}));
  std::map<std::uint64_t, EndpointId> before;
  Shares shares;
  for (std::uint64_t n = 0; n < 30000; ++n) {
    before[n] = selector->choose(0, key_of(n), kAll);
    EXPECT_EQ(selector->choose(0, key_of(n), kAll), before[n]);
    ++shares[before[n]];
  }
  for (const auto& [id, share] : shares) EXPECT_NEAR(share, 10000, 500) << id;
  // One leaves: only its keys move, to all others.
  Shares heirs;
  for (const auto& [n, id] : before) {
    const EndpointId now = selector->choose(0, key_of(n), [](EndpointId e) { return e != 2; });
    if (id == 2) {
      ++heirs[now];
    } else {
      EXPECT_EQ(now, id);
    }
  }
  EXPECT_EQ(heirs.size(), 2U);
  EXPECT_NEAR(heirs[1], heirs[3], 1000);
}

TEST(ReplicaSelector, AGrowingWeightOnlyWinsKeys) {
  Selector selector(ReadBalance::kKeyAffinity, replicated({0, 1, 2, 3}));
  std::map<std::uint64_t, EndpointId> before;
  for (const std::uint32_t weight : {10U, 50U, 99U, 100U}) {
    selector.node(2).weight = weight;
    selector.update();
    int share = 0;
    for (std::uint64_t n = 0; n < 20000; ++n) {
      const EndpointId now = selector->choose(0, key_of(n), kAll);
      if (before.contains(n) && now != before[n]) {
        EXPECT_EQ(now, 2);
      }
      before[n] = now;
      share += now == 2 ? 1 : 0;
    }
    EXPECT_NEAR(share, 20000.0 * weight / (200.0 + weight), 400) << weight;
  }
}

TEST(ReplicaSelector, TheFastestReadAndTheOthersAreTriedNowAndThen) {
  Selector selector(ReadBalance::kLeastLatency, replicated({0, 1, 2, 3}));
  selector.node(1).latency = 5 * state::kMillisecond;
  selector.node(2).latency = 1 * state::kMillisecond;
  selector.node(3).latency = 1100 * state::kMicrosecond;  // as fast, for a probe
  selector.update();
  Shares shares = selector.shares(1600);
  EXPECT_GT(shares[1], 0);
  EXPECT_LE(shares[1], 100);
  EXPECT_NEAR(shares[2], shares[3], 40);
  selector.node(1).latency = 300 * state::kMicrosecond;
  selector.update();
  shares = selector.shares(1600);
  EXPECT_GE(shares[1], 1500);
  EXPECT_EQ(selector.shares(10, [](EndpointId id) { return id != 1; }).count(1), 0U);
}

TEST(ReplicaSelector, ShardsHaveTheirOwnReplicas) {
  Selector selector(ReadBalance::kRoundRobin, cluster_of({{0, 10, 11}, {1, 12}}));
  EXPECT_EQ(selector->choose(1, 1, kAll), 12);
  EXPECT_EQ(selector->choose(0, 1, kAll), 10);
  EXPECT_EQ(selector->choose(0, 1, kAll), 11);
  EXPECT_EQ(selector->choose(kNoShard, 1, kAll), kNoEndpoint);
}

}  // namespace
}  // namespace pillion::route
