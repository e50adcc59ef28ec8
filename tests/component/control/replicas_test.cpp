// A primary and its replicas, real ones where they do as they are told.
#include <gmock/gmock.h>

#include "tests/component/control/control_plane_fixture.hpp"
#include "tests/component/control/scripted_replies.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {
namespace {

using testing::HasSubstr;

std::string name_of(const RedisServer& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

class Replicas : public ControlPlaneTest {
 protected:
  Replicas() {
    options.upstream.kind = config::UpstreamKind::kReplicated;
    options.config.reads.timeout = 250ms;
    options.config.reads.slow_start = 2s;
  }
  static void attach(RedisServer& replica, const RedisServer& primary) {
    replica("REPLICAOF", "127.0.0.1", std::to_string(primary.port()));
  }
  void listed(std::uint16_t port) { options.upstream.replicas.push_back({"127.0.0.1", port}); }
  bool leaves(const std::string& name, Millis patience = kPatience) const {
    return eventually([&] { return !node(name).in_rotation; }, patience);
  }
};

TEST_F(Replicas, ThePrimaryNamesThemAndTheyAreFollowed) {
  RedisServer primary({"--repl-diskless-sync-delay", "0"});
  RedisServer one;
  attach(one, primary);
  upstream_at("127.0.0.1", primary.port());
  options.upstream.replicas_auto = true;
  start();
  ASSERT_TRUE(becomes_up());
  EXPECT_EQ(snapshot()->kind, state::TopologyKind::kReplicated);
  EXPECT_TRUE(serves(name_of(one)));
  RedisServer two;
  attach(two, primary);
  EXPECT_TRUE(serves(name_of(two)));
  ASSERT_EQ(snapshot()->shards.size(), 1U);
  EXPECT_EQ(snapshot()->shards[0].replicas.size(), 2U);
  EXPECT_EQ(snapshot()->primary.name, name_of(primary));
}

TEST_F(Replicas, ADeadOneLeavesWithinASecondAndComesBackByItself) {
  RedisServer primary({"--repl-diskless-sync-delay", "0"});
  RedisServer replica;
  attach(replica, primary);
  upstream_at("127.0.0.1", primary.port());
  listed(replica.port());
  start();
  ASSERT_TRUE(serves(name_of(replica)));
  replica.kill9();
  EXPECT_TRUE(leaves(name_of(replica), 1000ms));
  EXPECT_EQ(node(name_of(replica)).ejections, 1U);
  replica.restart();
  attach(replica, primary);
  EXPECT_TRUE(serves(name_of(replica)));
  EXPECT_LT(node(name_of(replica)).weight, 100U) << "it starts slowly";
  EXPECT_TRUE(eventually([&] { return node(name_of(replica)).weight == 100; }));
}

TEST_F(Replicas, AHungOneLeavesToo) {
  RedisServer primary({"--repl-diskless-sync-delay", "0"});
  RedisServer replica;
  attach(replica, primary);
  upstream_at("127.0.0.1", primary.port());
  listed(replica.port());
  start();
  ASSERT_TRUE(serves(name_of(replica)));
  replica.pause();
  EXPECT_TRUE(leaves(name_of(replica), 1500ms));
  EXPECT_THAT(node(name_of(replica)).error, HasSubstr("no answer within 250 ms"));
  replica.resume();
  EXPECT_TRUE(serves(name_of(replica)));
}

TEST_F(Replicas, OneThatIsDetachedIsNotInStep) {
  RedisServer primary({"--repl-diskless-sync-delay", "0"});
  RedisServer replica;
  attach(replica, primary);
  upstream_at("127.0.0.1", primary.port());
  listed(replica.port());
  start();
  ASSERT_TRUE(serves(name_of(replica)));
  replica("REPLICAOF", "127.0.0.1", "1");
  EXPECT_TRUE(leaves(name_of(replica)));
  EXPECT_THAT(node(name_of(replica)).error, HasSubstr("its link to the primary is not up"));
  attach(replica, primary);
  EXPECT_TRUE(serves(name_of(replica)));
  replica("REPLICAOF", "NO", "ONE");
  EXPECT_TRUE(leaves(name_of(replica)));
  EXPECT_EQ(node(name_of(replica)).error, "its role is master");
}

TEST_F(Replicas, WithoutThePrimaryTheyServeOn) {
  RedisServer primary({"--repl-diskless-sync-delay", "0"});
  RedisServer replica;
  attach(replica, primary);
  upstream_at("127.0.0.1", primary.port());
  listed(replica.port());
  start();
  ASSERT_TRUE(serves(name_of(replica)));
  primary.kill9();
  ASSERT_TRUE(becomes_down());
  bool always = true;
  EXPECT_FALSE(
      eventually([&] { return !(always = always && node(name_of(replica)).in_rotation); }, 1500ms));
  EXPECT_TRUE(always) << node(name_of(replica)).error;
}

TEST_F(Replicas, OneThatFallsBehindIsLeftOut) {
  ScriptedServer primary;
  ScriptedServer replica;
  answer_probes(primary, "primary");
  answer_probes(replica, "replica");
  be_primary(primary, 100);
  be_replica(replica, primary, 100);
  upstream_at("127.0.0.1", primary.port());
  listed(replica.port());
  options.config.reads.max_lag = 400ms;
  start();
  ASSERT_TRUE(serves(local_name(replica)));
  be_primary(primary, 200);
  EXPECT_TRUE(leaves(local_name(replica), 1500ms));
  EXPECT_THAT(node(local_name(replica)).error, HasSubstr("ms behind"));
  EXPECT_GE(node(local_name(replica)).lag, 400 * state::kMillisecond);
  be_replica(replica, primary, 200);
  EXPECT_TRUE(serves(local_name(replica)));
}

TEST_F(Replicas, FailingTrafficEjectsOneThatProbesWell) {
  ScriptedServer primary;
  ScriptedServer replica;
  answer_probes(primary, "primary");
  answer_probes(replica, "replica");
  be_primary(primary);
  be_replica(replica, primary);
  upstream_at("127.0.0.1", primary.port());
  listed(replica.port());
  start();
  ASSERT_TRUE(serves(local_name(replica)));
  std::this_thread::sleep_for(250ms);  // it has been looked at
  traffic.of(node(local_name(replica)).endpoint.id).failures += 3;
  EXPECT_TRUE(leaves(local_name(replica), 500ms));
  EXPECT_EQ(node(local_name(replica)).error, "its commands fail");
  EXPECT_TRUE(node(local_name(replica)).up);
  EXPECT_TRUE(serves(local_name(replica)));
}

}  // namespace
}  // namespace pillion::test
