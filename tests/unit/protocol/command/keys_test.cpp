#include "protocol/command/keys.hpp"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/table.hpp"
#include "tests/unit/protocol/command/parsed.hpp"

namespace pillion::command {
namespace {

struct Case {
  const char* command;
  KeySet set;
  const char* keys;
};

void expect_keys(const Case& expected) {
  const Parsed parsed(words(expected.command));
  ASSERT_TRUE(parsed.ok()) << expected.command;
  std::vector<std::string_view> keys;
  EXPECT_EQ(keys_of(parsed.spec(), parsed.command(), keys), expected.set) << expected.command;
  std::vector<std::string> found(keys.begin(), keys.end());
  EXPECT_EQ(found, words(expected.keys)) << expected.command;
}

constexpr KeySet kExact = KeySet::kExact;
constexpr KeySet kUnknown = KeySet::kUnknown;

TEST(Keys, Ranges) {
  for (const Case& c : {
           Case{"get a", kExact, "a"},
           {"PING", kExact, ""},
           {"SET a 1 EX 10", kExact, "a"},
           {"DEL a b c", kExact, "a b c"},
           {"MSET a 1 b 2", kExact, "a b"},
           {"MSET a 1 b", kExact, "a b"},
           {"RENAME a b", kExact, "a b"},
           {"COPY a a", kExact, "a a"},
           {"COPY a b DB 3 REPLACE", kExact, "a b"},
           {"MOVE a 3", kExact, "a"},
           {"SMOVE a b m", kExact, "a b"},
           {"LMOVE a b LEFT RIGHT", kExact, "a b"},
           {"BLPOP a b 0", kExact, "a b"},
           {"BRPOPLPUSH a b 0", kExact, "a b"},
           {"BITOP AND d a b", kExact, "d a b"},
           {"PFMERGE d a", kExact, "d a"},
           {"PFCOUNT a b", kExact, "a b"},
           {"SINTERSTORE d a b", kExact, "d a b"},
           {"GEOSEARCHSTORE d s FROMMEMBER m BYRADIUS 1 km", kExact, "d s"},
           {"ZRANGESTORE d s 0 -1", kExact, "d s"},
           {"xgroup create s g $", kExact, "s"},
           {"OBJECT encoding a", kExact, "a"},
           {"MEMORY USAGE a", kExact, "a"},
           {"SUNSUBSCRIBE", kExact, ""},
           {"SSUBSCRIBE a b", kExact, "a b"},
           {"GET ''", kExact, "''"},
       }) {
    expect_keys(c);
  }
}

TEST(Keys, TooFewArgumentsAreUnknown) {
  for (const Case& c : {
           Case{"GET", kUnknown, ""},
           {"GET a b", kUnknown, ""},
           {"SET", kUnknown, ""},
           {"RENAME a", kUnknown, ""},
           {"COPY a", kUnknown, ""},
           {"BLPOP 0", kUnknown, ""},
           {"BITOP AND", kUnknown, ""},
           {"LMPOP", kUnknown, ""},
           {"XREAD STREAMS", kUnknown, ""},
           {"MIGRATE h", kUnknown, ""},
           {"SORT", kUnknown, ""},
           {"GEORADIUS a", kUnknown, ""},
       }) {
    expect_keys(c);
  }
}

TEST(Keys, CountedKeys) {
  for (const Case& c : {
           Case{"ZUNIONSTORE d 2 a b WEIGHTS 1 2", kExact, "d a b"},
           {"ZDIFFSTORE d 1 a", kExact, "d a"},
           {"LMPOP 2 a b LEFT", kExact, "a b"},
           {"BLMPOP 0 2 a b LEFT COUNT 3", kExact, "a b"},
           {"BZMPOP 0.5 1 a MIN", kExact, "a"},
           {"SINTERCARD 2 a b LIMIT 1", kExact, "a b"},
           {"ZINTER 1 a", kExact, "a"},
           {"LMPOP 0 a LEFT", kExact, ""},
           {"LMPOP 3 a LEFT", kUnknown, ""},
           {"LMPOP -1 a LEFT", kUnknown, ""},
           {"LMPOP +1 a LEFT", kUnknown, ""},
           {"LMPOP 01 a LEFT", kUnknown, ""},
           {"LMPOP x a LEFT", kUnknown, ""},
           {"LMPOP '' a LEFT", kUnknown, ""},
           {"LMPOP 4294967297 a LEFT", kUnknown, ""},
           {"LMPOP 9223372036854775807 a LEFT", kUnknown, ""},
           {"LMPOP 18446744073709551617 a LEFT", kUnknown, ""},
           {"LMPOP -9223372036854775808 a LEFT", kUnknown, ""},
           {"ZUNIONSTORE d 99 a", kUnknown, "d"},
       }) {
    expect_keys(c);
  }
}

TEST(Keys, ScriptsDeclareButDoNotPromise) {
  for (const Case& c : {
           Case{"EVAL body 2 a b c", kUnknown, "a b"},
           {"EVAL body 0", kUnknown, ""},
           {"FCALL f 1 a", kUnknown, "a"},
           {"EVALSHA_RO sha 1 a", kUnknown, "a"},
           {"EVAL body 5 a", kUnknown, ""},
       }) {
    expect_keys(c);
  }
}

TEST(Keys, SortReadsItsOptionsInOrder) {
  for (const Case& c : {
           Case{"SORT l", kExact, "l"},
           {"sort l limit 0 10 asc alpha", kExact, "l"},
           {"SORT l STORE d", kExact, "l d"},
           {"SORT l BY nosort GET # STORE d LIMIT 0 1", kExact, "l d"},
           {"SORT l BY STORE STORE d", kExact, "l d"},
           {"SORT l LIMIT STORE d STORE e", kExact, "l e"},
           {"SORT l STORE d STORE e", kExact, "l d e"},
           {"SORT l BY w_* STORE d", kUnknown, "l d"},
           {"SORT l BY w_* GET x_* GET STORE STORE d", kUnknown, "l d"},
           {"SORT_RO l GET w_*->f", kUnknown, "l"},
           {"SORT_RO l LIMIT 0 1", kExact, "l"},
           {"SORT_RO l STORE d", kUnknown, "l"},
           {"SORT l STORE", kUnknown, "l"},
           {"SORT l BY", kUnknown, "l"},
           {"SORT l LIMIT 0", kUnknown, "l"},
           {"SORT l nonsense", kUnknown, "l"},
       }) {
    expect_keys(c);
  }
}

TEST(Keys, GeoradiusStores) {
  for (const Case& c : {
           Case{"GEORADIUS g 1 2 3 km", kExact, "g"},
           {"GEORADIUS g 1 2 3 km store d", kExact, "g d"},
           {"GEORADIUS g 1 2 3 km COUNT 3 ANY STORE d StoreDist e", kExact, "g d e"},
           {"GEORADIUS g 1 2 3 STORE d", kExact, "g"},
           {"GEORADIUS g 1 2 3 km STORE STORE", kExact, "g STORE"},
           {"GEORADIUS g 1 2 3 km STORE", kUnknown, "g"},
           {"GEORADIUSBYMEMBER g m 3 km STOREDIST d", kExact, "g d"},
           {"GEORADIUSBYMEMBER g STORE 3 km", kExact, "g"},
           {"GEORADIUSBYMEMBER g m 3 km STORE d STOREDIST", kUnknown, "g d"},
       }) {
    expect_keys(c);
  }
}

TEST(Keys, MigrateOneOrMany) {
  for (const Case& c : {
           Case{"MIGRATE h 1 a 0 100", kExact, "a"},
           {"MIGRATE h 1 a 0 100 COPY REPLACE AUTH secret", kExact, "a"},
           {"MIGRATE h 1 '' 0 100 KEYS a b", kExact, "a b"},
           {"MIGRATE h 1 '' 0 100 auth2 user pass keys a", kExact, "a"},
           {"MIGRATE h 1 '' 0 100 AUTH keys KEYS a b", kExact, "a b"},
           {"MIGRATE h 1 '' 0 100", kExact, "''"},
           {"MIGRATE h 1 '' 0 100 KEYS KEYS", kExact, "KEYS"},
           {"MIGRATE h 1 '' 0 100 KEYS", kUnknown, ""},
           {"MIGRATE h 1 a 0 100 KEYS b", kUnknown, ""},
           {"MIGRATE h 1 a 0 100 AUTH", kUnknown, ""},
           {"MIGRATE h 1 a 0 100 AUTH2 user", kUnknown, ""},
           {"MIGRATE h 1 a 0 100 nonsense", kUnknown, ""},
       }) {
    expect_keys(c);
  }
}

TEST(Keys, StreamsAreTheFirstHalf) {
  for (const Case& c : {
           Case{"XREAD STREAMS a 0", kExact, "a"},
           {"XREAD COUNT 2 BLOCK 0 streams a b 0 $", kExact, "a b"},
           {"XREADGROUP GROUP g c NOACK STREAMS a b > >", kExact, "a b"},
           {"XREADGROUP GROUP STREAMS c STREAMS a >", kExact, "a"},
           {"XREADGROUP GROUP g STREAMS COUNT 1 STREAMS a >", kExact, "a"},
           {"XREAD STREAMS STREAMS 0", kExact, "STREAMS"},
           {"XREAD STREAMS a b 0", kUnknown, ""},
           {"XREAD COUNT 2 STREAMS", kUnknown, ""},
           {"XREAD COUNT 2 3 STREAMS a 0", kUnknown, ""},
           {"XREAD COUNT STREAMS a 0", kUnknown, ""},
           {"XREADGROUP GROUP g c COUNT 1 BLOCK", kUnknown, ""},
       }) {
    expect_keys(c);
  }
}

TEST(Keys, WhatLooksAtEveryKeyIsUnknown) {
  for (const char* command : {"KEYS *", "SCAN 0", "DBSIZE", "RANDOMKEY", "FLUSHALL", "SWAPDB 0 1",
                              "NEVER.HEARD.OF a", "XGROUP", "OBJECT NONSENSE a", "EXEC"}) {
    expect_keys({command, kUnknown, ""});
  }
}

TEST(Keys, AppendsToWhatIsThere) {
  const Parsed parsed(words("DEL b c"));
  std::vector<std::string_view> keys{"a"};
  EXPECT_EQ(keys_of(parsed.spec(), parsed.command(), keys), kExact);
  EXPECT_EQ(keys, (std::vector<std::string_view>{"a", "b", "c"}));
}

// Every key must be one of the command's own arguments, whatever the arguments are. Under the
// address sanitizer this also shows that nothing outside is read.
TEST(Keys, HostileArgumentsStayInside) {
  const char* const pool[] = {"STORE",    "STOREDIST",
                              "KEYS",     "STREAMS",
                              "GROUP",    "COUNT",
                              "BLOCK",    "NOACK",
                              "BY",       "GET",
                              "LIMIT",    "AUTH",
                              "AUTH2",    "COPY",
                              "0",        "1",
                              "2",        "3",
                              "-1",       "9223372036854775807",
                              "99999999", "18446744073709551616",
                              "",         "k",
                              "w_*",      "#"};
  std::mt19937 random(20240607);
  const auto pick = [&random](std::size_t bound) { return random() % bound; };
  std::vector<std::string_view> keys;
  for (int round = 0; round < 100000; ++round) {
    const Spec& row = all()[pick(all().size())];
    const std::size_t bar = row.name.find('|');
    std::vector<std::string> args{std::string(row.name.substr(0, bar))};
    if (bar != std::string_view::npos) args.emplace_back(row.name.substr(bar + 1));
    for (std::size_t more = pick(9); more > 0; --more) {
      args.emplace_back(pool[pick(std::size(pool))]);
    }
    const Parsed parsed(args);
    ASSERT_TRUE(parsed.ok());
    keys.clear();
    keys_of(parsed.spec(), parsed.command(), keys);
    const std::string_view raw = parsed.command().raw();
    ASSERT_LE(keys.size(), args.size());
    for (const std::string_view key : keys) {
      ASSERT_GE(key.data(), raw.data());
      ASSERT_LE(key.data() + key.size(), raw.data() + raw.size());
    }
  }
}

}  // namespace
}  // namespace pillion::command
