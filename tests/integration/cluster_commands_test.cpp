// Every command means over a cluster what it means to a single Redis, or is refused in the words in
// which a cluster refuses it.
#include <set>
#include <thread>

#include "tests/integration/topology_fixture.hpp"
#include "tests/support/cluster_client.hpp"
#include "tests/support/cluster_servers.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {
namespace {

using Arguments = std::vector<std::string_view>;
using Texts = std::vector<std::string>;

constexpr const char* kCrossSlot = "CROSSSLOT Keys in request don't hash to the same slot";

/// One cluster, one Pillion and one plain redis-server as the judge, for all tests; empty at the
/// start of each.
class ClusterCommands : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    ClusterServers::Options options;
    options.replicas_each = 0;
    cluster_ = new ClusterServers(options);
    judge_ = new RedisServer;
    pillion_ = new PillionProcess(cluster_->url(), swift());
    RespClient client = pillion_->client();
    ASSERT_TRUE(eventually([&] { return client("SET", "k", "v").is_ok(); })) << pillion_->log();
  }
  static void TearDownTestSuite() {
    delete pillion_;
    delete judge_;
    delete cluster_;
  }
  void SetUp() override {
    for (std::size_t i = 0; i < cluster_->nodes(); ++i) {
      node(i)("FLUSHALL");
      node(i)("SCRIPT", "FLUSH");
      node(i)("FUNCTION", "FLUSH");
    }
    (*judge_)("FLUSHALL");
    // What the L1 knew of the keys of the test before is gone within this.
    std::this_thread::sleep_for(50ms);
  }

  static RespClient client(int protocol = 2) { return pillion_->client_speaking(protocol); }
  static RespClient judge(int protocol = 2) {
    RespClient result = judge_->client();
    if (protocol == 3) result.hello3();
    return result;
  }
  static RedisServer& node(std::size_t number) { return cluster_->node(number); }
  static ClusterServers& cluster() { return *cluster_; }
  static PillionProcess& pillion() { return *pillion_; }

  static std::string key(int number) { return "key:" + std::to_string(number); }

 private:
  static ClusterServers* cluster_;
  static RedisServer* judge_;
  static PillionProcess* pillion_;
};
ClusterServers* ClusterCommands::cluster_ = nullptr;
RedisServer* ClusterCommands::judge_ = nullptr;
PillionProcess* ClusterCommands::pillion_ = nullptr;

class ClusterCommandsInBothProtocols : public ClusterCommands,
                                       public ::testing::WithParamInterface<int> {};
INSTANTIATE_TEST_SUITE_P(Speaking, ClusterCommandsInBothProtocols, ::testing::Values(2, 3),
                         speaking);

