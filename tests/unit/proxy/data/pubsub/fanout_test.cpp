#include "proxy/data/pubsub/fanout.hpp"

#include <gmock/gmock.h>

#include "tests/unit/proxy/data/pubsub/house_fixture.hpp"

namespace pillion::data::pubsub {
namespace {

using state::kSecond;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Fanout, NeverAnswersFromWithinTheCall) {
  House house;
  house.subscribe(7, 3, {"a"});
  house.unsubscribe(7, 4, {"nothing"});
  EXPECT_THAT(house.said(), IsEmpty());
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("7: settled 3", "7: settled 4"));
}

TEST(Fanout, MessagesReachEveryMemberOnEveryWorker) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.subscribe(2, 1, {"a", "b"});
  house.subscribe(3, 1, {"a"}, 1);
  house.settle();
  (void)house.said(0);
  (void)house.said(1);
  house.ports[0]->hear(message("a", "1") + message("a", "2") + message("b", "3"));
  house.settle();
  EXPECT_THAT(house.said(0), ElementsAre("1: 2 messages", "2: 2 messages", "2: 1 messages"));
  EXPECT_THAT(house.said(1), ElementsAre("3: 2 messages"));
  EXPECT_EQ(house.worker(0).counters.pubsub_messages_out.get(), 5u);
  EXPECT_EQ(house.worker(0).counters.pubsub_members.get(), 3u);
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 2u);
  EXPECT_EQ(house.hub->links(), 1u);
}

TEST(Fanout, AMemberHearsNothingFromBeforeItsRequestWasConfirmed) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  house.ports[0]->hold_ = true;
  house.subscribe(2, 1, {"a"});
  house.settle();
  (void)house.said();
  house.ports[0]->hear(message("a", "early") + confirm("subscribe", "a") + message("a", "late"));
  house.settle();
  EXPECT_THAT(house.said(),
              ElementsAre("1: 1 messages", "2: settled 1", "1: 1 messages", "2: 1 messages"));
}

TEST(Fanout, AMemberHearsEverythingFromBeforeItsEndWasConfirmed) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.subscribe(2, 1, {"a"});
  house.settle();
  house.ports[0]->hold_ = true;
  house.unsubscribe(1, 2, {"a"});
  house.settle();
  (void)house.said();
  house.ports[0]->hear(message("a", "1") + std::string(kPong) + message("a", "2"));
  house.settle();
  EXPECT_THAT(house.said(),
              ElementsAre("1: 1 messages", "2: 1 messages", "1: settled 2", "2: 1 messages"));
}

TEST(Fanout, HavingANameTwiceIsHavingItOnce) {
  House house;
  house.subscribe(1, 1, {"a", "a"});
  house.subscribe(1, 2, {"a"});
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1", "1: settled 2"));
  house.publish("a", "x");
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
  EXPECT_EQ(house.census.publish_correction("a"), 0);
  house.unsubscribe(1, 3, {"a", "a"});
  house.settle();
  EXPECT_FALSE(house.census.any());
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 0u);
}

TEST(Fanout, ARequestIsRefusedWhole) {
  House house;
  house.refused = {{"secret", "-NOPERM secret"}};
  house.subscribe(1, 1, {"a", "secret", "b"});
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1 NOPERM secret"));
  EXPECT_FALSE(house.census.any()) << "and what was allowed is given back";
  EXPECT_EQ(house.worker(0).counters.pubsub_members.get(), 0u);
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 0u);
}

TEST(Fanout, ARefusalLeavesWhatTheMemberHadBefore) {
  House house;
  house.refused = {{"secret", "-NOPERM secret"}};
  house.subscribe(1, 1, {"a"});
  house.subscribe(1, 2, {"a", "secret"});
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1", "1: settled 2 NOPERM secret"));
  house.publish("a", "x");
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
}

TEST(Fanout, CountsAreRightWhenARequestIsSettled) {
  House house;
  house.worker(0).when_settled = [&](const Requester&) {
    EXPECT_EQ(house.census.publish_correction("a"), 0);
  };
  house.subscribe(1, 1, {"a"});
  house.settle();
  house.worker(0).when_settled = [&](const Requester&) {
    EXPECT_EQ(house.census.publish_correction("a"), 1);
  };
  house.subscribe(2, 1, {"a"});
  house.settle();
  house.worker(0).when_settled = [&](const Requester&) {
    EXPECT_EQ(house.census.publish_correction("a"), 0);
  };
  house.unsubscribe(1, 2, {"a"});
  house.settle();
  house.worker(0).when_settled = [&](const Requester&) { EXPECT_FALSE(house.census.any()); };
  house.unsubscribe(2, 2, {"a"});
  house.settle();
  EXPECT_EQ(house.said().size(), 4u);
}

TEST(Fanout, WhoLeftIsNotAnsweredAndLeavesNothing) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  house.subscribe(1, 2, {"b"});
  house.leave(1, {"a"});
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1"));
  EXPECT_FALSE(house.census.any());
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 0u);
  house.subscribe(2, 1, {"c"});
  house.settle();
  house.unsubscribe(2, 2, {"c"});
  house.leave(2, {"c"});
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("2: settled 1"));
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 0u);
  EXPECT_EQ(house.worker(0).counters.pubsub_members.get(), 0u);
}

