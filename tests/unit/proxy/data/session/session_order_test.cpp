// Replies leave in the order of their requests, whoever answers them; barriers hold what depends on
// them.
#include "protocol/command/table.hpp"
#include "tests/unit/proxy/data/session/session_fixture.hpp"

namespace pillion::data::session {
namespace {

using SessionOrder = SessionFixture;

TEST_F(SessionOrder, LocalAnswersWaitForUpstreamRepliesAheadOfThem) {
  say("PING|SET a 1|ECHO x|GET a|PING");
  EXPECT_EQ(heard(), "+PONG\r\n");
  EXPECT_EQ(shared().sent(), "SET a 1|GET a");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n$1\r\nx\r\n");
  answer(shared(), "$1\r\n1\r\n");
  EXPECT_EQ(heard(), "$1\r\n1\r\n+PONG\r\n");
  EXPECT_TRUE(session_->quiet());
}

TEST_F(SessionOrder, FetchedAnswersWaitTheirTurnAndHitsPassNobody) {
  bring_link_up();
  const std::string b = unlike("a");
  say("SET a 1|GET " + b + "|PING");
  EXPECT_EQ(link_sent(), "GET " + b + "|PTTL " + b);
  link_replies("$1\r\nB\r\n:-1\r\n");
  EXPECT_EQ(heard(), "") << "SET was asked first";
  say("GET " + b);  // a hit by now
  EXPECT_EQ(heard(), "");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n$1\r\nB\r\n+PONG\r\n$1\r\nB\r\n");
  EXPECT_EQ(counters_.cache_hits.get(), 1u);
  say("GET " + b);
  EXPECT_EQ(heard(), "$1\r\nB\r\n");
}

TEST_F(SessionOrder, NeighboursOfOneKindShareASlot) {
  say("SET a 1|SET b 2|SET c 3|INCR d|PING");
  EXPECT_EQ(shared().sent(), "SET a 1|SET b 2|SET c 3|INCR d");
  answer(shared(), "+OK\r\n+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n");
  EXPECT_FALSE(session_->quiet());
  answer(shared(), "+OK\r\n:1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n:1\r\n+PONG\r\n");
  EXPECT_TRUE(session_->quiet());
}

TEST_F(SessionOrder, ReadsFollowAnUnansweredWriteOfTheirKeyUpstream) {
  bring_link_up();
  const std::string b = unlike("a");
  say("SET a 1|GET a|GET " + b);
  EXPECT_EQ(shared().sent(), "SET a 1|GET a");
  EXPECT_EQ(link_sent(), "GET " + b + "|PTTL " + b);
  link_replies("$-1\r\n:-2\r\n");
  answer(shared(), "+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n$1\r\n1\r\n$-1\r\n");
}

TEST_F(SessionOrder, AWriteWaitsForAFetchOfItsKey) {
  bring_link_up();
  say("GET a|SET a 1|PING");
  EXPECT_EQ(link_sent(), "GET a|PTTL a");
  EXPECT_TRUE(lanes_.shared_.empty() || shared().sent().empty());
  EXPECT_FALSE(session_->wants_input());
  link_replies("$1\r\n0\r\n:-1\r\n");
  go_on();
  EXPECT_EQ(shared().sent(), "SET a 1");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(heard(), "$1\r\n0\r\n+OK\r\n+PONG\r\n");
}

TEST_F(SessionOrder, AReadOfAKeyThatIsBeingFetchedSharesItsAnswerOrWaits) {
  bring_link_up();
  say("GET a|GET a|STRLEN a|GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a") << "another command may be answered by something older";
  EXPECT_FALSE(session_->wants_input());
  link_replies("$1\r\n0\r\n:-1\r\n");
  go_on();
  EXPECT_EQ(link_sent(), "STRLEN a|PTTL a");
  link_replies(":1\r\n:-1\r\n");
  EXPECT_EQ(heard(), "$1\r\n0\r\n$1\r\n0\r\n:1\r\n$1\r\n0\r\n");
}

TEST_F(SessionOrder, AHitDoesNotOvertakeAFetchOfItsKey) {
  bring_link_up();
  const std::string b = unlike("a");
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  say("MGET a " + b + "|GET a|PING");
  (void)link_sent();
  EXPECT_EQ(heard(), "$1\r\n0\r\n");
  EXPECT_FALSE(session_->wants_input());
  link_replies("*2\r\n$1\r\n1\r\n_\r\n:-1\r\n:-2\r\n");
  go_on();
  EXPECT_EQ(heard(), "*2\r\n$1\r\n1\r\n$-1\r\n$1\r\n1\r\n+PONG\r\n");
}

TEST_F(SessionOrder, OtherKeysAreNotWaitedFor) {
  bring_link_up();
  std::string lines;
  for (int i = 0; i < 60; ++i) lines += (i > 0 ? "|GET k" : "GET k") + std::to_string(i);
  say(lines);
  EXPECT_FALSE(session_->blocked()) << "whatever a filter takes them for";
}

TEST_F(SessionOrder, WhatALinkGaveBackIsNotFollowedByAnythingOlder) {
  bring_link_up();
  say("GET a");
  (void)link_sent();
  link_fsm_->on_failed("gone", now_, 0);
  EXPECT_EQ(shared().sent(), "GET a");
  // Meanwhile another client reads it through a new link, and then it is written by somebody.
  bring_link_up();
  const std::string argument = "$1\r\na\r\n";
  const cache::NameHash name = cache::hash_name("a");
  const std::uint16_t get = command::find("GET").id;
  const cache::CacheKey key{name, cache::hash_variant(name, 0, get, argument, true), 0, get,
                            argument};
  cache::Fill fill;
  fill.store = true;
  fill.reply = "$1\r\n0\r\n";
  fill.deadline = now_ + state::kSecond;
  fill.generation = links_.generation(0);
  ASSERT_TRUE(cache_.store(key, fill, cache_.erase_count(name)));
  answer(shared(), "$1\r\n1\r\n");
  EXPECT_EQ(heard(), "$1\r\n1\r\n");
  say("GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a") << "what the L1 had may be older";
}

TEST_F(SessionOrder, AWriteErasesBeforeItsReplyLeaves) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  say("SET a 1");
  answer(shared(), "+OK\r\n");
  (void)link_sent();
  say("GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a") << "the entry is gone";
}

TEST_F(SessionOrder, UnknownKeysAreHeldUntilTheFenceIsAnswered) {
  say("EVAL return 0");
  EXPECT_EQ(leased().sent(), "EVAL return 0");
  answer(leased(), ":1\r\n");
  ASSERT_EQ(fences_.size(), 1u);
  EXPECT_EQ(heard(), "");
  session_->on_fenced(fences_[0]);
  go_on();
  EXPECT_EQ(heard(), ":1\r\n");
}

TEST_F(SessionOrder, RepliesAreTurnedOff) {
  say("CLIENT REPLY OFF|PING|SET a 1|GET a");
  answer(shared(), "+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(heard(), "");
  say("CLIENT REPLY ON|PING");
  EXPECT_EQ(heard(), "+OK\r\n+PONG\r\n");
}

TEST_F(SessionOrder, SkipSilencesOneCommand) {
  say("CLIENT REPLY SKIP|SET a 1|SET b 2");
  answer(shared(), "+OK\r\n-ERR of b\r\n");
  EXPECT_EQ(heard(), "-ERR of b\r\n");
  say("CLIENT REPLY SKIP|PING|PING");
  EXPECT_EQ(heard(), "+PONG\r\n");
}

TEST_F(SessionOrder, SelectIsSilencedLikeAnyOther) {
  say("CLIENT REPLY OFF|SELECT 3");
  answer(lanes_.shared(key(3)), "+OK\r\n");
  say("CLIENT REPLY ON");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_EQ(session_->state().database, 3u);
}

TEST_F(SessionOrder, AuthIsSilencedLikeAnyOther) {
  say("CLIENT REPLY SKIP|AUTH secret|PING");
  EXPECT_EQ(leased().sent(), "AUTH secret");
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(heard(), "+PONG\r\n");
}

TEST_F(SessionOrder, SelectIsABarrier) {
  say("SET a 1|SELECT 3|GET a");
  EXPECT_EQ(shared().sent(), "SET a 1");
  EXPECT_EQ(lanes_.shared_.count(key(3)), 0u);
  answer(shared(), "+OK\r\n");
  FakeLane& third = lanes_.shared(key(3));
  EXPECT_EQ(third.sent(), "SELECT 3");
  answer(third, "+OK\r\n");
  EXPECT_EQ(third.sent(), "GET a");
  answer(third, "$-1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n$-1\r\n");
}

TEST_F(SessionOrder, ARefusedDatabaseChangesNothing) {
  say("SELECT 99|GET a");
  lanes_.shared(key(99)).fail({FailureKind::kRefused, "ERR DB index is out of range"});
  go_on();
  EXPECT_EQ(heard(), "-ERR DB index is out of range\r\n");
  EXPECT_EQ(shared().sent(), "GET a");
  EXPECT_EQ(session_->state().database, 0u);
}

TEST_F(SessionOrder, AuthAndHelloAreBarriers) {
  say("GET a|AUTH bob secret|GET b");
  EXPECT_EQ(shared().sent(), "GET a");
  EXPECT_TRUE(lanes_.leased_.empty());
  answer(shared(), "$-1\r\n");
  EXPECT_EQ(leased().sent(), "AUTH bob secret");
  EXPECT_EQ(leased().key_, upstream::ChannelKey{});
  EXPECT_EQ(shared().sent(), "");
  answer(leased(), "+OK\r\n");
  const upstream::ChannelKey bobs{{"bob", "secret"}, 0, 2};
  EXPECT_EQ(lanes_.shared(bobs).sent(), "GET b");
  EXPECT_EQ(lanes_.given_dirty_, 1) << "nobody else gets a connection that is bob";
  answer(lanes_.shared(bobs), "$-1\r\n");
  EXPECT_EQ(heard(), "$-1\r\n+OK\r\n$-1\r\n");
}

TEST_F(SessionOrder, AFailedAuthLeavesTheIdentityAsItWas) {
  say("AUTH bob wrong|GET b");
  answer(leased(), "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(shared().sent(), "GET b");
  EXPECT_EQ(heard(), "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
}

TEST_F(SessionOrder, AnotherUserDoesNotReadFromTheCache) {
  bring_link_up();
  say("GET a");
  link_replies("$1\r\n0\r\n:-1\r\n");
  say("AUTH bob secret");
  answer(leased(), "+OK\r\n");
  (void)link_sent();
  say("GET a");
  EXPECT_EQ(lanes_.shared({{"bob", "secret"}, 0, 2}).sent(), "GET a");
  EXPECT_EQ(link_sent(), "");
}

TEST_F(SessionOrder, HelloWithAuthAnswersOnceTheUpstreamAgreed) {
  say("HELLO 3 AUTH bob secret SETNAME me");
  EXPECT_EQ(leased().sent(), "AUTH bob secret");
  EXPECT_EQ(session_->state().protocol, 2);
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(session_->state().protocol, 3);
  EXPECT_EQ(session_->state().name, "me");
  EXPECT_EQ(heard().substr(0, 4), "%7\r\n");
}

TEST_F(SessionOrder, AuthSaysWhyItCannotAsk) {
  lanes_.upstream_down_ = true;
  say("AUTH secret|PING");
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 unavailable: Connection refused\r\n+PONG\r\n");
}

TEST_F(SessionOrder, BeforeAuthOnlyWhatRedisAllows) {
  context_.auth_required = true;
  say("PING|HELLO 3");
  EXPECT_EQ(heard(),
            "-NOAUTH Authentication required.\r\n"
            "-NOAUTH HELLO must be called with the client already authenticated, otherwise the "
            "HELLO <proto> AUTH "
            "<user> <pass> option can be used to authenticate the client and select the RESP "
            "protocol version at the "
            "same time\r\n");
}

TEST_F(SessionOrder, PipelinesAreBounded) {
  context_.max_pipeline = 3;
  say("SET a 1|SET b 2|SET c 3|SET d 4");
  EXPECT_EQ(shared().sent(), "SET a 1|SET b 2|SET c 3");
  EXPECT_FALSE(session_->wants_input());
  answer(shared(), "+OK\r\n");
  answer(shared(), "+OK\r\n+OK\r\n");
  EXPECT_EQ(shared().sent(), "SET d 4");
}

TEST_F(SessionOrder, ACongestedLaneHoldsTheClientBack) {
  say("SET a 1");
  shared().congested_ = true;
  say("SET b 2|PING");
  EXPECT_EQ(shared().sent(), "SET a 1");
  EXPECT_FALSE(session_->wants_input());
  shared().congested_ = false;
  session_->on_uncongested();
  go_on();
  EXPECT_EQ(shared().sent(), "SET b 2");
}

TEST_F(SessionOrder, QuitAnswersBehindEverything) {
  say("SET a 1|QUIT|PING");
  EXPECT_FALSE(session_->finished());
  answer(shared(), "+OK\r\n");
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n");
}

TEST_F(SessionOrder, AProtocolErrorEndsTheSessionBehindItsReplies) {
  say("SET a 1");
  say_raw("*1\r\n!3\r\n");
  EXPECT_FALSE(session_->finished());
  answer(shared(), "+OK\r\n");
  EXPECT_TRUE(session_->finished());
  EXPECT_EQ(heard(), "+OK\r\n-ERR Protocol error: expected '$', got '!'\r\n");
}

TEST_F(SessionOrder, HttpEndsTheSessionWithoutAWord) {
  say_raw("POST / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(session_->aborted());
  EXPECT_EQ(*session_->aborted(), state::DisconnectReason::kCrossProtocol);
  EXPECT_EQ(heard(), "");
}

TEST_F(SessionOrder, AFetchHasADeadlineOfItsOwn) {
  bring_link_up();
  say("GET a|PING");
  now_ += context_.command_timeout + 1;
  EXPECT_TRUE(session_->on_tick(now_));
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 timed out: no reply within 5000 ms\r\n+PONG\r\n");
  link_replies("$1\r\n0\r\n:-1\r\n");
  EXPECT_EQ(heard(), "") << "the late answer finds no slot";
}

TEST_F(SessionOrder, UnsubscribeWithoutSubscriptionIsAnsweredInPlace) {
  say("UNSUBSCRIBE|PUNSUBSCRIBE a b");
  EXPECT_EQ(heard(),
            "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n"
            "*3\r\n$12\r\npunsubscribe\r\n$1\r\na\r\n:0\r\n*3\r\n$12\r\npunsubscribe\r\n$"
            "1\r\nb\r\n:0\r\n");
  say("HELLO 3");
  (void)heard();
  say("UNSUBSCRIBE");
  EXPECT_EQ(heard(), ">3\r\n$11\r\nunsubscribe\r\n_\r\n:0\r\n");
}

}  // namespace
}  // namespace pillion::data::session
