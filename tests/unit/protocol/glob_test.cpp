#include "protocol/glob.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <string>

namespace pillion::protocol {
namespace {

struct Glob {
  const char* pattern;
  const char* text;
  bool matches;  // as KEYS of redis-server 7.0.15 says (recorded)
};

TEST(GlobMatch, AgreesWithRedis) {
  const Glob recorded[] = {
      {"", "a", false},
      {"*", "a", true},
      {"**", "a", true},
      {"a", "a", true},
      {"a", "ab", false},
      {"ab", "a", false},
      {"?", "a", true},
      {"??", "a", false},
      {"a*", "a", true},
      {"a*b", "ab", true},
      {"a*b", "axxb", true},
      {"a*b", "axxbc", false},
      {"*a*b*", "xaxbx", true},
      {"*ab", "aab", true},
      {"[abc]", "b", true},
      {"[abc]", "d", false},
      {"[^abc]", "d", true},
      {"[^abc]", "a", false},
      {"[a-c]", "b", true},
      {"[c-a]", "b", true},
      {"[a-]", "]", true},
      {"[a-", "a", true},
      {"[a-", "-", true},
      {"[a", "a", true},
      {"[", "[", false},
      {"[]", "]", false},
      {"[]a", "a", false},
      {"[^]", "a", true},
      {"[^]a", "ba", true},
      {"[\\]]", "]", true},
      {"[\\", "\\", true},
      {"[a\\-c]", "-", true},
      {"[a\\-c]", "b", false},
      {"\\*", "*", true},
      {"\\*", "a", false},
      {"\\", "\\", true},
      {"a\\", "a\\", true},
      {"\\a", "a", true},
      {"h[ae]llo", "hallo", true},
      {"user:*:name", "user:1:name", true},
  };
  for (const Glob& each : recorded) {
    EXPECT_EQ(glob_match(each.pattern, each.text), each.matches)
        << each.pattern << " with " << each.text;
  }
}

TEST(GlobMatch, KeysAreBytes) {
  const std::string text(
      "a\0\xff"
      "b",
      4);
  EXPECT_TRUE(glob_match("a*b", text));
  EXPECT_TRUE(glob_match("a??b", text));
  EXPECT_TRUE(glob_match("a?[\x80-\xff]b", text));
  EXPECT_FALSE(glob_match("a", text));
}

TEST(GlobMatch, PathologicalPatternsEnd) {
  std::string pattern;
  for (int i = 0; i < 200; ++i) pattern += "*a";
  const std::string text(50'000, 'a');
  const auto start = std::chrono::steady_clock::now();
  EXPECT_FALSE(glob_match(pattern + "b", text));
  EXPECT_FALSE(glob_match("a" + pattern + "?" + pattern + "[^a]", text.substr(0, 5'000)));
  EXPECT_TRUE(glob_match(std::string(100'000, '*'), text));
  EXPECT_FALSE(glob_match(std::string(100'000, '['), text));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10))
      << "seconds under a sanitizer";
}

}  // namespace
}  // namespace pillion::protocol