TEST_P(ClusterCommandsInBothProtocols, AnswersAreByteForByteThoseOfASingleRedis) {
  RespClient through = client(GetParam());
  RespClient straight = judge(GetParam());
  for (const Arguments& command : std::vector<Arguments>{
           {"MSET", "a", "1", "b", "2", "c", "3", "d", "4"},
           {"MGET", "a", "b", "c", "d"},
           {"MGET", "d", "nothing", "a", "a", "b", "c", "d"},
           {"MSET", "a", "first", "a", "second"},
           {"MGET", "a"},
           {"MGET", "nothing"},
           {"MGET"},
           {"MSET", "a"},
           {"MSET", "a", "1", "b"},
           {"EXISTS", "a", "b", "c", "nothing", "a", "a"},
           {"TOUCH", "a", "b", "nothing", "a"},
           {"DEL", "a", "b", "nothing", "a"},
           {"EXISTS", "a", "b", "c", "d"},
           {"UNLINK", "c", "d", "c", "nothing"},
           {"DBSIZE"},
           {"DEL"},
           {"EXISTS"},
           {"LPUSH", "list", "x"},
           {"MSET", "x", "1", "y", "2"},
           {"MGET", "x", "list", "y"},
           {"SET", "x", "overwritten"},
           {"GET", "x"},
           {"GETRANGE", "x", "0", "3"},
           {"STRLEN", "x"},
           {"LRANGE", "list", "0", "-1"},
           {"LLEN", "x"},
           {"HSET", "hash", "f", "1", "g", "2"},
           {"HGETALL", "hash"},
           {"HMGET", "hash", "g", "nothing"},
           {"SADD", "set", "m"},
           {"SMEMBERS", "set"},
           {"ZADD", "sorted", "1.5", "m", "2", "n"},
           {"ZRANGE", "sorted", "0", "-1", "WITHSCORES"},
           {"ZSCORE", "sorted", "m"},
           {"XADD", "stream", "1-1", "f", "v"},
           {"XRANGE", "stream", "-", "+"},
           {"XREAD", "STREAMS", "stream", "0"},
           {"PFADD", "hll", "a", "b"},
           {"PFCOUNT", "hll"},
           {"BITFIELD", "bits", "SET", "u8", "0", "200"},
           {"TYPE", "hash"},
           {"OBJECT", "ENCODING", "hash"},
           {"PTTL", "hash"},
           {"EXPIRE", "hash", "1000"},
           {"PERSIST", "hash"},
           {"COPY", "{t}a", "{t}b"},
           {"MSETNX", "{t}a", "1", "{t}b", "2"},
           {"MSETNX", "{t}a", "1", "{t}c", "2"},
           {"MGET", "{t}a", "{t}b", "{t}c"},
           {"RENAME", "{t}a", "{t}c"},
           {"SINTERSTORE", "{t}dst", "{t}s1", "{t}s2"},
           {"EVAL", "return {KEYS[1], ARGV[1], redis.call('GET', KEYS[2])}", "2", "{t}c", "{t}b",
            "x"},
           {"EVAL", "return 7", "0"},
           {"EVAL", "return redis.error_reply('MY error')", "0"},
           {"EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "1", "a"},
           {"FCALL", "nosuchfunction", "0"},
           {"SELECT", "0"},
           {"PING"},
           {"ECHO", "hello"},
           {"NOSUCHCOMMAND", "x"},
           {"GET"},
           {"SET", "k"},
           {"INCR", "list"},
           {"WAIT", "0", "0"},
           {"KEYS", "nosuchkey*"},
           {"RANDOMKEY", "x"},
           {"SCAN"},
           {"SCAN", "notanumber"},
           {"SCAN", "0", "COUNT", "zero"},
           {"FLUSHALL", "NOSUCHWORD"},
           {"FLUSHDB", "ASYNC"},
           {"DBSIZE"},
           {"RANDOMKEY"},
           {"KEYS", "*"},
       }) {
    std::string words;
    for (const auto word : command) words += std::string(word) + " ";
    EXPECT_EQ(printable(through.raw(command)), printable(straight.raw(command))) << words;
  }
}

TEST_P(ClusterCommandsInBothProtocols, ManyKeysAreSplitAndMergedInOrder) {
  RespClient through = client(GetParam());
  constexpr int kKeys = 5'000;
  Texts names;
  for (int i = 0; i < kKeys; ++i) names.push_back(key(i));
  Arguments mset = {"MSET"};
  Arguments mget = {"MGET"};
  Arguments exists = {"EXISTS"};
  Arguments touch = {"TOUCH"};
  Arguments del = {"DEL"};
  Arguments unlink = {"UNLINK"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    mset.insert(mset.end(), {names[i], names[i]});
    mget.push_back(names[i]);
    exists.push_back(names[i]);
    touch.push_back(names[i]);
    (i % 2 == 0 ? del : unlink).push_back(names[i]);
  }
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(through.command(mset).is_ok());
    ASSERT_EQ(through.command(mget).texts(), names);
    ASSERT_EQ(through.command(mget).texts(), names) << "again, perhaps out of the L1";
    ASSERT_EQ(through.command(exists), kKeys);
    ASSERT_EQ(through.command(touch), kKeys);
    for (std::size_t i = 0; i < cluster().nodes(); ++i) {
      EXPECT_GT(node(i)("DBSIZE").integer(), kKeys / 6) << "node " << i;
    }
    ASSERT_EQ(through("DBSIZE"), kKeys);
    ASSERT_EQ(through.command(del), kKeys / 2);
    ASSERT_EQ(through.command(unlink), kKeys / 2);
    ASSERT_EQ(through("DBSIZE"), 0);
    ASSERT_TRUE(through.command(mget).items.front().is_null());
  }
}

