#include "proxy/data/fill/fill_link_fsm.hpp"

#include <gmock/gmock.h>

#include "tests/support/byte_splitter.hpp"
#include "tests/unit/proxy/data/fill/fill_link_fixture.hpp"

namespace pillion::data::fill {
namespace {

using state::kMillisecond;
using state::kSecond;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using FillHandshake = FillLinkFixture;
using FillLinkTest = FillLinkFixture;

TEST_F(FillHandshake, AsksForEverythingAtOnceAndTrustsWhenAllIsAccepted) {
  connect();
  EXPECT_EQ(sent(), "HELLO 3|COMMAND INFO GET MGET|CLIENT TRACKING ON OPTOUT|ROLE");
  EXPECT_FALSE(fsm_->accepts_fetches());
  now_ += 10 * kMillisecond;
  reply(accepted());
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(fsm_->allowed(), 0b11u);
  EXPECT_NE(links_.generation(5), 0u);
  EXPECT_EQ(links_.synced_at(5), now_ - 10 * kMillisecond) << "from when ROLE was sent";
}

TEST_F(FillHandshake, SaysWhoItIs) {
  FillLinkOptions mine = options();
  mine.identity = {"", "secret"};
  FillLinkFsm fsm(mine, cache_, links_, invalidator_, sink_, counters_);
  fsm.start(now_);
  fsm.on_connected(now_);
  EXPECT_EQ(spoken(fsm.unwritten()).substr(0, 27), "HELLO 3 AUTH default secret");
}

TEST_F(FillHandshake, AnyByteMayComeAlone) {
  const std::string answers = accepted();
  test::for_each_split(answers, [&](const test::Cuts& cuts) {
    FillLinkFsm fsm(options(), cache_, links_, invalidator_, sink_, counters_);
    fsm.start(now_);
    fsm.on_connected(now_);
    std::size_t at = 0;
    for (const std::size_t end : cuts) {
      EXPECT_NE(fsm.status(), Status::kLive);
      fsm.on_bytes(std::string_view(answers).substr(at, end - at), now_, 0);
      at = end;
    }
    EXPECT_EQ(fsm.status(), Status::kLive);
  });
}

TEST_F(FillHandshake, ARefusalIsFinalForAWhile) {
  const std::string hello(kHello);
  const std::string info(kInfo);
  const struct {
    std::string answers;
    std::string reason;
  } cases[] = {
      {"-NOPROTO unsupported protocol version\r\n",
       "HELLO 3 refused: NOPROTO unsupported protocol version"},
      {hello + "-NOPERM no\r\n",
       "COMMAND INFO refused or malformed: no command is known to be safe"},
      {hello + "*0\r\n", "COMMAND INFO refused or malformed: no command is known to be safe"},
      {hello + info + "-ERR unknown subcommand\r\n",
       "CLIENT TRACKING refused: ERR unknown subcommand"},
      {hello + info + "+OK\r\n*3\r\n$5\r\nslave\r\n:0\r\n*0\r\n",
       "the upstream is not a primary: slave"},
      {hello + info + "+OK\r\n-NOPERM no\r\n", "the upstream is not a primary: "},
  };
  for (const auto& each : cases) {
    FillLinkFsm fsm(options(), cache_, links_, invalidator_, sink_, counters_);
    fsm.start(now_);
    fsm.on_connected(now_);
    EXPECT_EQ(fsm.on_bytes(each.answers, now_, 0), Action::kClose);
    EXPECT_EQ(fsm.status(), Status::kRefused);
    EXPECT_EQ(fsm.reason(), each.reason);
    EXPECT_EQ(links_.generation(5), 0u);
    EXPECT_EQ(fsm.on_tick(now_ + 5 * kSecond - 1, 0), Action::kNone);
    EXPECT_EQ(fsm.on_tick(now_ + 5 * kSecond, 0), Action::kConnect);
  }
}

TEST_F(FillHandshake, HasADeadline) {
  connect();
  EXPECT_EQ(fsm_->on_tick(now_ + kSecond - 1, 0), Action::kNone);
  EXPECT_EQ(fsm_->on_tick(now_ + kSecond, 0), Action::kClose);
  EXPECT_EQ(fsm_->status(), Status::kBackoff);
  EXPECT_EQ(fsm_->reason(), "connect timed out");
}

TEST_F(FillLinkTest, AnAnswerIsStoredAndEveryWaiterTold) {
  go_live();
  EXPECT_EQ(get("k", 1), "(fetch)");
  EXPECT_EQ(get("k", 2), "(wait)");
  EXPECT_EQ(sent(), "GET k|PTTL k");
  reply("$1\r\nv\r\n");
  EXPECT_THAT(sink_.calls(), IsEmpty()) << "the TTL belongs to it";
  reply(":-1\r\n");
  EXPECT_THAT(sink_.calls(), ElementsAre("1 2 reply $1\r\nv\r\n"));
  EXPECT_EQ(get("k", 3), "$1\r\nv\r\n");
  EXPECT_EQ(counters_.fills_stored.get(), 1u);
}

TEST_F(FillLinkTest, AnySplitGivesTheSame) {
  go_live();
  const std::string bytes =
      "$5\r\nhello\r\n:-1\r\n" + invalidate("other") + "_\r\n:-2\r\n-WRONGTYPE no\r\n:-1\r\n";
  test::for_each_split(bytes, [&](const test::Cuts& cuts) {
    cache_.clear();
    for (const char* name : {"a", "b", "c"}) ASSERT_EQ(get(name, 1), "(fetch)");
    (void)sent();
    std::size_t at = 0;
    for (const std::size_t end : cuts) {
      reply(std::string_view(bytes).substr(at, end - at));
      at = end;
    }
    EXPECT_THAT(sink_.calls(), ElementsAre("1 reply $5\r\nhello\r\n", "1 reply _\r\n",
                                           "1 reply -WRONGTYPE no\r\n"));
    EXPECT_EQ(cached("a"), "$5\r\nhello\r\n");
    EXPECT_EQ(cached("b"), "_\r\n");
    EXPECT_EQ(cached("c"), "(none)") << "errors are not kept";
  });
  EXPECT_EQ(fsm_->status(), Status::kLive);
}

TEST_F(FillLinkTest, ATtlEndsTheEntry) {
  go_live();
  (void)get("k", 1);
  reply("$1\r\nv\r\n:100\r\n");
  now_ += 98 * kMillisecond;
  EXPECT_EQ(cached("k"), "$1\r\nv\r\n");
  now_ += kMillisecond;
  EXPECT_EQ(cached("k"), "(none)");
}

TEST_F(FillLinkTest, WithoutATtlThatIsUnderstoodNothingIsKept) {
  go_live();
  for (const char* pttl : {"-NOPERM no\r\n", "+x\r\n", "_\r\n", ":1\r\n", ":-2\r\n"}) {
    ASSERT_EQ(get("k", 1), "(fetch)") << pttl;
    reply(std::string("$1\r\nv\r\n") + pttl);
    EXPECT_EQ(cached("k"), "(none)") << pttl;
    EXPECT_THAT(sink_.calls(), ElementsAre("1 reply $1\r\nv\r\n"));
  }
}

TEST_F(FillLinkTest, AnInvalidationBetweenValueAndTtlMakesThemTwoVersions) {
  go_live();
  (void)get("k", 1);
  reply("$1\r\nv\r\n" + invalidate("k") + ":-1\r\n");
  EXPECT_THAT(sink_.calls(), ElementsAre("1 reply $1\r\nv\r\n"));
  EXPECT_EQ(cached("k"), "(none)");
}

TEST_F(FillLinkTest, AnInvalidationAheadOfTheValueOrOfAnotherKeyDoesNot) {
  go_live();
  (void)get("k", 1);
  reply(invalidate("k") + "$1\r\nv\r\n" + invalidate("kk") + ":-1\r\n");
  EXPECT_EQ(cached("k"), "$1\r\nv\r\n");
}

TEST_F(FillLinkTest, AnInvalidationBehindTheFillErasesIt) {
  go_live();
  (void)get("k", 1);
  reply("$1\r\nv\r\n:-1\r\n" + invalidate("k"));
  EXPECT_EQ(cached("k"), "(none)");
  EXPECT_EQ(counters_.invalidations_foreign.get(), 1u);
}

TEST_F(FillLinkTest, ANullPushForgetsEverythingAndTheFetchUnderWay) {
  go_live();
  (void)get("a", 1);
  reply("$1\r\nv\r\n:-1\r\n");
  (void)get("b", 2);
  reply("$1\r\nw\r\n");
  const auto generation = links_.generation(5);
  reply(kNullPush);
  EXPECT_NE(links_.generation(5), generation);
  reply(":-1\r\n");
  EXPECT_EQ(cached("a"), "(none)");
  EXPECT_EQ(cached("b"), "(none)");
  EXPECT_EQ(fsm_->status(), Status::kLive);
  (void)get("c", 3);
  reply("$1\r\nx\r\n:-1\r\n");
  EXPECT_EQ(cached("c"), "$1\r\nx\r\n") << "what is asked now is good again";
}

TEST_F(FillLinkTest, AnOwnWritePoisonsTheFetch) {
  go_live();
  (void)get("k", 1);
  invalidator_.on_own_write(cache::hash_name("k"), now_, counters_);
  reply("$1\r\nv\r\n:-1\r\n");
  EXPECT_THAT(sink_.calls(), ElementsAre("1 reply $1\r\nv\r\n"));
  EXPECT_EQ(cached("k"), "(none)");
}

TEST_F(FillLinkTest, OtherDatabasesAreSelectedWhereTheyChange) {
  go_live();
  (void)get("k", 1, 0);
  (void)get("k", 2, 3);
  (void)get("l", 3, 3);
  (void)get("m", 4, 0);
  EXPECT_EQ(sent(), "GET k|PTTL k|SELECT 3|GET k|PTTL k|GET l|PTTL l|SELECT 0|GET m|PTTL m");
  reply("+a\r\n:-1\r\n+OK\r\n+b\r\n:-1\r\n+c\r\n:-1\r\n+OK\r\n+d\r\n:-1\r\n");
  EXPECT_EQ(cached("k", 0), "+a\r\n");
  EXPECT_EQ(cached("k", 3), "+b\r\n");
  EXPECT_EQ(cached("l", 3), "+c\r\n");
  EXPECT_EQ(cached("m", 0), "+d\r\n");
}

TEST_F(FillLinkTest, ARefusedSelectEndsTheTrust) {
  go_live();
  (void)get("k", 1, 99);
  EXPECT_EQ(reply("-ERR DB index is out of range\r\n"), Action::kClose);
  EXPECT_EQ(fsm_->reason(), "SELECT refused: ERR DB index is out of range");
  EXPECT_THAT(sink_.calls(), ElementsAre("1 lost GET k"));
}

TEST_F(FillLinkTest, TooLargeAnAnswerIsSaidAtOnceAndDropped) {
  go_live();
  (void)get("big", 1);
  (void)get("next", 2);
  reply("$5000\r\nabc");
  EXPECT_THAT(sink_.calls(), ElementsAre("1 too large GET big"));
  EXPECT_FALSE(fsm_->accepts_fetches());
  EXPECT_EQ(get("big", 3), "(too large)");
  reply(std::string(4'000, 'x'));
  reply(std::string(997, 'x') + "\r");
  EXPECT_FALSE(fsm_->accepts_fetches());
  reply("\n:-1\r\n$1\r\nn\r\n:-1\r\n");
  EXPECT_TRUE(fsm_->accepts_fetches());
  EXPECT_THAT(sink_.calls(), ElementsAre("2 reply $1\r\nn\r\n"));
  EXPECT_EQ(cached("next"), "$1\r\nn\r\n");
}

TEST_F(FillLinkTest, TooLargeAnAnswerThatCameWholeIsTheSame) {
  go_live();
  (void)get("big", 1);
  (void)get("next", 2);
  reply(bulk(std::string(2'000, 'x')) + ":-1\r\n$1\r\nn\r\n:-1\r\n");
  EXPECT_THAT(sink_.calls(), ElementsAre("1 too large GET big", "2 reply $1\r\nn\r\n"));
  EXPECT_TRUE(fsm_->accepts_fetches());
}

TEST_F(FillLinkTest, TooLargeATtlDoesNotShiftTheAnswers) {
  go_live();
  (void)get("a", 1);
  (void)get("b", 2);
  reply("$1\r\na\r\n$5000\r\n");
  reply(std::string(5'000, 'x') + "\r\n");
  reply("$1\r\nb\r\n:-1\r\n");
  EXPECT_THAT(sink_.calls(), ElementsAre("1 too large GET a", "2 reply $1\r\nb\r\n"));
  EXPECT_EQ(cached("b"), "$1\r\nb\r\n");
  EXPECT_EQ(fsm_->status(), Status::kLive);
}

TEST_F(FillLinkTest, MembersOfAnMgetAreStoredOneByOne) {
  go_live();
  mget({"a", "b", "c"}, 1);
  EXPECT_EQ(sent(), "MGET a b c|PTTL a|PTTL b|PTTL c");
  // b is of another type: nil here, WRONGTYPE for GET.
  reply("*3\r\n$1\r\nA\r\n_\r\n_\r\n:-1\r\n:-1\r\n:-2\r\n");
  EXPECT_THAT(sink_.calls(), ElementsAre("1 reply *3\r\n$1\r\nA\r\n_\r\n_\r\n"));
  EXPECT_EQ(cached("a"), "$1\r\nA\r\n");
  EXPECT_EQ(cached("b"), "(none)");
  EXPECT_EQ(cached("c"), "_\r\n");
}

TEST_F(FillLinkTest, AMemberErasedMeanwhileIsNotStored) {
  go_live();
  mget({"a", "b"}, 1);
  invalidator_.on_own_write(cache::hash_name("a"), now_, counters_);
  reply("*2\r\n$1\r\nA\r\n$1\r\nB\r\n:-1\r\n:-1\r\n");
  EXPECT_EQ(cached("a"), "(none)");
  mget({"c", "d"}, 1);
  reply("*2\r\n$1\r\nC\r\n$1\r\nD\r\n:-1\r\n" + invalidate("c") + ":-1\r\n");
  EXPECT_EQ(cached("c"), "(none)");
  EXPECT_EQ(cached("d"), "(none)") << "the whole answer is of no one version";
}

TEST_F(FillLinkTest, AnMgetOfAnotherShapeIsPassedOnAndNotKept) {
  go_live();
  for (const char* frame : {"-ERR x\r\n", "*1\r\n$1\r\nA\r\n", "*3\r\n+a\r\n+b\r\n+c\r\n",
                            "%1\r\n+a\r\n+b\r\n", "_\r\n"}) {
    mget({"a", "b"}, 1);
    reply(std::string(frame) + ":-1\r\n:-1\r\n");
    EXPECT_THAT(sink_.calls(), ElementsAre(std::string("1 reply ") + frame));
    EXPECT_EQ(cached("a"), "(none)") << frame;
  }
}

TEST_F(FillLinkTest, ProbesOnlyWhenUsed) {
  go_live();
  links_.take_used(5);
  now_ += kSecond;
  EXPECT_EQ(fsm_->on_tick(now_, 0), Action::kNone) << "nobody asked the cache";
  links_.mark_used(5);
  EXPECT_EQ(fsm_->on_tick(now_, 0), Action::kWrite);
  EXPECT_EQ(sent(), "ROLE");
  links_.mark_used(5);
  now_ += kSecond;
  EXPECT_EQ(fsm_->on_tick(now_, 0), Action::kNone) << "one at a time";
  reply(kMaster);
  EXPECT_EQ(links_.synced_at(5), now_ - kSecond) << "from when it was sent";
  EXPECT_EQ(fsm_->on_tick(now_, 0), Action::kWrite);
  EXPECT_EQ(sent(), "ROLE");
  reply(kMaster);
  links_.mark_used(5);
  now_ += 250 * kMillisecond - 1;
  EXPECT_EQ(fsm_->on_tick(now_, 0), Action::kNone) << "a quarter of the lease apart";
  now_ += 1;
  EXPECT_EQ(fsm_->on_tick(now_, 0), Action::kWrite);
}

TEST_F(FillLinkTest, TheLeaseEndsWhenNothingProvesTheStream) {
  go_live();
  (void)get("k", 1);
  (void)sent();
  reply("$1\r\nv\r\n:-1\r\n");
  now_ += kSecond;
  EXPECT_EQ(cached("k"), "$1\r\nv\r\n");
  now_ += 1;
  EXPECT_EQ(cached("k"), "(none)");
  fsm_->on_tick(now_, 0);
  EXPECT_EQ(sent(), "ROLE") << "the lapsed hit asked for it";
  reply(kMaster);
  EXPECT_EQ(cached("k"), "$1\r\nv\r\n");
}

TEST_F(FillLinkTest, AProbeThatFindsAReplicaEndsTheTrust) {
  go_live();
  (void)get("k", 1);
  reply("$1\r\nv\r\n:-1\r\n");
  links_.mark_used(5);
  now_ += 300 * kMillisecond;
  fsm_->on_tick(now_, 0);
  EXPECT_EQ(reply("*5\r\n$5\r\nslave\r\n$1\r\nh\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"),
            Action::kClose);
  EXPECT_EQ(fsm_->status(), Status::kRefused);
  EXPECT_EQ(cached("k"), "(none)");
}

TEST_F(FillLinkTest, AFenceIsAnsweredBehindWhatCameBefore) {
  go_live();
  (void)get("k", 1);
  fsm_->send_fence(77, now_);
  EXPECT_EQ(sent(), "GET k|PTTL k|PING");
  reply("$1\r\nv\r\n:-1\r\n" + invalidate("k"));
  EXPECT_THAT(sink_.calls(), ElementsAre("1 reply $1\r\nv\r\n"));
  reply("+PONG\r\n");
  EXPECT_THAT(sink_.calls(), ElementsAre("fence 77"));
}

TEST_F(FillLinkTest, AFenceNeedsNothingOfALinkThatIsDown) {
  fsm_->send_fence(77, now_);
  EXPECT_THAT(sink_.calls(), ElementsAre("fence 77"));
  connect();
  fsm_->send_fence(78, now_);
  EXPECT_THAT(sink_.calls(), ElementsAre("fence 78"));
}

TEST_F(FillLinkTest, AFenceThatTakesTooLongEndsTheGenerationInstead) {
  go_live();
  (void)get("k", 1);
  reply("$1\r\nv\r\n:-1\r\n");
  (void)sink_.calls();
  fsm_->send_fence(77, now_);
  now_ += kSecond;
  fsm_->on_tick(now_, 0);
  EXPECT_THAT(sink_.calls(), IsEmpty());
  now_ += 1;
  fsm_->on_tick(now_, 0);
  EXPECT_THAT(sink_.calls(), ElementsAre("fence 77"));
  EXPECT_EQ(counters_.fence_timeouts.get(), 1u);
  fsm_->on_tick(now_ + 1, 0);
  reply("+PONG\r\n");
  EXPECT_THAT(sink_.calls(), IsEmpty()) << "told once";
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(cached("k"), "(none)");
}

TEST_F(FillLinkTest, ALostLinkAnswersEveryoneAndServesNothing) {
  go_live();
  (void)get("kept", 1);
  reply("$1\r\nv\r\n:-1\r\n");
  (void)sink_.calls();
  (void)get("a", 1);
  (void)get("a", 2);
  mget({"b", "c"}, 3);
  fsm_->send_fence(77, now_);
  (void)get("d", 4);
  reply("$1\r\nA\r\n");
  now_ += 500 * state::kMillisecond;
  EXPECT_EQ(fsm_->on_failed("connection closed by the upstream", now_, 0), Action::kClose);
  EXPECT_THAT(sink_.calls(),
              ElementsAre("1 2 lost GET a", "3 lost MGET b c", "fence 77", "4 lost GET d"));
  EXPECT_EQ(cached("kept"), "(none)");
  EXPECT_EQ(links_.generation(5), 0u);
  EXPECT_FALSE(fsm_->accepts_fetches());
  EXPECT_EQ(fsm_->unwritten(), "");
  EXPECT_EQ(counters_.flushes_link_lost.get(), 1u);
  EXPECT_EQ(fsm_->on_failed("again", now_, 0), Action::kNone);

  EXPECT_EQ(fsm_->on_tick(now_, 0), Action::kConnect) << "one that worked is tried again at once";
  fsm_->on_connected(now_);
  reply(accepted());
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(cached("kept"), "(none)") << "never served again";
  (void)sent();
  EXPECT_EQ(get("a", 5), "(fetch)");
  EXPECT_EQ(sent(), "GET a|PTTL a");
}

TEST_F(FillLinkTest, ASilentLinkIsLost) {
  go_live();
  (void)get("k", 1);
  now_ += 5 * kSecond;
  fsm_->on_tick(now_, 0);
  EXPECT_EQ(fsm_->status(), Status::kLive);
  EXPECT_EQ(fsm_->on_tick(now_ + 1, 0), Action::kClose);
  EXPECT_THAT(sink_.calls(), ElementsAre("1 lost GET k"));
}

TEST_F(FillLinkTest, WhatCannotBeMatchedEndsTheTrust) {
  const std::string other_push = ">2\r\n$7\r\nmessage\r\n$1\r\nx\r\n";
  go_live();
  EXPECT_NE(reply(other_push), Action::kClose) << "not ours to judge";
  for (const std::string& bytes : {std::string("+nobody asked\r\n"), std::string("!!"),
                                   std::string(">1\r\n$21\r\ntracking-redir-broken\r\n"),
                                   std::string(">2\r\n$10\r\ninvalidate\r\n:5\r\n")}) {
    EXPECT_EQ(reply(bytes), Action::kClose) << bytes;
    EXPECT_EQ(links_.generation(5), 0u);
    fsm_->on_tick(now_, 0);
    fsm_->on_connected(now_);
    (void)sent();
    reply(accepted());
    ASSERT_EQ(fsm_->status(), Status::kLive) << fsm_->reason();
  }
}

TEST_F(FillLinkTest, AControlFrameThatNeverEndsEndsTheTrust) {
  go_live();
  EXPECT_EQ(reply(">2\r\n$10\r\ninvalidate\r\n*1\r\n$400000000\r\n"), Action::kClose);
}

TEST_F(FillLinkTest, AnUpstreamThatTakesNothingIsAskedForNoMore) {
  go_live();
  const std::string long_name(3UL << 20, 'k');
  (void)get(long_name, 1);
  EXPECT_FALSE(fsm_->accepts_fetches()) << "the command and its PTTL";
  (void)sent();
  EXPECT_TRUE(fsm_->accepts_fetches());
}

/// Scripts on the link: EVAL, then a PING with a number of its own.
class FillLinkScripts : public FillLinkTest {
 protected:
  void run(std::uint64_t slot, std::uint64_t nonce = 42, std::uint32_t database = 0) {
    Fetch fetch;
    fetch.request = requests("EVAL s 0");
    fetch.database = database;
    fetch.script = true;
    fetch.nonce = nonce;
    fetch.waiter = {0, 1, slot};
    fsm_->send(std::move(fetch), now_);
  }
  static std::string pong(int nonce = 42) { return bulk("pillion-" + std::to_string(nonce)); }
};

TEST_F(FillLinkScripts, AReplyIsPassedOnBehindTheInvalidationsItsScriptCaused) {
  go_live();
  (void)get("k", 1);
  reply("$1\r\nv\r\n:-1\r\n");
  (void)sink_.calls();
  (void)sent();
  run(2);
  EXPECT_EQ(sent(), "CLIENT CACHING NO|EVAL s 0|PING pillion-42");
  reply("+OK\r\n:1\r\n");
  EXPECT_THAT(sink_.calls(), IsEmpty());
  reply(invalidate("k"));
  EXPECT_EQ(cached("k"), "(none)");
  EXPECT_THAT(sink_.calls(), IsEmpty());
  reply(pong());
  EXPECT_THAT(sink_.calls(), ElementsAre("2 reply :1\r\n"));
}

TEST_F(FillLinkScripts, NothingOfItIsStored) {
  go_live();
  run(1);
  reply("+OK\r\n$1\r\nv\r\n" + pong());
  EXPECT_EQ(counters_.fills_stored.get() + counters_.fills_discarded.get(), 0U);
  EXPECT_TRUE(links_.nothing_fetched(5)) << "so no fence has to ask this link";
}

TEST_F(FillLinkScripts, AForgedReplyEndsTheLinkBeforeItIsTakenForAnothers) {
  go_live();
  run(1);
  (void)get("k", 2);
  // What the script says is an error with a reply of its own choosing behind it.
  EXPECT_EQ(reply("+OK\r\n-ERR\r\n$6\r\nforged\r\n:-1\r\n" + pong() + "$1\r\nv\r\n:-1\r\n"),
            Action::kClose);
  EXPECT_THAT(sink_.calls(), ElementsAre("1 lost EVAL s 0", "2 lost GET k"));
  EXPECT_EQ(cached("k"), "(none)");
  while (fsm_->status() != Status::kConnecting) fsm_->on_tick(now_ += kSecond, 0);
  fsm_->on_connected(now_);
  reply(accepted());
  ASSERT_TRUE(fsm_->accepts_fetches());
  EXPECT_FALSE(fsm_->accepts_scripts()) << "once was enough";
}

TEST_F(FillLinkScripts, AServerThatIsBusySaysSoToItsClient) {
  go_live();
  run(1);
  EXPECT_EQ(reply("+OK\r\n-BUSY Redis is busy\r\n-BUSY Redis is busy\r\n"), Action::kClose);
  EXPECT_THAT(sink_.calls(), ElementsAre("1 reply -BUSY Redis is busy\r\n"));
  while (fsm_->status() != Status::kConnecting) fsm_->on_tick(now_ += kSecond, 0);
  fsm_->on_connected(now_);
  reply(accepted());
  EXPECT_TRUE(fsm_->accepts_scripts()) << "nobody has forged anything";
}

TEST_F(FillLinkScripts, OneThatTakesItsTimeHoldsNobodyUp) {
  go_live();
  run(1);
  (void)get("k", 2);
  run(3, 43);
  now_ += 20 * kMillisecond;
  fsm_->on_tick(now_, 0);
  EXPECT_TRUE(fsm_->accepts_fetches());
  now_ += 1;
  fsm_->on_tick(now_, 0);
  EXPECT_THAT(sink_.calls(), ElementsAre("2 lost GET k"));
  EXPECT_FALSE(fsm_->accepts_fetches());
  EXPECT_FALSE(fsm_->accepts_scripts());
  now_ += 30 * kSecond;
  fsm_->on_tick(now_, 0);
  EXPECT_EQ(fsm_->status(), Status::kLive) << "a script has longer than a fetch";
  reply("+OK\r\n:1\r\n" + pong() + "$1\r\nv\r\n:-1\r\n");
  EXPECT_TRUE(fsm_->accepts_fetches());
  EXPECT_THAT(sink_.calls(), ElementsAre("1 reply :1\r\n")) << "who was let go is not told again";
  fsm_->on_tick(now_, 0);
  EXPECT_EQ(fsm_->status(), Status::kLive) << "what it held up has its time from here";
  reply("+OK\r\n:3\r\n" + pong(43));
  EXPECT_THAT(sink_.calls(), ElementsAre("3 reply :3\r\n"));
}

TEST_F(FillLinkScripts, OneThatNeverEndsEndsTheLink) {
  go_live();
  run(1);
  now_ += 60 * kSecond;
  fsm_->on_tick(now_, 0);
  EXPECT_EQ(fsm_->status(), Status::kLive);
  now_ += 1;
  EXPECT_EQ(fsm_->on_tick(now_, 0), Action::kClose);
  EXPECT_THAT(sink_.calls(), ElementsAre("1 lost EVAL s 0"));
}

TEST_F(FillLinkScripts, OneThatCannotBeRunningIsNotWaitedForLongerThanAFetch) {
  state::EndpointTraffic::Counts traffic;
  FillLinkOptions watched = options();
  watched.traffic = &traffic;
  fsm_ = std::make_unique<FillLinkFsm>(watched, cache_, links_, invalidator_, sink_, counters_);
  go_live();
  const state::Nanos sent_at = now_;
  run(1);
  now_ += 2 * kSecond;
  traffic.executed = sent_at + 20 * kMillisecond;
  fsm_->on_tick(now_, 0);
  now_ += 10 * kSecond;
  fsm_->on_tick(now_, 0);
  EXPECT_EQ(fsm_->status(), Status::kLive) << "that was executed before, perhaps";
  traffic.executed = sent_at + kSecond;
  fsm_->on_tick(now_, 0);
  now_ += 5 * kSecond;
  fsm_->on_tick(now_, 0);
  EXPECT_EQ(fsm_->status(), Status::kLive) << "its reply may be on its way";
  now_ += 1;
  EXPECT_EQ(fsm_->on_tick(now_, 0), Action::kClose);
  EXPECT_THAT(sink_.calls(), ElementsAre("1 lost EVAL s 0"));
}

TEST_F(FillLinkTest, AFenceWaitsForWhatIsOnItsWayAcrossAFlush) {
  go_live();
  (void)get("k", 1);
  reply(kNullPush);
  EXPECT_FALSE(links_.nothing_fetched(5)) << "somebody may still join it";
}

TEST_F(FillLinkScripts, AReplyMayBeLargerThanAnEntryButNotThanAnOutput) {
  FillLinkOptions limited = options();
  limited.max_script_reply = 4000;
  fsm_ = std::make_unique<FillLinkFsm>(limited, cache_, links_, invalidator_, sink_, counters_);
  go_live();
  const std::string large = bulk(std::string(3000, 'x'));
  run(1);
  reply("+OK\r\n" + large.substr(0, 2000));
  reply(large.substr(2000) + pong());
  EXPECT_THAT(sink_.calls(), ElementsAre("1 reply " + large));
  const std::string larger = bulk(std::string(5000, 'x'));
  run(1);
  reply("+OK\r\n" + larger.substr(0, 2000));
  EXPECT_FALSE(fsm_->accepts_fetches()) << "while it is dropped";
  reply(larger.substr(2000));
  EXPECT_THAT(sink_.calls(), IsEmpty());
  reply(pong());
  EXPECT_THAT(sink_.calls(), ElementsAre("1 too large EVAL s 0"));
}

}  // namespace
}  // namespace pillion::data::fill
