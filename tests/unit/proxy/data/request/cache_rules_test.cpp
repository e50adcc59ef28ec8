#include "proxy/data/request/cache_rules.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace pillion::data::request {
namespace {

using state::kSecond;

config::Cache rules() {
  config::Cache cache;
  cache.max_age = config::Millis(60'000);
  cache.negative_max_age = config::Millis(2'000);
  cache.hash_max_age = config::Millis(1'000);
  cache.rules = {{"secret:*", false, {}},
                 {"short:*", true, config::Millis(500)},
                 {"short:*", false, {}},
                 {"long:*", true, config::Millis(600'000)}};
  return cache;
}

TEST(CacheRulesTest, WithoutARuleTheDefaultsHold) {
  const CacheRules compiled(rules());
  ASSERT_NE(compiled.ages("x", false), nullptr);
  EXPECT_EQ(compiled.ages("x", false)->value, 60 * kSecond);
  EXPECT_EQ(compiled.ages("x", false)->negative, 2 * kSecond);
  EXPECT_EQ(compiled.ages("x", true)->value, kSecond) << "fields of a hash expire without a word";
}

TEST(CacheRulesTest, TheFirstMatchWins) {
  const CacheRules compiled(rules());
  EXPECT_EQ(compiled.ages("secret:1", false), nullptr);
  ASSERT_NE(compiled.ages("short:1", false), nullptr);
  EXPECT_EQ(compiled.ages("short:1", false)->value, kSecond / 2);
  EXPECT_EQ(compiled.ages("short:1", true)->value, kSecond / 2);
}

TEST(CacheRulesTest, ARuleMayRaiseTheAgeOfValuesButNotOfHashes) {
  const CacheRules compiled(rules());
  ASSERT_NE(compiled.ages("long:1", false), nullptr);
  EXPECT_EQ(compiled.ages("long:1", false)->value, 600 * kSecond);
  EXPECT_EQ(compiled.ages("long:1", true)->value, kSecond);
}

}  // namespace
}  // namespace pillion::data::request
