// Subscriptions of one session, from its commands to what it hears.
#include <initializer_list>

#include "protocol/resp/writer.hpp"
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

using pubsub::Kind;

constexpr const char* kOneChannel = "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n";

class SessionPubsub : public CrowdFixture {
 protected:
  /// The upstream has answered the oldest request of the fan-out.
  void settle(std::string_view error = {}) {
    pubsub::Event event;
    event.ticket = ++settled_;
    event.error = std::string(error);
    fanout_.deliver({}, {nullptr, {event}});
    if (session_) go_on();
  }
  /// Published on channel a.
  void publish(std::string_view text) {
    auto batch = std::make_shared<pubsub::Batch>();
    batch->resp3 = ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n";
    pubsub::Run run;
    run.count = 1;
    run.name_begin = batch->resp3.size() - 3;
    run.name_length = 1;
    resp::append_bulk(batch->resp3, text);
    run.end = batch->resp3.size();
    batch->resp2 = batch->resp3;
    batch->resp2.front() = '*';
    batch->runs.push_back(run);
    fanout_.deliver({}, {batch, {}});
  }
  static std::string message(std::string_view text, char sign = '*') {
    std::string out = std::string(1, sign) + "3\r\n$7\r\nmessage\r\n$1\r\na\r\n";
    resp::append_bulk(out, text);
    return out;
  }
  void subscribe_to_a() {
    say("SUBSCRIBE a");
    settle();
    (void)heard();
  }
  void speak_resp3() {
    say("HELLO 3");
    (void)heard();
  }
  FakeLane& shared3() { return lanes_.shared(key(0, 3)); }

  pubsub::Ticket settled_ = 0;
};

