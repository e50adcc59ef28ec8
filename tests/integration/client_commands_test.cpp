// CLIENT: the clients are Pillion's own, on whichever worker they are.
#include "tests/integration/observers.hpp"

namespace pillion::test {
namespace {

class ClientCommands : public ThroughTwoWorkers {
 protected:
  using ThroughTwoWorkers::ThroughTwoWorkers;

  /// So many clients that both workers have some, each with a name.
  std::vector<RespClient> crowd(const std::string& name, int count = 12) {
    std::vector<RespClient> clients;
    for (int i = 0; i < count; ++i) {
      clients.push_back(pillion.client());
      EXPECT_TRUE(clients.back()("CLIENT", "SETNAME", name + std::to_string(i)).is_ok());
    }
    return clients;
  }

  /// Names of the clients that a CLIENT LIST shows.
  Texts names_in(const Value& list) {
    Texts names;
    for (auto& row : client_rows(list)) names.push_back(row["name"]);
    return names;
  }

  bool alive(RespClient& client) {
    try {
      return client("PING").type != '_';
    } catch (const Closed&) {
      return false;
    }
  }
};

TEST_F(ClientCommands, ListShowsTheClientsOfAllWorkersAndNoConnectionOfPillion) {
  auto clients = crowd("one");
  const Value list = clients[0]("CLIENT", "LIST");
  Texts expected;
  for (int i = 0; i < 12; ++i) expected.push_back("one" + std::to_string(i));
  Texts names = names_in(list);
  EXPECT_EQ(names, expected) << "in the order of their ids";
  RespClient new_client = pillion.client3();
  const std::string raw = new_client.raw({"CLIENT", "LIST"});
  EXPECT_EQ(raw.substr(0, 1), "=") << "verbatim text, as Redis sends it";
  RespClient straight = redis.client();
  auto theirs = client_rows(straight("CLIENT", "INFO")).at(0);
  auto ours = client_rows(clients[0]("CLIENT", "INFO")).at(0);
  for (const auto& [field, value] : theirs) {
    EXPECT_TRUE(ours.count(field) == 1) << "the field " << field << " is missing";
  }
  EXPECT_EQ(ours["id"], id_of(clients[0]));
  EXPECT_EQ(ours["laddr"], "127.0.0.1:" + std::to_string(pillion.port()));
  EXPECT_EQ(ours["cmd"], "client|info");
  EXPECT_EQ(ours["user"], "default");
  EXPECT_EQ(client_rows(new_client("CLIENT", "INFO")).at(0)["resp"], "3");
}

TEST_F(ClientCommands, FlagsTellWhatAClientDoes) {
  RespClient asker = pillion.client();
  RespClient blocked = pillion.client();
  RespClient transaction = pillion.client();
  RespClient subscriber = pillion.client();
  RespClient monitor = pillion.client();
  RespClient pinned = pillion.client();
  RespClient tracker = pillion.client3();
  RespClient elsewhere = pillion.client();
  const std::string ids[] = {id_of(blocked), id_of(transaction), id_of(subscriber), id_of(monitor),
                             id_of(pinned),  id_of(tracker),     id_of(elsewhere)};
  blocked.send("BLPOP", "queue", "0");
  transaction("MULTI");
  transaction("SET", "k", "v");
  transaction("GET", "k");
  subscriber("SUBSCRIBE", "c");
  subscriber("PSUBSCRIBE", "p*");
  monitor("MONITOR");
  pinned("CLIENT", "NO-EVICT", "ON");
  tracker("CLIENT", "TRACKING", "ON", "BCAST");
  elsewhere("SELECT", "7");
  ASSERT_TRUE(blocked_at(redis, 1));
  EXPECT_EQ(row_of(asker, ids[0])["flags"], "b");
  EXPECT_EQ(row_of(asker, ids[0])["cmd"], "blpop");
  EXPECT_EQ(row_of(asker, ids[1])["flags"], "x");
  EXPECT_EQ(row_of(asker, ids[1])["multi"], "2");
  EXPECT_EQ(row_of(asker, ids[2])["flags"], "P");
  EXPECT_EQ(row_of(asker, ids[2])["sub"], "1");
  EXPECT_EQ(row_of(asker, ids[2])["psub"], "1");
  EXPECT_EQ(row_of(asker, ids[3])["flags"], "O");
  EXPECT_EQ(row_of(asker, ids[4])["flags"], "e");
  EXPECT_EQ(row_of(asker, ids[5])["flags"], "tB");
  EXPECT_EQ(row_of(asker, ids[5])["redir"], "0");
  EXPECT_EQ(row_of(asker, ids[6])["flags"], "N");
  EXPECT_EQ(row_of(asker, ids[6])["db"], "7");
  EXPECT_EQ(row_of(asker, ids[6])["multi"], "-1");

  EXPECT_EQ(client_rows(asker("CLIENT", "LIST", "TYPE", "pubsub")).size(), 1U);
  EXPECT_EQ(client_rows(asker("CLIENT", "LIST", "TYPE", "normal")).size(), 7U);
  EXPECT_EQ(client_rows(asker("CLIENT", "LIST", "TYPE", "master")).size(), 0U);
  EXPECT_EQ(client_rows(asker("CLIENT", "LIST", "TYPE", "replica")).size(), 0U);
  auto some = client_rows(asker("CLIENT", "LIST", "ID", ids[6], ids[0], "999999"));
  ASSERT_EQ(some.size(), 2U);
}

TEST_F(ClientCommands, ErrorsAreThoseOfRedis) {
  RespClient through = pillion.client();
  RespClient straight = redis.client();
  for (const std::vector<std::string_view>& step : std::vector<std::vector<std::string_view>>{
           {"CLIENT", "LIST", "TYPE", "nosuch"},
           {"CLIENT", "LIST", "TYPE"},
           {"CLIENT", "LIST", "ID"},
           {"CLIENT", "LIST", "ID", "abc"},
           {"CLIENT", "LIST", "nosuch", "x"},
           {"CLIENT", "KILL"},
           {"CLIENT", "KILL", "ID", "0"},
           {"CLIENT", "KILL", "ID", "abc"},
           {"CLIENT", "KILL", "ID"},
           {"CLIENT", "KILL", "127.0.0.1:1"},
           {"CLIENT", "KILL", "ADDR", "127.0.0.1:1"},
           {"CLIENT", "KILL", "TYPE", "nosuch"},
           {"CLIENT", "KILL", "USER", "nosuch"},
           {"CLIENT", "KILL", "SKIPME", "maybe"},
           {"CLIENT", "KILL", "NOSUCH", "x"},
           {"CLIENT", "UNBLOCK", "abc"},
           {"CLIENT", "UNBLOCK", "999999"},
           {"CLIENT", "UNBLOCK", "999999", "NOSUCH"},
           {"CLIENT", "UNBLOCK"},
           {"CLIENT", "PAUSE", "abc"},
           {"CLIENT", "PAUSE", "-1"},
           {"CLIENT", "PAUSE", "1", "NOSUCH"},
           {"CLIENT", "PAUSE"},
           {"CLIENT", "UNPAUSE", "now"},
           {"CLIENT", "REPLY"},
           {"CLIENT", "REPLY", "NOSUCH"},
           {"CLIENT", "SETNAME", "with blank"},
           {"CLIENT", "SETNAME", ""},
           {"CLIENT", "GETNAME"},
           {"CLIENT", "NO-EVICT", "NOSUCH"},
           {"CLIENT", "GETREDIR"},
           {"CLIENT", "TRACKINGINFO"},
           {"CLIENT", "CACHING", "YES"},
           {"CLIENT", "TRACKING", "NOSUCH"},
           {"CLIENT", "NOSUCH"},
           {"CLIENT", "HELP"},
       }) {
    EXPECT_EQ(through.raw(step), straight.raw(step)) << step[1] << " " << step.back();
  }
}

TEST_F(ClientCommands, KillInItsOldFormNamesAnAddress) {
  auto clients = crowd("victim");
  RespClient asker = pillion.client();
  auto row = row_of(asker, id_of(clients[3]));
  EXPECT_TRUE(asker("CLIENT", "KILL", row["addr"]).is_ok());
  EXPECT_FALSE(alive(clients[3]));
  EXPECT_EQ(asker("CLIENT", "KILL", row["addr"]).text, "ERR No such client");
  EXPECT_TRUE(alive(clients[4]));
  const std::string own = row_of(asker, id_of(asker))["addr"];
  EXPECT_TRUE(asker("CLIENT", "KILL", own).is_ok()) << "this form does not skip its own client";
  EXPECT_TRUE(asker.closed_by_peer());
}

TEST_F(ClientCommands, KillByEachFilter) {
  auto clients = crowd("victim");
  RespClient asker = pillion.client();
  EXPECT_EQ(asker("CLIENT", "KILL", "ID", id_of(clients[0])), 1);
  EXPECT_FALSE(alive(clients[0]));
  EXPECT_EQ(asker("CLIENT", "KILL", "ADDR", row_of(asker, id_of(clients[1]))["addr"]), 1);
  EXPECT_FALSE(alive(clients[1]));
  const std::string id = id_of(clients[2]);
  EXPECT_EQ(asker("CLIENT", "KILL", "ID", id, "TYPE", "pubsub"), 0) << "all filters must fit";
  EXPECT_EQ(asker("CLIENT", "KILL", "ID", id, "TYPE", "normal", "USER", "default"), 1);
  EXPECT_FALSE(alive(clients[2]));
  RespClient subscriber = pillion.client();
  subscriber("SUBSCRIBE", "c");
  EXPECT_EQ(asker("CLIENT", "KILL", "TYPE", "pubsub"), 1);
  EXPECT_TRUE(subscriber.closed_by_peer());
  EXPECT_TRUE(eventually([&] { return subscribers(redis, "c") == 0; }));
  const std::string own = id_of(asker);
  EXPECT_EQ(asker("CLIENT", "KILL", "ID", own), 0) << "SKIPME is the default";
  EXPECT_EQ(asker("CLIENT", "KILL", "ID", own, "SKIPME", "yes"), 0);
  EXPECT_EQ(asker("CLIENT", "KILL", "LADDR", "127.0.0.1:" + std::to_string(pillion.port())), 9);
  for (auto& client : clients) EXPECT_FALSE(alive(client));
  EXPECT_TRUE(alive(asker));
  EXPECT_EQ(asker("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"), 1);
  EXPECT_TRUE(asker.closed_by_peer()) << "after it was told";
  RespClient next = pillion.client();
  EXPECT_EQ(next("PING"), "PONG");
}

TEST_F(ClientCommands, KillFreesWhatTheClientHeld) {
  RespClient asker = pillion.client();
  RespClient blocked = pillion.client();
  const std::string id = id_of(blocked);
  blocked.send("BLPOP", "queue", "0");
  ASSERT_TRUE(blocked_at(redis, 1));
  EXPECT_EQ(asker("CLIENT", "KILL", "ID", id), 1);
  EXPECT_TRUE(blocked.closed_by_peer());
  EXPECT_TRUE(blocked_at(redis, 0));
  asker("RPUSH", "queue", "job");
  EXPECT_EQ(asker("LLEN", "queue"), 1);
  EXPECT_EQ(pillion.metric("pillion_client_disconnects_total", {{"reason", "killed"}}), 1);
}

TEST_F(ClientCommands, UnblockReachesClientsOfEitherWorker) {
  redis("XADD", "stream", "1-1", "f", "v");
  redis("XGROUP", "CREATE", "stream", "group", "$");
  const std::vector<std::vector<std::string_view>> waits = {
      {"BLPOP", "queue", "0"},
      {"BLMOVE", "queue", "other", "LEFT", "RIGHT", "0"},
      {"BZPOPMIN", "zset", "0"},
      {"XREAD", "BLOCK", "0", "STREAMS", "stream", "$"},
      {"XREADGROUP", "GROUP", "group", "me", "BLOCK", "0", "STREAMS", "stream", ">"},
      {"WAIT", "1", "0"},
  };
  RespClient asker = pillion.client();
  EXPECT_EQ(asker("CLIENT", "UNBLOCK", id_of(asker)), 0) << "it is not blocked";
  for (const auto& wait : waits) {
    for (int i = 0; i < 4; ++i) {
      RespClient one = pillion.client();
      RespClient straight = redis.client();
      const std::string id = id_of(one);
      const std::string straight_id = id_of(straight);
      const bool error = i % 2 == 1;
      if (wait[0] == "WAIT") {
        one("SET", "k", "v");
        straight("SET", "k", "v");
      }
      one.send_raw(encode(wait));
      straight.send_raw(encode(wait));
      ASSERT_TRUE(blocked_at(redis, 2)) << wait[0];
      const std::string mode = error ? "ERROR" : "TIMEOUT";
      if (i == 0) {
        EXPECT_EQ(asker("CLIENT", "UNBLOCK", id), 1);
      } else {
        EXPECT_EQ(asker("CLIENT", "UNBLOCK", id, mode), 1);
      }
      EXPECT_EQ(redis("CLIENT", "UNBLOCK", straight_id, mode), 1);
      EXPECT_EQ(one.read_raw(), straight.read_raw()) << wait[0] << " " << mode;
      EXPECT_EQ(one("PING"), "PONG");
    }
  }
  redis("RPUSH", "queue", "job");
  EXPECT_EQ(redis("LLEN", "queue"), 1) << "nobody of them took it";
}

TEST_F(ClientCommands, PauseHoldsEveryClientUntilItsTimeIsOver) {
  auto clients = crowd("paused", 8);
  RespClient asker = pillion.client();
  const Moment start = Clock::now();
  EXPECT_TRUE(asker("CLIENT", "PAUSE", "600").is_ok());
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (i % 2 == 0) {
      clients[i].send("GET", "k");
    } else {
      clients[i].send("SET", "k", "v");
    }
  }
  asker.send("CLIENT", "UNPAUSE");
  for (auto& client : clients) EXPECT_FALSE(client.try_read(20ms).has_value());
  EXPECT_FALSE(asker.try_read(20ms).has_value()) << "as in Redis, nor can it be ended so";
  EXPECT_TRUE(redis("GET", "k").is_null());
  for (auto& client : clients) EXPECT_FALSE(client.read().is_error());
  EXPECT_GE(milliseconds(Clock::now() - start), 590);
  EXPECT_LE(milliseconds(Clock::now() - start), 3'000);
  EXPECT_TRUE(asker.read().is_ok());
}

TEST_F(ClientCommands, PauseOfWritesLetsReadsThrough) {
  redis("SET", "k", "v");
  RespClient asker = pillion.client();
  RespClient reader = pillion.client();
  auto writers = crowd("writer", 4);
  warm(reader, "k");
  writers[2]("MULTI");
  writers[2]("SET", "k", "w");
  EXPECT_TRUE(asker("CLIENT", "PAUSE", "60000", "WRITE").is_ok());
  EXPECT_EQ(reader("GET", "k"), "v");
  EXPECT_EQ(reader("EVAL_RO", "return redis.call('GET', KEYS[1])", "1", "k"), "v");
  writers[0].send("SET", "k", "w");
  writers[1].send("EVAL", "return redis.call('SET', KEYS[1], 'w')", "1", "k");
  writers[2].send("EXEC");
  writers[3].send("PUBLISH", "c", "m");
  for (auto& writer : writers) EXPECT_FALSE(writer.try_read(20ms).has_value());
  EXPECT_TRUE(eventually([&] {
    return reader("INFO", "clients").text.find("blocked_clients:4") != std::string::npos;
  })) << reader("INFO", "clients").text;
  EXPECT_EQ(reader("GET", "k"), "v");
  EXPECT_TRUE(asker("CLIENT", "UNPAUSE").is_ok());
  for (auto& writer : writers) EXPECT_FALSE(writer.read().is_error());
  EXPECT_EQ(reader("GET", "k"), "w");
  EXPECT_NE(reader("INFO", "clients").text.find("blocked_clients:0"), std::string::npos);
}

TEST_F(ClientCommands, ReplyModesInAPipeline) {
  RespClient through = pillion.client();
  RespClient straight = redis.client();
  std::string commands;
  for (const std::vector<std::string_view>& step :
       std::vector<std::vector<std::string_view>>{{"SET", "k", "v"},
                                                  {"CLIENT", "REPLY", "SKIP"},
                                                  {"GET", "k"},
                                                  {"GET", "k"},
                                                  {"CLIENT", "REPLY", "OFF"},
                                                  {"GET", "k"},
                                                  {"NOSUCHCOMMAND"},
                                                  {"CLIENT", "ID"},
                                                  {"EVAL", "return 1", "0"},
                                                  {"CLIENT", "REPLY", "SKIP"},
                                                  {"INCR", "n"},
                                                  {"CLIENT", "REPLY", "ON"},
                                                  {"CLIENT", "REPLY", "SKIP"},
                                                  {"CLIENT", "REPLY", "SKIP"},
                                                  {"INCR", "n"},
                                                  {"INCR", "n"},
                                                  {"PING"}}) {
    commands += encode(step);
  }
  through.send_raw(commands);
  const Texts seen = {through.read().text, through.read().text, through.read().text,
                      through.read().text, through.read().text};
  redis("DEL", "n");
  straight.send_raw(commands);
  const Texts expected = {straight.read().text, straight.read().text, straight.read().text,
                          straight.read().text, straight.read().text};
  EXPECT_EQ(seen, expected);
}

TEST_F(ClientCommands, NamesAreSeenByOthersAndForgottenByReset) {
  RespClient one = pillion.client();
  RespClient two = pillion.client();
  const std::string id = id_of(one);
  one("HELLO", "3", "SETNAME", "by-hello");
  EXPECT_EQ(row_of(two, id)["name"], "by-hello");
  EXPECT_EQ(row_of(two, id)["resp"], "3");
  EXPECT_TRUE(one("CLIENT", "SETNAME", "").is_ok());
  EXPECT_EQ(row_of(two, id)["name"], "");
  one("CLIENT", "SETNAME", "again");
  one("RESET");
  EXPECT_EQ(row_of(two, id)["name"], "");
  EXPECT_EQ(row_of(two, id)["resp"], "2");
  EXPECT_EQ(row_of(two, id)["cmd"], "reset");
}

class ClientCommandsOfOtherUsers : public ClientCommands {
 protected:
  ClientCommandsOfOtherUsers()
      : ClientCommands({}, {"--user", "plain", "on", ">secret", "~*", "&*", "+@all", "-@admin",
                            "--user", "root", "on", ">secret", "~*", "&*", "+@all"}) {}
};

TEST_F(ClientCommandsOfOtherUsers, WhoMayNotAdministerGetsRedissWords) {
  RespClient through = pillion.client();
  RespClient straight = redis.client();
  through("AUTH", "plain", "secret");
  straight("AUTH", "plain", "secret");
  RespClient victim = pillion.client();
  const std::string id = id_of(victim);
  for (const std::vector<std::string_view>& step : std::vector<std::vector<std::string_view>>{
           {"CLIENT", "LIST"},
           {"CLIENT", "KILL", "ID", id},
           {"CLIENT", "KILL", "127.0.0.1:1"},
           {"CLIENT", "UNBLOCK", id},
           {"CLIENT", "PAUSE", "1000"},
           {"CLIENT", "UNPAUSE"},
           {"CLIENT", "NO-EVICT", "ON"},
           {"MONITOR"},
           {"CLIENT", "SETNAME", "me"},
           {"CLIENT", "GETNAME"},
           {"CLIENT", "NOSUCH"},
       }) {
    EXPECT_EQ(through.raw(step), straight.raw(step)) << step.back();
  }
  EXPECT_EQ(victim("PING"), "PONG");
}

TEST_F(ClientCommandsOfOtherUsers, KillByUserMeansTheUserOfTheClient) {
  RespClient asker = pillion.client();
  std::vector<RespClient> of_root;
  for (int i = 0; i < 6; ++i) {
    of_root.push_back(pillion.client());
    of_root.back()("AUTH", "root", "secret");
  }
  EXPECT_EQ(client_rows(of_root[0]("CLIENT", "INFO")).at(0)["user"], "root");
  EXPECT_EQ(asker("CLIENT", "KILL", "USER", "root"), 6);
  for (auto& client : of_root) EXPECT_FALSE(alive(client));
  EXPECT_EQ(asker("PING"), "PONG");
}

}  // namespace
}  // namespace pillion::test