TEST_F(ClusterCommands, WhatNeedsSeveralSlotsAtOnceIsRefusedInRedissWords) {
  RespClient through = client();
  for (const Arguments& command : std::vector<Arguments>{
           {"RENAME", "a", "b"},
           {"COPY", "a", "b"},
           {"MSETNX", "a", "1", "b", "2"},
           {"SINTER", "a", "b"},
           {"SUNIONSTORE", "a", "b", "c"},
           {"ZUNION", "2", "a", "b"},
           {"PFMERGE", "a", "b"},
           {"PFCOUNT", "a", "b"},
           {"BITOP", "AND", "a", "b"},
           {"LMOVE", "a", "b", "LEFT", "LEFT"},
           {"BLPOP", "a", "b", "1"},
           {"BLMOVE", "a", "b", "LEFT", "LEFT", "1"},
           {"LMPOP", "2", "a", "b", "LEFT"},
           {"XREAD", "STREAMS", "a", "b", "0", "0"},
           {"EVAL", "return 1", "2", "a", "b"},
           {"SMOVE", "a", "b", "m"},
           {"LCS", "a", "b"},
           {"GEOSEARCHSTORE", "a", "b", "FROMLONLAT", "0", "0", "BYRADIUS", "1", "m"},
           {"SSUBSCRIBE", "a", "b"},
       }) {
    const Value reply = through.command(command);
    EXPECT_TRUE(reply.is_error()) << command[0] << ": " << reply;
    EXPECT_EQ(reply.text, kCrossSlot) << command[0];
  }
  EXPECT_EQ(through("PING"), "PONG");
}

TEST_F(ClusterCommands, OneDatabaseOnly) {
  RespClient through = client();
  EXPECT_TRUE(through("SELECT", "0").is_ok());
  const Value reply = through("SELECT", "1");
  EXPECT_EQ(reply.text, node(0)("SELECT", "1").text);
  EXPECT_TRUE(reply.is_error());
}

TEST_F(ClusterCommands, WholeKeyspace) {
  RespClient through = client();
  std::set<std::string> all;
  for (int i = 0; i < 300; ++i) {
    through("SET", key(i), "v");
    all.insert(key(i));
  }
  const Texts keys = through("KEYS", "*").texts();
  EXPECT_EQ(keys.size(), all.size());
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()), all);
  EXPECT_EQ(through("KEYS", "key:7?").items.size(), 10U);
  EXPECT_EQ(through("DBSIZE"), 300);
  std::set<std::size_t> nodes;
  for (int i = 0; i < 200; ++i) {
    const std::string name = through("RANDOMKEY").text;
    ASSERT_EQ(all.count(name), 1U);
    nodes.insert(cluster().owner_of(slot_of_key(name)).value());
    if (nodes.size() == 3 && i > 20) break;
  }
  EXPECT_EQ(nodes.size(), 3U) << "RANDOMKEY is random over all nodes";
  for (int i = 1; i < 300; ++i) through("DEL", key(i));
  EXPECT_EQ(through("RANDOMKEY"), key(0)) << "empty nodes are passed over";
  through("SET", "other", "v");
  EXPECT_TRUE(through("FLUSHALL").is_ok());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(node(i)("DBSIZE"), 0);
  EXPECT_TRUE(through("GET", key(0)).is_null());
}

