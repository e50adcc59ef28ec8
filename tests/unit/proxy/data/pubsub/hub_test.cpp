#include "proxy/data/pubsub/hub.hpp"

#include <gmock/gmock.h>

#include "tests/unit/proxy/data/pubsub/house_fixture.hpp"

namespace pillion::data::pubsub {
namespace {

using state::kSecond;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Hub, MakesALinkWhenSomebodySubscribesAndClosesItWhenNobodyDid) {
  House house;
  house.unsubscribe(1, 1, {"a"});
  house.settle();
  EXPECT_EQ(house.hub->links(), 0u) << "to end nothing takes no link";
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1"));
  house.subscribe(1, 2, {"a"});
  house.settle();
  house.tick(kSecond);
  house.leave(1, {"a"});
  house.settle();
  for (int i = 0; i < 9; ++i) house.tick(kSecond);
  EXPECT_EQ(house.hub->links(), 1u);
  house.tick(kSecond);
  EXPECT_EQ(house.hub->links(), 0u);
  EXPECT_TRUE(house.ports[0]->closed_);
  house.subscribe(1, 3, {"a"});
  house.settle();
  EXPECT_EQ(house.ports.size(), 2u);
  EXPECT_THAT(house.said(), ElementsAre("1: settled 2", "1: settled 3"));
}

TEST(Hub, MembersHearAgainAfterAReconnect) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.subscribe(2, 1, {"a"}, 1);
  house.settle();
  house.tick(kSecond);
  house.ports[0]->break_off();
  house.settle();
  EXPECT_EQ(house.census.publish_correction("a"), 0) << "nobody hears anything now";
  house.tick(kSecond);
  EXPECT_EQ(house.census.publish_correction("a"), 1);
  EXPECT_EQ(house.hub_counters.pubsub_reconnects.get(), 1u);
  (void)house.said(0);
  (void)house.said(1);
  house.publish("a", "x");
  EXPECT_THAT(house.said(0), ElementsAre("1: 1 messages"));
  EXPECT_THAT(house.said(1), ElementsAre("2: 1 messages"));
}

TEST(Hub, ARevokedNameIsToldToItsMembersOnce) {
  House house;
  house.subscribe(1, 1, {"a", "b"});
  house.subscribe(2, 1, {"b"});
  house.settle();
  house.tick(kSecond);
  (void)house.said();
  house.refused = {{"a", "-NOPERM a"}};
  house.ports[0]->break_off();
  house.tick(kSecond);
  EXPECT_THAT(house.said(), ElementsAre("1: revoked"));
  house.leave(1, {"a", "b"});
  house.settle();
  house.publish("b", "x");
  EXPECT_THAT(house.said(), ElementsAre("2: 1 messages"));
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 1u);
  EXPECT_EQ(house.worker(0).counters.pubsub_members.get(), 1u);
}

TEST(Hub, AnUnreachableUpstreamIsToldAtOnce) {
  House house;
  house.reachable = false;
  house.subscribe(1, 1, {"a"});
  house.settle();
  EXPECT_THAT(house.said(),
              ElementsAre("1: settled 1 ERR upstream redis:6379 unavailable: Connection refused"));
  house.ports[0]->reachable_ = true;
  house.tick(kSecond);
  house.subscribe(1, 2, {"a"});
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 2"));
}

TEST(Hub, GathersWhileWorkersAreBusy) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  (void)house.said();
  for (int i = 0; i < 100; ++i) house.ports[0]->hear(message("a", "x"));
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages", "1: 99 messages"));
  EXPECT_LE(house.worker(0).batches, 3);
}

TEST(Hub, OrderHoldsBetweenWhatIsGatheredAndWhatIsSettled) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  (void)house.said();
  house.ports[0]->hold_ = true;
  house.ports[0]->hear(message("a", "1"));
  house.subscribe(2, 1, {"a"});
  house.unsubscribe(1, 2, {"a"});
  house.run_tasks();
  house.ports[0]->hear(message("a", "2") + confirm("subscribe", "a"));
  house.ports[0]->hear(message("a", "3") + std::string(kPong) + message("a", "4"));
  house.settle();
  EXPECT_THAT(house.said(),
              ElementsAre("1: 1 messages", "1: 1 messages", "2: settled 1", "1: 1 messages",
                          "2: 1 messages", "1: settled 2", "2: 1 messages"));
}

TEST(Hub, TellsNothingAfterTheEnd) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  house.ports[0]->hear(message("a", "x"));
  house.hub->close();
  house.subscribe(1, 2, {"b"});
  house.settle();
  EXPECT_EQ(house.hub->links(), 0u);
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 0u);
}

}  // namespace
}  // namespace pillion::data::pubsub
