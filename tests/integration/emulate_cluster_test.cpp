// listen.emulate_cluster: whoever insists on a cluster sees one node that owns every slot, which is
// Pillion.
#include "tests/integration/topology_fixture.hpp"
#include "tests/support/cluster_servers.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {
namespace {

class EmulatedCluster : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const Settings settings = swift({"listen.emulate_cluster=true"});
    if (GetParam() == "standalone") {
      redis = std::make_unique<RedisServer>();
      pillion = std::make_unique<PillionProcess>(redis->url(), settings);
    } else {
      ClusterServers::Options options;
      options.replicas_each = 0;
      cluster = std::make_unique<ClusterServers>(options);
      pillion = std::make_unique<PillionProcess>(cluster->url(), settings);
    }
    RespClient client = pillion->client();
    ASSERT_TRUE(eventually([&] { return client("SET", "k", "v").is_ok(); })) << pillion->log();
  }

  std::unique_ptr<RedisServer> redis;
  std::unique_ptr<ClusterServers> cluster;
  std::unique_ptr<PillionProcess> pillion;
};
INSTANTIATE_TEST_SUITE_P(Over, EmulatedCluster, ::testing::Values("standalone", "cluster"),
                         word_of);

TEST_P(EmulatedCluster, OneNodeOwnsEverything) {
  RespClient client = pillion->client();
  const Value slots = client("CLUSTER", "SLOTS");
  ASSERT_EQ(slots.items.size(), 1U) << slots;
  const Value& range = slots.items[0];
  EXPECT_EQ(range.items.at(0), 0);
  EXPECT_EQ(range.items.at(1), 16'383);
  ASSERT_EQ(range.items.size(), 3U) << "no replicas";
  EXPECT_EQ(range.items[2].items.at(0), "127.0.0.1");
  EXPECT_EQ(range.items[2].items.at(1), std::int64_t{pillion->port()});

  const std::string id = client("CLUSTER", "MYID").text;
  EXPECT_EQ(id.size(), 40U);
  EXPECT_EQ(range.items[2].items.at(2), id);
  EXPECT_EQ(client("CLUSTER", "MYID"), id) << "it stays";

  const std::string nodes = client("CLUSTER", "NODES").text;
  EXPECT_EQ(nodes.find(id + " 127.0.0.1:" + std::to_string(pillion->port()) + "@"), 0U) << nodes;
  EXPECT_NE(nodes.find("myself,master - "), std::string::npos) << nodes;
  EXPECT_NE(nodes.find("connected 0-16383\n"), std::string::npos) << nodes;

  const std::string info = client("CLUSTER", "INFO").text;
  for (const char* line :
       {"cluster_state:ok\r\n", "cluster_slots_assigned:16384\r\n", "cluster_slots_ok:16384\r\n",
        "cluster_known_nodes:1\r\n", "cluster_size:1\r\n"}) {
    EXPECT_NE(info.find(line), std::string::npos) << info;
  }
  const Value shards = client("CLUSTER", "SHARDS");
  ASSERT_EQ(shards.items.size(), 1U) << shards;
  const auto owned = shards.items[0].at("slots").texts();
  EXPECT_EQ(owned, (std::vector<std::string>{"0", "16383"}));
  const Value& node = shards.items[0].at("nodes").items.at(0);
  EXPECT_EQ(node.at("port"), std::int64_t{pillion->port()});
  EXPECT_EQ(node.at("role"), "master");
  EXPECT_EQ(node.at("id"), id);
}

TEST_P(EmulatedCluster, SlotsOfKeysAreTheRealOnes) {
  RespClient client = pillion->client();
  for (const std::string key : {"", "foo", "{user}:1", "a{b}c{d}", "{}x"}) {
    EXPECT_EQ(client("CLUSTER", "KEYSLOT", key), static_cast<std::int64_t>(slot_of_key(key)));
  }
}

TEST_P(EmulatedCluster, NobodyIsEverRedirected) {
  RespClient client = pillion->client();
  EXPECT_TRUE(client("READONLY").is_ok());
  EXPECT_TRUE(client("READWRITE").is_ok());
  EXPECT_TRUE(client("ASKING").is_ok());
  for (std::uint32_t slot = 0; slot < kClusterSlots; slot += 331) {
    EXPECT_TRUE(client("SET", key_in_slot(slot), "v").is_ok());
    EXPECT_EQ(client("GET", key_in_slot(slot)), "v");
  }
}

TEST_P(EmulatedCluster, HelloAndInfoAgree) {
  RespClient client = pillion->client();
  EXPECT_EQ(client("HELLO", "3").at("mode"), "cluster");
  const std::string info = client("INFO").text;
  EXPECT_NE(info.find("\r\nredis_mode:cluster\r\n"), std::string::npos) << info;
  EXPECT_NE(info.find("\r\ncluster_enabled:1\r\n"), std::string::npos) << info;
}

TEST_P(EmulatedCluster, TransactionsAnswerThemInTheirPlaces) {
  RespClient client = pillion->client();
  for (const int protocol : {2, 3}) {
    ASSERT_FALSE(client("HELLO", std::to_string(protocol)).is_error());
    const Value slots = client("CLUSTER", "SLOTS");
    EXPECT_TRUE(client("MULTI").is_ok());
    EXPECT_EQ(client("CLUSTER", "SLOTS"), "QUEUED");
    EXPECT_EQ(client("READONLY"), "QUEUED");
    EXPECT_EQ(client("SET", "k", "in MULTI"), "QUEUED");
    EXPECT_EQ(client("CLUSTER", "KEYSLOT", "foo"), "QUEUED");
    EXPECT_EQ(client("GET", "k"), "QUEUED");
    const Value all = client("EXEC");
    ASSERT_EQ(all.items.size(), 5U) << all;
    EXPECT_EQ(all.items[0], slots);
    EXPECT_TRUE(all.items[1].is_ok());
    EXPECT_TRUE(all.items[2].is_ok());
    EXPECT_EQ(all.items[3], static_cast<std::int64_t>(slot_of_key("foo")));
    EXPECT_EQ(all.items[4], "in MULTI");

    EXPECT_TRUE(client("MULTI").is_ok());
    EXPECT_TRUE(client("CLUSTER", "KEYSLOT").is_error());
    EXPECT_TRUE(client("EXEC").is_error()) << "what is malformed aborts";
  }
}

TEST_P(EmulatedCluster, RedisCliSpeaksToItAsToACluster) {
  const std::string port = std::to_string(pillion->port());
  const Finished got = run_to_end({"redis-cli", "-c", "-p", port}, "SET a 1\nGET a\nGET k\n");
  EXPECT_EQ(got.output, "OK\n1\nv\n");
  const Finished checked =
      run_to_end({"redis-cli", "--cluster", "call", "127.0.0.1:" + port, "PING"});
  EXPECT_NE(checked.output.find("PONG"), std::string::npos) << checked.output;
}

/// Debian's python3-redis has a client that refuses to speak to anything but a cluster.
TEST_P(EmulatedCluster, ClientOfClustersOnlyWorks) {
  const std::string program =
      "import sys\n"
      "try:\n"
      "    from redis.cluster import RedisCluster\n"
      "except ImportError:\n"
      "    sys.exit(77)\n"
      "r = RedisCluster(host='127.0.0.1', port=" +
      std::to_string(pillion->port()) +
      ")\n"
      "for i in range(200):\n"
      "    assert r.set('key%d' % i, i)\n"
      "    assert r.get('key%d' % i) == str(i).encode()\n"
      "assert r.mget('{t}a', '{t}b') == [None, None]\n"
      "pipe = r.pipeline()\n"
      "for i in range(50):\n"
      "    pipe.incr('counter%d' % i)\n"
      "assert pipe.execute() == [1] * 50\n"
      "assert sum(1 for _ in r.scan_iter(match='key*')) == 200\n"
      "print('done')\n";
  const Finished run = run_to_end({"/usr/bin/python3", "-"}, program);
  if (run.exit_code == 77) GTEST_SKIP() << "python3-redis is not installed";
  EXPECT_EQ(run.output, "done\n");
}

TEST(EmulatedClusterOff, ClusterCommandsAreRedissOwn) {
  RedisServer redis;
  PillionProcess pillion(redis.url());
  RespClient client = pillion.client();
  ASSERT_TRUE(eventually([&] { return client("SET", "k", "v").is_ok(); }));
  EXPECT_EQ(client("CLUSTER", "INFO").text, redis("CLUSTER", "INFO").text);
}

}  // namespace
}  // namespace pillion::test
