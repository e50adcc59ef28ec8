#include "proxy/state/own_connections.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <utility>

namespace pillion::state {
namespace {

using Role = OwnConnections::Role;
using Entry = OwnConnections::Entry;

TEST(OwnConnections, KnowsAnAddressAsLongAsItsEntryLives) {
  OwnConnections all;
  {
    const Entry lane(all, "127.0.0.1:5000", Role::kLane);
    const Entry link(all, "[::1]:5001", Role::kInternal);
    EXPECT_EQ(all.role_of("127.0.0.1:5000"), Role::kLane);
    EXPECT_EQ(all.role_of("[::1]:5001"), Role::kInternal);
    EXPECT_EQ(all.role_of("127.0.0.1:500"), Role::kNone);
    EXPECT_EQ(all.role_of(""), Role::kNone);
  }
  EXPECT_EQ(all.role_of("127.0.0.1:5000"), Role::kNone);
  EXPECT_EQ(all.role_of("[::1]:5001"), Role::kNone);
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

TEST(OwnConnections, AReplacedEntryIsForgotten) {
  OwnConnections all;
  Entry entry(all, "a:1", Role::kLane);
  entry = Entry(all, "a:2", Role::kInternal);
  EXPECT_EQ(all.role_of("a:1"), Role::kNone);
  EXPECT_EQ(all.role_of("a:2"), Role::kInternal);
  entry = {};
  EXPECT_EQ(all.role_of("a:2"), Role::kNone);
}

TEST(OwnConnections, AreTheProcesss) {
  std::optional<Entry> entry;
  entry.emplace(own_connections(), "test:1", Role::kInternal);
  EXPECT_EQ(own_connections().role_of("test:1"), Role::kInternal);
  entry.reset();
  EXPECT_EQ(own_connections().role_of("test:1"), Role::kNone);
}

}  // namespace
}  // namespace pillion::state
