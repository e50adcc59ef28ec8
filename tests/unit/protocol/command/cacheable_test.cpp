#include "protocol/command/cacheable.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "protocol/command/table.hpp"
#include "tests/unit/protocol/command/parsed.hpp"

namespace pillion::command {
namespace {

CacheForm form_of(const std::string& line) {
  const Parsed parsed(words(line));
  EXPECT_TRUE(parsed.ok()) << line;
  EXPECT_NE(parsed.spec().cacheable, 0) << line;
  return cache_form(parsed.spec(), parsed.command());
}

TEST(Cacheable, TheListIsClosed) {
  std::set<std::string> names;
  for (const CacheRule& rule : cache_rules()) names.emplace(rule.name);
  EXPECT_EQ(names,
            (std::set<std::string>{
                "GET",        "MGET",     "STRLEN", "GETRANGE", "EXISTS", "TYPE",   "HGET",
                "HMGET",      "HGETALL",  "HLEN",   "HEXISTS",  "HKEYS",  "HVALS",  "SISMEMBER",
                "SMISMEMBER", "SMEMBERS", "SCARD",  "LRANGE",   "LLEN",   "LINDEX", "ZSCORE",
                "ZMSCORE",    "ZRANGE",   "ZRANK",  "ZCARD",    "ZCOUNT", "GETBIT", "BITCOUNT"}));
  EXPECT_LE(cache_rules().size(), 64U);
}

TEST(Cacheable, HashesAgeByTheirOwnLimitAndOnlyMgetHasManyKeys) {
  for (const CacheRule& rule : cache_rules()) {
    EXPECT_EQ(rule.age == AgeClass::kHash, rule.name.starts_with('H')) << rule.name;
    EXPECT_EQ(rule.multi_key, rule.name == "MGET") << rule.name;
    EXPECT_EQ(rule.shape, resp::Shape::kAsIs) << rule.name;
  }
}

TEST(Cacheable, NeverWhatVariesWithTimeChanceOrOtherKeys) {
  for (const char* name :
       {"TTL",          "PTTL",      "EXPIRETIME",  "OBJECT",        "OBJECT|ENCODING",
        "MEMORY|USAGE", "DUMP",      "TOUCH",       "SORT",          "SORT_RO",
        "SCAN",         "KEYS",      "RANDOMKEY",   "DBSIZE",        "HRANDFIELD",
        "HSCAN",        "HTTL",      "SRANDMEMBER", "SPOP",          "SSCAN",
        "ZRANDMEMBER",  "ZSCAN",     "XREAD",       "XINFO|STREAM",  "XINFO|GROUPS",
        "XPENDING",     "GEORADIUS", "EVAL_RO",     "FCALL_RO",      "GETEX",
        "GETDEL",       "TIME",      "SET",         "NEVER.HEARD.OF"}) {
    EXPECT_EQ(find_full(name).cacheable, 0) << name;
  }
}

TEST(Cacheable, Accepts) {
  for (const char* line : {
           "GET k",
           "get ''",
           "MGET a",
           "MGET a b a",
           "STRLEN k",
           "GETRANGE k 0 -1",
           "GETRANGE k -9223372036854775808 9223372036854775807",
           "EXISTS k",
           "TYPE k",
           "HGET h f",
           "HMGET h f",
           "HMGET h f g",
           "HGETALL h",
           "HLEN h",
           "HEXISTS h f",
           "HKEYS h",
           "HVALS h",
           "SISMEMBER s m",
           "SMISMEMBER s m n",
           "SMEMBERS s",
           "SCARD s",
           "LRANGE l 0 -1",
           "LLEN l",
           "LINDEX l -1",
           "ZSCORE z m",
           "ZMSCORE z m n",
           "ZRANK z m",
           "ZCARD z",
           "ZCOUNT z -inf +inf",
           "ZCOUNT z (1.5 1e3",
           "ZCOUNT z .5 5.",
           "ZCOUNT z -1 INFINITY",
           "GETBIT k 0",
           "GETBIT k 4294967295",
           "BITCOUNT k",
           "BITCOUNT k 0 -1",
           "BITCOUNT k 0 -1 bit",
           "BITCOUNT k 0 -1 BYTE",
           "ZRANGE z 0 -1",
           "ZRANGE z 0 -1 rev",
           "ZRANGE z 0 -1 WITHSCORES REV",
           "ZRANGE z 1 (2 BYSCORE",
           "ZRANGE z +inf -inf BYSCORE REV LIMIT 0 10 WITHSCORES",
           "ZRANGE z - + BYLEX",
           "ZRANGE z [a (b LIMIT 0 -1 BYLEX",
           "ZRANGE z ( [ BYLEX",
       }) {
    EXPECT_TRUE(form_of(line).cacheable) << line;
  }
}

TEST(Cacheable, TurnsDown) {
  for (const char* line : {
           "GET",
           "GET a b",
           "MGET",
           "STRLEN a b",
           "GETRANGE k 0",
           "GETRANGE k 0 x",
           "GETRANGE k 00 1",
           "GETRANGE k +0 1",
           "GETRANGE k -0 1",
           "GETRANGE k '' 1",
           "GETRANGE k - 1",
           "GETRANGE k 0 9223372036854775808",
           "GETRANGE k 0 1x",
           "EXISTS a b",
           "EXISTS",
           "HGET h",
           "HMGET h",
           "HGETALL h f",
           "LRANGE l 0 1.5",
           "LRANGE l 0 -1 x",
           "LINDEX l x",
           "ZRANK z m WITHSCORE",
           "ZMSCORE z",
           "ZCOUNT z nan 1",
           "ZCOUNT z ( 1",
           "ZCOUNT z ((1 1",
           "ZCOUNT z 0x10 1",
           "ZCOUNT z 1e 2",
           "ZCOUNT z . 2",
           "ZCOUNT z '' 2",
           "ZCOUNT z 1 2x",
           "ZCOUNT z + 2",
           "ZCOUNT z +-1 2",
           "GETBIT k -1",
           "GETBIT k 4294967296",
           "GETBIT k x",
           "BITCOUNT k 0",
           "BITCOUNT k 0 x",
           "BITCOUNT k 0 1 BITS",
           "BITCOUNT k 0 1 BIT x",
           "ZRANGE z 0",
           "ZRANGE z a b",
           "ZRANGE z (1 2",
           "ZRANGE z 0 -1 LIMIT 0 1",
           "ZRANGE z 0 -1 nonsense",
           "ZRANGE z 0 -1 REV REV",
           "ZRANGE z 0 1 BYSCORE BYLEX",
           "ZRANGE z 0 1 BYSCORE BYSCORE",
           "ZRANGE z a b BYSCORE",
           "ZRANGE z a b BYLEX",
           "ZRANGE z - + BYLEX WITHSCORES",
           "ZRANGE z '' + BYLEX",
           "ZRANGE z 0 1 BYSCORE LIMIT 0",
           "ZRANGE z 0 1 BYSCORE LIMIT",
           "ZRANGE z 0 1 BYSCORE LIMIT x 1",
           "ZRANGE z 0 1 BYSCORE LIMIT 0 1 LIMIT 0 1",
           "ZRANGE z 0 1 BYSCORE LIMIT 0 1 REV WITHSCORES x",
       }) {
    EXPECT_FALSE(form_of(line).cacheable) << line;
  }
}

TEST(Cacheable, ScoresAreNestedInResp3Only) {
  EXPECT_EQ(form_of("ZRANGE z 0 -1").shape, resp::Shape::kAsIs);
  EXPECT_EQ(form_of("ZRANGE z 0 -1 withscores").shape, resp::Shape::kPairsToFlat);
  EXPECT_EQ(form_of("ZRANGE z 0 1 WITHSCORES BYSCORE").shape, resp::Shape::kPairsToFlat);
  EXPECT_EQ(form_of("HGETALL h").shape, resp::Shape::kAsIs);
}

}  // namespace
}  // namespace pillion::command
