#include "proxy/data/session/ways.hpp"

#include <gtest/gtest.h>

#include <set>

namespace pillion::data::session {
namespace {

TEST(Ways, AnEndpointKeepsItsWay) {
  Ways ways;
  const WayId first = ways.to(3).id;
  ways.to(3).unanswered = 1;
  EXPECT_NE(first, kNoWay);
  EXPECT_EQ(ways.to(3).id, first);
  // 11 would be guessed where 3 is.
  const WayId second = ways.to(11).id;
  ways.to(11).unanswered = 1;
  EXPECT_NE(second, first);
  EXPECT_EQ(ways.to(3).id, first);
  EXPECT_EQ(ways.to(11).id, second);
  EXPECT_EQ(ways.find(first)->endpoint, 3);
  EXPECT_EQ(ways.find(second)->endpoint, 11);
  EXPECT_TRUE(ways.busy(3));
  EXPECT_FALSE(ways.busy(4));
}

TEST(Ways, WhereNoCommandIsOnTheNextEndpointTakesThePlace) {
  Ways ways;
  const WayId gone = ways.to(1).id;
  ways.to(2).unanswered = 1;
  const WayId next = ways.to(5).id;
  EXPECT_NE(next, gone);
  EXPECT_EQ(ways.find(gone), nullptr) << "who still names it means nobody";
  EXPECT_EQ(ways.find(next)->endpoint, 5);
  EXPECT_EQ(ways.find(next)->unanswered, 0u);
  EXPECT_EQ(ways.find(ways.to(2).id)->unanswered, 1u);
}

TEST(Ways, NoIdNamesNone) {
  Ways ways;
  EXPECT_EQ(ways.find(kNoWay), nullptr);
  (void)ways.to(0);
  EXPECT_EQ(ways.find(kNoWay), nullptr);
  const WayId id = ways.to(0).id;
  ways.clear();
  EXPECT_EQ(ways.find(id), nullptr);
}

TEST(Ways, EveryEndpointMayBeBusyAtOnce) {
  Ways ways;
  std::set<WayId> ids;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < state::kMaxEndpoints; ++i) {
      const auto endpoint = static_cast<state::EndpointId>(i);
      Way& way = ways.to(endpoint);
      way.unanswered = 1;
      ids.insert(way.id);
      ASSERT_EQ(ways.find(way.id), &way);
      ASSERT_EQ(way.endpoint, endpoint);
    }
  }
  EXPECT_EQ(ids.size(), state::kMaxEndpoints);
}

}  // namespace
}  // namespace pillion::data::session
