#include "proxy/data/request/effects.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/protocol/command/parsed.hpp"

namespace pillion::data::request {
namespace {

struct Case {
  const char* line;
  EffectKind kind;
  std::vector<std::string> keys;
};

TEST(EffectOf, WhatEachKindOfCommandMeansForTheCache) {
  const Case cases[] = {
      {"GET a", EffectKind::kNone, {}},
      {"TTL a", EffectKind::kNone, {}},
      {"PUBLISH c m", EffectKind::kNone, {}},
      {"SET a 1", EffectKind::kKeys, {"a"}},
      {"set a 1", EffectKind::kKeys, {"a"}},
      {"DEL a b c", EffectKind::kKeys, {"a", "b", "c"}},
      {"MSET a 1 b 2", EffectKind::kKeys, {"a", "b"}},
      {"RENAME a b", EffectKind::kKeys, {"a", "b"}},
      {"EXPIRE a 10", EffectKind::kKeys, {"a"}},
      {"LMOVE a b LEFT RIGHT", EffectKind::kKeys, {"a", "b"}},
      {"EVAL x 1 a", EffectKind::kUnknown, {}},
      {"FCALL f 0", EffectKind::kUnknown, {}},
      {"SOME.MODULE a", EffectKind::kUnknown, {}},
      {"FLUSHALL", EffectKind::kEverything, {}},
      {"FLUSHDB ASYNC", EffectKind::kEverything, {}},
      {"SWAPDB 0 1", EffectKind::kEverything, {}},
  };
  for (const Case& each : cases) {
    const command::Parsed parsed(command::words(each.line));
    ASSERT_TRUE(parsed.ok());
    std::vector<std::string_view> scratch = {"old"};
    std::vector<cache::NameHash> names = {42};
    const Effect effect = effect_of(parsed.spec(), parsed.command(), scratch, names);
    EXPECT_EQ(effect.kind, each.kind) << each.line;
    std::vector<cache::NameHash> expected = {42};
    for (const std::string& key : each.keys) expected.push_back(cache::hash_name(key));
    EXPECT_EQ(names, expected) << each.line << ": appended to what was there";
    EXPECT_EQ(effect.keys, each.keys.size()) << each.line;
  }
}

TEST(EffectOf, AStoringCommandErasesItsDestination) {
  for (const char* line :
       {"SORT a STORE d", "GEORADIUS a 0 0 1 m STORE d", "BITOP AND d a", "SUNIONSTORE d a"}) {
    const command::Parsed parsed(command::words(line));
    std::vector<std::string_view> scratch;
    std::vector<cache::NameHash> names;
    ASSERT_EQ(effect_of(parsed.spec(), parsed.command(), scratch, names).kind, EffectKind::kKeys)
        << line;
    EXPECT_NE(std::find(names.begin(), names.end(), cache::hash_name("d")), names.end()) << line;
  }
}

TEST(NameFilter, NeverSaysNoWrongly) {
  NameFilter filter;
  EXPECT_FALSE(filter.any());
  EXPECT_FALSE(filter.may_contain(cache::hash_name("a")));
  for (int i = 0; i < 20; ++i) filter.add(cache::hash_name(std::to_string(i)));
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(filter.may_contain(cache::hash_name(std::to_string(i))));
  EXPECT_TRUE(filter.any());
  filter.clear();
  EXPECT_FALSE(filter.any());
  EXPECT_FALSE(filter.may_contain(cache::hash_name("1")));
}

TEST(NameFilter, SaysNoToMostOthers) {
  NameFilter filter;
  filter.add(cache::hash_name("a"));
  int maybe = 0;
  for (int i = 0; i < 1000; ++i)
    maybe += filter.may_contain(cache::hash_name(std::to_string(i))) ? 1 : 0;
  EXPECT_LT(maybe, 60) << "one of 64 is expected";
}

TEST(NameFilter, MayStandForEveryName) {
  NameFilter filter;
  filter.add_all();
  for (int i = 0; i < 100; ++i)
    EXPECT_TRUE(filter.may_contain(cache::hash_name(std::to_string(i))));
}

}  // namespace
}  // namespace pillion::data::request
