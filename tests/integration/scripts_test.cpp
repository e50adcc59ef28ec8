// Scripts and functions: known to the upstream or shown to it again, cached reads never behind
// them, and a way to end those that run too long.
#include "tests/integration/observers.hpp"
#include "tests/support/crew.hpp"

namespace pillion::test {
namespace {

constexpr std::string_view kAdd = "return redis.call('INCRBY', KEYS[1], ARGV[1])";
constexpr std::string_view kLibrary =
    "#!lua name=lib\n"
    "redis.register_function('put', function(keys, args) return redis.call('SET', keys[1], args[1])"
    " end)\n"
    "redis.register_function{function_name='look', callback=function(keys) return "
    "redis.call('GET', keys[1]) end, flags={'no-writes'}}";

class Scripts : public ThroughTwoWorkers {
 protected:
  using ThroughTwoWorkers::ThroughTwoWorkers;

  std::string digest_of(std::string_view script) { return redis("SCRIPT", "LOAD", script).text; }
};
class ScriptsInBothProtocols : public ThroughPillionInBothProtocols {};
INSTANTIATE_TEST_SUITE_P(Speaking, ScriptsInBothProtocols, ::testing::Values(2, 3), protocol_name);

TEST_P(ScriptsInBothProtocols, RepliesAndErrorsAreThoseOfRedis) {
  RespClient through = client();
  RespClient straight = direct();
  for (const std::vector<std::string_view>& step : std::vector<std::vector<std::string_view>>{
           {"EVAL", "return {KEYS[1], ARGV[1], redis.call('SET', KEYS[1], ARGV[1])}", "1", "k",
            "v"},
           {"EVAL", "return redis.call('GET', KEYS[1])", "1", "k"},
           {"EVAL", "redis.setresp(3); return redis.call('HGETALL', KEYS[1])", "1", "h"},
           {"EVAL", "return {double=3.5}", "0"},
           {"EVAL", "return true", "0"},
           {"EVAL", "this does not compile", "0"},
           {"EVALSHA", "d3c21d0c2b9ca22f82737626a27bcaf5d288f99f", "0"},
           {"EVAL", "return redis.error_reply('MY error')", "0"},
           {"EVAL", "return redis.call('INCR', KEYS[1])", "1", "k"},
           {"EVAL", "return 1"},
           {"EVAL", "return 1", "-1"},
           {"EVAL", "return 1", "2", "k"},
           {"EVAL", "return 1", "abc"},
           {"EVAL_RO", "return redis.call('SET', KEYS[1], 'v')", "1", "k"},
           {"EVAL", "#!lua flags=no-writes\nreturn redis.call('SET', KEYS[1], 'v')", "1", "k"},
           {"EVAL", "#!lua flags=nosuchflag\nreturn 1", "0"},
           {"EVALSHA", "short", "0"},
           {"SCRIPT", "EXISTS", "ffffffffffffffffffffffffffffffffffffffff"},
           {"SCRIPT", "LOAD", "neither does this"},
           {"SCRIPT", "KILL"},
           {"SCRIPT", "NOSUCH"},
           {"SCRIPT", "FLUSH", "NOSUCH"},
           {"SCRIPT", "DEBUG", "NO"},
           {"FUNCTION", "KILL"},
           {"FUNCTION", "STATS"},
           {"FUNCTION", "LOAD", "#!lua name=broken\nnonsense"},
           {"FCALL", "nosuchfunction", "0"},
           {"FCALL_RO", "nosuchfunction", "0"},
           {"FUNCTION", "DELETE", "nosuchlibrary"},
       }) {
    EXPECT_EQ(through.raw(step), straight.raw(step)) << step[0] << " " << step[1];
  }
}

TEST_P(ScriptsInBothProtocols, ScriptCannotForgeRepliesOfOthers) {
  RespClient attacker = client();
  RespClient victim = client();
  for (int i = 0; i < 50; ++i) {
    attacker("EVAL", "return redis.error_reply('x\\r\\n+forged\\r\\n+again')", "0");
    attacker = client();
    ASSERT_EQ(victim("SET", "k", "v").text, "OK");
    ASSERT_EQ(victim("INCR", "n"), i + 1);
  }
}

TEST_F(Scripts, ALostScriptIsShownAgain) {
  RespClient loader = pillion.client();
  const std::string digest = loader("SCRIPT", "LOAD", kAdd).text;
  std::vector<RespClient> others;
  for (int i = 0; i < 8; ++i) others.push_back(pillion.client());
  std::int64_t sum = 0;
  for (auto& other : others) {
    redis("SCRIPT", "FLUSH");
    EXPECT_EQ(other("EVALSHA", digest, "1", "n", "5"), sum += 5);
    EXPECT_EQ(redis("SCRIPT", "EXISTS", digest).items.at(0), 1) << "the upstream knows it again";
  }
  redis("SCRIPT", "FLUSH");
  loader("EVAL", "return redis.call('GET', KEYS[1])", "1", "n");
  const std::string reader = digest_of("return redis.call('GET', KEYS[1])");
  redis("SCRIPT", "FLUSH");
  EXPECT_EQ(others[0]("EVALSHA_RO", reader, "1", "n"), std::to_string(sum));
  EXPECT_GE(loader("PILLION", "STATS").at("scripts_healed").integer(), 9);
}

TEST_F(Scripts, ALostScriptIsShownAgainAfterARestart) {
  RespClient client = pillion.client();
  const std::string digest = client("SCRIPT", "LOAD", kAdd).text;
  redis.restart();
  ASSERT_TRUE(pillion.wait_for_upstream());
  // The connection it runs on may not have heard of the restart yet.
  ASSERT_TRUE(eventually([&] { return client("EVALSHA", digest, "1", "other", "2") == 2; }));
  EXPECT_EQ(client("EVALSHA", digest, "1", "n", "2"), 2);
  std::string upper = digest;
  for (char& c : upper) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  redis("SCRIPT", "FLUSH");
  EXPECT_EQ(client("EVALSHA", upper, "1", "n", "2"), 4) << "digests have no case";
}

TEST_F(Scripts, ALostScriptIsShownAgainWithinMulti) {
  RespClient client = pillion.client();
  const std::string digest = client("SCRIPT", "LOAD", kAdd).text;
  redis("SCRIPT", "FLUSH");
  client("MULTI");
  EXPECT_EQ(client("INCR", "n"), "QUEUED");
  EXPECT_EQ(client("EVALSHA", digest, "1", "n", "10"), "QUEUED");
  const Value done = client("EXEC");
  ASSERT_EQ(done.items.size(), 2U);
  EXPECT_EQ(done.items[1], 11);
}

TEST_F(Scripts, APipelineOfLostScriptsKeepsItsOrder) {
  RespClient client = pillion.client();
  const std::string digest = client("SCRIPT", "LOAD", kAdd).text;
  redis("SET", "n", "0");
  redis("SCRIPT", "FLUSH");
  std::string commands;
  for (int i = 0; i < 100; ++i) {
    append_command(commands, {"EVALSHA", digest, "1", "n", "1"});
    append_command(commands, {"GET", "n"});
  }
  client.send_raw(commands);
  std::int64_t sum = 0;
  for (int i = 1; i <= 100; ++i) {
    const Value reply = client.read();
    // What came behind a script may have been done: then it is not to be tried once more.
    if (!reply.starts_with("NOSCRIPT")) {
      ASSERT_EQ(reply, ++sum);
    }
    ASSERT_EQ(client.read(), std::to_string(sum));
  }
  EXPECT_EQ(client("EVALSHA", digest, "1", "n", "1"), sum + 1);
}

TEST_F(Scripts, WhatAClientFlushedOrNobodyShowedIsNotHealed) {
  RespClient one = pillion.client();
  RespClient two = pillion.client();
  const std::string digest = one("SCRIPT", "LOAD", kAdd).text;
  EXPECT_TRUE(two("SCRIPT", "FLUSH").is_ok());
  EXPECT_TRUE(one("EVALSHA", digest, "1", "n", "1").starts_with("NOSCRIPT"));
  EXPECT_EQ(one("SCRIPT", "EXISTS", digest).items.at(0), 0);
  one("MULTI");
  EXPECT_EQ(one("EVALSHA", digest, "1", "n", "1"), "QUEUED");
  EXPECT_TRUE(one("EXEC").items.at(0).starts_with("NOSCRIPT"));
  EXPECT_TRUE(two("EVALSHA", std::string(40, 'a'), "0").starts_with("NOSCRIPT"));
  EXPECT_TRUE(one("EVAL", "does not compile", "0").is_error());
  EXPECT_EQ(one("EVAL", kAdd, "1", "n", "1"), 1);
  EXPECT_EQ(two("EVALSHA", digest, "1", "n", "1"), 2);
}

TEST_F(Scripts, FunctionsAreManagedThroughPillion) {
  RespClient one = pillion.client();
  RespClient two = pillion.client();
  EXPECT_EQ(one("FUNCTION", "LOAD", kLibrary), "lib");
  EXPECT_TRUE(one("FUNCTION", "LOAD", kLibrary).is_error());
  EXPECT_EQ(one("FUNCTION", "LOAD", "REPLACE", kLibrary), "lib");
  EXPECT_TRUE(two("FCALL", "put", "1", "k", "v").is_ok());
  EXPECT_EQ(two("FCALL_RO", "look", "1", "k"), "v");
  EXPECT_TRUE(two("FCALL_RO", "put", "1", "k", "v").is_error());
  EXPECT_EQ(one.raw({"FUNCTION", "LIST", "WITHCODE"}),
            redis.client().raw({"FUNCTION", "LIST", "WITHCODE"}));
  const Value dump = one("FUNCTION", "DUMP");
  EXPECT_EQ(dump, redis("FUNCTION", "DUMP"));
  EXPECT_TRUE(one("FUNCTION", "FLUSH").is_ok());
  EXPECT_TRUE(two("FCALL", "put", "1", "k", "v").is_error());
  EXPECT_TRUE(one("FUNCTION", "RESTORE", dump.text).is_ok());
  EXPECT_EQ(two("FCALL_RO", "look", "1", "k"), "v");
  EXPECT_TRUE(one("FUNCTION", "DELETE", "lib").is_ok());
  EXPECT_TRUE(redis("FUNCTION", "LIST").items.empty());
}

TEST_F(Scripts, WhatTheyWriteIsReadAtOnceByEveryClient) {
  RespClient writer = pillion.client();
  std::vector<RespClient> readers;
  for (int i = 0; i < 6; ++i) readers.push_back(pillion.client());
  writer("FUNCTION", "LOAD", kLibrary);
  const std::string undeclared = digest_of("return redis.call('SET', 'k', ARGV[1])");
  for (int round = 0; round < 60; ++round) {
    for (auto& reader : readers) reader("GET", "k");
    const std::string value = std::to_string(round);
    Value reply;
    switch (round % 5) {
      case 0:
        reply = writer("EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", "1", "k", value);
        break;
      case 1:
        reply = writer("EVAL", "return redis.call('SET', 'k', ARGV[1])", "0", value);
        break;
      case 2:
        reply = writer("EVALSHA", undeclared, "1", "another", value);
        break;
      case 3:
        reply = writer("FCALL", "put", "1", "k", value);
        break;
      default:
        writer("MULTI");
        writer("EVAL", "return redis.call('SET', 'k', ARGV[1])", "0", value);
        reply = writer("EXEC").items.at(0);
    }
    ASSERT_TRUE(reply.is_ok()) << reply;
    for (auto& reader : readers) ASSERT_EQ(reader("GET", "k"), value) << "way " << round % 5;
  }
}

TEST_F(Scripts, AFailingScriptsWritesAreReadAtOnceToo) {
  RespClient writer = pillion.client();
  RespClient reader = pillion.client();
  redis("SET", "k", "old");
  warm(reader, "k");
  EXPECT_TRUE(writer("EVAL", "redis.call('SET', 'k', 'half'); return redis.call('NOSUCH')", "0")
                  .is_error());
  EXPECT_EQ(reader("GET", "k"), "half");
}

class ScriptsThatRunLong : public Scripts {
 protected:
  using Scripts::Scripts;
  void SetUp() override {
    Scripts::SetUp();
    redis("CONFIG", "SET", "lua-time-limit", "100");
  }

