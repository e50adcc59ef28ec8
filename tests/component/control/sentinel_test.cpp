// Discovery by sentinels that say what the test wants.
#include <gmock/gmock.h>

#include "tests/component/control/control_plane_fixture.hpp"
#include "tests/component/control/scripted_replies.hpp"

namespace pillion::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class SentinelDiscovery : public ControlPlaneTest {
 protected:
  SentinelDiscovery() {
    answer_probes(first, "first");
    answer_probes(second, "second");
    be_primary(first);
    be_replica(second, first);
    for (ScriptedServer& sentinel : sentinels) {
      sentinel.answer("AUTH", "+OK\r\n");
      sentinel.answer("SUBSCRIBE", array({bulk("subscribe"), bulk("+switch-master"), number(1)}));
      sentinel.answer("SENTINEL MYID", bulk(id_of(sentinel)));
      std::vector<std::string> others;
      for (const ScriptedServer& other : sentinels) {
        if (&other != &sentinel) others.push_back(peer(other, id_of(other)));
      }
      sentinel.answer("SENTINEL SENTINELS", array(others));
      says(sentinel, first, {&second});
    }
    options.upstream.kind = config::UpstreamKind::kSentinel;
    options.upstream.master = "mymaster";
    options.upstream.display = "mymaster of three";
    // What is not polled for has to be noticed otherwise.
    options.config.upstream.topology_refresh = 60s;
    options.config.reads.max_lag = 1s;
  }

  static std::string id_of(const ScriptedServer& sentinel) {
    return "id-" + std::to_string(sentinel.port());
  }
  static void says(ScriptedServer& sentinel, const ScriptedServer& primary,
                   const std::vector<const ScriptedServer*>& replicas) {
    sentinel.answer("SENTINEL GET-MASTER-ADDR-BY-NAME",
                    array({bulk("127.0.0.1"), bulk(std::to_string(primary.port()))}));
    std::vector<std::string> listed;
    for (const ScriptedServer* replica : replicas) listed.push_back(peer(*replica, "r"));
    sentinel.answer("SENTINEL REPLICAS", array(listed));
  }
  /// As a sentinel that has seen `second` take over tells those who listen.
  void announce(ScriptedServer& sentinel) const {
    sentinel.push(array({bulk("message"), bulk("+switch-master"),
                         bulk("mymaster 127.0.0.1 " + std::to_string(first.port()) + " 127.0.0.1 " +
                              std::to_string(second.port()))}));
  }

  void start_with(std::size_t seeds) {
    for (std::size_t i = 0; i < seeds; ++i) {
      options.upstream.seeds.push_back({"127.0.0.1", sentinels[i].port()});
    }
    plane = std::make_unique<control::ControlPlane>(options, data_plane, topology, traffic, refresh,
                                                    &learned);
    plane->start();
  }
  bool primary_is(const ScriptedServer& server, Millis patience = kPatience) const {
    return eventually([&] { return snapshot()->primary.name == local_name(server); }, patience);
  }
  bool all_are_heard() {
    return eventually([&] {
      for (const ScriptedServer& sentinel : sentinels) {
        if (sentinel.asked("SUBSCRIBE") == 0) return false;
      }
      return true;
    });
  }

  ScriptedServer first;
  ScriptedServer second;
  std::array<ScriptedServer, 3> sentinels;
};

TEST_F(SentinelDiscovery, FindsThePrimaryItsReplicasAndTheOtherSentinels) {
  start_with(1);
  ASSERT_TRUE(primary_is(first));
  EXPECT_TRUE(becomes_up());
  EXPECT_TRUE(serves(local_name(second)));
  const auto found = snapshot();
  EXPECT_EQ(found->kind, state::TopologyKind::kSentinel);
  ASSERT_EQ(found->shards.size(), 1U);
  EXPECT_EQ(found->shards[0].primary, node(local_name(first)).endpoint.id);
  EXPECT_THAT(found->shards[0].replicas, ElementsAre(node(local_name(second)).endpoint.id));
  EXPECT_TRUE(all_are_heard()) << "the other two were learnt";
  EXPECT_THAT(get("/readyz"), HasSubstr("200 OK"));
  EXPECT_THAT(get("/topology"), HasSubstr("\"kind\":\"sentinel\""));
}

TEST_F(SentinelDiscovery, FollowsASwitchAtOnce) {
  start_with(3);
  ASSERT_TRUE(primary_is(first));
  ASSERT_TRUE(becomes_up());
  ASSERT_TRUE(all_are_heard());
  ASSERT_TRUE(eventually([&] { return first.asked("COMMAND") > 0; }));
  const auto id = node(local_name(second)).endpoint.id;
  be_primary(second);
  be_replica(first, second, -1, "connect");
  for (ScriptedServer& sentinel : sentinels) says(sentinel, second, {&first});
  announce(sentinels[1]);
  EXPECT_TRUE(primary_is(second, 1000ms));
  EXPECT_EQ(snapshot()->failovers, 1U);
  EXPECT_EQ(snapshot()->primary.id, id) << "a server keeps its id, whatever its role";
  EXPECT_TRUE(becomes([&](const auto& s) { return s.up && s.role == "master"; }));
  EXPECT_EQ(node(local_name(first)).role, state::NodeRole::kReplica);
  EXPECT_TRUE(eventually([&] { return second.asked("COMMAND") > 0; }))
      << "the new primary may know other commands";
}

