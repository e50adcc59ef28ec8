// Names that leave a link for another, and what a link does while it is not the right one.
#include <gmock/gmock.h>

#include "tests/unit/proxy/data/pubsub/link_fixture.hpp"

namespace pillion::data::pubsub {
namespace {

using state::kMillisecond;
using state::kSecond;
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr std::string_view kMoved = "-MOVED 7 elsewhere:6379\r\n";

class LinkCarry : public LinkFixture {
 protected:
  static bool everything(const NameView&) { return true; }
  std::vector<CarriedName> take() {
    std::vector<CarriedName> names = fsm_->take(everything, now_);
    fsm_->hand_out();
    return names;
  }
  void confirmed(const std::string& name) {
    subscribe(0, 1, {name}, Kind::kShard);
    reply(confirm("ssubscribe", name));
    (void)sent();
    (void)told();
  }
};

TEST_F(LinkCarry, AFirstSubscriptionThatIsElsewhereWaits) {
  go_live();
  subscribe(0, 1, {"s"}, Kind::kShard);
  (void)sent();
  reply(kMoved);
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(sink_.doubts_, ElementsAre(state::RefreshReason::kMoved));
  now_ += 50 * kMillisecond;
  tick();
  EXPECT_EQ(sent(), "SSUBSCRIBE s");
  reply("-CLUSTERDOWN Hash slot not served\r\n");
  EXPECT_THAT(told(), IsEmpty());
  subscribe(1, 2, {"s"}, Kind::kShard);
  EXPECT_EQ(sent(), "SSUBSCRIBE s");
  reply(confirm("ssubscribe", "s"));
  EXPECT_THAT(told(), ElementsAre("0: settled 1", "1: settled 2")) << "it is here after all";
}

TEST_F(LinkCarry, WhoGivesUpWhileItIsElsewhereLeavesNothing) {
  go_live();
  subscribe(0, 1, {"s"}, Kind::kShard);
  reply(kMoved);
  fsm_->leave(0, Kind::kShard, std::vector<std::string>{"s"}, now_);
  fsm_->end_batch();
  EXPECT_THAT(told(), ElementsAre("0: settled 1"));
  EXPECT_EQ(fsm_->idle_since(), now_);
}

TEST_F(LinkCarry, OtherRefusalsOfShardChannelsAreTold) {
  go_live();
  subscribe(0, 1, {"s"}, Kind::kShard);
  reply("-NOPERM not for you\r\n");
  EXPECT_THAT(told(), ElementsAre("0: settled 1 NOPERM not for you"));
  EXPECT_THAT(sink_.doubts_, IsEmpty());
}

TEST_F(LinkCarry, ATakenSlotIsADoubt) {
  go_live();
  confirmed("s");
  reply(confirm("sunsubscribe", "s"));
  EXPECT_THAT(sink_.doubts_, ElementsAre(state::RefreshReason::kMoved));
}

TEST_F(LinkCarry, WhatIsTakenIsGivenUpHereAndAskedForThere) {
  go_live();
  confirmed("s");
  subscribe(1, 2, {"s"}, Kind::kShard);  // under way when it is taken
  (void)sent();
  std::vector<CarriedName> names = take();
  ASSERT_EQ(names.size(), 1u);
  EXPECT_EQ(sent(), "SUNSUBSCRIBE s");
  EXPECT_FALSE(census_.any());
  reply(push({"smessage", "s", "late"}));
  EXPECT_THAT(told(), IsEmpty()) << "another link may have said more by now";
  reply(confirm("ssubscribe", "s") + confirm("sunsubscribe", "s"));
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(fsm_->idle_since(), now_);

  auto old = std::exchange(fsm_, make());
  go_live();
  fsm_->put(std::move(names), now_);
  EXPECT_EQ(sent(), "SSUBSCRIBE s");
  reply(confirm("ssubscribe", "s") + push({"smessage", "s", "1"}));
  EXPECT_THAT(told(), ElementsAre("0: run s*1", "1: settled 2", "1: run s*1"));
  EXPECT_EQ(census_.shard_correction("s"), -1) << "one link, and the members are not ours to count";
  EXPECT_EQ(counters_.pubsub_names.get(), 1u);
  old->close();
  EXPECT_EQ(census_.shard_correction("s"), -1) << "what the old link forgets is not the new one's";
}

TEST_F(LinkCarry, WhatIsPutIntoALinkThatIsNotLiveWaitsForIt) {
  go_live();
  subscribe(0, 1, {"s"}, Kind::kShard);
  (void)sent();
  std::vector<CarriedName> names = take();
  auto old = std::exchange(fsm_, make());
  connect();
  (void)sent();
  fsm_->put(std::move(names), now_);
  EXPECT_EQ(sent(), "");
  reply(kHello);
  EXPECT_EQ(sent(), "SSUBSCRIBE s");
  reply(confirm("ssubscribe", "s"));
  EXPECT_THAT(told(), ElementsAre("0: settled 1"));
}

TEST_F(LinkCarry, ThereAndBackBeforeTheEndWasConfirmed) {
  go_live();
  confirmed("s");
  fsm_->put(take(), now_);
  EXPECT_EQ(sent(), "SUNSUBSCRIBE s");
  EXPECT_EQ(census_.shard_correction("s"), -1);
  reply(confirm("sunsubscribe", "s"));
  EXPECT_EQ(sent(), "SSUBSCRIBE s") << "it is wanted";
  reply(confirm("ssubscribe", "s") + push({"smessage", "s", "1"}));
  EXPECT_THAT(told(), ElementsAre("0: run s*1"));
}

TEST_F(LinkCarry, TheChannelsOfOneCommandHaveOneSlot) {
  LinkOptions of_a_cluster = options();
  of_a_cluster.by_slot = true;
  fsm_ = make(of_a_cluster);
  connect();
  (void)sent();
  subscribe(0, 1, {"{x}1", "{x}2", "{y}1"}, Kind::kShard);
  subscribe(0, 2, {"a", "b"});
  reply(kHello);
  const std::string bytes = sent();  // in whatever order they are kept
  EXPECT_THAT(bytes, AnyOf(HasSubstr("|SSUBSCRIBE {x}1 {x}2"), HasSubstr("|SSUBSCRIBE {x}2 {x}1")));
  EXPECT_THAT(bytes, HasSubstr("|SSUBSCRIBE {y}1"));
  EXPECT_THAT(bytes, StartsWith("SUBSCRIBE a b|"));
}

TEST_F(LinkCarry, RetiringEndsWhatNobodyWillAnswer) {
  go_live();
  confirmed("s");
  unsubscribe(0, 2, {"s"}, Kind::kShard);
  unsubscribe(1, 3, {}, Kind::kShard);
  EXPECT_THAT(take(), IsEmpty()) << "nobody wants it";
  fsm_->retire();
  EXPECT_THAT(told(), ElementsAre("0: settled 2", "1: settled 3"));
}

TEST_F(LinkCarry, ARelocationIsABlip) {
  go_live();
  have("a");
  subscribe(1, 2, {"b"});
  EXPECT_EQ(fsm_->on_relocated(now_), Action::kClose);
  EXPECT_THAT(told(), IsEmpty());
  ASSERT_EQ(tick(), Action::kConnect);
  fsm_->on_connected(now_, 5);
  (void)sent();
  reply(kHello);
  EXPECT_THAT(sent(), ::testing::AnyOf("SUBSCRIBE a b", "SUBSCRIBE b a"));
}

TEST_F(LinkCarry, RequestsOutlastFailedConnectionsWhereAnotherNodeMayTakeOver) {
  LinkOptions patient = options();
  patient.patient = true;
  fsm_ = make(patient);
  fsm_->start(now_);
  subscribe(0, 1, {"a"});
  fsm_->on_failed("Connection refused", now_, 0);
  subscribe(0, 2, {"b"});
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_THAT(sink_.doubts_, Contains(state::RefreshReason::kUnreachable));
  come_back();
  EXPECT_EQ(sent(), "SUBSCRIBE a b");
  lose();
  now_ += kSecond;
  tick();
  fsm_->on_connected(now_);
  reply("-WRONGPASS invalid\r\n");
  EXPECT_THAT(told(), Contains(::testing::StartsWith("0: settled 1 ERR upstream")))
      << "nobody else would say otherwise";
}

}  // namespace
}  // namespace pillion::data::pubsub
