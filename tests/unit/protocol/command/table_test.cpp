#include "protocol/command/table.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <set>
#include <string>
#include <string_view>

#include "protocol/command/cacheable.hpp"

namespace pillion::command {
namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

TEST(Table, IsSortedAndNumbered) {
  ASSERT_GE(all().size(), 402U);
  for (std::size_t i = 0; i < all().size(); ++i) {
    EXPECT_EQ(all()[i].id, i);
    if (i > 0) {
      EXPECT_LT(all()[i - 1].name, all()[i].name);
    }
  }
  EXPECT_EQ(unknown().id, all().size());
}

TEST(Table, FindsEveryNameInAnyCase) {
  for (const Spec& spec : all()) {
    std::string mixed = lower(spec.name);
    for (std::size_t i = 0; i < mixed.size(); i += 2) {
      mixed[i] = static_cast<char>(std::toupper(static_cast<unsigned char>(mixed[i])));
    }
    for (const std::string& name : {std::string(spec.name), lower(spec.name), mixed}) {
      EXPECT_EQ(&find_full(name), &spec) << name;
      const std::size_t bar = name.find('|');
      if (bar == std::string::npos) {
        EXPECT_EQ(&find(name), &spec) << name;
      } else {
        const Spec& container = find(std::string_view(name).substr(0, bar));
        EXPECT_TRUE(container.is(kContainer)) << name;
        EXPECT_EQ(&find_sub(container, std::string_view(name).substr(bar + 1)), &spec) << name;
      }
    }
  }
}

TEST(Table, TurnsDownWhatIsNotAName) {
  const std::string with_nul("GE\0", 3);
  for (const std::string& name :
       {std::string(), std::string("G"), std::string("GETT"), std::string("GE"),
        std::string("GET "), std::string("GEX"), std::string("G\xc5T"), with_nul,
        std::string("JSON.GET"), std::string("MY_OWN_COMMAND"), std::string("GEORADIUSBYMEMBER_RW"),
        std::string("GEORADIUSBYMEMBERXRO"), std::string("GEORADIUXBYMEMBER_RO"),
        std::string(1000, 'A'), std::string("CLIENT|ID"), std::string("client|reply")}) {
    EXPECT_EQ(&find(name), &unknown()) << name;
  }
  EXPECT_EQ(&find_full("client|nonsense"), &unknown());
  EXPECT_EQ(&find_full("nonsense|id"), &unknown());
  EXPECT_EQ(&find_full("get|id"), &unknown());
}

TEST(Table, BytesOneFoldingBitAwayFromALetterAreNotThatLetter) {
  // Clearing 0x20 blindly would read "{" as "[" and "`" as "@".
  for (const Spec& spec : all()) {
    for (std::size_t i = 0; i < spec.name.size(); ++i) {
      std::string name = lower(spec.name);
      const char original = name[i];
      for (const int flip : {0x20, 0x40, 0x80}) {
        name[i] = static_cast<char>(original ^ flip);
        const bool same_letter = flip == 0x20 && std::isalpha(static_cast<unsigned char>(original));
        if (!same_letter) {
          EXPECT_NE(&find(name), &spec) << name;
        }
      }
    }
  }
}

TEST(Table, UnknownNamesAreWritesToUnknownKeys) {
  const Spec& spec = find("NEVER.HEARD.OF");
  EXPECT_EQ(spec.route, Route::kForward);
  EXPECT_EQ(spec.effect, Effect::kUnknown);
  EXPECT_EQ(spec.key_rule, KeyRule::kUnknown);
  EXPECT_TRUE(spec.is(kWrite));
  EXPECT_FALSE(spec.is(kReadonly));
  EXPECT_EQ(spec.arity, -1);
  EXPECT_EQ(spec.cacheable, 0);
  EXPECT_TRUE(arity_ok(spec, 1));
}

TEST(Table, SubcommandsOfContainers) {
  const Spec& client = find("CLIENT");
  EXPECT_EQ(find_sub(client, "setNAME").name, "CLIENT|SETNAME");
  EXPECT_EQ(&find_sub(client, "NONSENSE"), &client);
  EXPECT_EQ(&find_sub(client, ""), &client);
  // A prefix of a subcommand, and a name that belongs to the next container.
  EXPECT_EQ(&find_sub(client, "SET"), &client);
  EXPECT_EQ(&find_sub(client, "ADDSLOTS"), &client);
  EXPECT_EQ(&find_sub(unknown(), "ID"), &unknown());
  EXPECT_EQ(&find_sub(find("GET"), "BIT"), &find("GET"));
}

TEST(Table, ContainersAreExactlyTheNamesWithSubcommands) {
  std::set<std::string_view> with_subcommands;
  for (const Spec& spec : all()) {
    const std::size_t bar = spec.name.find('|');
    if (bar != std::string_view::npos) with_subcommands.insert(spec.name.substr(0, bar));
  }
  for (const Spec& spec : all()) {
    EXPECT_EQ(spec.is(kContainer), with_subcommands.count(spec.name) == 1) << spec.name;
    // Its row speaks for subcommands we never heard of; COMMAND alone is itself a command.
    if (spec.is(kContainer) && spec.name != "COMMAND") {
      EXPECT_EQ(spec.effect, Effect::kUnknown) << spec.name;
    }
  }
}

TEST(Table, EveryWriteHasAnEffectAndNoReadHasOne) {
  for (const Spec& spec : all()) {
    EXPECT_FALSE(spec.is(kWrite) && spec.is(kReadonly)) << spec.name;
    if (spec.is(kWrite) && !spec.name.starts_with("FUNCTION|")) {
      EXPECT_NE(spec.effect, Effect::kNone) << spec.name;
    }
    // PFCOUNT stores what it counted in the value, where GET sees it.
    if (spec.is(kReadonly) && spec.name != "PFCOUNT") {
      EXPECT_EQ(spec.effect, Effect::kNone) << spec.name;
    }
    if (spec.effect == Effect::kKeys) {
      EXPECT_TRUE(spec.key_rule == KeyRule::kRange || spec.key_rule == KeyRule::kKeyNum ||
                  spec.key_rule == KeyRule::kSpecial)
          << spec.name;
    }
  }
}

TEST(Table, CacheableRowsAreReadsWithOneGrammarEach) {
  std::set<int> grammars;
  for (const Spec& spec : all()) {
    EXPECT_EQ(spec.cacheable != 0, spec.route == Route::kCacheable) << spec.name;
    if (spec.cacheable == 0) continue;
    EXPECT_TRUE(spec.is(kReadonly)) << spec.name;
    EXPECT_FALSE(spec.is(kWrite) || spec.is(kBlocking) || spec.is(kMovableKeys)) << spec.name;
    EXPECT_EQ(spec.first_key, 1) << spec.name;
    ASSERT_LE(spec.cacheable, cache_rules().size());
    EXPECT_EQ(cache_rules()[spec.cacheable - 1U].name, spec.name);
    EXPECT_TRUE(grammars.insert(spec.cacheable).second) << spec.name;
  }
  EXPECT_EQ(grammars.size(), cache_rules().size());
}

TEST(Table, WhatTheWireStateDependsOnLeavesSharedConnections) {
  const auto routed = [](Route route, std::initializer_list<const char*> names) {
    for (const char* name : names) EXPECT_EQ(find_full(name).route, route) << name;
  };
  routed(Route::kLocal, {"PING", "ECHO", "HELLO", "AUTH", "SELECT", "RESET", "QUIT", "CLIENT|ID",
                         "CLIENT|SETNAME", "CLIENT|GETNAME", "CLIENT|SETINFO", "CLIENT|INFO",
                         "CLIENT|REPLY", "CLIENT|NO-EVICT", "CLIENT|NO-TOUCH"});
  routed(Route::kLocal,
         {"CLIENT|TRACKING", "CLIENT|CACHING", "CLIENT|TRACKINGINFO", "CLIENT|GETREDIR",
          "CLIENT|LIST", "CLIENT|KILL", "CLIENT|UNBLOCK", "CLIENT|PAUSE", "CLIENT|UNPAUSE"});
  routed(Route::kSubscribe,
         {"SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"});
  routed(Route::kRelay, {"MONITOR", "SYNC", "PSYNC", "REPLCONF", "SCRIPT|DEBUG"});
  routed(Route::kDisposable, {"CLIENT", "ASKING", "READONLY", "READWRITE"});
  routed(Route::kTransaction, {"MULTI", "EXEC", "DISCARD", "WATCH", "UNWATCH"});
  routed(Route::kScript, {"EVAL", "EVALSHA", "EVAL_RO", "EVALSHA_RO", "FCALL", "FCALL_RO"});
  routed(Route::kBlock, {"BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX",
                         "BZMPOP", "XREAD", "XREADGROUP", "WAIT", "WAITAOF", "DEBUG"});
  for (const Spec& spec : all()) {
    if (spec.is(kBlocking)) {
      EXPECT_EQ(spec.route, Route::kBlock) << spec.name;
    }
  }
}

TEST(Table, EffectsOnWhatTheCacheHolds) {
  const auto has = [](Effect effect, std::initializer_list<const char*> names) {
    for (const char* name : names) EXPECT_EQ(find_full(name).effect, effect) << name;
  };
  has(Effect::kEverything, {"FLUSHALL", "FLUSHDB", "SWAPDB", "SFLUSH", "DEBUG", "REPLICAOF",
                            "SLAVEOF", "FAILOVER", "CLUSTER|RESET", "CLUSTER|FLUSHSLOTS"});
  has(Effect::kUnknown, {"EVAL", "EVALSHA", "FCALL", "EXEC", "MODULE|LOAD"});
  has(Effect::kKeys, {"SET", "DEL", "SORT", "GEORADIUS", "MIGRATE", "RESTORE", "RESTORE-ASKING",
                      "MOVE", "COPY", "LMPOP", "XREADGROUP", "PFCOUNT", "HEXPIRE"});
  has(Effect::kNone, {"GET", "EVAL_RO", "EVALSHA_RO", "FCALL_RO", "PUBLISH", "SPUBLISH", "SORT_RO",
                      "FUNCTION|LOAD", "FUNCTION|FLUSH", "FUNCTION|RESTORE", "CONFIG|SET", "XREAD",
                      "WATCH", "MULTI"});
}

// Facts of the command documents, written down here so that a slip of the rows shows.
TEST(Table, AgreesWithTheDocumentedFacts) {
  struct Fact {
    const char* name;
    int arity;
    std::uint32_t flags;
    int first, last, step;
  };
  const Fact facts[] = {
      {"APPEND", 3, kWrite | kFast, 1, 1, 1},
      {"AUTH", -2, kNoAuth | kFast | kLoading | kStale | kNoScript, 0, 0, 0},
      {"BITOP", -4, kWrite, 2, -1, 1},
      {"BLPOP", -3, kWrite | kBlocking | kNoScript, 1, -2, 1},
      {"BZPOPMIN", -3, kWrite | kBlocking | kFast | kNoScript, 1, -2, 1},
      {"CLIENT|KILL", -3, kAdmin | kLoading | kStale | kNoScript, 0, 0, 0},
      {"COPY", -3, kWrite, 1, 2, 1},
      {"GET", 2, kReadonly | kFast, 1, 1, 1},
      {"HEXPIRE", -6, kWrite | kFast, 1, 1, 1},
      {"HTTL", -5, kReadonly | kFast, 1, 1, 1},
      {"LCS", -3, kReadonly, 1, 2, 1},
      {"LMOVE", 5, kWrite, 1, 2, 1},
      {"MEMORY|USAGE", -3, kReadonly, 2, 2, 1},
      {"MSET", -3, kWrite, 1, -1, 2},
      {"OBJECT|ENCODING", 3, kReadonly, 2, 2, 1},
      {"PSYNC", -3, kAdmin | kNoMulti | kNoScript, 0, 0, 0},
      {"SET", -3, kWrite, 1, 1, 1},
      {"SUBSCRIBE", -2, kPubsub | kLoading | kStale | kNoScript, 0, 0, 0},
      {"XGROUP|CREATE", -5, kWrite, 2, 2, 1},
      {"ZRANGESTORE", -5, kWrite, 1, 2, 1},
      {"ZRANK", -3, kReadonly | kFast, 1, 1, 1},
  };
  for (const Fact& fact : facts) {
    const Spec& spec = find_full(fact.name);
    EXPECT_EQ(spec.name, fact.name);
    EXPECT_EQ(spec.arity, fact.arity) << fact.name;
    EXPECT_EQ(spec.flags, fact.flags) << fact.name;
    EXPECT_EQ(spec.first_key, fact.first) << fact.name;
    EXPECT_EQ(spec.last_key, fact.last) << fact.name;
    EXPECT_EQ(spec.key_step, fact.step) << fact.name;
  }
}

TEST(Table, ArityCountsTheName) {
  EXPECT_TRUE(arity_ok(find("GET"), 2));
  EXPECT_FALSE(arity_ok(find("GET"), 1));
  EXPECT_FALSE(arity_ok(find("GET"), 3));
  EXPECT_FALSE(arity_ok(find("SET"), 2));
  EXPECT_TRUE(arity_ok(find("SET"), 3));
  EXPECT_TRUE(arity_ok(find("SET"), 1000000));
}

}  // namespace
}  // namespace pillion::command
