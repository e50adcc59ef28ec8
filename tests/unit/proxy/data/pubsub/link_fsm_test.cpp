#include "proxy/data/pubsub/link_fsm.hpp"

#include <gmock/gmock.h>

#include "tests/support/byte_splitter.hpp"
#include "tests/unit/proxy/data/pubsub/link_fixture.hpp"

namespace pillion::data::pubsub {
namespace {

using state::kSecond;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using LinkLife = LinkFixture;
using LinkMessages = LinkFixture;
using LinkLoss = LinkFixture;

TEST_F(LinkLife, SaysHelloAndThenWhatWaited) {
  fsm_->start(now_);
  subscribe(0, 1, {"a"});
  fsm_->on_connected(now_);
  EXPECT_EQ(sent(), "HELLO 3");
  subscribe(1, 2, {"a", "b"});
  EXPECT_EQ(sent(), "") << "not before the upstream has accepted us";
  EXPECT_EQ(reply(kHello), Action::kWrite);
  EXPECT_EQ(sent().substr(0, 10), "SUBSCRIBE ");
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(LinkLife, SpeaksAsItsIdentity) {
  LinkOptions mine = options();
  mine.identity = std::make_shared<const upstream::Identity>(upstream::Identity{"bob", "secret"});
  fsm_ = make(mine);
  connect();
  EXPECT_EQ(sent(), "HELLO 3 AUTH bob secret");
}

TEST_F(LinkLife, ProbesASilentUpstreamAndGivesUpWhenItStaysSilent) {
  go_live();
  now_ += kSecond - 1;
  EXPECT_EQ(tick(), Action::kNone);
  now_ += 1;
  EXPECT_EQ(tick(), Action::kWrite);
  EXPECT_EQ(sent(), "PING");
  now_ += 5 * kSecond;
  EXPECT_EQ(tick(), Action::kNone);
  EXPECT_EQ(sent(), "") << "one probe at a time";
  now_ += 1;
  EXPECT_EQ(tick(), Action::kClose);
  EXPECT_EQ(fsm_->reason(), "no reply to a probe or a subscription");
}

TEST_F(LinkLife, AnyAnswerToAProbeIsAnAnswer) {
  go_live();
  now_ += kSecond;
  tick();
  EXPECT_EQ(reply("-BUSY a script runs\r\n"), Action::kWrite);
  EXPECT_EQ(fsm_->status(), Status::kLive);
}

TEST_F(LinkLife, KnowsSinceWhenNobodyNeedsIt) {
  go_live();
  have("a");
  EXPECT_EQ(fsm_->idle_since(), -1);
  leave(0, {"a"});
  EXPECT_EQ(fsm_->idle_since(), -1) << "an answer is under way";
  reply(confirm("unsubscribe", "a"));
  EXPECT_EQ(fsm_->idle_since(), now_);
  now_ += kSecond;
  tick();
  reply(kPong);
  EXPECT_EQ(fsm_->idle_since(), now_ - kSecond) << "probes are no use of it";
}

TEST_F(LinkLife, WhatNobodyAskedForEndsIt) {
  const std::string cases[] = {confirm("subscribe", "a"), "+OK\r\n", "$-2\r\n", ">1\r\n:1\r\n",
                               ">2\r\n$7\r\nmessage\r\n$1\r\na\r\n"};
  for (const std::string& bytes : cases) {
    fsm_ = make();
    go_live();
    EXPECT_EQ(reply(bytes), Action::kClose) << bytes;
  }
  go_live();
  EXPECT_EQ(reply(">2\r\n$10\r\ninvalidate\r\n_\r\n"), Action::kNone) << "another kind of push";
}

TEST_F(LinkLife, AnEndlessMessageEndsIt) {
  LinkOptions small = options();
  small.max_frame = 100;
  fsm_ = make(small);
  go_live();
  have("a");
  EXPECT_EQ(reply(">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$1000\r\nxx"), Action::kClose);
}

TEST_F(LinkMessages, ConsecutiveFramesOfOneNameAreOneRun) {
  go_live();
  subscribe(0, 1, {"a", "b"});
  reply(confirm("subscribe", "a") + confirm("subscribe", "b"));
  EXPECT_THAT(told(), ElementsAre("0: settled 1"));
  const std::string frames[] = {message("a", "1"), message("a", "2"), message("b", "3"),
                                message("a", "four\r\n>3")};
  std::string resp3;
  std::string resp2;
  for (const std::string& frame : frames) {
    resp3 += frame;
    resp2 += "*" + frame.substr(1);
  }
  reply(resp3);
  EXPECT_THAT(told(), ElementsAre("0: run a*2", "0: run b*1", "0: run a*1"));
  ASSERT_TRUE(sink_.latest_);
  EXPECT_EQ(sink_.latest_->resp3, resp3);
  EXPECT_EQ(sink_.latest_->resp2, resp2);
  EXPECT_EQ(counters_.pubsub_messages_in.get(), 4u);
}

TEST_F(LinkMessages, AnySplitGivesTheSame) {
  const std::string bytes = message("a", "1") + confirm("subscribe", "p") + message("a", "2") +
                            push({"pmessage", "p", "a", "3"}) + std::string(kPong);
  test::for_each_split(bytes, [&](const test::Cuts& cuts) {
    fsm_ = make();
    go_live();
    have("a");
    subscribe(1, 2, {"p"});
    unsubscribe(0, 3, {});
    std::size_t at = 0;
    for (const std::size_t end : cuts) {
      ASSERT_NE(fsm_->on_bytes(std::string_view(bytes).substr(at, end - at), now_, 0),
                Action::kClose);
      at = end;
    }
    fsm_->end_batch();
    EXPECT_THAT(told(), ElementsAre("0: run a*1", "0: run a*1", "0: settled 3", "1: settled 2"));
  });
}

TEST_F(LinkMessages, ARunEndsWhereARequestIsSettled) {
  go_live();
  have("a");
  subscribe(0, 2, {"a"});
  EXPECT_EQ(sent(), "SUBSCRIBE a") << "its place in the stream is what counts";
  reply(message("a", "1") + confirm("subscribe", "a") + message("a", "2"));
  EXPECT_THAT(told(), ElementsAre("0: run a*1", "0: settled 2", "0: run a*1"));
}

TEST_F(LinkMessages, GoToTheWorkersThatWantThem) {
  go_live();
  subscribe(0, 1, {"a"});
  subscribe(1, 1, {"b"});
  reply(confirm("subscribe", "a") + confirm("subscribe", "b"));
  (void)told();
  reply(message("a", "x"));
  EXPECT_THAT(told(), ElementsAre("0: run a*1"));
  reply(message("c", "x"));
  EXPECT_THAT(told(), IsEmpty());
}

TEST_F(LinkMessages, AreGatheredWhileTheWorkersAreBusy) {
  LinkOptions small = options();
  small.max_gathered = 60;
  fsm_ = make(small);
  go_live();
  have("a");
  sink_.takes_ = false;
  reply(message("a", "1"));
  EXPECT_FALSE(fsm_->full());
  reply(message("a", "2"));
  reply(message("a", "3"));
  EXPECT_TRUE(fsm_->full());
  EXPECT_THAT(told(), IsEmpty());
  sink_.takes_ = true;
  fsm_->end_batch();
  EXPECT_THAT(told(), ElementsAre("0: run a*3"));
  EXPECT_FALSE(fsm_->full());
}

TEST_F(LinkMessages, EveryKindHasItsWords) {
  go_live();
  subscribe(0, 1, {"n"}, Kind::kChannel);
  subscribe(0, 2, {"n"}, Kind::kPattern);
  subscribe(0, 3, {"n"}, Kind::kShard);
  EXPECT_EQ(sent(), "SUBSCRIBE n|PSUBSCRIBE n|SSUBSCRIBE n");
  reply(confirm("subscribe", "n") + confirm("psubscribe", "n") + confirm("ssubscribe", "n"));
  EXPECT_THAT(told(), ElementsAre("0: settled 1", "0: settled 2", "0: settled 3"));
  reply(message("n", "1") + push({"pmessage", "n", "other", "2"}) + push({"smessage", "n", "3"}));
  EXPECT_THAT(told(), ElementsAre("0: run n*1", "0: run n*1", "0: run n*1"));
  EXPECT_EQ(sink_.latest_->runs[1].kind, Kind::kPattern);
  EXPECT_EQ(sink_.latest_->runs[2].kind, Kind::kShard);
  unsubscribe(0, 4, {"n"}, Kind::kPattern);
  unsubscribe(0, 5, {"n"}, Kind::kShard);
  EXPECT_EQ(sent(), "PUNSUBSCRIBE n|SUNSUBSCRIBE n");
  reply(confirm("punsubscribe", "n") + confirm("sunsubscribe", "n"));
  EXPECT_THAT(told(), ElementsAre("0: settled 4", "0: settled 5"));
  EXPECT_EQ(counters_.pubsub_names.get(), 1u);
}

TEST_F(LinkLoss, WhatIsWantedIsAskedForAgainOnce) {
  go_live();
  have("a");
  subscribe(1, 2, {"a"});
  reply(confirm("subscribe", "a"));
  (void)told();
  EXPECT_EQ(counters_.pubsub_names.get(), 1u);
  lose();
  EXPECT_EQ(counters_.pubsub_names.get(), 0u);
  come_back();
  EXPECT_EQ(sent(), "SUBSCRIBE a");
  EXPECT_EQ(counters_.pubsub_reconnects.get(), 1u);
  reply(confirm("subscribe", "a") + message("a", "1"));
  EXPECT_THAT(told(), ElementsAre("0: run a*1", "1: run a*1"));
}

TEST_F(LinkLoss, ManyNamesAreAskedForInBoundedCommands) {
  LinkOptions small = options();
  small.max_names = 2;
  fsm_ = make(small);
  go_live();
  subscribe(0, 1, {"a", "b", "c", "d", "e"});
  EXPECT_EQ(sent(), "SUBSCRIBE a b|SUBSCRIBE c d|SUBSCRIBE e");
  for (const char* name : {"a", "b", "c", "d"}) reply(confirm("subscribe", name));
  EXPECT_THAT(told(), IsEmpty());
  reply(confirm("subscribe", "e"));
  EXPECT_THAT(told(), ElementsAre("0: settled 1"));
  now_ += kSecond;
  lose();
  come_back();
  const std::string again = sent();
  EXPECT_EQ(std::count(again.begin(), again.end(), '|'), 2) << again;
}

TEST_F(LinkLoss, RequestsUnderWaySurviveABlip) {
  go_live();
  have("a");
  subscribe(0, 2, {"b", "c"});
  reply(confirm("subscribe", "b"));
  unsubscribe(0, 3, {"a"});
  unsubscribe(0, 4, {});
  lose();
  come_back();
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(sent(), "SUBSCRIBE b c|PING|PING");
  reply(confirm("subscribe", "b") + confirm("subscribe", "c") + std::string(kPong) +
        std::string(kPong));
  EXPECT_THAT(told(), ElementsAre("0: settled 2", "0: settled 3", "0: settled 4"));
}

TEST_F(LinkLoss, WhatWasToEndEndsWithTheConnection) {
  go_live();
  have("a");
  unsubscribe(0, 2, {"a"});
  lose();
  EXPECT_FALSE(census_.any());
  ASSERT_EQ(tick(), Action::kConnect);
  fsm_->on_failed("Connection refused", now_, 0);
  fsm_->end_batch();
  EXPECT_THAT(told(), ElementsAre("0: settled 2"));
}

TEST_F(LinkLoss, RequestsFailWhenThereIsNoConnection) {
  fsm_->start(now_);
  subscribe(0, 1, {"a"});
  fsm_->on_failed("Connection refused", now_, 0);
  fsm_->end_batch();
  EXPECT_THAT(told(),
              ElementsAre("0: settled 1 ERR upstream redis:6379 unavailable: Connection refused"));
  subscribe(0, 2, {"b"});
  EXPECT_THAT(told(),
              ElementsAre("0: settled 2 ERR upstream redis:6379 unavailable: Connection refused"));
  leave(0, {"a", "b"});
  come_back();
  EXPECT_EQ(sent(), "");
  EXPECT_GE(fsm_->idle_since(), 0);
}

TEST_F(LinkLoss, BacksOffFromAnUpstreamThatEndsConnectionsAtOnce) {
  go_live();
  have("a");
  lose();
  EXPECT_EQ(tick(), Action::kConnect) << "it had worked: at once";
  fsm_->on_connected(now_);
  reply(kHello);
  lose();
  EXPECT_EQ(tick(), Action::kNone);
  EXPECT_EQ(fsm_->status(), Status::kBackoff);
}

TEST_F(LinkLoss, ARefusedIdentityRevokesWhatItHad) {
  go_live();
  have("a");
  lose();
  now_ += kSecond;
  tick();
  subscribe(1, 2, {"b"});
  fsm_->on_connected(now_);
  EXPECT_EQ(reply("-WRONGPASS no such user\r\n"), Action::kClose);
  EXPECT_THAT(told(), ElementsAre("0: revoked a",
                                  "1: settled 2 ERR upstream redis:6379 unavailable: WRONGPASS no "
                                  "such user"));
}

TEST_F(LinkLoss, AFullUpstreamRevokesNothing) {
  go_live();
  have("a");
  lose();
  now_ += kSecond;
  tick();
  fsm_->on_connected(now_);
  EXPECT_EQ(reply("-ERR max number of clients reached\r\n"), Action::kClose);
  EXPECT_THAT(told(), IsEmpty());
  come_back();
  EXPECT_EQ(sent(), "SUBSCRIBE a");
}

}  // namespace
}  // namespace pillion::data::pubsub
