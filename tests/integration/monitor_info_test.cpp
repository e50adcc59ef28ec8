// What people look at: MONITOR, INFO and the PILLION command.
#include <map>

#include <gmock/gmock.h>

#include "tests/integration/observers.hpp"
#include "tests/support/crew.hpp"

namespace pillion::test {
namespace {

class Monitor : public ThroughTwoWorkers {
 protected:
  /// The commands that a MONITOR shows until it is silent for a while, without time and address.
  static Texts shown(RespClient& monitor) {
    Texts lines;
    while (const auto line = monitor.try_read(150ms)) {
      lines.push_back(line->text.substr(line->text.find("] ") + 2));
    }
    return lines;
  }

  static std::map<std::string, int> counted(const Texts& lines) {
    std::map<std::string, int> counts;
    for (const std::string& line : lines) ++counts[line];
    return counts;
  }
};

TEST_F(Monitor, ShowsWhatClientsSayOnceWhoeverAnswersIt) {
  RespClient other = pillion.client();
  RespClient third = pillion.client3();
  redis("SET", "hot", "v");
  warm(other, "hot");
  std::vector<RespClient> monitors;
  for (int i = 0; i < 4; ++i) monitors.push_back(pillion.client_speaking(2 + i % 2));
  for (auto& monitor : monitors) EXPECT_TRUE(monitor("MONITOR").is_ok());
  const auto hits = pillion.hits();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(other("GET", "hot"), "v");
  for (int i = 0; i < 2; ++i) EXPECT_EQ(third("GET", "hot"), "v");
  EXPECT_EQ(pillion.hits() - hits, 5U);
  other("GET", "cold");  // fetched by a fill link, with its expiry
  other("MGET", "cold", "colder");
  third("SET", "hot", "a \"b\"\r\n\x01");
  third("GET", "hot");
  other("PING");
  other("ECHO", "hello");
  other("AUTH", "somebody", "secret");
  other("HELLO", "3", "AUTH", "somebody", "secret");
  other("EVAL", "return redis.call('GET', KEYS[1])", "1", "hot");
  other("MULTI");
  other("INCR", "n");
  other("EXEC");
  other("BLPOP", "queue", "0.01");
  other("CLIENT", "SETNAME", "me");
  const std::map<std::string, int> expected = {
      {"\"GET\" \"hot\"", 7},  // 3 and 2 hits, the one after SET, the script's
      {"\"GET\" \"cold\"", 1},
      {"\"MGET\" \"cold\" \"colder\"", 1},
      {"\"SET\" \"hot\" \"a \\\"b\\\"\\r\\n\\x01\"", 1},
      {"\"PING\"", 1},
      {"\"ECHO\" \"hello\"", 1},
      {"\"AUTH\" \"(redacted)\" \"(redacted)\"", 1},
      {"\"HELLO\" \"3\" \"AUTH\" \"(redacted)\" \"(redacted)\"", 1},
      {"\"EVAL\" \"return redis.call('GET', KEYS[1])\" \"1\" \"hot\"", 1},
      {"\"MULTI\"", 1},
      {"\"INCR\" \"n\"", 1},
      {"\"EXEC\"", 1},
      {"\"BLPOP\" \"queue\" \"0.01\"", 1},
      {"\"CLIENT\" \"SETNAME\" \"me\"", 1},
  };
  for (auto& monitor : monitors) EXPECT_EQ(counted(shown(monitor)), expected);
}

TEST_F(Monitor, ShowsOtherWritersAndNothingOfPillionsOwn) {
  RespClient monitor = pillion.client();
  monitor("MONITOR");
  RespClient foreign = redis.client();
  foreign("SET", "k", "direct");
  std::this_thread::sleep_for(2'500ms);  // probes of the lease and of the upstream's health
  RespClient newcomer = pillion.client();
  newcomer("SELECT", "5");
  newcomer("SET", "k", "v");
  newcomer("BLPOP", "queue", "0.01");
  newcomer("WAIT", "0", "10");
  const auto lines = counted(shown(monitor));
  const std::map<std::string, int> expected = {{"\"SET\" \"k\" \"direct\"", 1},
                                               {"\"SELECT\" \"5\"", 1},
                                               {"\"SET\" \"k\" \"v\"", 1},
                                               {"\"BLPOP\" \"queue\" \"0.01\"", 1},
                                               {"\"WAIT\" \"0\" \"10\"", 1}};
  EXPECT_EQ(lines, expected);
}

TEST_F(Monitor, LinesOfHitsHaveTheFormOfRedis) {
  RespClient other = pillion.client();
  other("SELECT", "3");
  redis.client().pipeline({{"SELECT", "3"}, {"SET", "k", "v"}});
  warm(other, "k");
  RespClient monitor = pillion.client();
  monitor("MONITOR");
  other("GET", "k");
  const std::string line = monitor.read_raw();
  EXPECT_THAT(line, ::testing::MatchesRegex(
                        "\\+[0-9]+\\.[0-9]{6} \\[3 127.0.0.1:[0-9]+\\] \"GET\" \"k\"\r\n"));
  EXPECT_NE(line.find(client_rows(other("CLIENT", "INFO")).at(0)["addr"]), std::string::npos);
}

TEST_F(Monitor, EndsWithResetAndQuit) {
  RespClient monitor = pillion.client();
  RespClient other = pillion.client();
  monitor("MONITOR");
  other("SET", "k", "v");
  monitor.send("RESET");
  while (!(monitor.read() == "RESET")) {
  }
  other("SET", "k", "w");
  EXPECT_EQ(monitor("GET", "k"), "w");
  EXPECT_FALSE(monitor.try_read(50ms).has_value());
  monitor("MONITOR");
  monitor.send("QUIT");
  monitor.read_to_end();
  EXPECT_TRUE(other("SET", "k", "x").is_ok());
  EXPECT_TRUE(eventually([&] {
    for (auto& row : redis.client_list()) {
      if (row["flags"].find('O') != std::string::npos) return false;
    }
    return true;
  }));
}

class Info : public ThroughTwoWorkers {
 protected:
  /// The section names of a text, in their order.
  static Texts sections(const std::string& text) {
    Texts names;
    for (std::size_t at = text.find("# "); at != std::string::npos; at = text.find("\n# ", at)) {
      at = text.find("# ", at) + 2;
      names.push_back(text.substr(at, text.find('\r', at) - at));
    }
    return names;
  }
  static std::string line(const std::string& text, const std::string& name) {
    const std::size_t at = text.find("\n" + name + ":");
    if (at == std::string::npos) return "none";
    return text.substr(at + 1, text.find('\r', at) - at - 1);
  }
};

TEST_F(Info, IsTheUpstreamsTextAndASectionOfPillions) {
  RespClient client = pillion.client();
  for (const std::vector<std::string_view>& command : std::vector<std::vector<std::string_view>>{
           {"INFO"}, {"INFO", "all"}, {"INFO", "everything"}, {"INFO", "default"}}) {
    Texts expected = sections(redis.client().command(command).text);
    expected.emplace_back("Pillion");
    EXPECT_EQ(sections(client.command(command).text), expected) << command.back();
  }
  const std::string text = client("INFO").text;
  const std::string theirs = redis("INFO").text;
  for (const char* name : {"redis_version", "redis_mode", "run_id", "tcp_port", "role", "maxmemory",
                           "process_id", "db0", "os"}) {
    EXPECT_EQ(line(text, name), line(theirs, name)) << name;
  }
  EXPECT_EQ(line(text, "pillion_workers"), "pillion_workers:2");
  EXPECT_EQ(line(text, "pillion_upstream_up"), "pillion_upstream_up:1");
  EXPECT_EQ(line(text, "pillion_fill_link_status"), "pillion_fill_link_status:live");
  EXPECT_EQ(sections(client("INFO", "server").text), Texts{"Server"});
  EXPECT_EQ(sections(client("INFO", "server", "clients").text), (Texts{"Server", "Clients"}));
  EXPECT_EQ(sections(client("INFO", "pillion").text), Texts{"Pillion"});
  EXPECT_EQ(sections(client("INFO", "clients", "Pillion").text), (Texts{"Clients", "Pillion"}));
  EXPECT_EQ(client("INFO", "nosuchsection").text, "");
}

TEST_F(Info, IsVerbatimTextInResp3) {
  RespClient client = pillion.client3();
  const Value info = client("INFO");
  EXPECT_EQ(info.type, '=');
  EXPECT_EQ(info.text.substr(0, 4), "txt:");
  EXPECT_EQ(info.text.find("txt:", 4), std::string::npos);
  EXPECT_NE(info.text.find("# Pillion\r\n"), std::string::npos);
  RespClient straight = redis.client();
  straight.hello3();
  EXPECT_EQ(client("INFO", "modules"), straight("INFO", "modules"));
}

TEST_F(Info, InATransactionIsRedissOwn) {
  RespClient client = pillion.client();
  client("MULTI");
  client("INFO", "server");
  EXPECT_EQ(sections(client("EXEC").items.at(0).text), Texts{"Server"});
}

class PillionCommand : public ThroughTwoWorkers {
 protected:
  using ThroughTwoWorkers::ThroughTwoWorkers;
};

TEST_F(PillionCommand, TellsOfTheCacheByKey) {
  RespClient client = pillion.client();
  client("MSET", "user:1", "one", "user:2", "two", "job:1", "secret value");
  for (const char* key : {"user:1", "user:2", "job:1"}) warm(client, key);
  client("GETRANGE", "job:1", "0", "2");
  const Value cached = client("PILLION", "CACHE", "GET", "job:1");
  ASSERT_EQ(cached.items.size(), 2U) << cached;
  std::map<std::string, Value> by_command;
  for (const Value& entry : cached.items) by_command[entry.at("command").text] = entry;
  EXPECT_EQ(by_command.at("get").at("db"), 0);
  EXPECT_EQ(by_command.at("get").at("state"), "fresh");
  EXPECT_EQ(by_command.at("get").at("reply_bytes"), 19);
  EXPECT_EQ(by_command.at("getrange").at("arguments").texts(), (Texts{"0", "2"}));
  RespClient new_client = pillion.client3();
  const std::string raw = new_client.raw({"PILLION", "CACHE", "GET", "job:1"});
  EXPECT_EQ(raw.find("secret"), std::string::npos) << "sizes, no values";
  EXPECT_EQ(raw.substr(0, 6), "*2\r\n%8");
  EXPECT_TRUE(client("PILLION", "CACHE", "GET", "never read").items.empty());

  EXPECT_EQ(client("PILLION", "CACHE", "INVALIDATE", "job:1"), 1);
  EXPECT_EQ(client("PILLION", "CACHE", "INVALIDATE", "job:1"), 0);
  EXPECT_EQ(client("PILLION", "CACHE", "INVALIDATE", "user:*"), 2);
  auto hits = pillion.hits();
  EXPECT_EQ(client("GET", "user:1"), "one");
  EXPECT_EQ(pillion.hits(), hits);
  for (const char* key : {"user:1", "user:2", "job:1"}) warm(client, key);
  EXPECT_TRUE(client("PILLION", "CACHE", "FLUSH").is_ok());
  hits = pillion.hits();
  for (const char* key : {"user:1", "user:2", "job:1"}) client("GET", key);
  EXPECT_EQ(pillion.hits(), hits);
}

TEST_F(PillionCommand, TellsOfItselfAndItsUpstream) {
  RespClient client = pillion.client();
  EXPECT_EQ(client("PILLION", "HELP").items.at(0).type, '+');
  EXPECT_TRUE(client("pillion", "info").starts_with("# Pillion\r\npillion_version:"));
  const auto before = client("PILLION", "STATS").at("cache_hits").integer();
  redis("SET", "k", "v");
  warm(client, "k");
  client("GET", "k");
  EXPECT_GT(client("PILLION", "STATS").at("cache_hits").integer(), before);
  const Value upstreams = client("PILLION", "UPSTREAMS");
  ASSERT_EQ(upstreams.items.size(), 1U);
  const Value& upstream = upstreams.items[0];
  EXPECT_EQ(upstream.at("up"), 1);
  EXPECT_EQ(upstream.at("role"), "master");
  EXPECT_EQ(upstream.at("version"), redis("HELLO").at("version").text);
  ASSERT_EQ(upstream.at("fill_links").items.size(), 2U);
  for (const Value& link : upstream.at("fill_links").items) EXPECT_EQ(link.at("state"), "live");
  const auto rows = client_rows(client("PILLION", "CLIENTS"));
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].at("id"), id_of(client));
  EXPECT_EQ(client("PILLION", "CONFIG", "GET", "workers").texts(), (Texts{"workers", "2"}));
  EXPECT_EQ(client("PILLION", "CONFIG", "GET", "cache.max_*e", "WORKERS").items.size(), 4U);
  EXPECT_TRUE(client("PILLION", "CONFIG", "GET", "nosuch").items.empty());
}

TEST_F(PillionCommand, HotKeysAreThoseReadMost) {
  RespClient client = pillion.client();
  redis("MSET", "hot", "1", "warm", "1");
  std::string commands;
  for (int i = 0; i < 20'000; ++i) {
    append_command(commands, {"GET", i % 4 == 0 ? "warm" : "hot"});
    append_command(commands, {"GET", "key" + std::to_string(i)});
  }
  Crew reading;
  reading.start([&] { client.send_raw(commands, 30s); });
  client.read_many(40'000, 30s);
  reading.join();
  const Value keys = client("PILLION", "HOTKEYS", "2");
  ASSERT_EQ(keys.items.size(), 2U) << keys;
  EXPECT_EQ(keys.items[0].items.at(0), "hot") << keys;
  EXPECT_EQ(keys.items[1].items.at(0), "warm") << keys;
}

class PillionCommandWithSecrets : public ::testing::Test {};

TEST_F(PillionCommandWithSecrets, KeepsThemAndIsForPillionsOwnUser) {
  RedisServer redis(
      {"--requirepass", "main-secret", "--user", "bob", "on", ">secret", "~*", "&*", "+@all"});
  PillionProcess pillion("redis://:main-secret@127.0.0.1:" + std::to_string(redis.port()));
  ASSERT_TRUE(pillion.wait_for_l1()) << pillion.log();
  RespClient client = pillion.client();
  EXPECT_EQ(client.raw({"PILLION", "CONFIG", "GET", "*"}).find("main-secret"), std::string::npos);
  EXPECT_EQ(client.raw({"PILLION", "UPSTREAMS"}).find("main-secret"), std::string::npos);
  client("AUTH", "bob", "secret");
  for (const char* action : {"HELP", "INFO", "STATS", "CLIENTS", "UPSTREAMS", "HOTKEYS"}) {
    EXPECT_TRUE(client("PILLION", action).starts_with("NOPERM")) << action;
  }
  EXPECT_TRUE(client("PILLION", "CACHE", "FLUSH").starts_with("NOPERM"));
}

class PillionCommandRenamed : public PillionCommand {
 protected:
  PillionCommandRenamed() : PillionCommand({"pillion_command.name=SIDECAR"}) {}
};

TEST_F(PillionCommandRenamed, AnswersToItsNameOnly) {
  RespClient client = pillion.client();
  EXPECT_TRUE(client("sidecar", "INFO").starts_with("# Pillion"));
  EXPECT_TRUE(client("SIDECAR", "HELP").items.at(0).starts_with("SIDECAR <subcommand>"));
  EXPECT_EQ(client("PILLION", "INFO"), redis("PILLION", "INFO"));
}

class PillionCommandDisabled : public PillionCommand {
 protected:
  PillionCommandDisabled() : PillionCommand({"pillion_command.name="}) {}
};

TEST_F(PillionCommandDisabled, IsUnknown) {
  RespClient client = pillion.client();
  EXPECT_EQ(client("PILLION", "CACHE", "FLUSH"), redis("PILLION", "CACHE", "FLUSH"));
  EXPECT_EQ(client("", "INFO"), redis("", "INFO"));
}

}  // namespace
}  // namespace pillion::test