TEST_F(ClusterCommands, ScanReturnsEveryKeyOfEveryNodeOnce) {
  RespClient through = client();
  std::set<std::string> all;
  for (int i = 0; i < 4'000; ++i) {
    through.send("SET", key(i), "v");
    all.insert(key(i));
  }
  through.read_many(4'000);
  for (int i = 0; i < 50; ++i) through("SADD", "set:" + std::to_string(i), "m");
  // A hash table that still grows is walked twice in places, by Redis itself.
  for (std::size_t i = 0; i < 3; ++i) {
    for (int turn = 0; turn < 200; ++turn) node(i)("GET", "nothing");
    std::this_thread::sleep_for(150ms);
  }
  struct Walk {
    Arguments options;
    std::size_t keys;
  };
  for (const Walk& walk : std::vector<Walk>{{{}, 4'050},
                                            {{"COUNT", "100"}, 4'050},
                                            {{"COUNT", "100000"}, 4'050},
                                            {{"MATCH", "key:1?"}, 10},
                                            {{"MATCH", "key:*", "COUNT", "57"}, 4'000},
                                            {{"TYPE", "set", "COUNT", "500"}, 50}}) {
    std::vector<std::string> seen;
    std::string cursor = "0";
    std::size_t calls = 0;
    do {
      Arguments command = {"SCAN", cursor};
      command.insert(command.end(), walk.options.begin(), walk.options.end());
      const Value reply = through.command(command);
      ASSERT_EQ(reply.items.size(), 2U) << reply;
      for (const Value& name : reply.items[1].items) seen.push_back(name.text);
      cursor = reply.items[0].text;
      // Clients keep it in 64 bits.
      ASSERT_LE(cursor.size(), 20U);
      ASSERT_LT(++calls, 10'000U) << "it does not end";
    } while (cursor != "0");
    const std::set<std::string> distinct(seen.begin(), seen.end());
    EXPECT_EQ(distinct.size(), walk.keys);
    EXPECT_EQ(seen.size(), walk.keys) << "each once";
  }
}

TEST_F(ClusterCommands, ScansOfOneKeyStayWithItsNode) {
  RespClient through = client();
  for (int k = 0; k < 6; ++k) {
    const std::string suffix = std::to_string(k);
    for (int i = 0; i < 1'000; ++i) {
      const std::string member = "m" + std::to_string(i);
      through.send("HSET", "h" + suffix, member, "v");
      through.send("SADD", "s" + suffix, member);
      through.send("ZADD", "z" + suffix, std::to_string(i), member);
    }
    through.read_many(3'000);
    for (const auto& [scan, name, width] : std::vector<std::tuple<std::string, std::string, int>>{
             {"HSCAN", "h", 2}, {"SSCAN", "s", 1}, {"ZSCAN", "z", 2}}) {
      std::set<std::string> members;
      std::string cursor = "0";
      do {
        const Value reply = through(scan, name + suffix, cursor, "COUNT", "50");
        const auto& items = reply.items.at(1).items;
        for (std::size_t i = 0; i < items.size(); i += static_cast<std::size_t>(width)) {
          members.insert(items[i].text);
        }
        cursor = reply.items[0].text;
      } while (cursor != "0");
      EXPECT_EQ(members.size(), 1'000U) << scan;
    }
  }
}

TEST_F(ClusterCommands, ScriptsAreOnEveryNode) {
  RespClient through = client();
  const std::string sha =
      through("SCRIPT", "LOAD", "return redis.call('SET', KEYS[1], ARGV[1])").text;
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(node(i)("SCRIPT", "EXISTS", sha).items.at(0), 1) << "node " << i;
  }
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(through("EVALSHA", sha, "1", key(i), "v").is_ok());
  EXPECT_EQ(through("GET", key(7)), "v");
  EXPECT_EQ(through("SCRIPT", "EXISTS", sha, std::string(40, 'f')).items.at(0), 1);
  EXPECT_EQ(through("SCRIPT", "EXISTS", sha, std::string(40, 'f')).items.at(1), 0);
  node(1)("SCRIPT", "FLUSH");
  EXPECT_EQ(through("SCRIPT", "EXISTS", sha).items.at(0), 0) << "it must be on all";
  EXPECT_TRUE(through("SCRIPT", "FLUSH").is_ok());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(node(i)("SCRIPT", "EXISTS", sha).items.at(0), 0);
  }
  EXPECT_TRUE(through("SCRIPT", "KILL").starts_with("NOTBUSY"));
}

TEST_F(ClusterCommands, FunctionsAreOnEveryNode) {
  RespClient through = client();
  const std::string library =
      "#!lua name=lib\nredis.register_function('put', function(k, a) return redis.call('SET', "
      "k[1], a[1]) end)";
  EXPECT_EQ(through("FUNCTION", "LOAD", library), "lib");
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(node(i)("FUNCTION", "LIST").items.size(), 1U);
  for (int i = 0; i < 50; ++i) EXPECT_TRUE(through("FCALL", "put", "1", key(i), "v").is_ok());
  EXPECT_EQ(through("FUNCTION", "LIST").items.size(), 1U) << "told once";
  EXPECT_TRUE(through("FUNCTION", "LOAD", library).starts_with("ERR Library 'lib' already exists"));
  const Value dump = through("FUNCTION", "DUMP");
  EXPECT_TRUE(through("FUNCTION", "DELETE", "lib").is_ok());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(node(i)("FUNCTION", "LIST").items.size(), 0U);
  EXPECT_TRUE(through("FUNCTION", "RESTORE", dump.text).is_ok());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(node(i)("FUNCTION", "LIST").items.size(), 1U);
  EXPECT_TRUE(through("FUNCTION", "FLUSH").is_ok());
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(node(i)("FUNCTION", "LIST").items.size(), 0U);
}

TEST_F(ClusterCommands, ConfigurationIsThatOfAllPrimaries) {
  RespClient through = client();
  EXPECT_TRUE(through("CONFIG", "SET", "hash-max-listpack-entries", "77").is_ok());
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(node(i)("CONFIG", "GET", "hash-max-listpack-entries").items.at(1), "77");
  }
  EXPECT_EQ(through("CONFIG", "GET", "hash-max-listpack-entries").texts(),
            (Texts{"hash-max-listpack-entries", "77"}));
  EXPECT_TRUE(through("CONFIG", "SET", "nosuchparameter", "1").is_error());
  EXPECT_TRUE(through("CONFIG", "RESETSTAT").is_ok());
}

TEST_F(ClusterCommands, TransactionsWithinOneSlot) {
  RespClient through = client();
  RespClient other = client();
  for (const std::uint32_t slot : {0U, 8'000U, 16'383U}) {
    const std::string a = key_in_slot(slot, "a");
    const std::string b = key_in_slot(slot, "b");
    EXPECT_TRUE(through("MULTI").is_ok());
    EXPECT_EQ(through("SET", a, "1"), "QUEUED");
    EXPECT_EQ(through("INCR", b), "QUEUED");
    EXPECT_EQ(through("MGET", a, b), "QUEUED");
    const Value done = through("EXEC");
    ASSERT_EQ(done.items.size(), 3U) << done;
    EXPECT_EQ(done.items[2].texts(), (Texts{"1", "1"}));

    EXPECT_TRUE(through("WATCH", a).is_ok());
    EXPECT_EQ(through("GET", a), "1");
    EXPECT_TRUE(other("SET", a, "2").is_ok());
    through("MULTI");
    through("SET", b, "lost update");
    EXPECT_TRUE(through("EXEC").is_null());
    EXPECT_EQ(through("GET", b), "1");

    EXPECT_TRUE(through("WATCH", a, b).is_ok());
    EXPECT_TRUE(through("UNWATCH").is_ok());
    through("MULTI");
    through("SET", a, "3");
    EXPECT_TRUE(through("DISCARD").is_ok());
    EXPECT_EQ(through("GET", a), "2");

    through("MULTI");
    through("NOSUCHCOMMAND");
    EXPECT_TRUE(through("EXEC").starts_with("EXECABORT"));
    through("MULTI");
    EXPECT_EQ(through("EXEC").items.size(), 0U) << "empty";
  }
}

TEST_F(ClusterCommands, TransactionsOverSeveralSlotsAreRefused) {
  RespClient through = client();
  const std::string a = key_in_slot(10);
  const std::string b = key_in_slot(16'000);
  through("MULTI");
  EXPECT_EQ(through("SET", a, "1"), "QUEUED");
  EXPECT_TRUE(through("SET", b, "1").is_error());
  EXPECT_TRUE(through("EXEC").starts_with("EXECABORT"));
  EXPECT_EQ(through("EXISTS", a), 0);
  EXPECT_TRUE(through("WATCH", a).is_ok());
  through("MULTI");
  EXPECT_TRUE(through("SET", b, "1").is_error()) << "not where the watched key is";
  EXPECT_TRUE(through("EXEC").is_error());
  EXPECT_EQ(through("EXISTS", a, b), 0);
  through("MULTI");
  EXPECT_EQ(through("PING"), "QUEUED");
  EXPECT_EQ(through("SET", b, "1"), "QUEUED") << "the first key says where";
  EXPECT_EQ(through("EXEC").items.size(), 2U);
  EXPECT_EQ(through("WATCH", a, b).text, kCrossSlot);
}

TEST_F(ClusterCommands, BlockingCommandsWaitAtTheirNode) {
  for (const std::uint32_t slot : {5U, 9'000U, 16'000U}) {
    RespClient waiting = client();
    RespClient pushing = client();
    const std::string list = key_in_slot(slot, "list");
    const std::string other = key_in_slot(slot, "other");
    waiting.send("BLPOP", list, other, "5");
    ASSERT_TRUE(eventually([&] {
      return node(cluster().owner_of(slot).value()).info_number("clients", "blocked_clients") == 1;
    }));
    pushing("RPUSH", other, "x");
    EXPECT_EQ(waiting.read().texts(), (Texts{other, "x"}));
    EXPECT_TRUE(waiting("BLPOP", list, "0.1").is_null());
    waiting.send("BLMOVE", list, other, "LEFT", "RIGHT", "5");
    pushing("RPUSH", list, "y");
    EXPECT_EQ(waiting.read(), "y");
    const std::string stream = key_in_slot(slot, "stream");
    waiting.send("XREAD", "BLOCK", "5000", "STREAMS", stream, "$");
    std::this_thread::sleep_for(50ms);
    pushing("XADD", stream, "*", "f", "v");
    EXPECT_EQ(waiting.read().items.size(), 1U);
    const std::string sorted = key_in_slot(slot, "sorted");
    waiting.send("BZPOPMIN", sorted, "5");
    pushing("ZADD", sorted, "1", "m");
    EXPECT_EQ(waiting.read().items.size(), 3U);
  }
}

TEST_P(ClusterCommandsInBothProtocols, MessagesReachSubscribersFromEveryNode) {
  RespClient subscriber = client(GetParam());
  RespClient publisher = client();
  EXPECT_EQ(subscriber("SUBSCRIBE", "news").items.at(1), "news");
  EXPECT_EQ(subscriber("PSUBSCRIBE", "n?ws").items.at(1), "n?ws");
  const auto expect_both = [&](const std::string& message) {
    std::set<std::string> kinds;
    for (int i = 0; i < 2; ++i) {
      const Value got = subscriber.read();
      kinds.insert(got.items.at(0).text);
      EXPECT_EQ(got.items.back(), message);
    }
    EXPECT_EQ(kinds, (std::set<std::string>{"message", "pmessage"}));
    EXPECT_FALSE(subscriber.try_read(30ms).has_value()) << "once each";
  };
  publisher("PUBLISH", "news", "through");
  expect_both("through");
  for (std::size_t i = 0; i < 3; ++i) {
    node(i)("PUBLISH", "news", "from node " + std::to_string(i));
    expect_both("from node " + std::to_string(i));
  }
  EXPECT_EQ(publisher("PUBSUB", "CHANNELS").texts(), (Texts{"news"}));
  EXPECT_EQ(publisher("PUBSUB", "NUMSUB", "news").texts(), (Texts{"news", "1"}));
  EXPECT_EQ(publisher("PUBSUB", "NUMPAT"), 1);
  subscriber("UNSUBSCRIBE", "news");
  subscriber("PUNSUBSCRIBE", "n?ws");
}

TEST_P(ClusterCommandsInBothProtocols, ShardedMessagesGoByTheSlotOfTheirChannel) {
  RespClient publisher = client();
  for (const std::uint32_t slot : {1U, 7'000U, 16'000U}) {
    RespClient subscriber = client(GetParam());
    const std::string channel = key_in_slot(slot, "channel");
    EXPECT_EQ(subscriber("SSUBSCRIBE", channel).items.at(1), channel);
    publisher("SPUBLISH", channel, "through");
    Value got = subscriber.read();
    EXPECT_EQ(got.items.at(0), "smessage");
    EXPECT_EQ(got.items.at(2), "through");
    node(cluster().owner_of(slot).value())("SPUBLISH", channel, "straight");
    EXPECT_EQ(subscriber.read().items.at(2), "straight");
    EXPECT_EQ(publisher("PUBSUB", "SHARDCHANNELS").texts(), (Texts{channel}));
    EXPECT_EQ(publisher("PUBSUB", "SHARDNUMSUB", channel).texts(), (Texts{channel, "1"}));
    subscriber("SUNSUBSCRIBE", channel);
  }
}

TEST_F(ClusterCommands, PipelineOverAllNodesIsAnsweredInOrder) {
  RespClient through = client();
  std::string commands;
  constexpr int kRounds = 2'000;
  for (int i = 0; i < kRounds; ++i) {
    const std::string number = std::to_string(i);
    append_command(commands, {"SET", key(i), number});
    append_command(commands, {"GET", key(i)});
    append_command(commands, {"MGET", key(i), key(i - 1), "nothing"});
    append_command(commands, {"ECHO", number});
    if (i % 100 == 0) append_command(commands, {"DBSIZE"});
    if (i % 50 == 0) append_command(commands, {"EVAL", "return ARGV[1]", "1", key(i), number});
  }
  through.send_raw(commands);
  for (int i = 0; i < kRounds; ++i) {
    const std::string number = std::to_string(i);
    ASSERT_TRUE(through.read().is_ok());
    ASSERT_EQ(through.read(), number);
    const Value several = through.read();
    ASSERT_EQ(several.items.size(), 3U);
    ASSERT_EQ(several.items[0], number);
    if (i > 0) {
      ASSERT_EQ(several.items[1], std::to_string(i - 1));
    }
    ASSERT_TRUE(several.items[2].is_null());
    ASSERT_EQ(through.read(), number);
    if (i % 100 == 0) {
      ASSERT_EQ(through.read(), i + 1);
    }
    if (i % 50 == 0) {
      ASSERT_EQ(through.read(), number);
    }
  }
}

TEST_F(ClusterCommands, OwnWritesAreSeenWhicheverNodeAndHoweverWritten) {
  RespClient writer = client();
  RespClient reader = client(3);
  for (int i = 0; i < 300; ++i) {
    const std::string value = std::to_string(i);
    const std::string a = key(i % 7);
    const std::string b = key(100 + i % 5);
    reader("MGET", a, b);
    reader("GET", a);
    switch (i % 4) {
      case 0:
        ASSERT_TRUE(writer("MSET", a, value, b, value).is_ok());
        break;
      case 1:
        ASSERT_TRUE(writer("SET", a, value).is_ok());
        ASSERT_TRUE(writer("SET", b, value).is_ok());
        break;
      case 2:
        for (const auto& name : {a, b}) {
          ASSERT_TRUE(writer("EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", "1", name, value)
                          .is_ok());
        }
        break;
      default:
        for (const auto& name : {a, b}) {
          writer("MULTI");
          writer("SET", name, value);
          writer("EXEC");
        }
    }
    ASSERT_EQ(reader("GET", a), value) << "round " << i;
    ASSERT_EQ(reader("MGET", a, b).texts(), (Texts{value, value})) << "round " << i;
    if (i % 9 == 0) {
      ASSERT_EQ(writer("DEL", a, b), 2);
      ASSERT_EQ(reader("EXISTS", a, b), 0);
      ASSERT_TRUE(reader("GET", a).is_null());
    }
    if (i % 50 == 49) {
      ASSERT_TRUE(writer("FLUSHALL").is_ok());
      ASSERT_TRUE(reader("GET", b).is_null());
    }
  }
}

TEST_F(ClusterCommands, ErrorOfOneNodeIsTheErrorOfTheWhole) {
  RespClient through = client();
  through("MSET", "a", "1", "b", "2", "c", "3");
  const std::size_t full = cluster().owner_of(slot_of_key("a")).value();
  node(full)("CONFIG", "SET", "maxmemory", "1");
  EXPECT_TRUE(through("MSET", "a", "x", "b", "x", "c", "x").starts_with("OOM"));
  EXPECT_EQ(through("MGET", "a").texts(), (Texts{"1"}));
  node(full)("CONFIG", "SET", "maxmemory", "0");
  EXPECT_TRUE(through("MSET", "a", "x", "b", "x", "c", "x").is_ok());
  EXPECT_EQ(through("MGET", "a", "b", "c").texts(), (Texts{"x", "x", "x"}));
}

TEST_F(ClusterCommands, RedisCliAndItsPipeModeNeedToKnowNothing) {
  const std::string port = std::to_string(pillion().port());
  std::string commands;
  for (int i = 0; i < 2'000; ++i) append_command(commands, {"SET", key(i), "v"});
  const Finished piped = run_to_end({"redis-cli", "-p", port, "--pipe"}, commands);
  EXPECT_NE(piped.output.find("errors: 0, replies: 2000"), std::string::npos) << piped.output;
  const Finished scanned = run_to_end({"redis-cli", "-p", port, "--scan", "--pattern", "key:*"});
  EXPECT_EQ(std::count(scanned.output.begin(), scanned.output.end(), '\n'), 2'000);
}

}  // namespace
}  // namespace pillion::test
