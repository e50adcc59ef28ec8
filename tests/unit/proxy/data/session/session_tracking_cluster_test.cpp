// CLIENT TRACKING in front of a cluster: every primary tracks, and a client never keeps a cache
// that nobody keeps true.
#include "proxy/data/session/tracking_state.hpp"
#include "tests/unit/proxy/data/session/cluster_fixture.hpp"
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

const std::string kForget(kForgetAll);

std::string invalidation(const std::string& key) {
  return ">2\r\n$10\r\ninvalidate\r\n*1\r\n" + bulk(key);
}

/// "b", "c" and "a" are keys of the primaries 0, 1 and 2.
class TrackingInCluster : public CrowdFixture {
 protected:
  TrackingInCluster() { own_slots({{0}, {1}, {2}}); }

  void own_slots(const std::vector<std::vector<state::EndpointId>>& shards) {
    const std::uint64_t before = director_.owners_version();
    state::TopologySnapshot snapshot = route::cluster_of(shards);
    snapshot.redis_version = "7.0.15";
    publish(snapshot);
    if (session_ && director_.owners_version() != before)
      told_of_owners_ = session_->on_owners_changed();
  }
  /// All nodes but the first `refusing` accept.
  void track(std::string_view request = "CLIENT TRACKING ON") {
    say(request);
    for (std::size_t i = 0; i < 3; ++i) {
      (void)node(i).sent();
      answer(node(i), "+OK\r\n");
    }
    EXPECT_EQ(heard(), "+OK\r\n");
  }
  void track_in_resp3(std::string_view request = "CLIENT TRACKING ON") {
    say("HELLO 3");
    (void)heard();
    track(request);
  }
  FakeLane& node(std::size_t number) { return *lanes_.leased_.at(number); }
  /// What three nodes were sent since they were last asked.
  std::vector<std::string> sent() { return {node(0).sent(), node(1).sent(), node(2).sent()}; }
  using Sent = std::vector<std::string>;

  bool told_of_owners_ = false;
};