TEST_F(SentinelDiscovery, AnEventAloneMovesNothing) {
  start_with(3);
  ASSERT_TRUE(primary_is(first));
  ASSERT_TRUE(all_are_heard());
  const int asked = sentinels[0].asked("SENTINEL GET-MASTER-ADDR-BY-NAME");
  says(sentinels[1], second, {&first});
  announce(sentinels[1]);
  ASSERT_TRUE(eventually(
      [&] { return sentinels[0].asked("SENTINEL GET-MASTER-ADDR-BY-NAME") >= asked + 5; }));
  EXPECT_EQ(snapshot()->primary.name, local_name(first)) << "one of three";
  says(sentinels[0], second, {&first});
  ASSERT_TRUE(eventually(
      [&] { return sentinels[2].asked("SENTINEL GET-MASTER-ADDR-BY-NAME") >= asked + 10; }));
  EXPECT_EQ(snapshot()->primary.name, local_name(first)) << "its role is slave";
  be_primary(second);
  refresh.ask(state::RefreshReason::kReadonly);
  EXPECT_TRUE(primary_is(second));
}

TEST_F(SentinelDiscovery, ASelectedReplicaIsThePrimaryAsSoonAsItSaysSoOnceTheOldOneIsGone) {
  start_with(3);
  ASSERT_TRUE(primary_is(first));
  ASSERT_TRUE(serves(local_name(second)));
  ASSERT_TRUE(all_are_heard());
  const auto select = [&] {
    sentinels[2].push(
        array({bulk("message"), bulk("+selected-slave"),
               bulk("slave " + local_name(second) + " 127.0.0.1 " + std::to_string(second.port()) +
                    " @ mymaster 127.0.0.1 " + std::to_string(first.port()))}));
  };
  const auto polls = [&] { return sentinels[0].asked("SENTINEL GET-MASTER-ADDR-BY-NAME"); };
  const auto are_polled = [&](int times) {
    const int asked = polls();
    return eventually([&] {
      refresh.ask(state::RefreshReason::kReadonly);  // a hurry ends after a while
      return polls() >= asked + times;
    });
  };
  be_primary(second);  // by mistake: the old one answers
  select();
  ASSERT_TRUE(are_polled(10));
  EXPECT_EQ(snapshot()->primary.name, local_name(first));
  be_replica(second, first);
  for (const char* question : {"PING", "ROLE", "INFO"}) first.answer(question, "");
  ASSERT_TRUE(becomes_down());
  select();
  ASSERT_TRUE(are_polled(3));
  EXPECT_EQ(snapshot()->primary.name, local_name(first)) << "its role is slave";
  be_primary(second);
  EXPECT_TRUE(primary_is(second, 500ms)) << "every sentinel still names the old one";
  EXPECT_EQ(snapshot()->failovers, 1U);
  // The old one comes back as what it was, before it hears that it is no primary any more.
  answer_probes(first, "first again");
  be_primary(first);
  ASSERT_TRUE(are_polled(10));
  EXPECT_EQ(snapshot()->primary.name, local_name(second));
}

TEST_F(SentinelDiscovery, ARefusedWriteHasThemAskedAgain) {
  start_with(3);
  ASSERT_TRUE(primary_is(first));
  be_primary(second);
  for (ScriptedServer& sentinel : sentinels) says(sentinel, second, {});
  refresh.ask(state::RefreshReason::kReadonly);
  EXPECT_TRUE(primary_is(second, 1000ms));
}

TEST_F(SentinelDiscovery, APrimaryThatSaysItIsNoneHasThemAskedAgain) {
  start_with(3);
  ASSERT_TRUE(primary_is(first));
  ASSERT_TRUE(becomes_up());
  be_primary(second);
  for (ScriptedServer& sentinel : sentinels) says(sentinel, second, {});
  be_replica(first, second);
  EXPECT_TRUE(primary_is(second, 2000ms));
}

TEST_F(SentinelDiscovery, ShowsEachSideItsOwnCredentials) {
  options.upstream.password = "for-servers";
  options.upstream.sentinel_user = "watcher";
  options.upstream.sentinel_password = "for-sentinels";
  start_with(3);
  ASSERT_TRUE(primary_is(first));
  ASSERT_TRUE(becomes_up());
  EXPECT_EQ(sentinels[0].argument_of("AUTH"), "watcher");
  EXPECT_EQ(first.argument_of("AUTH"), "for-servers");
  const std::string shown = get("/readyz?verbose") + get("/topology") + get("/metrics");
  EXPECT_THAT(shown, testing::Not(HasSubstr("for-se")));
}

TEST_F(SentinelDiscovery, SaysWhyThereIsNoPrimary) {
  for (ScriptedServer& sentinel : sentinels) {
    sentinel.answer("SENTINEL GET-MASTER-ADDR-BY-NAME", "*-1\r\n");
    sentinel.answer("SENTINEL REPLICAS", "-ERR No such master with that name\r\n");
    sentinel.answer("SENTINEL SENTINELS", "-ERR No such master with that name\r\n");
  }
  start_with(3);
  EXPECT_TRUE(becomes([](const auto& s) {
    return s.resolve_error == "the sentinels know no primary called 'mymaster'";
  }));
  EXPECT_TRUE(snapshot()->probed);
  EXPECT_THAT(get("/readyz"), HasSubstr("[-] upstream mymaster of three: the sentinels know no"));
}

TEST_F(SentinelDiscovery, StopDoesNotWaitForThem) {
  start_with(3);
  ASSERT_TRUE(primary_is(first));
  refresh.ask(state::RefreshReason::kUnreachable);
  const Moment before = Clock::now();
  plane->stop();
  EXPECT_LT(Clock::now() - before, 500ms);
  plane.reset();
  refresh.ask(state::RefreshReason::kUnreachable);
  EXPECT_TRUE(refresh.take());
  refresh.ask(state::RefreshReason::kUnreachable);  // nobody is there to hear it
}

}  // namespace
}  // namespace pillion::test
