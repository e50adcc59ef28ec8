// What every client relies on: each reply is Redis's own, byte for byte, in the order of the
// commands.
#include <numeric>

#include "tests/integration/fixture.hpp"

namespace pillion::test {
namespace {

class Basic : public ThroughPillion {};
class BasicInBothProtocols : public ThroughPillionInBothProtocols {};
INSTANTIATE_TEST_SUITE_P(Speaking, BasicInBothProtocols, ::testing::Values(2, 3), protocol_name);

using Arguments = std::vector<std::string_view>;

TEST_P(BasicInBothProtocols, EveryReplyTypeIsPassedOnUnchanged) {
  RespClient through = client();
  RespClient straight = direct();
  for (const char* type : {"string", "integer", "double", "null", "array", "set", "map", "verbatim",
                           "true", "false", "bignum", "attrib"}) {
    EXPECT_EQ(through.raw({"DEBUG", "PROTOCOL", type}), straight.raw({"DEBUG", "PROTOCOL", type}))
        << type;
  }
  EXPECT_EQ(through("PING").text, "PONG");
}

TEST_P(BasicInBothProtocols, ErrorsAreThoseOfRedis) {
  RespClient through = client();
  RespClient straight = direct();
  straight("SET", "string", "abc");
  for (const Arguments& wrong : std::vector<Arguments>{
           {"NOSUCHCOMMAND"},
           {"nosuchcommand", "with", "arguments \r\n and binary \x01"},
           {"GET"},
           {"GET", "a", "b"},
           {"SET", "k"},
           {"SET", "k", "v", "EX", "abc"},
           {"SET", "k", "v", "NX", "XX"},
           {"INCR", "string"},
           {"LPUSH", "string", "x"},
           {"LRANGE", "string", "0", "-1"},
           {"LRANGE", "missing", "zero", "-1"},
           {"EVALSHA", "ffffffffffffffffffffffffffffffffffffffff", "0"},
           {"EVAL", "return redis.error_reply('MY own error')", "0"},
           {"OBJECT", "NOSUCHSUBCOMMAND"},
           {"CLIENT", "NOSUCHSUBCOMMAND"},
           {"CLIENT"},
           {"CLIENT", "SETNAME", "with blank"},
           {"CLIENT", "REPLY", "maybe"},
           {"SELECT", "abc"},
           {"SELECT", "99"},
           {"SELECT"},
           {"ECHO"},
           {"PING", "a", "b"},
           {"HELLO", "4"},
           {"HELLO", "abc"},
           {"HELLO", "2", "NOSUCHOPTION"},
           {"AUTH"},
           {"AUTH", "nosuchuser", "password"},
           {"EXEC"},
           {"DISCARD"},
           {"RESET", "now"},
       }) {
    EXPECT_EQ(through.raw(wrong), straight.raw(wrong)) << wrong[0] << " with " << wrong.size() - 1;
  }
}

TEST_P(BasicInBothProtocols, PipelineOfTenThousandIsAnsweredInOrder) {
  RespClient through = client();
  std::string commands;
  for (int i = 0; i < 10'000; ++i) append_command(commands, {"INCR", "counter"});
  through.send_raw(commands);
  for (int i = 1; i <= 10'000; ++i) ASSERT_EQ(through.read(), i);
}

TEST_P(BasicInBothProtocols, PipelineThatMixesEveryRouteIsAnsweredInOrder) {
  RespClient through = client();
  std::string commands;
  constexpr int kRounds = 300;
  for (int i = 0; i < kRounds; ++i) {
    const std::string number = std::to_string(i);
    append_command(commands, {"PING", number});                         // local
    append_command(commands, {"SET", "key" + number, number});          // forwarded
    append_command(commands, {"GET", "key" + number});                  // cacheable
    append_command(commands, {"EVAL", "return ARGV[1]", "0", number});  // its own connection
    append_command(commands, {"RPUSH", "list", number});
    append_command(commands, {"BLPOP", "list", "1"});  // may block
    append_command(commands, {"NOSUCHCOMMAND" + number});
    append_command(commands, {"ECHO", number});
  }
  through.send_raw(commands);
  for (int i = 0; i < kRounds; ++i) {
    const std::string number = std::to_string(i);
    ASSERT_EQ(through.read(), number);
    ASSERT_TRUE(through.read().is_ok());
    ASSERT_EQ(through.read(), number);
    ASSERT_EQ(through.read(), number);
    ASSERT_EQ(through.read(), 1);
    ASSERT_EQ(through.read().texts(), (std::vector<std::string>{"list", number}));
    ASSERT_TRUE(through.read().starts_with("ERR unknown command 'NOSUCHCOMMAND" + number + "'"));
    ASSERT_EQ(through.read(), number);
  }
}

TEST_F(Basic, CommandsMayArriveByteByByte) {
  RespClient through = pillion.client();
  for (const char byte : encode({"SET", "slow", "writer"}) + encode({"GET", "slow"})) {
    through.send_raw(std::string_view(&byte, 1));
  }
  EXPECT_TRUE(through.read().is_ok());
  EXPECT_EQ(through.read(), "writer");
}

TEST_F(Basic, InlineCommands) {
  RespClient through = pillion.client();
  through.send_raw("PING\r\n");
  EXPECT_EQ(through.read(), "PONG");
  through.send_raw("\r\n\r\nSET inline \"a b\\x00\\n\"\r\nget inline\n");
  EXPECT_TRUE(through.read().is_ok());
  EXPECT_EQ(through.read(), std::string_view("a b\0\n", 5));
  through.send_raw("SET quoted 'it''s'\r\n");
  EXPECT_TRUE(through.read().starts_with("ERR Protocol error: unbalanced quotes in request"));
}

TEST_F(Basic, ProtocolErrorsAreThoseOfRedisAndCloseTheConnection) {
  const std::string huge_line(70'000, 'x');
  for (const std::string& nonsense : {
           std::string("*abc\r\n"),
           std::string("*3000000000\r\n"),
           std::string("*1\r\n:1\r\n"),
           std::string("*1\r\n$abc\r\n"),
           std::string("*1\r\n$-5\r\n"),
           std::string("*1\r\n$600000000\r\n"),
           std::string("SET \"unbalanced\r\n"),
           "*" + huge_line,
           "*1\r\n$" + huge_line,
           huge_line,
       }) {
    RespClient through = pillion.client();
    RespClient straight = redis.client();
    through.send_raw(encode({"PING"}) + nonsense);
    straight.send_raw(encode({"PING"}) + nonsense);
    EXPECT_EQ(through.read_to_end(), straight.read_to_end()) << printable(nonsense, 40);
  }
}

TEST_F(Basic, HttpOnTheRedisPortIsClosedAtOnce) {
  for (const char* request : {"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nSET a b\r\n",
                              "Host: localhost\r\nSET a b\r\n"}) {
    RespClient through = pillion.client();
    through.send_raw(request);
    EXPECT_TRUE(through.closed_by_peer()) << request;
  }
  EXPECT_EQ(redis("EXISTS", "a"), 0);
}

TEST_F(Basic, CommandsBeforeAnHttpLineAreNotLost) {
  RespClient through = pillion.client();
  through.send_raw(encode({"SET", "before", "1"}));
  EXPECT_TRUE(through.read().is_ok());
  through.send_raw("POST / HTTP/1.1\r\n");
  EXPECT_TRUE(through.closed_by_peer());
  EXPECT_EQ(redis("GET", "before"), "1");
}

TEST_P(BasicInBothProtocols, EmptyAndBinaryArguments) {
  RespClient through = client();
  std::string every_byte(256, '\0');
  std::iota(every_byte.begin(), every_byte.end(), '\0');
  EXPECT_TRUE(through("SET", "", "").is_ok());
  EXPECT_EQ(through("GET", ""), "");
  EXPECT_EQ(through("GET", ""), "");
  EXPECT_TRUE(through("SET", every_byte, every_byte).is_ok());
  EXPECT_EQ(through("GET", every_byte), every_byte);
  EXPECT_EQ(through("GET", every_byte), every_byte);
  EXPECT_EQ(redis("GET", every_byte), every_byte);
  EXPECT_TRUE(through("GET", every_byte.substr(0, 255)).is_null());
  EXPECT_TRUE(through("GET", "$-1\r\n").is_null());
}

TEST_P(BasicInBothProtocols, HugeArguments) {
  RespClient through = client();
  const std::string key(1'000'000, 'k');
  const std::string value(10'000'000, 'v');
  EXPECT_TRUE(through("SET", key, value).is_ok());
  EXPECT_EQ(through("GET", key).text, value);
  EXPECT_EQ(through("STRLEN", key), 10'000'000);
  EXPECT_EQ(redis("STRLEN", key), 10'000'000);
}

TEST_F(Basic, CommandWithAHundredThousandArguments) {
  RespClient through = pillion.client();
  std::vector<std::string> names;
  for (int i = 0; i < 100'000; ++i) names.push_back("key" + std::to_string(i));
  std::vector<std::string_view> mset = {"MSET"};
  std::vector<std::string_view> mget = {"MGET"};
  for (const auto& name : names) {
    mset.insert(mset.end(), {name, name});
    mget.push_back(name);
  }
  EXPECT_TRUE(through.command(mset).is_ok());
  EXPECT_EQ(through.command(mget).texts(), names);
}

TEST_F(Basic, LargeArraysAreWhole) {
  RespClient through = pillion.client();
  redis("EVAL", "for i = 1, 200000 do redis.call('RPUSH', KEYS[1], i) end", "1", "long");
  const Value reply = through("LRANGE", "long", "0", "-1");
  ASSERT_EQ(reply.items.size(), 200'000U);
  EXPECT_EQ(reply.items.front(), "1");
  EXPECT_EQ(reply.items.back(), "200000");
}

TEST_F(Basic, NamesOfCommandsMayBeWrittenInAnyCase) {
  RespClient through = pillion.client();
  EXPECT_TRUE(through("sEt", "k", "v").is_ok());
  EXPECT_EQ(through("gEt", "k"), "v");
  EXPECT_EQ(through("GET", "k"), "v");
  EXPECT_EQ(through("pInG"), "PONG");
}

TEST_F(Basic, CommandIsAnsweredAsRedisDoes) {
  RespClient through = pillion.client();
  EXPECT_EQ(through("COMMAND", "COUNT"), redis("COMMAND", "COUNT"));
  EXPECT_EQ(through("COMMAND", "INFO", "get", "nosuchcommand"),
            redis("COMMAND", "INFO", "get", "nosuchcommand"));
  EXPECT_EQ(through("COMMAND", "DOCS", "set"), redis("COMMAND", "DOCS", "set"));
  EXPECT_EQ(through("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2").texts(),
            (std::vector<std::string>{"a", "b"}));
}

TEST_F(Basic, ConfigInfoAndScanReachTheUpstream) {
  RespClient through = pillion.client();
  EXPECT_EQ(through("CONFIG", "GET", "maxmemory").items.size(), 2U);
  EXPECT_NE(through("INFO", "server").text.find("redis_version:7"), std::string::npos);
  redis("MSET", "a", "1", "b", "2");
  EXPECT_EQ(through("DBSIZE"), redis("DBSIZE"));
  EXPECT_EQ(through("SCAN", "0").items.size(), 2U);
}

}  // namespace
}  // namespace pillion::test
