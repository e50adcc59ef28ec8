#include "proxy/control/topology/publisher.hpp"

#include <gtest/gtest.h>

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
