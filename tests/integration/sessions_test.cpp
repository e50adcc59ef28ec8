// State that belongs to one client connection stays with that connection.
#include <unistd.h>

#include "tests/integration/fixture.hpp"

namespace pillion::test {
namespace {

class Sessions : public ThroughPillion {};

TEST_F(Sessions, BothProtocolsAtOnce) {
  redis("HSET", "h", "field", "value");
  RespClient old_client = pillion.client();
  RespClient new_client = pillion.client3();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(old_client("HGETALL", "h").type, '*');
    EXPECT_EQ(new_client("HGETALL", "h").type, '%');
    EXPECT_EQ(old_client.raw({"GET", "missing"}), "$-1\r\n");
    EXPECT_EQ(new_client.raw({"GET", "missing"}), "_\r\n");
    EXPECT_EQ(old_client("CONFIG", "GET", "port").type, '*');
    EXPECT_EQ(new_client("CONFIG", "GET", "port").type, '%');
  }
}

TEST_F(Sessions, ProtocolMayChangeWithinAPipeline) {
  redis("HSET", "h", "field", "value");
  RespClient client = pillion.client();
  const auto replies = client.pipeline({{"HGETALL", "h"},
                                        {"HELLO", "3"},
                                        {"HGETALL", "h"},
                                        {"CONFIG", "GET", "port"},
                                        {"HELLO", "2"},
                                        {"HGETALL", "h"},
                                        {"CONFIG", "GET", "port"}});
  std::string types;
  for (const auto& reply : replies) types += reply.type;
  EXPECT_EQ(types, "*%%%***");
}

TEST_F(Sessions, HelloTellsWhatClientsLookFor) {
  RespClient client = pillion.client();
  const Value two = client("HELLO");
  EXPECT_EQ(two.type, '*');
  EXPECT_EQ(two.at("proto"), 2);
  const Value three = client("HELLO", "3", "SETNAME", "tester");
  EXPECT_EQ(three.type, '%');
  EXPECT_EQ(three.at("server"), "redis");
  EXPECT_EQ(three.at("proto"), 3);
  EXPECT_EQ(three.at("version"), redis("HELLO").at("version").text);
  EXPECT_EQ(three.at("mode"), "standalone");
  EXPECT_EQ(three.at("role"), "master");
  EXPECT_EQ(three.at("id"), client("CLIENT", "ID").integer());
  EXPECT_EQ(three.at("modules").items.size(), 0U);
  EXPECT_EQ(client("CLIENT", "GETNAME"), "tester");
}

TEST_F(Sessions, SelectedDatabaseIsTheClientsOwn) {
  RespClient zero = pillion.client();
  RespClient nine = pillion.client();
  EXPECT_TRUE(nine("SELECT", "9").is_ok());
  zero("SET", "k", "in zero");
  nine("SET", "k", "in nine");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(zero("GET", "k"), "in zero");
    EXPECT_EQ(nine("GET", "k"), "in nine");
  }
  EXPECT_TRUE(nine("SELECT", "99").is_error());
  EXPECT_EQ(nine("GET", "k"), "in nine") << "a failed SELECT changes nothing";
  const auto replies = zero.pipeline({{"GET", "k"},
                                      {"SELECT", "9"},
                                      {"GET", "k"},
                                      {"SET", "k", "by zero"},
                                      {"SELECT", "0"},
                                      {"GET", "k"}});
  EXPECT_EQ(replies[0], "in zero");
  EXPECT_EQ(replies[2], "in nine");
  EXPECT_EQ(replies[5], "in zero");
  EXPECT_EQ(nine("GET", "k"), "by zero");
}

TEST_F(Sessions, NamesAndIdentifiersAreTheClientsOwn) {
  RespClient one = pillion.client();
  RespClient two = pillion.client();
  EXPECT_NE(one("CLIENT", "ID").integer(), two("CLIENT", "ID").integer());
  EXPECT_EQ(one("CLIENT", "ID"), one("CLIENT", "ID").integer());
  EXPECT_EQ(one("CLIENT", "GETNAME").text, "");
  EXPECT_TRUE(one("CLIENT", "SETNAME", "one").is_ok());
  EXPECT_TRUE(two("CLIENT", "SETNAME", "two").is_ok());
  EXPECT_EQ(one("CLIENT", "GETNAME"), "one");
  EXPECT_EQ(two("CLIENT", "GETNAME"), "two");
  EXPECT_NE(one("CLIENT", "INFO").text.find("name=one"), std::string::npos);
  EXPECT_NE(one("CLIENT", "INFO").text.find("id=" + std::to_string(one("CLIENT", "ID").integer())),
            std::string::npos);
}

TEST_F(Sessions, OtherClientSubcommandsAreAcceptedAsByThisRedis) {
  RespClient client = pillion.client();
  RespClient straight = redis.client();
  for (const std::vector<std::string_view>& step :
       std::vector<std::vector<std::string_view>>{{"CLIENT", "SETINFO", "LIB-NAME", "test"},
                                                  {"CLIENT", "SETINFO", "LIB-VER", "1"},
                                                  {"CLIENT", "NO-EVICT", "ON"},
                                                  {"CLIENT", "NO-EVICT", "OFF"},
                                                  {"CLIENT", "NO-EVICT", "maybe"},
                                                  {"CLIENT", "NO-TOUCH", "ON"}}) {
    EXPECT_EQ(client.raw(step), straight.raw(step)) << step[1];
  }
  EXPECT_TRUE(client("SET", "k", "v").is_ok());
}

