#include "proxy/control/topology/announced_replicas.hpp"

#include <gtest/gtest.h>

namespace pillion::control {
namespace {

using Replicas = std::vector<RoleReply::Replica>;
using state::kSecond;

TEST(AnnouncedReplicas, ComeAtOnceAndGoAfterAWhile) {
  AnnouncedReplicas announced;
  EXPECT_FALSE(announced.note({}, 0));
  EXPECT_TRUE(announced.note({{"a", 1}, {"b", 2}}, kSecond));
  EXPECT_EQ(announced.all(), (Replicas{{"a", 1}, {"b", 2}}));
  EXPECT_FALSE(announced.note({{"b", 2}, {"a", 1}}, 2 * kSecond)) << "in whatever order";
  EXPECT_FALSE(announced.note({{"b", 2}}, 3 * kSecond)) << "it may be back in a moment";
  EXPECT_FALSE(announced.note({{"b", 2}}, 2 * kSecond + AnnouncedReplicas::kGrace));
  EXPECT_TRUE(announced.note({{"b", 2}}, 3 * kSecond + AnnouncedReplicas::kGrace));
  EXPECT_EQ(announced.all(), (Replicas{{"b", 2}}));
  EXPECT_TRUE(announced.note({{"a", 1}, {"b", 2}}, 60 * kSecond));
}

TEST(AnnouncedReplicas, OneThatIsBackInTimeWasNeverGone) {
  AnnouncedReplicas announced;
  announced.note({{"a", 1}}, 0);
  EXPECT_FALSE(announced.note({}, 9 * kSecond));
  EXPECT_FALSE(announced.note({{"a", 1}}, 10 * kSecond));
  EXPECT_FALSE(announced.note({}, 19 * kSecond));
  EXPECT_EQ(announced.all(), (Replicas{{"a", 1}}));
}

}  // namespace
}  // namespace pillion::control
