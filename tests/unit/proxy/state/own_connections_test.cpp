#include "proxy/state/own_connections.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace pillion::state {
namespace {

using Role = OwnConnections::Role;
using Entry = OwnConnections::Entry;

TEST(OwnConnections, KnowsAnAddressAndForAWhileThoseThatEnded) {
  OwnConnections all;
  {
    const Entry lane(all, "127.0.0.1:5000", Role::kLane);
    const Entry link(all, "[::1]:5001", Role::kInternal);
    EXPECT_EQ(all.role_of("127.0.0.1:5000"), Role::kLane);
    EXPECT_EQ(all.role_of("[::1]:5001"), Role::kInternal);
    EXPECT_EQ(all.role_of("127.0.0.1:500"), Role::kNone);
    EXPECT_EQ(all.role_of(""), Role::kNone);
  }
  EXPECT_EQ(all.role_of("127.0.0.1:5000"), Role::kLane) << "what it said may be on its way";
  EXPECT_EQ(all.role_of("[::1]:5001"), Role::kInternal);
  for (int i = 0; i < 256; ++i) const Entry later(all, "b:" + std::to_string(i), Role::kLane);
  EXPECT_EQ(all.role_of("127.0.0.1:5000"), Role::kNone) << "the latest 256 are remembered";
  EXPECT_EQ(all.role_of("b:0"), Role::kLane);
}

TEST(OwnConnections, AnAddressThatIsUsedAgainIsNotForgottenWithItsFirstConnection) {
  OwnConnections all;
  { const Entry first(all, "a:1", Role::kLane); }
  const Entry second(all, "a:1", Role::kInternal);
  for (int i = 0; i < 300; ++i) const Entry later(all, "b:" + std::to_string(i), Role::kLane);
  EXPECT_EQ(all.role_of("a:1"), Role::kInternal);
}

TEST(OwnConnections, AnEntryMovesWithoutBeingForgotten) {
  OwnConnections all;
  Entry kept;
  {
    Entry first(all, "a:1", Role::kLane);
    kept = std::move(first);
  }
  EXPECT_EQ(all.role_of("a:1"), Role::kLane);
  const Entry constructed(std::move(kept));
  kept = {};
  EXPECT_EQ(all.role_of("a:1"), Role::kLane);
}

TEST(OwnConnections, AreTheProcesss) {
  const Entry entry(own_connections(), "test:1", Role::kInternal);
  EXPECT_EQ(own_connections().role_of("test:1"), Role::kInternal);
}

}  // namespace
}  // namespace pillion::state
