// Where commands go that only the upstream knows, that only Pillion knows, or that both have to say
// something to.
#include <algorithm>

#include "proxy/data/session/pillion_report.hpp"
#include "tests/unit/proxy/data/session/crowd_fixture.hpp"

namespace pillion::data::session {
namespace {

/// With the services behind PILLION and INFO's section.
class SessionPillion : public CrowdFixture {
 protected:
  SessionPillion() { context_.pillion = &services_; }
  ~SessionPillion() override {
    session_.reset();
    context_.pillion = nullptr;
  }

  std::vector<std::pair<std::string, std::string>> config_{{"cache.enabled", "true"}};
  PillionServices services_{cache_,
                            invalidator_,
                            counters_,
                            [this] { return std::vector<const state::Counters*>{&counters_}; },
                            topology_,
                            [] { return std::vector<state::LinkStats>{}; },
                            [] { return state::CacheStats{}; },
                            config_,
                            "PILLION",
                            "1.2.3",
                            0};
};

TEST_F(SessionPillion, IsAnsweredHereInAnyCase) {
  say("PILLION HELP");
  const std::string help = heard();
  EXPECT_EQ(help.front(), '*');
  say("pillion help");
  EXPECT_EQ(heard(), help);
  EXPECT_TRUE(lanes_.shared_.empty());
}

TEST_F(SessionPillion, KeepsItsPlaceAmongReplies) {
  say("SET a 1|PILLION HELP");
  EXPECT_EQ(heard(), "");
  answer(shared(), "+OK\r\n");
  EXPECT_TRUE(heard().starts_with("+OK\r\n*"));
}

TEST_F(SessionPillion, IsForPillionsOwnUser) {
  say("AUTH bob secret");
  answer(leased(), "+OK\r\n");
  (void)heard();
  say("PILLION INFO");
  EXPECT_EQ(heard(), "-NOPERM this user has no permissions to run the 'PILLION' command\r\n");
  say("AUTH default secret");
  answer(leased(), "+OK\r\n");
  (void)heard();
  say("PILLION INFO");
  EXPECT_EQ(heard().front(), '$') << "the same user by another password";
}

TEST_F(SessionPillion, IsNotForNobody) {
  context_.auth_required = true;
  say("PILLION INFO");
  EXPECT_EQ(heard(), "-NOAUTH Authentication required.\r\n");
}

TEST_F(SessionPillion, IsTheUpstreamsWithinMultiAndWhereItIsDisabled) {
  say("MULTI|PILLION INFO");
  EXPECT_EQ(leased().sent(), "MULTI|PILLION INFO") << "an unknown command ends the transaction";
  session_.reset();
  context_.pillion = nullptr;
  restart({});
  say("PILLION INFO");
  EXPECT_EQ(shared().sent(), "PILLION INFO");
}

TEST_F(SessionPillion, CanHaveAnotherName) {
  services_.name = "SIDECAR";
  say("sidecar help");
  EXPECT_EQ(heard().front(), '*');
  say("PILLION HELP");
  EXPECT_EQ(shared().sent(), "PILLION HELP");
}

TEST_F(SessionPillion, GathersWhatOtherWorkersKnow) {
  join();
  say("PILLION CLIENTS");
  EXPECT_EQ(heard(), "");
  meet();
  const std::string clients = heard();
  EXPECT_LT(clients.find("\r\nid=1 "), clients.find("\nid=2 "));
  reader_hot_keys_ = {{"k", false, 7}};
  say("PILLION HOTKEYS 5");
  meet();
  EXPECT_NE(heard().find("$1\r\nk\r\n"), std::string::npos);
}

TEST_F(SessionPillion, InfoHasASectionOfOurs) {
  const auto section_of = [this](std::string_view request) {
    say(request);
    EXPECT_EQ(shared().sent(), request);
    answer(shared(), bulk("# Server\r\nredis_version:7.0.15\r\n"));
    return heard();
  };
  for (const char* request : {"INFO", "INFO all", "INFO everything", "INFO default",
                              "INFO server pillion", "INFO PILLION"}) {
    const std::string info = section_of(request);
    EXPECT_NE(info.find("redis_version:7.0.15\r\n\r\n# Pillion\r\npillion_version:1.2.3\r\n"),
              std::string::npos)
        << request << ": " << info;
  }
  for (const char* request : {"INFO server", "INFO clients memory"})
    EXPECT_EQ(section_of(request), bulk("# Server\r\nredis_version:7.0.15\r\n")) << request;
  say("INFO pillion");
  answer(shared(), bulk(""));
  EXPECT_NE(heard().find("\r\n# Pillion\r\n"), std::string::npos) << "nothing stands before it";
}

TEST_F(SessionPillion, InfosLengthIsRight) {
  say("INFO|PING");
  answer(shared(), bulk("# Server\r\n"));
  const std::string info = heard();
  const std::size_t header = info.find("\r\n") + 2;
  const std::size_t length = std::stoul(info.substr(1));
  ASSERT_LT(header + length, info.size());
  EXPECT_EQ(info.substr(header + length), "\r\n+PONG\r\n");
}

TEST_F(SessionPillion, InfoIsVerbatimWhereItWas) {
  say("HELLO 3");
  (void)heard();
  say("INFO");
  answer(lanes_.shared(key(0, 3)), "=14\r\ntxt:# Server\r\n\r\n");
  const std::string info = heard();
  EXPECT_EQ(info.front(), '=');
  EXPECT_NE(info.find("\r\ntxt:# Server\r\n\r\n# Pillion\r\n"), std::string::npos) << info;
}

TEST_F(SessionPillion, WhatIsNoTextIsPassedOn) {
  say("INFO");
  answer(shared(), "-NOPERM no\r\n");
  EXPECT_EQ(heard(), "-NOPERM no\r\n");
}

TEST_F(SessionPillion, BlockedClientsAreTheUpstreamsAndThoseHeldHere) {
  all_clients_.pause.hold();
  all_clients_.pause.hold();
  say("INFO clients");
  answer(shared(), bulk("# Clients\r\nblocked_clients:3\r\ntracking_clients:0\r\n"));
  EXPECT_EQ(heard(), bulk("# Clients\r\nblocked_clients:5\r\ntracking_clients:0\r\n"));
  all_clients_.pause.let_go();
  all_clients_.pause.let_go();
  say("INFO clients");
  answer(shared(), bulk("# Clients\r\nblocked_clients:3\r\n"));
  EXPECT_EQ(heard(), bulk("# Clients\r\nblocked_clients:3\r\n"));
}

TEST_F(SessionPillion, InfoWithinMultiIsQueuedAsItIs) {
  say("MULTI|INFO|EXEC");
  const std::string reply = "*1\r\n" + bulk("# Server\r\n");
  answer(leased(), "+OK\r\n+QUEUED\r\n" + reply);
  EXPECT_EQ(heard(), "+OK\r\n+QUEUED\r\n" + reply);
}

class SessionWait : public CrowdFixture {};

TEST_F(SessionWait, GoesBehindAPingThatMonitorLeavesOut) {
  say("SET a 1|WAIT 1 100");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(leased().sent(), "PING pillion-wait|WAIT 1 100")
      << "its connection has written nothing yet";
  EXPECT_EQ(leased().limits_, (std::vector{TimeLimit::kCommand, TimeLimit::kNone}));
  answer(leased(), "+PONG\r\n:1\r\n");
  EXPECT_EQ(heard(), "+OK\r\n:1\r\n") << "the PING is nobody's";
  say("WAITAOF 1 0 0");
  EXPECT_EQ(leased().sent(), "PING pillion-wait|WAITAOF 1 0 0");
}

TEST_F(SessionWait, WithinMultiItIsWhatItIs) {
  say("MULTI|WAIT 1 100|EXEC");
  EXPECT_EQ(leased().sent(), "MULTI|WAIT 1 100|EXEC");
}

TEST_F(SessionWait, WhatIsMalformedIsNotWaitedWith) {
  say("WAIT 1");
  EXPECT_EQ(shared().sent(), "WAIT 1");
}

class SessionBlocking : public CrowdFixture {
 protected:
  static constexpr const char* kPopped = "*2\r\n$1\r\nq\r\n$1\r\nv\r\n";
};

TEST_F(SessionBlocking, WhoWasWokenHearsItWhenTheL1HasHeardOfWhatCameBefore) {
  say("BLPOP q 0");
  now_ += 10 * state::kMillisecond;
  answer(leased(), kPopped);
  ASSERT_EQ(fences_.size(), 1u);
  EXPECT_EQ(heard(), "");
  session_->on_fenced(fences_[0]);
  EXPECT_EQ(heard(), kPopped);
}

TEST_F(SessionBlocking, WhoFoundItThereIsToldAtOnce) {
  say("BLPOP q 0");
  answer(leased(), kPopped);
  EXPECT_TRUE(fences_.empty());
  EXPECT_EQ(heard(), kPopped);
}

TEST_F(SessionBlocking, WithoutAnL1ThereIsNothingToWaitFor) {
  context_.cache_enabled = false;
  restart({});
  say("BLPOP q 0");
  now_ += 10 * state::kMillisecond;
  answer(leased(), kPopped);
  EXPECT_EQ(heard(), kPopped);
}

class SessionLearned : public CrowdFixture {
 protected:
  SessionLearned() {
    state::LearnedCommands commands;
    commands.add({"X.READ", 2, state::kLearnedReadonly, 1, 1, 1});
    commands.add({"X.WRITE", -3, state::kLearnedWrite, 1, 1, 1});
    commands.add({"X.WAIT", -2, state::kLearnedWrite | state::kLearnedBlocking, 1, 1, 1});
    commands.add({"X.LISTEN", -2, state::kLearnedPubsub, 0, 0, 0});
    learned_.publish(std::make_shared<const state::LearnedCommands>(std::move(commands)));
    context_.learned = &learned_;
  }
  void cache_a() {
    bring_link_up();
    say("GET a");
    link_replies("$1\r\n0\r\n:-1\r\n");
    (void)link_sent();
    go_on();
    say("GET a");
    EXPECT_EQ(link_sent(), "") << "it is in the L1";
    (void)heard();
  }

