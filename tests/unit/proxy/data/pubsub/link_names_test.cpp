// The orders in which a name may be wanted, given up, refused and taken away.
#include <gmock/gmock.h>

#include "tests/unit/proxy/data/pubsub/link_fixture.hpp"

namespace pillion::data::pubsub {
namespace {

using state::kSecond;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kNoPerm = "-NOPERM not for you\r\n";

using LinkNames = LinkFixture;
using LinkRefusal = LinkFixture;

TEST_F(LinkNames, TheLastOneToLeaveUnsubscribes) {
  go_live();
  have("a");
  subscribe(1, 2, {"a"});
  reply(confirm("subscribe", "a"));
  (void)sent();
  (void)told();
  unsubscribe(0, 3, {"a"});
  EXPECT_EQ(sent(), "PING") << "settled behind what was published before";
  reply(message("a", "1") + std::string(kPong) + message("a", "2"));
  EXPECT_THAT(told(), ElementsAre("0: settled 3", "1: run a*1", "1: run a*1"))
      << "worker 0 has no member left that the message could be for";
  unsubscribe(1, 4, {"a"});
  EXPECT_EQ(sent(), "UNSUBSCRIBE a");
  EXPECT_THAT(told(), IsEmpty());
  reply(confirm("unsubscribe", "a"));
  EXPECT_THAT(told(), ElementsAre("1: settled 4"));
  EXPECT_EQ(counters_.pubsub_names.get(), 0u);
}

TEST_F(LinkNames, WantedAgainWhileTheEndIsUnderWay) {
  go_live();
  have("a");
  unsubscribe(0, 2, {"a"});
  subscribe(1, 3, {"a"});
  EXPECT_EQ(sent(), "UNSUBSCRIBE a|SUBSCRIBE a");
  reply(confirm("unsubscribe", "a"));
  EXPECT_EQ(sent(), "") << "what is needed is on its way";
  reply(confirm("subscribe", "a") + message("a", "1"));
  EXPECT_THAT(told(), ElementsAre("0: settled 2", "1: settled 3", "1: run a*1"));
}

TEST_F(LinkNames, GivenUpWhileTheBeginningIsUnderWay) {
  go_live();
  subscribe(0, 1, {"a"});
  unsubscribe(0, 2, {"a"});
  subscribe(0, 3, {"a"});
  leave(0, {"a"});
  EXPECT_EQ(sent(), "SUBSCRIBE a|UNSUBSCRIBE a|SUBSCRIBE a|UNSUBSCRIBE a");
  reply(confirm("subscribe", "a") + confirm("unsubscribe", "a") + confirm("subscribe", "a") +
        confirm("unsubscribe", "a"));
  EXPECT_THAT(told(), ElementsAre("0: settled 1", "0: settled 2", "0: settled 3"));
  EXPECT_EQ(sent(), "");
  EXPECT_EQ(fsm_->idle_since(), now_);
  EXPECT_FALSE(census_.any());
}

TEST_F(LinkNames, LeavingUnsubscribesOnlyWhatNobodyElseWants) {
  go_live();
  subscribe(0, 1, {"a", "b"});
  subscribe(0, 2, {"b"});
  reply(confirm("subscribe", "a") + confirm("subscribe", "b") + confirm("subscribe", "b"));
  (void)sent();
  leave(0, {"a", "b"});
  EXPECT_EQ(sent(), "UNSUBSCRIBE a");
}

TEST_F(LinkNames, NothingToEndIsSettledInItsPlace) {
  go_live();
  have("a");
  unsubscribe(0, 2, {"unknown"});
  EXPECT_EQ(sent(), "PING");
  reply(message("a", "1") + std::string(kPong));
  EXPECT_THAT(told(), ElementsAre("0: run a*1", "0: settled 2"));
}

TEST_F(LinkNames, ATakenShardChannelIsAskedForAgainAfterAMoment) {
  go_live();
  subscribe(0, 1, {"s"}, Kind::kShard);
  reply(confirm("ssubscribe", "s"));
  (void)sent();
  (void)told();
  reply(confirm("sunsubscribe", "s"));
  EXPECT_EQ(counters_.pubsub_names.get(), 0u);
  EXPECT_EQ(sent(), "");
  now_ += kSecond;
  tick();
  EXPECT_EQ(sent(), "SSUBSCRIBE s");
  reply("-MOVED 1 elsewhere:6379\r\n");
  EXPECT_THAT(told(), IsEmpty());
  now_ += kSecond;
  tick();
  EXPECT_EQ(sent(), "SSUBSCRIBE s");
  reply(confirm("ssubscribe", "s") + push({"smessage", "s", "1"}));
  EXPECT_THAT(told(), ElementsAre("0: run s*1"));
}

TEST_F(LinkNames, AShardChannelTakenWhileItIsGivenUp) {
  go_live();
  subscribe(0, 1, {"s"}, Kind::kShard);
  reply(confirm("ssubscribe", "s"));
  unsubscribe(0, 2, {"s"}, Kind::kShard);
  reply(confirm("sunsubscribe", "s") + confirm("sunsubscribe", "s"));
  EXPECT_THAT(told(), ElementsAre("0: settled 1", "0: settled 2"));
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_FALSE(census_.any());
}

TEST_F(LinkRefusal, TellsTheUpstreamsWords) {
  go_live();
  subscribe(0, 1, {"a"});
  reply(kNoPerm);
  EXPECT_THAT(told(), ElementsAre("0: settled 1 NOPERM not for you"));
  (void)sent();
  now_ += kSecond;
  tick();
  EXPECT_EQ(sent(), "PING") << "it is not asked for again";
  leave(0, {"a"});
  EXPECT_EQ(sent(), "");
  EXPECT_GE(fsm_->idle_since(), 0);
}

TEST_F(LinkRefusal, OfSeveralNamesIsTakenApart) {
  go_live();
  subscribe(0, 1, {"a", "b", "c"});
  (void)sent();
  reply(kNoPerm);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(sent(), "SUBSCRIBE a|SUBSCRIBE b|SUBSCRIBE c");
  reply(confirm("subscribe", "a") + std::string(kNoPerm) + confirm("subscribe", "c"));
  EXPECT_THAT(told(), ElementsAre("0: settled 1 NOPERM not for you"));
  leave(0, {"a", "b", "c"});
  EXPECT_EQ(sent(), "UNSUBSCRIBE a c");
}

TEST_F(LinkRefusal, OfOneNameDoesNotDisturbAnotherRequest) {
  go_live();
  subscribe(0, 1, {"a", "b"});
  subscribe(1, 2, {"a"});
  (void)sent();
  reply(std::string(kNoPerm) + confirm("subscribe", "a"));
  EXPECT_THAT(told(), ElementsAre("1: settled 2"));
  reply(confirm("subscribe", "a") + std::string(kNoPerm));
  EXPECT_THAT(told(), ElementsAre("0: settled 1 NOPERM not for you"));
  (void)sent();
  leave(0, {"a", "b"});
  EXPECT_EQ(sent(), "") << "worker 1 has a, and nobody ever had b";
}

TEST_F(LinkRefusal, GivenUpBeforeItIsTakenApart) {
  go_live();
  subscribe(0, 1, {"a", "b"});
  unsubscribe(0, 2, {"a", "b"});
  EXPECT_EQ(sent(), "SUBSCRIBE a b|UNSUBSCRIBE a b");
  reply(kNoPerm);
  EXPECT_EQ(sent(), "SUBSCRIBE a|SUBSCRIBE b");
  reply(confirm("unsubscribe", "a") + confirm("unsubscribe", "b"));
  reply(confirm("subscribe", "a") + std::string(kNoPerm));
  EXPECT_EQ(sent(), "UNSUBSCRIBE a") << "the upstream must not keep what nobody wants";
  reply(confirm("unsubscribe", "a"));
  EXPECT_FALSE(census_.any());
  EXPECT_EQ(fsm_->idle_since(), now_);
}

TEST_F(LinkRefusal, AfterAReconnectRevokesWhatWasAllowed) {
  go_live();
  have("a");
  subscribe(1, 2, {"a", "b"});
  reply(confirm("subscribe", "a") + confirm("subscribe", "b"));
  (void)told();
  lose();
  come_back();
  (void)sent();
  reply(kNoPerm);
  const std::string alone = sent();
  const bool a_first = alone == "SUBSCRIBE a|SUBSCRIBE b";
  EXPECT_TRUE(a_first || alone == "SUBSCRIBE b|SUBSCRIBE a") << alone;
  reply(a_first ? std::string(kNoPerm) + confirm("subscribe", "b")
                : confirm("subscribe", "b") + std::string(kNoPerm));
  EXPECT_THAT(told(), ElementsAre("0: revoked a", "1: revoked a"));
  reply(message("b", "1"));
  EXPECT_THAT(told(), ElementsAre("1: run b*1"));
}

TEST_F(LinkRefusal, ForNoLastingReasonIsTriedAgain) {
  go_live();
  have("a");
  lose();
  come_back();
  reply("-BUSY a script runs\r\n");
  EXPECT_THAT(told(), IsEmpty());
  (void)sent();
  now_ += kSecond;
  tick();
  EXPECT_EQ(sent(), "SUBSCRIBE a");
}

TEST_F(LinkRefusal, OfAnEndIsTheUpstreamsAffair) {
  go_live();
  have("a");
  unsubscribe(0, 2, {"a"});
  (void)sent();
  reply("-BUSY a script runs\r\n");
  EXPECT_THAT(told(), ElementsAre("0: settled 2"));
  EXPECT_EQ(sent(), "");
  now_ += kSecond;
  tick();
  EXPECT_EQ(sent(), "UNSUBSCRIBE a");
  reply(confirm("unsubscribe", "a"));
  EXPECT_FALSE(census_.any());
}

TEST_F(LinkRefusal, ARefusedNameIsAskedForWhenSomebodyNewWantsIt) {
  go_live();
  subscribe(0, 1, {"a"});
  reply(kNoPerm);
  (void)sent();
  subscribe(1, 2, {"a"});
  EXPECT_EQ(sent(), "SUBSCRIBE a");
  reply(confirm("subscribe", "a"));
  EXPECT_THAT(told(), ElementsAre("0: settled 1 NOPERM not for you", "1: settled 2"));
}

}  // namespace
}  // namespace pillion::data::pubsub