TEST_F(Sessions, ClientReplyOffAndSkipSilenceOnlyThisClient) {
  RespClient quiet = pillion.client();
  RespClient loud = pillion.client();
  quiet.send("CLIENT", "REPLY", "OFF");
  quiet.send("SET", "k", "unanswered");
  quiet.send("GET", "k");
  EXPECT_TRUE(quiet("CLIENT", "REPLY", "ON").is_ok()) << "the first reply is that of REPLY ON";
  EXPECT_EQ(quiet("GET", "k"), "unanswered");
  quiet.send("CLIENT", "REPLY", "SKIP");
  quiet.send("SET", "k", "skipped");
  EXPECT_EQ(quiet("GET", "k"), "skipped");
  EXPECT_EQ(loud("PING"), "PONG");
}

TEST_F(Sessions, ResetForgetsEverything) {
  RespClient client = pillion.client3();
  client("SELECT", "4");
  client("CLIENT", "SETNAME", "somebody");
  client("MULTI");
  EXPECT_EQ(client("RESET"), "RESET");
  EXPECT_EQ(client.raw({"GET", "missing"}), "$-1\r\n") << "RESP2 again";
  EXPECT_EQ(client("CLIENT", "GETNAME").text, "");
  EXPECT_TRUE(client("EXEC").is_error());
  client("SET", "k", "v");
  EXPECT_EQ(redis("GET", "k"), "v") << "database 0 again";
}

TEST_F(Sessions, QuitAnswersThenCloses) {
  RespClient client = pillion.client();
  client.send_raw(encode({"SET", "k", "v"}) + encode({"GET", "k"}) + encode({"QUIT"}) +
                  encode({"SET", "k", "after"}));
  EXPECT_EQ(client.read_to_end(), "+OK\r\n$1\r\nv\r\n+OK\r\n");
  EXPECT_EQ(redis("GET", "k"), "v");
}

TEST_F(Sessions, HalfClosedClientStillGetsItsReplies) {
  RespClient client = pillion.client();
  client.send_raw(encode({"SET", "k", "v"}) + encode({"GET", "k"}));
  client.socket().shutdown_write();
  const std::string replies = client.read_to_end();
  EXPECT_TRUE(replies.empty() || replies == "+OK\r\n$1\r\nv\r\n") << printable(replies);
}

TEST_F(Sessions, MonitorSeesCommandsAndDoesNotStopOthers) {
  RespClient watcher = pillion.client();
  EXPECT_TRUE(watcher("MONITOR").is_ok());
  RespClient worker = pillion.client();
  EXPECT_TRUE(worker("SET", "watched", "1").is_ok());
  const Moment deadline = Clock::now() + kPatience;
  bool seen = false;
  while (!seen && Clock::now() < deadline) {
    seen = watcher.read().text.find("\"watched\"") != std::string::npos;
  }
  EXPECT_TRUE(seen);
}

class SessionsOverUnixSockets : public ::testing::Test {};

TEST_F(SessionsOverUnixSockets, ListenerAndUpstream) {
  RedisServer redis;
  TempDir directory;
  const std::string path = directory.file("pillion.sock");
  PillionProcess pillion("unix://" + redis.unix_path() + "?db=3", {"listen.unix=" + path});
  ASSERT_TRUE(pillion.wait_for_l1()) << pillion.log();
  RespClient client = RespClient::unix_socket(path);
  RespClient tcp = pillion.client();
  EXPECT_TRUE(client("SET", "k", "v").is_ok());
  EXPECT_EQ(client("GET", "k"), "v");
  EXPECT_EQ(tcp("GET", "k"), "v");
  RespClient straight = RespClient::unix_socket(redis.unix_path());
  EXPECT_TRUE(straight("GET", "k").is_null());
  straight("SELECT", "3");
  EXPECT_EQ(straight("GET", "k"), "v") << "the URL names database 3";
  EXPECT_EQ(pillion.stop(), 0);
  EXPECT_NE(access(path.c_str(), F_OK), 0) << "the socket file is removed";
}

class SessionsUpToALimit : public ThroughPillion {
 protected:
  SessionsUpToALimit() : ThroughPillion({"listen.max_clients=5"}) {}
};

TEST_F(SessionsUpToALimit, OneTooManyIsToldAndClosed) {
  std::vector<RespClient> clients;
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(eventually([&] {
      RespClient client = pillion.client();
      client.send("PING");
      try {
        if (!(client.read() == "PONG")) return false;
      } catch (const Closed&) {
        return false;
      }
      clients.push_back(std::move(client));
      return true;
    }));
  }
  RespClient excess = pillion.client();
  EXPECT_EQ(excess.read_to_end(), "-ERR max number of clients reached\r\n");
  for (auto& client : clients) EXPECT_EQ(client("PING"), "PONG");
  clients.pop_back();
  EXPECT_TRUE(eventually([&] {
    try {
      return pillion.client()("PING") == "PONG";
    } catch (const Closed&) {
      return false;
    }
  })) << "a free place is given again";
}

}  // namespace
}  // namespace pillion::test
