#include "config/keys.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "config/variables.hpp"

namespace pillion::config {
namespace {

using ::testing::HasSubstr;

std::string complaint(std::string_view path, std::string_view text) {
  Config config;
  const auto* key = find_key(path);
  EXPECT_NE(key, nullptr) << path;
  return key == nullptr ? "" : set_value(*key, config, text).value_or("");
}

TEST(Keys, PathsAndVariableNamesAreUnique) {
  std::set<std::string> names;
  for (const auto& key : keys()) {
    EXPECT_TRUE(names.insert(std::string(key.path)).second) << key.path;
    EXPECT_TRUE(names.insert(variable_name(key.path)).second) << key.path;
    EXPECT_LE(std::count(key.path.begin(), key.path.end(), '.'), 1) << key.path;
    EXPECT_FALSE(key.meaning.empty()) << key.path;
  }
}

TEST(Keys, OneSectionStandsTogether) {
  std::set<std::string_view> done;
  std::string_view section;
  for (const auto& key : keys()) {
    const auto dot = key.path.find('.');
    const auto here = dot == std::string_view::npos ? std::string_view() : key.path.substr(0, dot);
    if (here != section && !here.empty()) {
      EXPECT_TRUE(done.insert(here).second) << here;
    }
    section = here;
  }
}

// Two rows over one field would be noticed here: each value is printed where it was set, and only
// there.
TEST(Keys, EachRowHasAFieldOfItsOwn) {
  const Config defaults;
  for (const auto& key : keys()) {
    if (std::holds_alternative<Rules>(key.kind)) continue;
    Config config;
    bool changed = false;
    for (const auto* text :
         {"7", "true", "false", "7s", "77KiB", "json", "off", "trace", "127.0.0.1:7", "replica",
          "key_affinity", "h:1=a", "redis://elsewhere"}) {
      if (set_value(key, config, text)) continue;
      if (print_value(key, config) == print_value(key, defaults)) continue;
      changed = true;
      break;
    }
    EXPECT_TRUE(changed) << key.path;
    for (const auto& other : keys()) {
      if (&other == &key) continue;
      EXPECT_EQ(print_value(other, config), print_value(other, defaults))
          << key.path << " changes " << other.path;
    }
  }
}

TEST(Keys, DefaultsAreWithinTheirOwnBounds) {
  const Config defaults;
  for (const auto& key : keys()) {
    if (std::holds_alternative<Rules>(key.kind)) continue;
    auto text = print_value(key, defaults);
    text.erase(std::remove(text.begin(), text.end(), '"'), text.end());
    Config config;
    EXPECT_EQ(set_value(key, config, text), std::nullopt) << key.path;
    EXPECT_EQ(print_value(key, config), print_value(key, defaults)) << key.path;
  }
}

TEST(Keys, BoundsAreNamed) {
  EXPECT_EQ(complaint("listen.max_clients", "0"), "0 is out of range: 1 to 1000000");
  EXPECT_EQ(complaint("listen.max_clients", "-1"), "'-1' is not a whole number from 1 to 1000000");
  EXPECT_EQ(complaint("cache.max_bytes", "1KiB"), "1KiB is out of range: 64KiB to 1TiB");
  EXPECT_EQ(complaint("cache.max_staleness", "9ms"), "9ms is out of range: 10ms to 1h");
  EXPECT_EQ(complaint("cache.max_staleness", "2h"), "2h is out of range: 10ms to 1h");
  EXPECT_EQ(complaint("cache.max_staleness", "10ms"), "");
  EXPECT_EQ(complaint("cache.max_staleness", "1h"), "");
  EXPECT_THAT(complaint("workers", "0"),
              HasSubstr("neither auto nor a whole number from 1 to 256"));
  EXPECT_THAT(complaint("workers", "257"), HasSubstr("neither auto"));
  EXPECT_EQ(complaint("drain_timeout", "0"), "");
}

TEST(Keys, WorkersAutoIsZero) {
  Config config;
  config.workers = 3;
  EXPECT_EQ(set_value(*find_key("workers"), config, "Auto"), std::nullopt);
  EXPECT_EQ(config.workers, 0U);
  EXPECT_EQ(set_value(*find_key("workers"), config, "4"), std::nullopt);
  EXPECT_EQ(config.workers, 4U);
}

TEST(Keys, ChoicesSuggest) {
  EXPECT_EQ(complaint("log.format", "jsno"),
            "'jsno' is not one of text, json; did you mean 'json'?");
  EXPECT_EQ(complaint("log.level", "warning"),
            "'warning' is not one of trace, debug, info, warn, error, off; did you mean 'warn'?");
  EXPECT_EQ(complaint("log.format", "xml"), "'xml' is not one of text, json");
  Config config;
  EXPECT_EQ(set_value(*find_key("log.level"), config, "DEBUG"), std::nullopt);
  EXPECT_EQ(config.log.level, "debug");
}

TEST(Keys, SocketPathsHaveTheKernelsLimit) {
  EXPECT_THAT(complaint("listen.unix", std::string(108, 'x')), HasSubstr("longer than the 107"));
  EXPECT_EQ(complaint("listen.unix", std::string(107, 'x')), "");
  EXPECT_THAT(complaint("listen.unix", std::string("a\0b", 3)), HasSubstr("NUL"));
}

TEST(Keys, CommandNamesAreWords) {
  for (const char* name : {"PILLION", "x", "side-car_1.0", ""}) {
    EXPECT_EQ(complaint("pillion_command.name", name), "") << name;
  }
  for (const char* name : {"two words", "a\r\nb", "*", "a|b", "\xc3\xa9"}) {
    EXPECT_THAT(complaint("pillion_command.name", name), HasSubstr("may only have")) << name;
  }
  EXPECT_EQ(complaint("pillion_command.name", std::string(64, 'x')), "");
  EXPECT_EQ(complaint("pillion_command.name", std::string(65, 'x')), "is longer than 64 bytes");
}

TEST(Keys, ARefusedValueLeavesTheConfigAlone) {
  Config config;
  EXPECT_NE(set_value(*find_key("cache.max_bytes"), config, "lots"), std::nullopt);
  EXPECT_EQ(config.cache.max_bytes, Config{}.cache.max_bytes);
}

TEST(Keys, Quoting) {
  EXPECT_EQ(quote("plain"), "\"plain\"");
  EXPECT_EQ(quote("a\"b\\c\nd\x7f"), "\"a\\\"b\\\\c\\x0ad\\x7f\"");
}

}  // namespace
}  // namespace pillion::config