  state::Published<state::LearnedCommands> learned_;
};

TEST_F(SessionLearned, AReadHasNoEffect) {
  cache_a();
  say("x.read a");
  EXPECT_EQ(shared().sent(), "x.read a");
  answer(shared(), "+v\r\n");
  EXPECT_EQ(heard(), "+v\r\n") << "without any fence";
  EXPECT_TRUE(fences_.empty());
  say("GET a");
  EXPECT_EQ(link_sent(), "") << "still in the L1";
}

TEST_F(SessionLearned, AWriteErasesItsKeysAndNoOthers) {
  cache_a();
  say("X.WRITE b v");
  answer(shared(), "+OK\r\n");
  EXPECT_TRUE(fences_.empty());
  say("GET a");
  EXPECT_EQ(link_sent(), "");
  say("X.WRITE a v");
  answer(shared(), "+OK\r\n");
  say("GET a");
  EXPECT_EQ(link_sent(), "GET a|PTTL a");
}

TEST_F(SessionLearned, WhatBlocksGetsALease) {
  say("X.WAIT q");
  EXPECT_EQ(leased().sent(), "X.WAIT q");
  EXPECT_EQ(leased().limits_.back(), TimeLimit::kNone);
  EXPECT_TRUE(session_->waits_forever());
}

TEST_F(SessionLearned, WhatListensGetsAConnectionThatEndsWithIt) {
  say("X.LISTEN c");
  EXPECT_EQ(leased().sent(), "X.LISTEN c");
  answer(leased(), "+OK\r\n");
  for (const std::uint64_t fence : fences_) session_->on_fenced(fence);
  EXPECT_EQ(heard(), "+OK\r\n");
  EXPECT_FALSE(leased().alive_);
}

TEST_F(SessionLearned, WhatNobodyKnowsIsAWriteToAnything) {
  say("Y.UNHEARD a");
  answer(shared(), "+OK\r\n");
  EXPECT_EQ(heard(), "");
  ASSERT_EQ(fences_.size(), 1u);
  session_->on_fenced(fences_[0]);
  EXPECT_EQ(heard(), "+OK\r\n");
}

TEST_F(SessionLearned, WrongArityIsTheUpstreamsToSay) {
  say("X.WAIT");
  EXPECT_EQ(shared().sent(), "X.WAIT");
}

class SessionLaneCondition : public CrowdFixture {
 protected:
  upstream::LaneCondition given_back() {
    for (const std::uint64_t fence : std::exchange(fences_, {})) session_->on_fenced(fence);
    // Fences are timed by the real clock.
    (void)session_->on_tick(std::max(now_, state::now()) + 2 * state::kSecond);
    EXPECT_EQ(lanes_.given_clean_, 1);
    return lanes_.given_back_;
  }
};

TEST_F(SessionLaneCondition, IsSuspectAfterAScript) {
  say("EVAL return 0");
  answer(leased(), "$-1\r\n");
  EXPECT_EQ(given_back(), upstream::LaneCondition::kSuspect);
}

TEST_F(SessionLaneCondition, IsSuspectAfterWhatNobodyKnows) {
  say("MULTI|NEVER.HEARD.OF x|EXEC");
  answer(leased(), "+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  EXPECT_EQ(given_back(), upstream::LaneCondition::kSuspect);
}

TEST_F(SessionLaneCondition, StaysSuspectThroughWhatFollowsOnTheSpare) {
  say("EVAL return 0");
  answer(leased(), "$-1\r\n");
  for (const std::uint64_t fence : std::exchange(fences_, {})) session_->on_fenced(fence);
  say("MULTI|EXEC");
  EXPECT_EQ(lanes_.leased_.size(), 1u);
  answer(leased(), "+OK\r\n*0\r\n");
  EXPECT_EQ(given_back(), upstream::LaneCondition::kSuspect);
}

TEST_F(SessionLaneCondition, IsCleanAfterABlockingCommand) {
  say("BLPOP q 0");
  answer(leased(), "*-1\r\n");
  EXPECT_EQ(given_back(), upstream::LaneCondition::kClean);
}

TEST_F(SessionLaneCondition, IsCleanAfterATransaction) {
  say("WATCH a|MULTI|SET a 1|EXEC");
  answer(leased(), "+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n+OK\r\n");
  EXPECT_EQ(given_back(), upstream::LaneCondition::kClean);
}

}  // namespace
}  // namespace pillion::data::session
