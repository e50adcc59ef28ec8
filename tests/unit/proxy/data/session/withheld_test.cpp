#include "proxy/data/session/withheld.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pillion::data::session {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

std::vector<std::uint32_t> due(Withheld& withheld, state::Nanos now) {
  std::vector<std::uint32_t> clients;
  withheld.take_due(now, clients);
  return clients;
}

TEST(Withheld, ClientsLeaveWhenTheirTimeHasCome) {
  Withheld withheld;
  EXPECT_EQ(withheld.next(), Withheld::kNever);
  withheld.add(7, 300);
  withheld.add(2, 100);
  withheld.add(9, 200);
  EXPECT_EQ(withheld.next(), 100);
  EXPECT_THAT(due(withheld, 99), IsEmpty());
  EXPECT_THAT(due(withheld, 200), UnorderedElementsAre(2, 9));
  EXPECT_EQ(withheld.next(), 300);
  EXPECT_THAT(due(withheld, 300), ElementsAre(7));
  EXPECT_EQ(withheld.next(), Withheld::kNever);
}

TEST(Withheld, TheFirstDeadlineHolds) {
  Withheld withheld;
  withheld.add(1, 100);
  withheld.add(1, 900);
  EXPECT_EQ(withheld.next(), 100);
  EXPECT_THAT(due(withheld, 100), ElementsAre(1));
  withheld.add(1, 900);
  EXPECT_EQ(withheld.next(), 900) << "it had left";
}

TEST(Withheld, WhoIsTakenOutLeavesTheOthersIn) {
  Withheld withheld;
  for (std::uint32_t client = 0; client < 5; ++client) withheld.add(client, 100 + client);
  withheld.remove(4);
  withheld.remove(0);
  withheld.remove(2);
  withheld.remove(2);
  withheld.remove(77);
  EXPECT_EQ(withheld.next(), 101);
  withheld.add(0, 50);
  EXPECT_THAT(due(withheld, 1000), UnorderedElementsAre(0, 1, 3));
}

}  // namespace
}  // namespace pillion::data::session
