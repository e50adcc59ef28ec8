#include "proxy/data/pubsub/hub.hpp"

#include <gmock/gmock.h>

#include <stdexcept>

#include "tests/unit/proxy/data/pubsub/house_fixture.hpp"
#include "tests/unit/proxy/data/pubsub/layout.hpp"

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

class HubOfACluster : public ::testing::Test {
 protected:
  HubOfACluster() { know({1, 2}); }
  void know(const std::vector<state::EndpointId>& primaries) {
    house.primary = primaries.front();
    house.hub->on_topology(cluster_of(primaries), house.now);
    house.settle();
  }
  void subscribe(std::uint32_t session, const char* channel, std::uint32_t worker = 0) {
    house.subscribe(session, 1, {channel}, worker, Kind::kShard);
    house.settle();
  }
  StringPort& port_at(state::EndpointId node) {
    StringPort* found = nullptr;
    for (const auto& port : house.ports) {
      if (port->node_ == node && !port->closed_) found = port.get();
    }
    if (found == nullptr) throw std::logic_error("there is no such link");
    return *found;
  }
  void publish_at(state::EndpointId node, const char* channel) {
    port_at(node).hear(push({"smessage", channel, "x"}));
    house.settle();
  }
  House house;
};

TEST_F(HubOfACluster, HasALinkForEveryPrimaryThatIsNeeded) {
  subscribe(1, kLow);
  EXPECT_EQ(house.hub->links(), 1u);
  subscribe(1, kHigh);
  house.subscribe(1, 2, {"news"});
  house.settle();
  EXPECT_EQ(house.hub->links(), 3u);
  EXPECT_THAT(port_at(1).asked_, ElementsAre("ssubscribe bar"));
  EXPECT_THAT(port_at(2).asked_, ElementsAre("ssubscribe foo"));
  EXPECT_THAT(port_at(state::kNoEndpoint).asked_, ElementsAre("subscribe news"));
  EXPECT_EQ(port_at(state::kNoEndpoint).endpoint_, 1) << "any primary";
}

TEST_F(HubOfACluster, NamesFollowTheirSlot) {
  subscribe(1, kLow);
  subscribe(2, kHigh);
  subscribe(3, kHigh, 1);
  (void)house.said(0);
  (void)house.said(1);
  house.hub->on_topology(cluster_of({2, 1}), house.now);  // the halves change sides
  house.settle();
  EXPECT_EQ(house.hub->links(), 2u);
  publish_at(2, kHigh);
  publish_at(1, kLow);
  EXPECT_THAT(house.said(0), IsEmpty()) << "that is where they were";
  publish_at(1, kHigh);
  publish_at(2, kLow);
  EXPECT_THAT(house.said(0), ElementsAre("2: 1 messages", "1: 1 messages"));
  EXPECT_THAT(house.said(1), ElementsAre("3: 1 messages"));
  EXPECT_EQ(house.census.shard_correction(kHigh, 1), 1) << "two behind one link";
  EXPECT_EQ(house.census.shard_correction(kHigh, 2), 2) << "who is not asked by it any more";
}

TEST_F(HubOfACluster, ARequestWaitsForTheOwnerAndIsDoneThere) {
  house.refused = {{kLow, "-MOVED 5061 elsewhere:6379"}};
  subscribe(1, kLow);
  EXPECT_THAT(house.said(), IsEmpty());
  EXPECT_TRUE(house.refresh.take());
  house.refused.clear();
  know({3, 2});
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1"));
  publish_at(3, kLow);
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
}

TEST_F(HubOfACluster, TheLinkOfWhoIsAPrimaryNoLongerEnds) {
  subscribe(1, kHigh);
  const auto old = house.ports.back();
  know({1, 3});
  EXPECT_TRUE(old->closed_);
  EXPECT_EQ(house.hub->links(), 1u);
  (void)house.said();
  publish_at(3, kHigh);
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
}

TEST_F(HubOfACluster, NothingOvertakesWhatTheOldLinkHadHeard) {
  subscribe(1, kHigh);
  (void)house.said();
  port_at(2).hear(push({"smessage", kHigh, "1"}));
  port_at(2).hear(push({"smessage", kHigh, "2"}) + push({"smessage", kHigh, "3"}));
  house.hub->on_topology(cluster_of({1, 3}), house.now);
  port_at(3).serve();
  port_at(3).hear(push({"smessage", kHigh, "4"}));
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages", "1: 2 messages", "1: 1 messages"));
}

TEST_F(HubOfACluster, LeavingAllIsOneRequest) {
  subscribe(1, kLow);
  subscribe(1, kHigh);
  (void)house.said();
  port_at(2).hold_ = true;
  house.unsubscribe(1, 2, {kLow, kHigh}, 0, Kind::kShard);
  house.settle();
  EXPECT_THAT(house.said(), IsEmpty()) << "one of them has not answered";
  port_at(2).hold_ = false;
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 2"));
  EXPECT_FALSE(house.census.any());
}

TEST_F(HubOfACluster, ANodeThatDiesIsAskedAgainAboutUntilAnotherOwnsIt) {
  subscribe(1, kHigh);
  house.tick(kSecond);
  (void)house.refresh.take();
  port_at(2).reachable_ = false;
  port_at(2).break_off();
  EXPECT_TRUE(house.refresh.take());
  house.subscribe(2, 1, {kHigh}, 0, Kind::kShard);
  house.tick(kSecond);
  (void)house.said();
  know({1, 3});
  EXPECT_THAT(house.said(), ElementsAre("2: settled 1"));
  publish_at(3, kHigh);
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages", "2: 1 messages"));
}

class HubOfAWatchedPrimary : public ::testing::Test {
 protected:
  HubOfAWatchedPrimary() {
    know(1);
    house.subscribe(1, 1, {"a"});
    house.settle();
    (void)house.said();
  }
  void know(state::EndpointId primary) {
    house.primary = primary;
    house.hub->on_topology(watched(primary), house.now);
    house.settle();
  }
  House house;
};

TEST_F(HubOfAWatchedPrimary, ALinkThatWorksMovesAfterAGrace) {
  know(2);
  EXPECT_EQ(house.ports[0]->endpoint_, 1);
  house.publish("a", "from the replica that it is now");
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
  house.tick(50 * state::kMillisecond);
  EXPECT_EQ(house.ports[0]->endpoint_, 1);
  house.tick(50 * state::kMillisecond);
  house.tick(20 * state::kMillisecond);
  EXPECT_EQ(house.ports[0]->endpoint_, 2);
  EXPECT_THAT(house.ports[0]->asked_, ElementsAre("subscribe a", "subscribe a"));
  EXPECT_EQ(house.census.publish_correction("a", 2), 0);
}

TEST_F(HubOfAWatchedPrimary, ABrokenOneMovesAtOnce) {
  house.ports[0]->reachable_ = false;
  house.ports[0]->break_off();
  for (int i = 0; i < 5; ++i) house.tick(kSecond);  // it backs off
  house.ports[0]->reachable_ = true;
  know(2);
  house.tick(20 * state::kMillisecond);
  EXPECT_EQ(house.ports[0]->endpoint_, 2);
  house.publish("a", "x");
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
}

TEST_F(HubOfAWatchedPrimary, WhatComesBackWithinTheGraceIsLeftAlone) {
  know(2);
  house.tick(50 * state::kMillisecond);
  know(1);
  for (int i = 0; i < 10; ++i) house.tick(50 * state::kMillisecond);
  EXPECT_THAT(house.ports[0]->asked_, ElementsAre("subscribe a"));
}

}  // namespace
}  // namespace pillion::data::pubsub