TEST_F(SessionPubsub, NamesAreConfirmedWhenTheUpstreamHasThem) {
  say("SUBSCRIBE a b|PING");
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(hub_tasks_, 1);
  settle();
  EXPECT_EQ(heard(),
            "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n"
            "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_EQ(session_->activity().channels, 2u);
  EXPECT_EQ(session_->activity().type(), ClientType::kPubsub);
}

TEST_F(SessionPubsub, EveryKindHasItsWordsAndCounts) {
  say("SUBSCRIBE a|PSUBSCRIBE a* b*|SSUBSCRIBE s|SUBSCRIBE a");
  for (int i = 0; i < 4; ++i) settle();
  EXPECT_EQ(heard(), std::string(kOneChannel) +
                         "*3\r\n$10\r\npsubscribe\r\n$2\r\na*\r\n:2\r\n"
                         "*3\r\n$10\r\npsubscribe\r\n$2\r\nb*\r\n:3\r\n"
                         "*3\r\n$10\r\nssubscribe\r\n$1\r\ns\r\n:1\r\n"
                         "*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:3\r\n");
  say("PUNSUBSCRIBE|SUNSUBSCRIBE s|UNSUBSCRIBE a");
  for (int i = 0; i < 3; ++i) settle();
  EXPECT_EQ(heard(),
            "*3\r\n$12\r\npunsubscribe\r\n$2\r\na*\r\n:2\r\n"
            "*3\r\n$12\r\npunsubscribe\r\n$2\r\nb*\r\n:1\r\n"
            "*3\r\n$12\r\nsunsubscribe\r\n$1\r\ns\r\n:0\r\n"
            "*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
  EXPECT_EQ(session_->activity().type(), ClientType::kNormal);
}

TEST_F(SessionPubsub, ARefusalHoldsForAllNamesOfTheCommand) {
  say("SUBSCRIBE a b|GET k");
  settle("NOPERM this user has no permissions to access one of the channels used as arguments");
  EXPECT_EQ(heard(),
            "-NOPERM this user has no permissions to access one of the channels used as "
            "arguments\r\n");
  EXPECT_EQ(session_->activity().channels, 0u);
  EXPECT_EQ(shared().sent(), "GET k") << "it is no subscriber";
}

TEST_F(SessionPubsub, WhatWasAskedBeforeIsAnsweredBefore) {
  say("SET k 1|SUBSCRIBE a");
  EXPECT_EQ(hub_tasks_, 0);
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(hub_tasks_, 1);
  settle();
  EXPECT_EQ(heard(), std::string("+OK\r\n") + kOneChannel);
}

TEST_F(SessionPubsub, UnsubscribingFromNothingIsAnsweredInPlace) {
  say("UNSUBSCRIBE|PUNSUBSCRIBE x|SUNSUBSCRIBE");
  EXPECT_EQ(hub_tasks_, 0) << "nobody need be asked";
  EXPECT_EQ(
      heard(),
      "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n*3\r\n$12\r\npunsubscribe\r\n$1\r\nx\r\n:0\r\n"
      "*3\r\n$12\r\nsunsubscribe\r\n$-1\r\n:0\r\n");
}

TEST_F(SessionPubsub, ASubscriberOfResp2MaySayLittleElse) {
  subscribe_to_a();
  const std::string context =
      "only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context";
  for (const char* request :
       {"GET k", "SET k 1", "MULTI", "PUBLISH a m", "EVAL return 0", "CLIENT ID", "HELLO 3"}) {
    say(request);
    std::string name(request, std::string_view(request).find(' ') == std::string_view::npos
                                  ? std::string_view(request).size()
                                  : std::string_view(request).find(' '));
    if (name == "CLIENT") name = "client|id";
    for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    EXPECT_EQ(heard(), "-ERR Can't execute '" + name + "': " + context + "\r\n");
  }
  EXPECT_TRUE(lanes_.shared_.empty());
  say("PING|PING x");
  EXPECT_EQ(heard(), "*2\r\n$4\r\npong\r\n$0\r\n\r\n*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
  say("GET|NEVER.HEARD.OF x");
  EXPECT_EQ(shared().sent(), "GET|NEVER.HEARD.OF x") << "Redis looks at names and arities first";
  answer(shared(), "-ERR a\r\n-ERR b\r\n");
  session_->on_fenced(fences_.back());
  (void)heard();
  say("UNSUBSCRIBE");
  settle();
  (void)heard();
  say("GET k|PING");
  EXPECT_EQ(shared().sent(), "GET k");
  answer(shared(), "$-1\r\n");
  EXPECT_EQ(heard(), "$-1\r\n+PONG\r\n");
}

TEST_F(SessionPubsub, ASubscriberOfResp3MaySayAnything) {
  speak_resp3();
  say("SUBSCRIBE a");
  settle();
  EXPECT_EQ(heard(), ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n");
  say("GET k|PING|PING x");
  EXPECT_EQ(shared3().sent(), "GET k");
  answer(shared3(), "_\r\n");
  EXPECT_EQ(heard(), "_\r\n+PONG\r\n$1\r\nx\r\n");
}

TEST_F(SessionPubsub, AnUnknownCommandOfWrongArityIsNoHarm) {
  subscribe_to_a();
  say("SUBSCRIBE");
  EXPECT_EQ(shared().sent(), "SUBSCRIBE") << "worded by the upstream";
}

TEST_F(SessionPubsub, MessagesAreSpokenInTheClientsProtocol) {
  subscribe_to_a();
  publish("one");
  publish("two");
  EXPECT_EQ(heard(), message("one") + message("two"));
  restart({});
  settled_ = 1;
  speak_resp3();
  subscribe_to_a();
  publish("three");
  EXPECT_EQ(heard(), message("three", '>'));
}

TEST_F(SessionPubsub, MessagesComeBetweenReplies) {
  speak_resp3();
  subscribe_to_a();
  say("GET k|GET l");
  publish("early");
  EXPECT_EQ(heard(), message("early", '>')) << "a reply that has not begun keeps nobody";
  shared3().reply("$1\r\n1\r\n");
  publish("between");
  shared3().reply("$1\r\n2\r\n");
  EXPECT_EQ(heard(), "$1\r\n1\r\n" + message("between", '>') + "$1\r\n2\r\n");
}

class SessionPubsubStream : public SessionPubsub {
 protected:
  /// A reply of 100,000 bytes has begun, and another is awaited behind it.
  SessionPubsubStream() {
    speak_resp3();
    subscribe_to_a();
    say("GET k|GET l");
    shared3().reply("$100000\r\nabc");
    EXPECT_EQ(heard(), "$100000\r\nabc");
  }
  void end_reply() { shared3().reply(std::string(99'997, 'x') + "\r\n"); }
  /// What the client heard, without the long reply.
  std::string rest() {
    const std::string all = heard();
    const std::size_t begin = all.find_first_not_of('x');
    return begin == std::string::npos ? "" : all.substr(begin);
  }
};

TEST_F(SessionPubsubStream, MessagesNeverStandWithinAReply) {
  publish("one");
  publish("two");
  EXPECT_EQ(heard(), "");
  end_reply();
  shared3().reply("$1\r\n2\r\n");
  const std::string all = rest();
  EXPECT_TRUE(all.starts_with("\r\n"));
  EXPECT_NE(all.find(message("one", '>') + message("two", '>')), std::string::npos) << all;
  EXPECT_NE(all.find("$1\r\n2\r\n"), std::string::npos) << all;
}

TEST_F(SessionPubsubStream, MessagesWaitNoLongerThanForTheEndOfTheReply) {
  publish("one");
  end_reply();
  EXPECT_EQ(rest(), "\r\n" + message("one", '>')) << "the reply behind it may be long in coming";
}

TEST_F(SessionPubsubStream, MessagesThatWaitedComeBeforeThoseThatDidNot) {
  publish("one");
  end_reply();
  publish("two");
  shared3().reply("$1\r\n2\r\n");
  publish("three");
  const std::string all = rest();
  const std::size_t one = all.find(message("one", '>'));
  const std::size_t two = all.find(message("two", '>'));
  EXPECT_NE(one, std::string::npos) << all;
  EXPECT_LT(one, two) << all;
  EXPECT_LT(two, all.find(message("three", '>'))) << all;
}

TEST_F(SessionPubsub, LargeMessagesAreNotCopied) {
  subscribe_to_a();
  const std::string text(100'000, 'x');
  publish(text);
  EXPECT_EQ(heard(), message(text));
}

TEST_F(SessionPubsub, ReplyOffKeepsNoPushesBack) {
  speak_resp3();
  say("CLIENT REPLY OFF|SUBSCRIBE a|PING");
  settle();
  publish("m");
  say("UNSUBSCRIBE");
  settle();
  EXPECT_EQ(heard(), ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n" + message("m", '>') +
                         ">3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:0\r\n");
}

TEST_F(SessionPubsub, ASkipIsUsedUpByWhatItDoesNotHide) {
  speak_resp3();
  say("CLIENT REPLY SKIP|SUBSCRIBE a|PING");
  settle();
  EXPECT_EQ(heard(), ">3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n+PONG\r\n");
}

TEST_F(SessionPubsub, WhoTakesNothingIsClosedAtTheHardLimit) {
  context_.subscriber_limits.hard = 1000;
  subscribe_to_a();
  publish(std::string(900, 'x'));
  EXPECT_FALSE(session_->aborted());
  publish(std::string(100, 'x'));
  EXPECT_EQ(session_->aborted(), state::DisconnectReason::kOutputLimit);
}

TEST_F(SessionPubsub, WhatWaitsForAReplyToEndCountsToo) {
  context_.subscriber_limits.hard = 200'000;
  speak_resp3();
  subscribe_to_a();
  say("GET k");
  shared3().reply("$100000\r\nabc");
  publish(std::string(190'000, 'x'));
  EXPECT_FALSE(session_->aborted());
  publish(std::string(10'000, 'x'));
  EXPECT_EQ(session_->aborted(), state::DisconnectReason::kOutputLimit);
}

TEST_F(SessionPubsub, OverTheSoftLimitThereIsAWhile) {
  context_.subscriber_limits.soft = 1000;
  subscribe_to_a();
  publish(std::string(1000, 'x'));
  const state::Nanos over = state::now();
  EXPECT_TRUE(session_->on_tick(over + 59 * state::kSecond));
  EXPECT_FALSE(session_->aborted());
  (void)session_->on_tick(over + 61 * state::kSecond);
  EXPECT_EQ(session_->aborted(), state::DisconnectReason::kOutputLimit);
}

TEST_F(SessionPubsub, WhoComesBelowTheSoftLimitStartsAnew) {
  context_.subscriber_limits.soft = 1000;
  subscribe_to_a();
  publish(std::string(1000, 'x'));
  const state::Nanos over = state::now();
  (void)heard();
  (void)session_->on_tick(over + 61 * state::kSecond);
  EXPECT_FALSE(session_->aborted());
}

TEST_F(SessionPubsub, NamesOfOneClientAreBounded) {
  context_.max_subscriptions = 2;
  say("SUBSCRIBE a b|PSUBSCRIBE c");
  settle();
  EXPECT_TRUE(heard().ends_with("-ERR subscription limit reached\r\n"));
  EXPECT_EQ(session_->activity().patterns, 0u);
  say("UNSUBSCRIBE a|PSUBSCRIBE c");
  settle();
  settle();
  EXPECT_TRUE(heard().ends_with(":2\r\n"));
}

TEST_F(SessionPubsub, SubscriptionsAreMadeAsSomebodyAndStaySo) {
  const std::string refused =
      "-ERR another user is not possible while subscribed through Pillion\r\n";
  speak_resp3();
  subscribe_to_a();
  say("AUTH bob secret|HELLO 3 AUTH bob secret");
  EXPECT_EQ(heard(), refused + refused);
  EXPECT_TRUE(lanes_.leased_.empty());
  say("HELLO 2");
  EXPECT_EQ(heard().front(), '*') << "the protocol alone may change";
  publish("m");
  EXPECT_EQ(heard(), message("m"));
}

TEST_F(SessionPubsub, APublishWaitsForWhatWasChangedBefore) {
  census_.note_change();
  say("PUBLISH a m|GET k");
  EXPECT_TRUE(lanes_.shared_.empty());
  EXPECT_EQ(hub_tasks_, 1) << "the link is asked to say when it has come so far";
  settle();
  EXPECT_EQ(shared().sent(), "PUBLISH a m|GET k");
  EXPECT_EQ(census_.settled_changes(), census_.changes());
  say("PUBLISH a n");
  EXPECT_EQ(shared().sent(), "PUBLISH a n") << "all is known";
  EXPECT_EQ(hub_tasks_, 1);
}

TEST_F(SessionPubsub, APublishDoesNotWaitForWhatComesLater) {
  census_.note_change();
  say("PUBLISH a m");
  census_.note_change();
  settle();
  EXPECT_EQ(shared().sent(), "PUBLISH a m");
  EXPECT_NE(census_.settled_changes(), census_.changes());
}

TEST_F(SessionPubsub, APublishIsSentThoughTheLinkIsDown) {
  census_.note_change();
  say("PUBLISH a m");
  settle("ERR upstream redis:6379 unavailable: Connection refused");
  EXPECT_EQ(shared().sent(), "PUBLISH a m");
  EXPECT_NE(census_.settled_changes(), census_.changes());
}

class SessionCounts : public SessionPubsub {
 protected:
  /// Three of us listen to a, one to a pattern that matches it, two to the shard channel s.
  SessionCounts() {
    const auto who = std::make_shared<const upstream::Identity>();
    for (const auto& [kind, name, members] :
         {std::tuple{Kind::kChannel, "a", 3}, std::tuple{Kind::kPattern, "?", 2},
          std::tuple{Kind::kShard, "s", 2}}) {
      census_.add_members(who, {kind, name}, members);
      census_.set_linked(who, {kind, name}, true);
    }
  }
  std::string answered(std::string_view request, std::string_view reply) {
    say(request);
    answer(shared(), reply);
    return heard();
  }
};

TEST_F(SessionCounts, OfReceiversAreTheClients) {
  // The upstream sees one for the channel, one for the pattern, and somebody else.
  EXPECT_EQ(answered("PUBLISH a m", ":3\r\n"), ":6\r\n");
  EXPECT_EQ(answered("PUBLISH bb m", ":1\r\n"), ":1\r\n");
  EXPECT_EQ(answered("SPUBLISH s m", ":1\r\n"), ":2\r\n");
  EXPECT_EQ(answered("SPUBLISH a m", ":1\r\n"), ":1\r\n");
  EXPECT_EQ(answered("PUBLISH a m", "-NOPERM no\r\n"), "-NOPERM no\r\n");
  EXPECT_EQ(answered("PUBSUB NUMSUB a b", "*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:5\r\n"),
            "*4\r\n$1\r\na\r\n:3\r\n$1\r\nb\r\n:5\r\n");
  EXPECT_EQ(answered("PUBSUB SHARDNUMSUB s", "*2\r\n$1\r\ns\r\n:1\r\n"), "*2\r\n$1\r\ns\r\n:2\r\n");
  EXPECT_EQ(answered("PUBSUB NUMPAT", ":1\r\n"), ":1\r\n");
}

TEST_F(SessionCounts, AreNeverLessThanNobody) {
  const auto who = std::make_shared<const upstream::Identity>();
  census_.set_linked(who, {Kind::kChannel, "gone"}, true);
  EXPECT_EQ(answered("PUBLISH gone m", ":0\r\n"), ":0\r\n");
}

TEST_F(SessionPubsub, ResetLeavesEverything) {
  subscribe_to_a();
  say("RESET|GET k");
  EXPECT_EQ(heard(), "+RESET\r\n");
  EXPECT_EQ(session_->activity().channels, 0u);
  EXPECT_EQ(shared().sent(), "GET k");
  publish("m");
  EXPECT_EQ(heard(), "");
  EXPECT_EQ(counters_.pubsub_members.get(), 0u);
}

TEST_F(SessionPubsub, AClientThatLeavesLeavesItsSubscriptions) {
  say("SUBSCRIBE a|PSUBSCRIBE p");
  settle();
  settle();
  EXPECT_EQ(counters_.pubsub_members.get(), 2u);
  session_.reset();
  EXPECT_EQ(counters_.pubsub_members.get(), 0u);
}

TEST_F(SessionPubsub, AClientThatLeavesBeforeItIsConfirmedIsForgotten) {
  say("SUBSCRIBE a");
  session_.reset();
  settle();
  publish("m");
  EXPECT_EQ(counters_.pubsub_members.get(), 0u);
}

TEST_F(SessionPubsub, QuitIsAllowed) {
  subscribe_to_a();
  say("QUIT");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_TRUE(session_->finished());
}

TEST_F(SessionPubsub, SubscribingWhileWatchingKeepsBoth) {
  say("WATCH k");
  answer(leased(), "+OK\r\n");
  (void)heard();
  say("SUBSCRIBE a");
  settle();
  EXPECT_EQ(heard(), kOneChannel);
  EXPECT_TRUE(session_->activity().watching);
}

}  // namespace
}  // namespace pillion::data::session