TEST(Fanout, MembersMayLeaveAndCloseOthersWhileMessagesAreHandedOut) {
  House house;
  for (std::uint32_t session = 1; session <= 4; ++session) house.subscribe(session, 1, {"a"});
  house.settle();
  (void)house.said();
  house.worker(0).when_told = [&](const Requester& to) {
    if (to.session == 1) {
      house.leave(1, {"a"});
      house.leave(3, {"a"});
      for (std::uint32_t session = 10; session < 200; ++session)
        house.subscribe(session, 1, {"a", std::to_string(session)});
    }
  };
  house.publish("a", "x");
  EXPECT_THAT(house.said().size(), 3u + 190u) << "1, 2 and 4 heard it; then 190 were settled";
  house.publish("a", "y");
  EXPECT_EQ(house.said().size(), 2u + 190u);
  EXPECT_EQ(house.worker(0).counters.pubsub_members.get(), 2u + 2 * 190u);
}

TEST(Fanout, TheLastMemberMayLeaveWhileItIsToldAMessage) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  house.worker(0).when_told = [&](const Requester&) { house.leave(1, {"a"}); };
  house.ports[0]->hear(message("a", "1") + message("b", "2") + message("a", "3"));
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1", "1: 2 messages"))
      << "frames that nobody wants do not part those that stand around them";
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 0u);
}

TEST(Fanout, TheSinkMayAskForMoreWhenItIsAnswered) {
  House house;
  house.worker(0).when_settled = [&](const Requester&) { house.subscribe(1, 2, {"b"}); };
  house.subscribe(1, 1, {"a"});
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1", "1: settled 2"));
}

TEST(Fanout, SubscribedAgainBeforeTheEndWasConfirmed) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  house.unsubscribe(1, 2, {"a"});
  house.subscribe(1, 3, {"a"});
  house.unsubscribe(1, 4, {"a"});
  house.subscribe(1, 5, {"a"});
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1", "1: settled 2", "1: settled 3",
                                        "1: settled 4", "1: settled 5"));
  house.publish("a", "x");
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
  EXPECT_EQ(house.worker(0).counters.pubsub_members.get(), 1u);
  house.leave(1, {"a"});
  house.settle();
  EXPECT_FALSE(house.census.any());
}

TEST(Fanout, GivenUpBeforeItWasConfirmed) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.unsubscribe(1, 2, {"a"});
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("1: settled 1", "1: settled 2"));
  EXPECT_FALSE(house.census.any());
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 0u);
}

TEST(Fanout, RequestsThatWaitTooLongFail) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  house.ports[0]->hold_ = true;
  house.subscribe(1, 2, {"b"});
  house.unsubscribe(1, 3, {"a"});
  house.settle();
  (void)house.said();
  house.now += 5 * kSecond;
  house.worker(0).fanout.on_tick(house.now);
  EXPECT_THAT(house.said(),
              ElementsAre("1: settled 2 ERR upstream redis:6379 unavailable: no answer to the "
                          "subscription in time",
                          "1: settled 3"));
  house.ports[0]->hold_ = false;
  house.settle();
  EXPECT_THAT(house.said(), IsEmpty()) << "an answer that comes late is nobody's";
  EXPECT_FALSE(house.census.any());
  EXPECT_EQ(house.hub_counters.pubsub_names.get(), 0u);
}

TEST(Fanout, ALateConfirmationDoesNotReviveAName) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  house.ports[0]->hold_ = true;
  house.subscribe(2, 1, {"a"});
  house.settle();
  house.now += 5 * kSecond;
  house.worker(0).fanout.on_tick(house.now);
  house.ports[0]->hold_ = false;
  house.settle();
  (void)house.said();
  house.publish("a", "x");
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
}

TEST(Fanout, IdentitiesShareNothing) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.who.user = "bob";
  house.subscribe(2, 1, {"a"});
  house.settle();
  EXPECT_EQ(house.hub->links(), 2u);
  (void)house.said();
  house.publish("a", "x", 0);
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
  house.publish("a", "x", 1);
  EXPECT_THAT(house.said(), ElementsAre("2: 1 messages"));
  EXPECT_EQ(house.census.publish_correction("a"), 0) << "two members behind two links";
}

TEST(Fanout, KindsOfOneNameAreDifferentThings) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.subscribe(2, 1, {"a"}, 0, Kind::kPattern);
  house.subscribe(3, 1, {"a"}, 0, Kind::kShard);
  house.settle();
  (void)house.said();
  house.ports[0]->hear(push({"pmessage", "a", "a", "x"}));
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("2: 1 messages"));
  house.ports[0]->hear(push({"smessage", "a", "x"}));
  house.settle();
  EXPECT_THAT(house.said(), ElementsAre("3: 1 messages"));
}

TEST(Fanout, ANewSessionInAnOldPlaceIsSomebodyElse) {
  House house;
  house.subscribe(1, 1, {"a"});
  house.settle();
  const std::vector<std::string> names = {"a"};
  house.worker(0).fanout.leave({1, 2, 0}, house.who, Kind::kChannel, names);
  house.settle();
  (void)house.said();
  house.publish("a", "x");
  EXPECT_THAT(house.said(), ElementsAre("1: 1 messages"));
}

}  // namespace
}  // namespace pillion::data::pubsub
