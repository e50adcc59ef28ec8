#include "config/print.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/keys.hpp"
#include "config/load.hpp"
#include "tests/unit/config/temporary_file.hpp"

namespace pillion::config {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(PrintConfig, WhatIsPrintedLoadsToTheSame) {
  const auto first = load_text(
      "listen: {unix: '/run/a \"b\"\\c.sock'}\n"
      "workers: 3\n"
      "upstream: {url: 'redis://[::1]:7000/3', user: \"a\\tb: #x\", password: p}\n"
      "cache:\n"
      "  max_bytes: 100000001\n"
      "  max_age: 90s\n"
      "  rules: [{match: 'a: *'}, {match: '[b]\"', cache: false}, {match: '#c', max_age: 1500ms}]\n"
      "log: {level: 'off'}\n",
      "first");
  ASSERT_THAT(print_problems(first.problems), IsEmpty());
  const auto printed = print_config(first.config);
  const auto second = load_text(printed, "second");
  EXPECT_THAT(print_problems(second.problems), IsEmpty()) << printed;
  EXPECT_EQ(print_config(second.config), printed);
  EXPECT_EQ(second.config.listen.unix_path, "/run/a \"b\"\\c.sock");
  EXPECT_EQ(second.config.upstream.user, "a\tb: #x");
  EXPECT_EQ(second.config.cache.max_bytes, 100'000'001U);
  ASSERT_EQ(second.config.cache.rules.size(), 3U);
  EXPECT_EQ(second.config.cache.rules[1].match, "[b]\"");
  EXPECT_FALSE(second.config.cache.rules[1].cache);
  EXPECT_EQ(second.config.cache.rules[2].max_age, Millis{1'500});
  EXPECT_EQ(second.config.log.level, "off");
}

TEST(PrintConfig, Defaults) {
  const auto printed = print_config(Config{});
  EXPECT_THAT(printed, HasSubstr("cache:\n  enabled: true\n  max_bytes: 64MiB\n"));
  EXPECT_THAT(printed, HasSubstr("\nworkers: auto\n"));
  EXPECT_THAT(printed, HasSubstr("\n  rules: []\n"));
  EXPECT_THAT(printed, HasSubstr("  password: \"\"\n"));
  EXPECT_THAT(print_problems(load_text(printed, "again").problems), IsEmpty());
}

TEST(PrintConfig, PasswordsAreHiddenWhereverTheyCameFrom) {
  const TemporaryFile secret("hunter2\n");
  Sources by_key;
  by_key.environment = {{"PILLION_UPSTREAM_PASSWORD", "hunter2"}};
  Sources by_url;
  by_url.settings = {{"upstream.url", "redis://u:hunter2@h:1/2", "redis-url argument"}};
  Sources by_file;
  by_file.settings = {{"upstream.password_file", secret.path(), "--set"}};
  for (const auto& sources : {by_key, by_url, by_file}) {
    const auto loaded = load(sources);
    ASSERT_THAT(print_problems(loaded.problems), IsEmpty());
    const auto printed = print_config(loaded.config);
    EXPECT_THAT(printed, AllOf(Not(HasSubstr("hunter2")), HasSubstr("  password: \"***\"\n")));
    EXPECT_THAT(print_problems(load_text(printed, "again").problems), IsEmpty());
  }
  EXPECT_THAT(print_config(load(by_url).config), HasSubstr("  url: \"redis://u@h:1/2\"\n"));
  Sources sentinels;
  sentinels.settings = {
      {"upstream.url", "redis+sentinel://u:hunter2@s1,s2/m", "redis-url argument"},
      {"upstream.sentinel_password_file", secret.path(), "--set"}};
  const auto loaded = load(sentinels);
  EXPECT_EQ(loaded.config.upstream.sentinel_password, "hunter2");
  EXPECT_THAT(print_config(loaded.config),
              AllOf(Not(HasSubstr("hunter2")), HasSubstr("  sentinel_password: \"***\"\n"),
                    HasSubstr("  url: \"redis+sentinel://u@s1,s2/m\"\n")));
}

std::string effective(const Config& config, std::string_view path) {
  for (const auto& [name, value] : effective_values(config)) {
    if (name == path) return value;
  }
  return "(no such key)";
}

TEST(EffectiveValues, ArePlainAndInTheOrderOfTheKeys) {
  const auto loaded = load_text(
      "upstream: {url: 'redis://u:hunter2@h:1/2'}\n"
      "pillion_command: {name: sidecar}\n"
      "cache:\n"
      "  rules: [{match: 'a:*', max_age: 2s}, {match: '*', cache: false}]\n",
      "values");
  ASSERT_THAT(print_problems(loaded.problems), IsEmpty());
  const Config& config = loaded.config;
  EXPECT_EQ(effective(config, "listen.address"), "127.0.0.1:6380");
  EXPECT_EQ(effective(config, "listen.unix"), "");
  EXPECT_EQ(effective(config, "workers"), "auto");
  EXPECT_EQ(effective(config, "cache.max_bytes"), "64MiB");
  EXPECT_EQ(effective(config, "cache.max_age"), "60s");
  EXPECT_EQ(effective(config, "pillion_command.name"), "sidecar");
  EXPECT_EQ(effective(config, "upstream.url"), "redis://u@h:1/2");
  EXPECT_EQ(effective(config, "upstream.password"), "***");
  EXPECT_EQ(effective(config, "cache.rules"),
            "[{match: \"a:*\", cache: true, max_age: 2s}, {match: \"*\", cache: false}]");
  EXPECT_EQ(effective(Config{}, "cache.rules"), "[]");
  EXPECT_EQ(effective(Config{}, "upstream.password"), "");
  EXPECT_EQ(effective_values(config).size(), keys().size());
  for (const auto& [name, value] : effective_values(config)) {
    EXPECT_THAT(value, Not(HasSubstr("hunter2"))) << name;
  }
}

}  // namespace
}  // namespace pillion::config
