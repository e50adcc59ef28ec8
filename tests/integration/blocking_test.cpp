// Commands that wait for data: their clock is the client's, and who leaves takes nothing along.
#include <algorithm>
#include <tuple>

#include "tests/integration/observers.hpp"
#include "tests/support/file_limit.hpp"

namespace pillion::test {
namespace {

using Command = std::vector<std::string_view>;

/// A command that waits, what ends its wait, and the same command with a limit.
struct Wait {
  const char* name;
  Command command;
  Command feed;
  Command limited;  // to 350 ms
};

const std::vector<Wait> kWaits = {
    {"Blpop", {"BLPOP", "list", "other", "0"}, {"RPUSH", "list", "v"}, {"BLPOP", "list", "0.35"}},
    {"Brpop", {"BRPOP", "other", "list", "0"}, {"RPUSH", "list", "v"}, {"BRPOP", "list", "0.35"}},
    {"Blmove",
     {"BLMOVE", "list", "to", "RIGHT", "LEFT", "0"},
     {"RPUSH", "list", "v"},
     {"BLMOVE", "list", "to", "RIGHT", "LEFT", "0.35"}},
    {"Brpoplpush",
     {"BRPOPLPUSH", "list", "to", "0"},
     {"RPUSH", "list", "v"},
     {"BRPOPLPUSH", "list", "to", "0.35"}},
    {"Blmpop",
     {"BLMPOP", "0", "2", "other", "list", "LEFT", "COUNT", "2"},
     {"RPUSH", "list", "v", "w", "x"},
     {"BLMPOP", "0.35", "1", "list", "LEFT"}},
    {"Bzpopmin",
     {"BZPOPMIN", "zset", "0"},
     {"ZADD", "zset", "1.5", "v"},
     {"BZPOPMIN", "zset", "0.35"}},
    {"Bzpopmax",
     {"BZPOPMAX", "zset", "0"},
     {"ZADD", "zset", "1.5", "v"},
     {"BZPOPMAX", "zset", "0.35"}},
    {"Bzmpop",
     {"BZMPOP", "0", "1", "zset", "MIN"},
     {"ZADD", "zset", "1.5", "v"},
     {"BZMPOP", "0.35", "1", "zset", "MIN"}},
    {"Xread",
     {"XREAD", "COUNT", "1", "BLOCK", "0", "STREAMS", "stream", "$"},
     {"XADD", "stream", "7-7", "field", "v"},
     {"XREAD", "BLOCK", "350", "STREAMS", "stream", "$"}},
    {"Xreadgroup",
     {"XREADGROUP", "GROUP", "group", "me", "BLOCK", "0", "STREAMS", "stream", ">"},
     {"XADD", "stream", "7-7", "field", "v"},
     {"XREADGROUP", "GROUP", "group", "me", "BLOCK", "350", "STREAMS", "stream", ">"}},
};

/// The command, and the protocol.
class EachBlockingCommand : public ThroughPillion,
                            public ::testing::WithParamInterface<std::tuple<std::size_t, int>> {
 protected:
  EachBlockingCommand() : ThroughPillion({"upstream.command_timeout=200ms"}) {}

  const Wait& wait() const { return kWaits.at(std::get<0>(GetParam())); }
  RespClient client() { return pillion.client_speaking(std::get<1>(GetParam())); }
  RespClient direct() {
    RespClient result = redis.client();
    if (std::get<1>(GetParam()) == 3) result.hello3();
    return result;
  }
  void feed() { redis.client().command(wait().feed); }
  void clean() {
    redis("FLUSHALL");
    redis("XADD", "stream", "1-1", "f", "v");
    redis("XGROUP", "CREATE", "stream", "group", "$");
  }
};

std::string wait_name(const ::testing::TestParamInfo<std::tuple<std::size_t, int>>& chosen) {
  return kWaits.at(std::get<0>(chosen.param)).name + std::string("InRESP") +
         std::to_string(std::get<1>(chosen.param));
}
INSTANTIATE_TEST_SUITE_P(Speaking, EachBlockingCommand,
                         ::testing::Combine(::testing::Range(std::size_t{0}, kWaits.size()),
                                            ::testing::Values(2, 3)),
                         wait_name);

TEST_P(EachBlockingCommand, WaitsForDataLongerThanACommandMayTake) {
  RespClient through = client();
  RespClient straight = direct();
  clean();
  through.send_raw(encode(wait().command));
  EXPECT_FALSE(through.try_read(250ms).has_value());
  ASSERT_TRUE(blocked_at(redis, 1));
  feed();
  const std::string seen = through.read_raw();
  clean();
  straight.send_raw(encode(wait().command));
  ASSERT_TRUE(blocked_at(redis, 1));
  feed();
  EXPECT_EQ(seen, straight.read_raw());
  EXPECT_EQ(through("PING"), "PONG");
}

TEST_P(EachBlockingCommand, EndsByItsOwnClock) {
  RespClient through = client();
  RespClient straight = direct();
  clean();
  const Moment start = Clock::now();
  through.send_raw(encode(wait().limited));
  straight.send_raw(encode(wait().limited));
  EXPECT_EQ(through.read_raw(), straight.read_raw());
  EXPECT_GE(milliseconds(Clock::now() - start), 340);
  EXPECT_LE(milliseconds(Clock::now() - start), 2'500);
}

TEST_P(EachBlockingCommand, ErrorsComeAtOnce) {
  RespClient through = client();
  RespClient straight = direct();
  clean();
  for (const char* key : {"list", "other", "zset", "stream"}) redis("SET", key, "a string");
  EXPECT_EQ(through.raw(wait().limited), straight.raw(wait().limited));
  Command cut(wait().command.begin(), wait().command.begin() + 1);
  EXPECT_EQ(through.raw(cut), straight.raw(cut));
  cut = {wait().command[0], "list", "nonsense", "nonsense", "nonsense"};
  EXPECT_EQ(through.raw(cut), straight.raw(cut));
}

class Blocking : public ThroughTwoWorkers {
 protected:
  using ThroughTwoWorkers::ThroughTwoWorkers;
};

TEST_F(Blocking, OthersGoOnAndAPopBehindAWriteSeesIt) {
  RespClient waiting = pillion.client();
  RespClient other = pillion.client();
  waiting.send("BLPOP", "queue", "0");
  EXPECT_FALSE(waiting.try_read(50ms).has_value());
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(other("SET", "k", "v").is_ok());
  EXPECT_EQ(other("RPUSH", "queue", "job"), 1);
  EXPECT_EQ(waiting.read().texts(), (Texts{"queue", "job"}));
  std::string commands;
  for (int i = 0; i < 200; ++i) {
    append_command(commands, {"RPUSH", "own", "x"});
    append_command(commands, {"BLPOP", "own", "0"});
    append_command(commands, {"LLEN", "own"});
  }
  waiting.send_raw(commands);
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(waiting.read(), 1);
    ASSERT_EQ(waiting.read().texts(), (Texts{"own", "x"}));
    ASSERT_EQ(waiting.read(), 0);
  }
}

TEST_F(Blocking, CachedListsForgetWhatAPopTook) {
  RespClient reader = pillion.client();
  RespClient waiting = pillion.client();
  RespClient pusher = pillion.client();
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(reader("LLEN", "from"), 0);
    ASSERT_EQ(reader("LLEN", "to"), i);
    waiting.send("BLMOVE", "from", "to", "LEFT", "RIGHT", "0");
    ASSERT_TRUE(blocked_at(redis, 1));
    pusher("RPUSH", "from", "x");
    ASSERT_EQ(waiting.read(), "x");
    ASSERT_EQ(reader("LLEN", "to"), i + 1) << "the client that moved it has been told";
    ASSERT_EQ(reader("LLEN", "from"), 0);
  }
}

TEST_F(Blocking, WithinMultiNothingBlocks) {
  RespClient through = pillion.client();
  through("MULTI");
  EXPECT_EQ(through("BLPOP", "queue", "0"), "QUEUED");
  EXPECT_EQ(through("XREAD", "BLOCK", "0", "STREAMS", "stream", "$"), "QUEUED");
  const Value done = through("EXEC");
  ASSERT_EQ(done.items.size(), 2U);
  EXPECT_TRUE(done.items[0].is_null());
  EXPECT_TRUE(done.items[1].is_null());
}

TEST_F(Blocking, WaitCountsReplicasThatHaveTheClientsWrites) {
  redis("CONFIG", "SET", "repl-diskless-sync-delay", "0");
  RedisServer replica({"--replicaof", "127.0.0.1", std::to_string(redis.port())});
  ASSERT_TRUE(eventually([&] {
    return replica("INFO", "replication").text.find("master_link_status:up") != std::string::npos;
  }));
  RespClient through = pillion.client();
  for (int i = 0; i < 20; ++i) {
    const std::string value = std::to_string(i);
    through("SET", "k", value);
    ASSERT_EQ(through("WAIT", "1", "5000"), 1);
    ASSERT_EQ(replica("GET", "k"), value);
  }
  const Moment start = Clock::now();
  through("SET", "k", "v");
  EXPECT_EQ(through("WAIT", "2", "200"), 1);
  EXPECT_GE(milliseconds(Clock::now() - start), 190);
}

TEST_F(Blocking, AThousandClientsWaitAtOnceAndAllAreServed) {
  constexpr int kClients = 1'000;
  ASSERT_GE(raise_file_limit(), 2'500U);
  std::vector<RespClient> waiting;
  for (int i = 0; i < kClients; ++i) {
    waiting.push_back(pillion.client());
    waiting.back().send("BLPOP", "queue" + std::to_string(i % 10), "0");
  }
  ASSERT_TRUE(blocked_at(redis, kClients));
  RespClient pusher = pillion.client();
  EXPECT_EQ(pusher("PING"), "PONG");
  std::string commands;
  for (int i = 0; i < kClients; ++i) {
    append_command(commands, {"RPUSH", "queue" + std::to_string(i % 10), std::to_string(i)});
  }
  pusher.send_raw(commands);
  std::vector<int> taken;
  for (int i = 0; i < kClients; ++i) {
    const Value reply = waiting[static_cast<std::size_t>(i)].read();
    ASSERT_EQ(reply.items.at(0), "queue" + std::to_string(i % 10));
    taken.push_back(static_cast<int>(reply.items.at(1).integer()));
  }
  std::sort(taken.begin(), taken.end());
  for (int i = 0; i < kClients; ++i) EXPECT_EQ(taken[static_cast<std::size_t>(i)], i);
  waiting.clear();
  EXPECT_TRUE(
      eventually([&] { return pillion.metric("pillion_upstream_dedicated_connections") < 200; }));
}

/// How a client leaves.
class BlockingClientThatLeaves : public Blocking,
                                 public ::testing::WithParamInterface<const char*> {
 protected:
  static void leave(RespClient& client) {
    const std::string_view way = GetParam();
    if (way == "Close") client.close();
    if (way == "Reset") client.socket().reset();
    if (way == "HalfClose") client.socket().shutdown_write();
    if (way == "QuitAndClose") {
      client.send("QUIT");
      client.close();
    }
    if (way == "PipelineAndClose") {
      for (int i = 0; i < 100; ++i) client.send("GET", "k");
      client.close();
    }
  }
};
INSTANTIATE_TEST_SUITE_P(By, BlockingClientThatLeaves,
                         ::testing::Values("Close", "Reset", "HalfClose", "QuitAndClose",
                                           "PipelineAndClose"),
                         [](const auto& chosen) { return std::string(chosen.param); });

TEST_P(BlockingClientThatLeaves, FreesItsConnectionAtOnceAndTakesNothing) {
  std::vector<RespClient> waiting;
  for (int i = 0; i < 10; ++i) {
    waiting.push_back(pillion.client());
    waiting.back().send("BLPOP", "queue", "0");
  }
  RespClient other = pillion.client();
  ASSERT_TRUE(blocked_at(redis, 10));
  const auto connected = redis.info_number("clients", "connected_clients");
  const Moment start = Clock::now();
  for (auto& client : waiting) leave(client);
  ASSERT_TRUE(blocked_at(redis, 0));
  EXPECT_LE(milliseconds(Clock::now() - start), 1'500);
  EXPECT_EQ(other("RPUSH", "queue", "a", "b"), 2);
  EXPECT_EQ(other("LLEN", "queue"), 2);
  EXPECT_TRUE(eventually([&] {
    return redis.info_number("clients", "connected_clients") <= connected - 5;
  })) << "some may be kept for the next client that needs one, none that was blocked";
}

TEST_F(Blocking, QuitBehindAPopWaitsForItAsInRedis) {
  RespClient through = pillion.client();
  RespClient straight = redis.client();
  for (RespClient* one : {&through, &straight}) {
    one->send_raw(encode({"BLPOP", "queue", "0"}) + encode({"QUIT"}));
    ASSERT_TRUE(blocked_at(redis, 1));
    redis("RPUSH", "queue", "job");
    ASSERT_TRUE(blocked_at(redis, 0));
  }
  EXPECT_EQ(through.read_to_end(), straight.read_to_end());
}

}  // namespace
}  // namespace pillion::test