  /// Waits until Redis says BUSY to those who ask it directly.
  bool busy() {
    return eventually([&] { return redis("PING").starts_with("BUSY"); });
  }
};

TEST_F(ScriptsThatRunLong, CanBeKilledByAnybody) {
  RespClient runner = pillion.client();
  RespClient other = pillion.client();
  RespClient new_client = pillion.client3();
  EXPECT_TRUE(other("SCRIPT", "KILL").starts_with("NOTBUSY"));
  runner.send("EVAL", "while true do end", "0");
  ASSERT_TRUE(busy());
  EXPECT_TRUE(other("PING").starts_with("BUSY"));
  EXPECT_TRUE(new_client("PING").starts_with("BUSY"));
  EXPECT_TRUE(other("SET", "k", "v").starts_with("BUSY"));
  EXPECT_TRUE(other("EVAL", "return 1", "0").starts_with("BUSY"));
  EXPECT_TRUE(pillion.client()("GET", "never read").starts_with("BUSY"));
  EXPECT_TRUE(other("FUNCTION", "KILL").starts_with("BUSY"));
  EXPECT_TRUE(other("SCRIPT", "KILL").is_ok());
  EXPECT_TRUE(runner.read().is_error());
  EXPECT_EQ(other("PING"), "PONG");
  EXPECT_TRUE(runner("SET", "k", "v").is_ok());
  EXPECT_EQ(other("GET", "k"), "v");
}

TEST_F(ScriptsThatRunLong, FunctionsCanBeKilledByAnybody) {
  RespClient runner = pillion.client();
  RespClient other = pillion.client();
  runner("FUNCTION", "LOAD",
         "#!lua name=slow\nredis.register_function('spin', function() while true do end end)");
  runner.send("FCALL", "spin", "0");
  ASSERT_TRUE(busy());
  EXPECT_TRUE(other("PING").starts_with("BUSY"));
  EXPECT_TRUE(other("SCRIPT", "KILL").starts_with("BUSY"));
  EXPECT_EQ(other("FUNCTION", "STATS").at("running_script").at("name"), "spin");
  EXPECT_TRUE(other("FUNCTION", "KILL").is_ok());
  EXPECT_TRUE(runner.read().is_error());
  EXPECT_EQ(other("PING"), "PONG");
}

TEST_F(ScriptsThatRunLong, WhatHasWrittenCannotBeKilled) {
  RespClient runner = pillion.client();
  RespClient other = pillion.client();
  runner.send("EVAL", "redis.call('SET', KEYS[1], 'v') while true do end", "1", "k");
  ASSERT_TRUE(busy());
  EXPECT_TRUE(other("SCRIPT", "KILL").starts_with("UNKILLABLE"));
  redis.kill9();
  EXPECT_TRUE(runner.read().starts_with("ERR upstream "));
}

class ScriptsWithShortLimits : public ScriptsThatRunLong {
 protected:
  ScriptsWithShortLimits()
      : ScriptsThatRunLong({"upstream.command_timeout=400ms", "upstream.script_timeout=1500ms"}) {}
};

TEST_F(ScriptsWithShortLimits, ScriptsHaveTheirOwnLimit) {
  RespClient runner = pillion.client();
  const Moment start = Clock::now();
  runner.send("EVAL",
              "local start = redis.call('TIME') local now = start repeat now = redis.call('TIME') "
              "until (now[1] - start[1]) * 1e6 + now[2] - start[2] > 900000 return 'done'",
              "0");
  EXPECT_EQ(runner.read(), "done");
  EXPECT_GE(milliseconds(Clock::now() - start), 890);
}

TEST_F(ScriptsWithShortLimits, WhatRunsLongerFailsAndNobodyElse) {
  RespClient runner = pillion.client();
  RespClient other = pillion.client();
  const Moment start = Clock::now();
  const Value failed = runner("EVAL", "while true do end", "0");
  EXPECT_TRUE(failed.starts_with("ERR upstream ")) << failed;
  EXPECT_NE(failed.text.find("timed out"), std::string::npos) << failed;
  EXPECT_GE(milliseconds(Clock::now() - start), 1'450);
  EXPECT_LE(milliseconds(Clock::now() - start), 3'500);
  EXPECT_TRUE(redis("SCRIPT", "KILL").is_ok());
  EXPECT_TRUE(eventually([&] { return other("SET", "k", "v").is_ok(); }));
  EXPECT_EQ(runner("GET", "k"), "v");
}

}  // namespace
}  // namespace pillion::test
