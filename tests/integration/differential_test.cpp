// Whatever the L1 may answer is byte for byte what Redis answers, in both protocols: on the miss
// that fills it, on the hit, and on a hit that the other protocol filled. The stream of random
// commands is tests/differential.
#include "tests/integration/fixture.hpp"

namespace pillion::test {
namespace {

using Command = std::vector<std::string>;

std::vector<std::string_view> views(const Command& command) {
  return {command.begin(), command.end()};
}

const std::vector<std::string> kKeys = {"string", "number", "empty",    "binary", "hash",   "list",
                                        "set",    "zset",   "infinite", "stream", "missing"};

void create_keys(RedisServer& redis) {
  redis("SET", "string", "hello world");
  redis("SET", "number", "12345");
  redis("SET", "empty", "");
  redis("SET", "binary", std::string("\0\r\n\xff$-1\r\n", 9));
  redis("HSET", "hash", "f1", "v1", "f2", "", "f3", "3");
  redis("RPUSH", "list", "a", "b", "", "d");
  redis("SADD", "set", "m1", "m2", "m3");
  redis("ZADD", "zset", "1", "one", "2.5", "two", "-3", "minus", "1e20", "huge", "0.1", "tenth");
  redis("ZADD", "infinite", "inf", "top", "-inf", "bottom", "3.0000000000000004", "precise");
  redis("XADD", "stream", "1-1", "f", "v");
}

/// Every cacheable command, with "KEY" where the key goes.
const std::vector<Command> kReads = {
    {"GET", "KEY"},
    {"MGET", "KEY", "string", "missing", "KEY"},
    {"STRLEN", "KEY"},
    {"GETRANGE", "KEY", "0", "4"},
    {"GETRANGE", "KEY", "-5", "-1"},
    {"GETRANGE", "KEY", "x", "1"},
    {"EXISTS", "KEY"},
    {"EXISTS", "KEY", "KEY", "string"},
    {"TYPE", "KEY"},
    {"HGET", "KEY", "f1"},
    {"HGET", "KEY", "nofield"},
    {"HMGET", "KEY", "f1", "nofield", "f2"},
    {"HGETALL", "KEY"},
    {"HLEN", "KEY"},
    {"HEXISTS", "KEY", "f1"},
    {"HEXISTS", "KEY", "nofield"},
    {"HKEYS", "KEY"},
    {"HVALS", "KEY"},
    {"SISMEMBER", "KEY", "m1"},
    {"SISMEMBER", "KEY", "nomember"},
    {"SMISMEMBER", "KEY", "m1", "nomember"},
    {"SMEMBERS", "KEY"},
    {"SCARD", "KEY"},
    {"LRANGE", "KEY", "0", "-1"},
    {"LRANGE", "KEY", "1", "2"},
    {"LRANGE", "KEY", "5", "2"},
    {"LLEN", "KEY"},
    {"LINDEX", "KEY", "0"},
    {"LINDEX", "KEY", "-1"},
    {"LINDEX", "KEY", "99"},
    {"ZSCORE", "KEY", "two"},
    {"ZSCORE", "KEY", "top"},
    {"ZSCORE", "KEY", "nomember"},
    {"ZMSCORE", "KEY", "one", "nomember", "huge", "bottom", "precise"},
    {"ZRANGE", "KEY", "0", "-1"},
    {"ZRANGE", "KEY", "0", "-1", "WITHSCORES"},
    {"ZRANGE", "KEY", "0", "1", "REV", "WITHSCORES"},
    {"ZRANGE", "KEY", "-inf", "(2.5", "BYSCORE"},
    {"ZRANGE", "KEY", "-inf", "+inf", "BYSCORE", "LIMIT", "1", "2", "WITHSCORES"},
    {"ZRANGE", "KEY", "+inf", "-inf", "BYSCORE", "REV", "WITHSCORES"},
    {"ZRANGE", "KEY", "[a", "[z", "BYLEX"},
    {"ZRANGE", "KEY", "+", "-", "BYLEX", "REV", "LIMIT", "0", "1"},
    {"ZRANGE", "KEY", "0", "-1", "WITHSCORES", "NONSENSE"},
    {"ZRANGE", "KEY", "0", "-1", "LIMIT", "0", "1"},
    {"ZRANK", "KEY", "one"},
    {"ZRANK", "KEY", "nomember"},
    {"ZCARD", "KEY"},
    {"ZCOUNT", "KEY", "-inf", "+inf"},
    {"ZCOUNT", "KEY", "(1", "3"},
    {"ZCOUNT", "KEY", "x", "3"},
    {"GETBIT", "KEY", "7"},
    {"GETBIT", "KEY", "-1"},
    {"BITCOUNT", "KEY"},
    {"BITCOUNT", "KEY", "0", "1"},
    {"BITCOUNT", "KEY", "0", "9", "BIT"},
    {"BITCOUNT", "KEY", "0"},
    {"get", "KEY"},
};

Command with_key(Command command, const std::string& key) {
  for (std::string& argument : command) {
    if (argument == "KEY") argument = key;
  }
  return command;
}

std::string spelled(const Command& command) {
  std::string text;
  for (const auto& argument : command) text += argument + ' ';
  return text;
}

class Differential : public ThroughPillionInBothProtocols {};
INSTANTIATE_TEST_SUITE_P(FilledBy, Differential, ::testing::Values(2, 3), protocol_name);

TEST_P(Differential, CacheableCommandsAnswerAsRedisOnMissAndHit) {
  create_keys(redis);
  const int other_protocol = 5 - GetParam();
  RespClient filler = client();
  RespClient other = pillion.client_speaking(other_protocol);
  RespClient straight = direct();
  RespClient straight_other = redis.client();
  if (other_protocol == 3) straight_other.hello3();

  std::uint64_t answers = 0;
  const auto hits_before = pillion.hits();
  for (const Command& read : kReads) {
    for (const std::string& key : kKeys) {
      const Command command = with_key(read, key);
      const std::string expected = straight.raw(views(command));
      const std::string expected_other = straight_other.raw(views(command));
      if (expected[0] != '-') ++answers;
      ASSERT_EQ(filler.raw(views(command)), expected) << "miss: " << spelled(command);
      ASSERT_EQ(filler.raw(views(command)), expected) << "hit: " << spelled(command);
      ASSERT_EQ(other.raw(views(command)), expected_other) << "other: " << spelled(command);
      ASSERT_EQ(filler.raw(views(command)), expected) << "again: " << spelled(command);
    }
  }
  // Three of the four reads of every answer that may be kept can be hits; forms with several keys
  // need not be.
  EXPECT_GT(pillion.hits() - hits_before, 2 * answers);
}

}  // namespace
}  // namespace pillion::test