TEST_F(TrackingInCluster, EveryPrimaryIsToldOneAfterTheOther) {
  bring_link_up();
  say("CLIENT TRACKING ON NOLOOP|GET c");
  ASSERT_EQ(lanes_.leased_.size(), 3u);
  EXPECT_EQ(sent(), (Sent{"CLIENT TRACKING ON NOLOOP", "", ""}));
  answer(node(0), "+OK\r\n");
  EXPECT_EQ(sent(), (Sent{"", "CLIENT TRACKING ON NOLOOP", ""}));
  answer(node(1), "+OK\r\n");
  EXPECT_EQ(sent(), (Sent{"", "", "CLIENT TRACKING ON NOLOOP"}));
  EXPECT_EQ(heard(), "");
  EXPECT_FALSE(session_->activity().tracking);
  answer(node(2), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_TRUE(session_->activity().tracking);
  EXPECT_EQ(sent(), (Sent{"", "GET c", ""})) << "read where it is tracked";
  EXPECT_EQ(link_sent(), "") << "and not from the L1";
  EXPECT_FALSE(session_->quiet()) << "it has connections of its own";
}

TEST_F(TrackingInCluster, CommandsAreRoutedAsEver) {
  track();
  say("SET a 1|MGET a b c|GET b");
  EXPECT_EQ(sent(), (Sent{"MGET b|GET b", "MGET c", "SET a 1|MGET a"}));
  answer(node(2), "+OK\r\n*1\r\n$1\r\nA\r\n");
  answer(node(1), "*1\r\n$1\r\nC\r\n");
  answer(node(0), "*1\r\n$1\r\nB\r\n$1\r\nB\r\n");
  EXPECT_EQ(heard(), "+OK\r\n*3\r\n$1\r\nA\r\n$1\r\nB\r\n$1\r\nC\r\n$1\r\nB\r\n");
}

TEST_F(TrackingInCluster, TheFirstRefusalIsTheAnswerAndNobodyElseIsAsked) {
  say("CLIENT TRACKING ON PREFIX x|GET c");
  answer(node(0), "-ERR PREFIX option requires BCAST mode to be enabled\r\n");
  EXPECT_EQ(heard(), "-ERR PREFIX option requires BCAST mode to be enabled\r\n");
  EXPECT_EQ(node(1).sent(), "");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(node(i).alive_);
  EXPECT_EQ(lanes_.shared(upstream::ChannelKey{{}, 0, 2, 1, false}).sent(), "GET c");
  EXPECT_FALSE(ended());
}

TEST_F(TrackingInCluster, ALaterRefusalUndoesTheRest) {
  say("CLIENT TRACKING ON");
  answer(node(0), "+OK\r\n");
  answer(node(1), "-NOPERM no\r\n");
  EXPECT_EQ(heard(), "-NOPERM no\r\n");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(node(i).alive_);
  EXPECT_FALSE(session_->activity().tracking);
  EXPECT_FALSE(ended());
}

TEST_F(TrackingInCluster, NodesThatDisagreeEndTheClient) {
  track();
  say("CLIENT TRACKING ON NOLOOP");
  answer(node(0), "+OK\r\n");
  answer(node(1), "-NOPERM no\r\n");
  EXPECT_EQ(heard(), "-NOPERM no\r\n");
  EXPECT_EQ(ended(), state::DisconnectReason::kUpstreamLost);
}

TEST_F(TrackingInCluster, ARefusalByAllLeavesItOn) {
  track();
  say("CLIENT TRACKING ON BCAST");
  answer(node(0), "-ERR You can't switch BCAST mode on/off\r\n");
  EXPECT_TRUE(session_->activity().tracking);
  EXPECT_FALSE(ended());
  say("GET c");
  EXPECT_EQ(node(1).sent(), "GET c");
}

TEST_F(TrackingInCluster, OffEndsTheConnections) {
  track();
  say("CLIENT TRACKING OFF|GET c");
  EXPECT_EQ(sent(), (Sent{"CLIENT TRACKING OFF", "", ""}));
  answer(node(0), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(node(i).alive_);
  EXPECT_FALSE(ended());
  EXPECT_EQ(lanes_.shared(upstream::ChannelKey{{}, 0, 2, 1, false}).sent(), "GET c");
}

TEST_F(TrackingInCluster, TheLimitOfConnectionsIsSaidAndNothingKept) {
  lanes_.leases_left_ = 2;
  say("CLIENT TRACKING ON|PING");
  EXPECT_EQ(heard(), "-ERR upstream connection limit reached\r\n+PONG\r\n");
  EXPECT_EQ(lanes_.leases_left_, 2u);
}

TEST_F(TrackingInCluster, APrimaryThatCannotBeReachedIsSaid) {
  lanes_.down_.insert(1);
  say("CLIENT TRACKING ON|PING");
  const std::string all = heard();
  EXPECT_TRUE(all.starts_with("-ERR upstream redis:6379 unavailable")) << all;
  EXPECT_FALSE(session_->activity().tracking);
}

TEST_F(TrackingInCluster, AClusterWithoutSlotsIsSaid) {
  state::TopologySnapshot snapshot = route::cluster_of({{0}});
  snapshot.slots = nullptr;
  publish(snapshot);
  say("CLIENT TRACKING ON");
  EXPECT_EQ(heard(), "-CLUSTERDOWN Hash slot not served\r\n");
}

TEST_F(TrackingInCluster, OffWhereItIsNotOnIsANodesToWord) {
  say("CLIENT TRACKING OFF");
  ASSERT_EQ(lanes_.leased_.size(), 1u);
  EXPECT_EQ(node(0).sent(), "CLIENT TRACKING OFF");
  answer(node(0), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_FALSE(node(0).alive_);
}

TEST_F(TrackingInCluster, APushComesBehindTheReplyThatWaitsForAnother) {
  track_in_resp3();
  say("GET b|GET c|GET a");
  answer(node(1), "$1\r\n1\r\n" + invalidation("c"));
  EXPECT_EQ(heard(), "") << "or the client would forget first and store then";
  answer(node(0), "$1\r\n0\r\n");
  answer(node(2), "$1\r\n2\r\n");
  EXPECT_EQ(heard(), "$1\r\n0\r\n$1\r\n1\r\n$1\r\n2\r\n" + invalidation("c"));
  answer(node(1), invalidation("c"));
  EXPECT_EQ(heard(), invalidation("c")) << "and at once when nothing waits";
}

TEST_F(TrackingInCluster, APushComesBehindThePartsOfOneReply) {
  track_in_resp3();
  say("MGET b c");
  answer(node(1), "*1\r\n$1\r\n1\r\n" + invalidation("c"));
  EXPECT_EQ(heard(), "");
  answer(node(0), "*1\r\n$1\r\n0\r\n");
  EXPECT_EQ(heard(), "*2\r\n$1\r\n0\r\n$1\r\n1\r\n" + invalidation("c"));
}

TEST_F(TrackingInCluster, ATransactionReadsWhereItIsTracked) {
  track();
  say("WATCH c|MULTI|GET c|EXEC|GET b");
  EXPECT_EQ(sent(), (Sent{"", "WATCH c|MULTI|GET c|EXEC", ""}));
  answer(node(1), "+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\n1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\n1\r\n");
  EXPECT_EQ(sent(), (Sent{"GET b", "", ""}));
  EXPECT_TRUE(session_->activity().tracking);
  EXPECT_EQ(lanes_.leased_.size(), 3u);
  EXPECT_TRUE(node(1).alive_);
}

TEST_F(TrackingInCluster, AWatchThatCameFirstIsTakenOver) {
  say("WATCH c");
  answer(node(0), "+OK\r\n");
  (void)heard();
  (void)node(0).sent();
  say("CLIENT TRACKING ON");
  ASSERT_EQ(lanes_.leased_.size(), 3u) << "its connection is that node's";
  answer(node(1), "+OK\r\n");
  answer(node(0), "+OK\r\n");
  answer(node(2), "+OK\r\n");
  (void)node(0).sent();
  say("MULTI|GET c|EXEC");
  EXPECT_EQ(node(0).sent(), "MULTI|GET c|EXEC");
  answer(node(0), "+OK\r\n+QUEUED\r\n*1\r\n$1\r\n1\r\n");
  EXPECT_TRUE(node(0).alive_);
  EXPECT_TRUE(session_->activity().tracking);
}

TEST_F(TrackingInCluster, ScriptsAndBlockingCommandsReadWhereItIsTracked) {
  track();
  say("EVAL_RO x 1 c|GET b");
  EXPECT_EQ(sent(), (Sent{"", "EVAL_RO x 1 c", ""}));
  answer(node(1), ":1\r\n");
  EXPECT_EQ(sent(), (Sent{"GET b", "", ""}));
  answer(node(0), "$-1\r\n");
  say("BLPOP a 0");
  EXPECT_EQ(sent(), (Sent{"", "", "BLPOP a 0"}));
  answer(node(2), "*2\r\n$1\r\na\r\n$1\r\n1\r\n");
  EXPECT_TRUE(node(2).alive_);
  EXPECT_EQ(lanes_.leased_.size(), 3u);
}

TEST_F(TrackingInCluster, WhatChangesAConnectionHasOneThatDoesNotTrack) {
  track();
  say("READONLY");
  ASSERT_EQ(lanes_.leased_.size(), 4u);
  EXPECT_EQ(node(3).sent(), "READONLY");
  answer(node(3), "+OK\r\n");
  EXPECT_FALSE(node(3).alive_);
  EXPECT_TRUE(session_->activity().tracking);
  EXPECT_FALSE(ended());
}

TEST_F(TrackingInCluster, AScriptRunsOnTheClientsConnectionAndNotOnTheFillLink) {
  own_slots({{0}});
  bring_link_up();
  say("CLIENT TRACKING ON");
  answer(node(0), "+OK\r\n");
  (void)node(0).sent();
  say("EVAL x 1 b");
  EXPECT_EQ(node(0).sent(), "EVAL x 1 b");
  EXPECT_EQ(link_sent(), "");
}

TEST_F(TrackingInCluster, ALostConnectionEndsTheClient) {
  track();
  say("GET b|GET c");
  node(1).lose();
  answer(node(0), "$-1\r\n");
  const std::string all = heard();
  EXPECT_TRUE(all.starts_with("$-1\r\n-ERR upstream redis:6379 lost")) << all;
  EXPECT_EQ(ended(), state::DisconnectReason::kUpstreamLost);
}

TEST_F(TrackingInCluster, AConnectionLostBeforeItsAnswerIsAnError) {
  say("CLIENT TRACKING ON");
  answer(node(0), "+OK\r\n");
  (void)node(1).sent();
  node(1).lose();
  go_on();
  EXPECT_TRUE(heard().starts_with("-ERR upstream redis:6379 lost"));
  EXPECT_FALSE(session_->activity().tracking);
  EXPECT_FALSE(ended());
  EXPECT_FALSE(node(0).alive_);
}

TEST_F(TrackingInCluster, ResetAndTheClientsEndCloseTheConnections) {
  track();
  say("RESET|PING");
  EXPECT_EQ(heard(), "+RESET\r\n+PONG\r\n");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(node(i).alive_);
  EXPECT_FALSE(ended());
  say("CLIENT TRACKING ON");
  for (std::size_t i = 3; i < 6; ++i) answer(node(i), "+OK\r\n");
  session_.reset();
  for (std::size_t i = 3; i < 6; ++i) EXPECT_FALSE(node(i).alive_);
}

TEST_F(TrackingInCluster, WhoSpeaksOtherwiseDoesSoToEveryNode) {
  track();
  say("HELLO 3|GET b");
  EXPECT_EQ(sent(), (Sent{"HELLO 3", "", ""}));
  answer(node(0), "%0\r\n");
  EXPECT_EQ(sent(), (Sent{"", "HELLO 3", ""}));
  answer(node(1), "%0\r\n");
  EXPECT_EQ(sent(), (Sent{"", "", "HELLO 3"}));
  answer(node(2), "%0\r\n");
  EXPECT_TRUE(heard().starts_with("%7\r\n"));
  EXPECT_EQ(sent(), (Sent{"GET b", "", ""}));
  answer(node(0), "_\r\n" + invalidation("b"));
  EXPECT_EQ(heard(), "_\r\n" + invalidation("b"));
}

TEST_F(TrackingInCluster, AuthIsAskedOfEveryNode) {
  track();
  say("AUTH wrong");
  answer(node(0), "-WRONGPASS no\r\n");
  EXPECT_EQ(heard(), "-WRONGPASS no\r\n");
  EXPECT_FALSE(ended());
  say("AUTH right");
  answer(node(0), "+OK\r\n");
  answer(node(1), "+OK\r\n");
  EXPECT_EQ(heard(), "");
  answer(node(2), "-WRONGPASS no\r\n");
  EXPECT_EQ(heard(), "-WRONGPASS no\r\n");
  EXPECT_EQ(ended(), state::DisconnectReason::kUpstreamLost) << "it is somebody else on each";
}

TEST_F(TrackingInCluster, CachingGoesAheadOfTheNextCommandToItsNode) {
  track("CLIENT TRACKING ON OPTIN");
  say("CLIENT CACHING YES|GET c|GET c|GET b");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_EQ(sent(), (Sent{"GET b", "CLIENT CACHING YES|GET c|GET c", ""}));
  answer(node(1), "+OK\r\n$1\r\n1\r\n$1\r\n1\r\n");
  answer(node(0), "$1\r\n0\r\n");
  EXPECT_EQ(heard(), "$1\r\n1\r\n$1\r\n1\r\n$1\r\n0\r\n");
  say("CLIENT CACHING YES|MGET b c");
  EXPECT_EQ(sent(), (Sent{"CLIENT CACHING YES|MGET b", "CLIENT CACHING YES|MGET c", ""}));
}

TEST_F(TrackingInCluster, CachingMeansOneCommandWhoeverAnswersIt) {
  track("CLIENT TRACKING ON OPTOUT");
  say("CLIENT CACHING NO|PING|GET c");
  EXPECT_EQ(sent(), (Sent{"", "GET c", ""}));
  answer(node(1), "$-1\r\n");
  say("CLIENT CACHING NO|CLIENT GETNAME|GET c");
  EXPECT_EQ(sent(), (Sent{"", "CLIENT CACHING NO|GET c", ""})) << "as in Redis, but for CLIENT";
}

TEST_F(TrackingInCluster, CachingMeansAWholeTransaction) {
  track("CLIENT TRACKING ON OPTIN");
  say("CLIENT CACHING YES|MULTI|PING|GET c|GET c|EXEC|GET c");
  EXPECT_EQ(sent(), (Sent{"", "CLIENT CACHING YES|MULTI|PING|GET c|GET c|EXEC|GET c", ""}));
}

TEST_F(TrackingInCluster, CachingIsSeenInTrackingInfoAndStaysBehindNowhere) {
  track("CLIENT TRACKING ON OPTIN");
  say("CLIENT CACHING YES|CLIENT TRACKINGINFO|GET c");
  EXPECT_EQ(sent(), (Sent{"CLIENT CACHING YES|CLIENT TRACKINGINFO|PING pillion-caching",
                          "CLIENT CACHING YES|GET c", ""}));
  answer(node(0), "+OK\r\n*0\r\n$1\r\nx\r\n");
  answer(node(1), "+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n*0\r\n$1\r\n1\r\n");
}

TEST_F(TrackingInCluster, CachingThatMeansNothingIsANodesToRefuse) {
  track("CLIENT TRACKING ON OPTIN");
  say("CLIENT CACHING NO|GET b");
  EXPECT_EQ(node(0).sent(), "CLIENT CACHING NO|GET b");
}

TEST_F(TrackingInCluster, WhatMovedAmongThemIsReadWhereItIsTracked) {
  track("CLIENT TRACKING ON OPTIN");
  say("CLIENT CACHING YES|GET b");
  (void)sent();
  answer(node(0), "+OK\r\n-MOVED 3300 10.0.0.1:7000\r\n");
  EXPECT_EQ(sent(), (Sent{"", "CLIENT CACHING YES|GET b", ""}));
  answer(node(1), "+OK\r\n$1\r\n1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n$1\r\n1\r\n");
  EXPECT_FALSE(ended());
}

TEST_F(TrackingInCluster, AScriptIsTakenAlongToANodeThatTracks) {
  track();
  say("EVAL_RO x 1 b");
  answer(node(0), "-MOVED 3300 10.0.0.1:7000\r\n");
  EXPECT_EQ(node(1).sent(), "EVAL_RO x 1 b");
  answer(node(1), ":1\r\n");
  EXPECT_EQ(heard(), ":1\r\n");
  EXPECT_EQ(lanes_.leased_.size(), 3u);
}

TEST_F(TrackingInCluster, AskingAndCachingCannotBothBeTheCommandBefore) {
  track("CLIENT TRACKING ON OPTIN");
  say("CLIENT CACHING YES|GET b");
  answer(node(0), "+OK\r\n-ASK 3300 10.0.0.1:7000\r\n");
  EXPECT_EQ(heard(), "+OK\r\n-TRYAGAIN hash slot 3300 is moving from one node to another\r\n");
  say("GET b");
  answer(node(0), "-ASK 3300 10.0.0.1:7000\r\n");
  EXPECT_EQ(node(1).sent(), "ASKING|GET b");
}

TEST_F(TrackingInCluster, ANodeThatDoesNotTrackEndsTheClientWithItsAnswer) {
  own_slots({{0, 10}, {1}, {2}});
  track_in_resp3();
  say("GET b|GET b");
  (void)sent();
  answer(node(0), "-MOVED 3300 10.0.0.10:7000\r\n");
  auto& promoted = lanes_.shared({context_.identity, 0, 3, 10, true});
  EXPECT_EQ(promoted.sent(), "GET b");
  answer(promoted, "$1\r\n1\r\n");
  answer(node(0), "$1\r\n1\r\n");
  EXPECT_EQ(heard(), "$1\r\n1\r\n$1\r\n1\r\n" + kForget);
  EXPECT_EQ(ended(), state::DisconnectReason::kUpstreamLost);
}

TEST_F(TrackingInCluster, SlotsThatMoveAmongThemAreForgotten) {
  track_in_resp3();
  own_slots({{1}, {0}, {2}});
  EXPECT_TRUE(told_of_owners_);
  EXPECT_EQ(heard(), kForget);
  EXPECT_FALSE(ended());
  say("GET b");
  EXPECT_EQ(node(1).sent(), "GET b");
}

TEST_F(TrackingInCluster, WhoSpeaksResp2WithoutRedirectionHearsNothing) {
  track();
  own_slots({{1}, {0}, {2}});
  EXPECT_EQ(heard(), "") << "nor does Redis tell it anything";
  EXPECT_FALSE(ended());
}

TEST_F(TrackingInCluster, ANewOwnerEndsTheClient) {
  track_in_resp3();
  own_slots({{0}, {1}, {2}, {3}});
  EXPECT_EQ(heard(), kForget);
  EXPECT_EQ(ended(), state::DisconnectReason::kUpstreamLost);
}

TEST_F(TrackingInCluster, WhoOwnsNothingAnyMoreMayGo) {
  track_in_resp3();
  own_slots({{0}, {1}});
  EXPECT_EQ(heard(), kForget);
  EXPECT_FALSE(node(2).alive_);
  EXPECT_FALSE(ended()) << "we closed it ourselves";
  say("GET a");
  EXPECT_EQ(node(1).sent(), "GET a");
}

TEST_F(TrackingInCluster, WhoOwesAnAnswerStays) {
  track_in_resp3();
  say("GET a");
  own_slots({{0}, {1}});
  answer(node(2), "$1\r\n1\r\n");
  EXPECT_EQ(heard(), kForget + "$1\r\n1\r\n");
  EXPECT_TRUE(node(2).alive_);
}

TEST_F(TrackingInCluster, TheSameOwnersAreNoNews) {
  track_in_resp3();
  own_slots({{0, 10}, {1}, {2}});
  EXPECT_FALSE(told_of_owners_);
  EXPECT_EQ(heard(), "");
}

TEST_F(TrackingInCluster, OwnersThatChangeWhileItIsAskedAreFoundAtTheEnd) {
  say("CLIENT TRACKING ON");
  answer(node(0), "+OK\r\n");
  own_slots({{0}, {1}, {2}, {3}});
  EXPECT_FALSE(ended());
  answer(node(1), "+OK\r\n");
  answer(node(2), "+OK\r\n");
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_EQ(ended(), state::DisconnectReason::kUpstreamLost);
}

TEST_F(TrackingInCluster, WhoDoesNotTrackIsNoMatter) {
  own_slots({{0}, {1}, {2}, {3}});
  EXPECT_FALSE(told_of_owners_);
  EXPECT_FALSE(ended());
}

TEST_F(TrackingInCluster, OneNodeIsTrackedLikeAServerAlone) {
  own_slots({{0}});
  say("CLIENT TRACKING ON|MULTI|GET a|GET b|EXEC");
  ASSERT_EQ(lanes_.leased_.size(), 1u);
  EXPECT_EQ(node(0).sent(), "CLIENT TRACKING ON");
  answer(node(0), "+OK\r\n");
  EXPECT_EQ(node(0).sent(), "MULTI|GET a|DISCARD") << "bound at once, but to one slot as ever";
}

/// Session 2 is redirected to. Lanes: the three nodes, then their receivers.
class RedirectInCluster : public TrackingInCluster {
 protected:
  RedirectInCluster() : target_(join()) {}

  void redirect() {
    say("CLIENT TRACKING ON REDIRECT 2 BCAST");
    meet();
    for (std::size_t i = 0; i < 3; ++i) {
      ASSERT_EQ(lanes_.leased_.size(), 4 + i);
      EXPECT_EQ(receiver(i).key_.endpoint, i);
      EXPECT_EQ(receiver(i).key_.protocol, 3);
      EXPECT_EQ(receiver(i).sent(), "CLIENT ID");
      const std::string id = std::to_string(900 + i);
      answer(receiver(i), ":" + id + "\r\n");
      EXPECT_EQ(node(i).sent(), "CLIENT TRACKING ON REDIRECT " + id + " BCAST");
      EXPECT_EQ(heard(), "");
      answer(node(i), "+OK\r\n");
    }
    EXPECT_EQ(heard(), "+OK\r\n");
  }
  FakeLane& receiver(std::size_t number) { return *lanes_.leased_.at(3 + number); }
  std::vector<std::string> delivered() {
    std::vector<std::string> frames;
    for (const auto& [to, frame] : std::exchange(delivered_, {})) {
      EXPECT_EQ(to.name.session, 2u);
      frames.push_back(frame);
    }
    return frames;
  }

  Session& target_;
};

TEST_F(RedirectInCluster, EveryNodeHasAReceiverOfItsOwn) {
  redirect();
  receiver(2).reply(invalidation("a"));
  receiver(0).reply(invalidation("b"));
  EXPECT_EQ(delivered(), (Sent{invalidation("a"), invalidation("b")}));
  EXPECT_EQ(heard(), "");
}

TEST_F(RedirectInCluster, ANodeMaySendBeforeAllAreAsked) {
  say("CLIENT TRACKING ON REDIRECT 2 BCAST");
  meet();
  answer(receiver(0), ":900\r\n");
  answer(node(0), "+OK\r\n");
  receiver(0).reply(invalidation("b"));
  EXPECT_EQ(delivered(), Sent{invalidation("b")});
}

TEST_F(RedirectInCluster, IdsAreOursWhicheverNodeAnswers) {
  redirect();
  say("CLIENT TRACKINGINFO|CLIENT GETREDIR");
  answer(node(0),
         "*6\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n$8\r\nredirect\r\n:900\r\n$8\r\n"
         "prefixes\r\n*0\r\n");
  EXPECT_EQ(heard(),
            "*6\r\n$5\r\nflags\r\n*1\r\n$2\r\non\r\n$8\r\nredirect\r\n:2\r\n$8\r\n"
            "prefixes\r\n*0\r\n:2\r\n");
}

TEST_F(RedirectInCluster, WhoIsGoneIsNamedByOurIdWhicheverNodeSaysSo) {
  say("HELLO 3");
  (void)heard();
  redirect();
  answer(node(1), ">2\r\n$21\r\ntracking-redir-broken\r\n:901\r\n");
  EXPECT_EQ(heard(), ">2\r\n$21\r\ntracking-redir-broken\r\n:2\r\n");
}

TEST_F(RedirectInCluster, ATargetThatLeftClosesEveryReceiver) {
  redirect();
  part(0);
  session_->on_redirect_target_left({2, 1, 0});
  receiver(1).reply(invalidation("c"));
  EXPECT_TRUE(session_->activity().redirect_broken);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_FALSE(receiver(i).alive_);
    EXPECT_TRUE(node(i).alive_);
  }
  EXPECT_FALSE(ended());
}

TEST_F(RedirectInCluster, TheTargetIsToldToForget) {
  redirect();
  own_slots({{1}, {0}, {2}});
  EXPECT_EQ(delivered(), Sent{kForget});
  EXPECT_FALSE(ended());
  own_slots({{0}, {1}, {2}, {3}});
  EXPECT_EQ(delivered(), Sent{kForget});
  EXPECT_EQ(ended(), state::DisconnectReason::kUpstreamLost);
}

TEST_F(RedirectInCluster, ANodeWithoutSlotsTakesItsReceiverAlong) {
  redirect();
  own_slots({{0}, {1}});
  EXPECT_FALSE(receiver(2).alive_);
  EXPECT_FALSE(node(2).alive_);
  EXPECT_FALSE(ended());
}

TEST_F(RedirectInCluster, ARefusalClosesAllThatWasOpened) {
  say("CLIENT TRACKING ON REDIRECT 2");
  meet();
  answer(receiver(0), ":900\r\n");
  answer(node(0), "+OK\r\n");
  answer(receiver(1), "-NOPERM no\r\n");
  EXPECT_EQ(heard(), "-ERR upstream redis:6379 did not accept the redirection\r\n");
  for (const auto& lane : lanes_.leased_) EXPECT_FALSE(lane->alive_);
  EXPECT_FALSE(session_->activity().tracking);
  EXPECT_FALSE(ended());
}

TEST_F(RedirectInCluster, AnotherTargetReplacesTheFirstOnEveryNode) {
  join();
  redirect();
  say("CLIENT TRACKING ON REDIRECT 3 BCAST");
  meet();
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(receiver(i).alive_) << "until all have accepted it";
    answer(receiver(3 + i), ":" + std::to_string(910 + i) + "\r\n");
    answer(node(i), "+OK\r\n");
  }
  EXPECT_EQ(heard(), "+OK\r\n");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_FALSE(receiver(i).alive_);
  EXPECT_EQ(session_->activity().redirect, 3u);
  EXPECT_FALSE(ended());
}

class TrackingBesideReplicas : public SpreadFixture {};

TEST_F(TrackingBesideReplicas, OnlyPrimariesAreRead) {
  with_replicas(route::cluster_of({{0, 10}}));
  say("GET b");
  EXPECT_EQ(sent_to(10), "GET b") << "as long as it does not track";
  reply_from(10, "$1\r\n1\r\n");
  say("CLIENT TRACKING ON|GET b");
  (void)leased().sent();
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(leased().sent(), "GET b");
  EXPECT_EQ(sent_to(10), "");
}

}  // namespace
}  // namespace pillion::data::session
