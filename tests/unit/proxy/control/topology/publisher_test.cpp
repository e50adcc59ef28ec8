#include "proxy/control/topology/publisher.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace pillion::control {
namespace {

TEST(TopologyPublisher, PublishesWhatDiffersOnly) {
  state::Published<state::TopologySnapshot> published;
  TopologyPublisher publisher(published);
  const auto before = published.version();
  publisher.update([](state::TopologySnapshot& s) { s.up = false; });
  EXPECT_EQ(published.version(), before);

  publisher.update([](state::TopologySnapshot& s) { s.primary.addresses = {"10.0.0.1"}; });
  publisher.update([](state::TopologySnapshot& s) { s.up = true; });
  publisher.update([](state::TopologySnapshot& s) { s.latency_seconds = 0.001; });
  EXPECT_EQ(published.version(), before + 3);
  EXPECT_EQ(published.load()->primary.addresses.at(0), "10.0.0.1");
  EXPECT_TRUE(published.load()->up);
}

TEST(TopologyPublisher, ServersAreComparedToo) {
  state::Published<state::TopologySnapshot> published;
  TopologyPublisher publisher(published);
  const auto changes = [&](const std::function<void(state::TopologySnapshot&)>& change) {
    const auto before = published.version();
    publisher.update(change, 1);
    return published.version() != before;
  };
  EXPECT_TRUE(changes([](auto& s) { s.nodes.resize(2); }));
  EXPECT_FALSE(changes([](auto& s) { s.nodes.resize(2); }));
  EXPECT_TRUE(changes([](auto& s) { s.nodes[1].in_rotation = true; }));
  EXPECT_TRUE(changes([](auto& s) { s.nodes[1].weight = 50; }));
  EXPECT_TRUE(changes([](auto& s) { s.nodes[0].endpoint.addresses = {"10.0.0.1"}; }));
  EXPECT_TRUE(changes([](auto& s) { s.shards.push_back({0, {}}); }));
  EXPECT_TRUE(changes([](auto& s) { s.shards[0].replicas = {1}; }));
  EXPECT_TRUE(changes([](auto& s) { s.slots = std::make_shared<state::SlotMap>(); }));
  EXPECT_FALSE(changes([](auto&) {}));
  EXPECT_TRUE(changes([](auto& s) { s.failovers = 1; }));
}

TEST(TopologyPublisher, FiguresThatAlwaysDifferWaitForAWhileOrForCompany) {
  state::Published<state::TopologySnapshot> published;
  TopologyPublisher publisher(published);
  publisher.update([](auto& s) { s.nodes.resize(1); }, 0);
  const auto before = published.version();
  const auto busy = [](state::TopologySnapshot& s) {
    s.nodes[0].lag += 1;
    s.confirmed_at += 1;
  };
  publisher.update(busy, TopologyPublisher::kFiguresEvery - 1);
  EXPECT_EQ(published.version(), before);
  publisher.update(busy, TopologyPublisher::kFiguresEvery);
  EXPECT_EQ(published.version(), before + 1);
  EXPECT_EQ(published.load()->nodes[0].lag, 1);
  publisher.update(
      [](auto& s) {
        s.nodes[0].lag = 7;
        s.nodes[0].up = true;
      },
      TopologyPublisher::kFiguresEvery + 1);
  EXPECT_EQ(published.load()->nodes[0].lag, 7);
}

TEST(TopologyPublisher, AReaderKeepsTheSnapshotItLoaded) {
  state::Published<state::TopologySnapshot> published;
  TopologyPublisher publisher(published);
  const auto held = published.load();
  publisher.update([](state::TopologySnapshot& s) { s.role = "master"; });
  EXPECT_EQ(held->role, "");
  EXPECT_EQ(publisher.current().role, "master");
}

}  // namespace
}  // namespace pillion::control
