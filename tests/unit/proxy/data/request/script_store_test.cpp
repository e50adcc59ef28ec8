#include "proxy/data/request/script_store.hpp"

#include <gtest/gtest.h>

#include <string>

#include "proxy/net/sha1.hpp"
#include "tests/unit/protocol/command/parsed.hpp"
#include "tests/unit/proxy/data/text.hpp"

namespace pillion::data::request {
namespace {

using command::Parsed;
using command::words;

constexpr const char* kReturnOne = "e0e1f9fabfc9d4800c877a703b823ac0578ff8db";  // "return 1"

TEST(ScriptStore, GivesTheDigestOfWhatIsNew) {
  ScriptStore store;
  EXPECT_EQ(store.find(kReturnOne), std::nullopt);
  EXPECT_EQ(store.remember("return 1"), kReturnOne);
  EXPECT_EQ(store.remember("return 1"), "") << "it is known to be good, or about to be";
  EXPECT_EQ(store.find(kReturnOne), "return 1");
}

TEST(ScriptStore, FindsDigestsInAnyCase) {
  ScriptStore store;
  (void)store.remember("return 1");
  EXPECT_EQ(store.find("E0E1F9FABFC9D4800C877A703B823AC0578FF8DB"), "return 1");
  EXPECT_EQ(store.find("e0E1"), std::nullopt);
  EXPECT_EQ(store.find(""), std::nullopt);
}

TEST(ScriptStore, ForgetsOneOrAll) {
  ScriptStore store;
  const std::string one = store.remember("return 1");
  const std::string two = store.remember("return 2");
  store.forget(one);
  store.forget(one);
  EXPECT_EQ(store.find(one), std::nullopt);
  EXPECT_EQ(store.find(two), "return 2");
  EXPECT_EQ(store.remember("return 1"), one) << "new again";
  EXPECT_GT(store.bytes(), 0u);
  store.forget_all();
  EXPECT_EQ(store.find(one), std::nullopt);
  EXPECT_EQ(store.find(two), std::nullopt);
  EXPECT_EQ(store.bytes(), 0u);
}

TEST(ScriptStore, StaysWithinItsBound) {
  constexpr std::size_t kMost = 64 * 1024;
  ScriptStore store(kMost);
  for (int i = 0; i < 1000; ++i) {
    (void)store.remember("--" + std::to_string(i) + std::string(1000, 'x'));
    ASSERT_LE(store.bytes(), kMost);
  }
  EXPECT_GT(store.bytes(), kMost / 2) << "and makes use of it";
  EXPECT_EQ(store.remember(std::string(kMost + 1, 'x')), "") << "one that would not fit alone";
  EXPECT_GT(store.bytes(), kMost / 2) << "throws nobody out";
  for (int i = 0; i < 10'000; ++i) (void)store.remember(std::to_string(i));
  EXPECT_LE(store.bytes(), kMost) << "many small ones cost more than their text";
}

class ScriptStoreRecency : public ::testing::Test {
 protected:
  ScriptStoreRecency() {
    for (std::size_t i = 0; i < 3; ++i) digests_[i] = store_.remember(script(i));
  }
  static std::string script(std::size_t i) { return std::to_string(i) + std::string(1000, 'x'); }

  ScriptStore store_{4096};  // three, not four
  std::string digests_[3];
};

TEST_F(ScriptStoreRecency, TheOneShownLongestAgoGoesFirst) {
  (void)store_.remember(script(3));
  EXPECT_EQ(store_.find(digests_[0]), std::nullopt);
  EXPECT_EQ(store_.find(digests_[1]), script(1));
  EXPECT_EQ(store_.find(digests_[2]), script(2));
}

TEST_F(ScriptStoreRecency, WhatIsUsedStays) {
  EXPECT_TRUE(store_.find(digests_[0]));
  (void)store_.remember(script(3));
  EXPECT_TRUE(store_.find(digests_[0]));
  EXPECT_FALSE(store_.find(digests_[1]));
}

TEST_F(ScriptStoreRecency, WhatIsShownAgainStays) {
  (void)store_.remember(script(0));
  (void)store_.remember(script(3));
  EXPECT_TRUE(store_.find(digests_[0]));
  EXPECT_FALSE(store_.find(digests_[1]));
}

TEST(DeclaresNoWrites, ReadsTheFirstLineOnly) {
  for (const char* script :
       {"#!lua flags=no-writes\nreturn 1", "#!lua flags=no-writes",
        "#!lua flags=allow-oom,no-writes\n", "#!lua flags=no-writes,allow-stale name=x\n",
        "#!lua name=x flags=a,no-writes,b\n"}) {
    EXPECT_TRUE(declares_no_writes(script)) << script;
  }
  for (const char* script : {"", "return 1", "#!lua\nreturn 1", "#!lua flags=\nreturn 1",
                             "#!lua flags=allow-oom\n-- flags=no-writes",
                             "#!lua\n#!lua flags=no-writes", "-- #!lua flags=no-writes",
                             "#!lua flags=no-writes-at-all\n", "#!lua flags=not,no-write\n"}) {
    EXPECT_FALSE(declares_no_writes(script)) << script;
  }
}

TEST(EvalRequest, HasTheScriptInPlaceOfItsDigest) {
  const Parsed plain(words("evalsha abc 1 key arg"));
  EXPECT_EQ(spoken(eval_request(plain.command(), "return 1")), "EVAL return 1 1 key arg");
  const Parsed read_only(words("EVALSHA_RO abc 0"));
  EXPECT_EQ(spoken(eval_request(read_only.command(), "return 1")), "EVAL_RO return 1 0");
}

}  // namespace
}  // namespace pillion::data::request
