// Where values come from: files, environment, settings, and who wins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/keys.hpp"
#include "config/load.hpp"
#include "config/variables.hpp"
#include "tests/unit/config/temporary_file.hpp"

namespace pillion::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> problems(const Sources& sources) {
  std::vector<std::string> out;
  for (const auto& problem : load(sources).problems) {
    out.push_back(problem.where + ": " + problem.message);
  }
  return out;
}

TEST(LoadSources, LaterSourcesWin) {
  const TemporaryFile file("workers: 2\ncache: {max_age: 2s, max_staleness: 2s}\n");
  Sources sources;
  EXPECT_EQ(load(sources).config.workers, 0U);
  sources.file = file.path();
  EXPECT_EQ(load(sources).config.workers, 2U);
  sources.environment = {{"PILLION_WORKERS", "3"}, {"PILLION_CACHE_MAX_AGE", "3s"}, {"HOME", "/"}};
  EXPECT_EQ(load(sources).config.workers, 3U);
  sources.settings = {{"workers", "4", "--set workers"}, {"workers", "5", "--set workers"}};
  const auto loaded = load(sources);
  EXPECT_THAT(print_problems(loaded.problems), IsEmpty());
  EXPECT_EQ(loaded.config.workers, 5U);
  EXPECT_EQ(loaded.config.cache.max_age, Millis{3'000});
  EXPECT_EQ(loaded.config.cache.max_staleness, Millis{2'000});
}

TEST(LoadSources, EveryKeyHasAVariable) {
  EXPECT_EQ(variable_name("cache.max_bytes"), "PILLION_CACHE_MAX_BYTES");
  for (const auto& key : keys()) {
    Sources sources;
    sources.environment = {{variable_name(key.path), "{nonsense"}};
    const auto loaded = load(sources);
    for (const auto& problem : loaded.problems) {
      EXPECT_THAT(problem.where, AllOf(StartsWith("environment PILLION_"))) << key.path;
      EXPECT_THAT(problem.message, Not(HasSubstr("no such"))) << key.path;
    }
  }
}

TEST(LoadSources, BadValuesNameTheirOrigin) {
  Sources sources;
  sources.environment = {{"PILLION_CACHE_MAX_BYTES", "lots"}, {"PILLION_LISTEN_ADDRESS", ":6380"}};
  sources.settings = {{"workers", "none", "--set workers"}, {"admin.address", "x", "--admin"}};
  EXPECT_THAT(
      problems(sources),
      ElementsAre(StartsWith("environment PILLION_CACHE_MAX_BYTES: cache.max_bytes: 'lots' is not"),
                  StartsWith("--set workers: workers: 'none' is neither"),
                  StartsWith("--admin: admin.address: 'x' is not an address"),
                  StartsWith("environment PILLION_LISTEN_ADDRESS: listen.address 0.0.0.0:6380")));
}

TEST(LoadSources, UnknownVariablesAreProblems) {
  Sources sources;
  sources.environment = {{"PILLION_CACHE_MAXBYTES", "1"},
                         {"PILLION_", "1"},
                         {"PILLIONX", "1"},
                         {"PILLION_CONFG", "x"},
                         {"XPILLION_A", "1"}};
  EXPECT_THAT(problems(sources),
              ElementsAre("environment PILLION_CACHE_MAXBYTES: no such setting; did you mean "
                          "'PILLION_CACHE_MAX_BYTES'?",
                          StartsWith("environment PILLION_: no such setting"),
                          "environment PILLION_CONFG: no such setting; did you mean "
                          "'PILLION_CONFIG'?"));
}

// A Service called pillion in the namespace must not keep the sidecar from starting.
TEST(LoadSources, VariablesMadeByKubernetesAreNotOurs) {
  Sources sources;
  sources.environment = {{"PILLION_SERVICE_HOST", "10.0.0.1"},
                         {"PILLION_SERVICE_PORT", "6380"},
                         {"PILLION_SERVICE_PORT_RESP", "6380"},
                         {"PILLION_PORT", "tcp://10.0.0.1:6380"},
                         {"PILLION_PORT_6380_TCP", "tcp://10.0.0.1:6380"},
                         {"PILLION_PORT_6380_TCP_PROTO", "tcp"},
                         {"PILLION_METRICS_SERVICE_HOST", "10.0.0.1"},
                         {"PILLION_METRICS_PORT_9380_TCP_ADDR", "10.0.0.1"}};
  EXPECT_THAT(problems(sources), IsEmpty());
  sources.environment = {{"PILLION_PORT", "6380"}};
  EXPECT_THAT(problems(sources), ElementsAre(HasSubstr("no such setting")));
}

TEST(LoadSources, UnknownSettings) {
  Sources sources;
  sources.settings = {{"cache.max_byte", "1", "--set cache.max_byte"},
                      {"cache", "1", "--set cache"},
                      {"compression", "1", "--set compression"}};
  EXPECT_THAT(problems(sources),
              ElementsAre("--set cache.max_byte: no such key 'cache.max_byte'; did you mean "
                          "'cache.max_bytes'?",
                          "--set cache: 'cache' is a section; set one of its keys",
                          "--set compression: no such key 'compression'"));
}

TEST(LoadSources, RulesAsYamlInAVariableOrSetting) {
  Sources sources;
  sources.environment = {{"PILLION_CACHE_RULES", "[{match: a*}]"}};
  sources.settings = {
      {"cache.rules", R"([{"match": "b*", "cache": false}, {match: c, max_age: 1s}])", "--set x"}};
  const auto loaded = load(sources);
  EXPECT_THAT(print_problems(loaded.problems), IsEmpty());
  ASSERT_EQ(loaded.config.cache.rules.size(), 2U);
  EXPECT_EQ(loaded.config.cache.rules[0].match, "b*");
  EXPECT_FALSE(loaded.config.cache.rules[0].cache);

  sources.settings = {{"cache.rules", "[]", "--set x"}};
  EXPECT_THAT(load(sources).config.cache.rules, IsEmpty());

  sources.settings = {{"cache.rules", "[{match: a*, cach: 1}]", "--set x"}};
  EXPECT_THAT(problems(sources),
              ElementsAre("--set x: cache.rules[0]: unknown key 'cach'; did you mean 'cache'?"));
  sources.settings = {{"cache.rules", "a*", "--set x"}};
  EXPECT_THAT(problems(sources), ElementsAre(StartsWith("--set x: cache.rules: must be a list")));
  for (const auto* text : {"", "[", "{", "[{match: a, match: b}]", "[]\n---\n[]"}) {
    sources.settings = {{"cache.rules", text, "--set x"}};
    EXPECT_THAT(problems(sources), ElementsAre(StartsWith("--set x: "))) << text;
  }
}

TEST(LoadSources, TheFileMayBeNamedByAVariable) {
  const TemporaryFile one("workers: 1\n");
  const TemporaryFile two("workers: 2\n");
  Sources sources;
  sources.environment = {{"PILLION_CONFIG", one.path()}};
  EXPECT_EQ(load(sources).config.workers, 1U);
  sources.file = two.path();
  EXPECT_EQ(load(sources).config.workers, 2U);
  sources = {};
  sources.environment = {{"PILLION_CONFIG", ""}};
  EXPECT_THAT(problems(sources), IsEmpty());
}

TEST(LoadSources, FilesThatCannotBeRead) {
  Sources sources;
  sources.file = "/nonexistent/p.yaml";
  sources.settings = {{"workers", "x", "--set workers"}};
  EXPECT_THAT(problems(sources),
              ElementsAre("/nonexistent/p.yaml: the configuration file cannot be opened",
                          StartsWith("--set workers")));
  sources = {};
  sources.file = ::testing::TempDir();
  EXPECT_THAT(problems(sources), ElementsAre(HasSubstr("cannot be")));
  const TemporaryFile large("#" + std::string(1UL << 20, 'x'));
  sources.file = large.path();
  EXPECT_THAT(problems(sources), ElementsAre(HasSubstr("is larger than 1024 KiB")));
  const TemporaryFile fits("#" + std::string((1UL << 20) - 1, 'x'));
  sources.file = fits.path();
  EXPECT_THAT(problems(sources), IsEmpty());
}

TEST(LoadSources, PasswordFile) {
  for (const auto* content : {"hunter2", "hunter2\n", "hunter2\r\n"}) {
    const TemporaryFile secret(content);
    Sources sources;
    sources.settings = {{"upstream.password_file", secret.path(), "--set"},
                        {"upstream.password", "loses", "--set"}};
    const auto loaded = load(sources);
    EXPECT_THAT(print_problems(loaded.problems), IsEmpty());
    EXPECT_EQ(loaded.config.upstream.password, "hunter2");
  }
  const TemporaryFile lines("two\nlines\n\n");
  Sources sources;
  sources.settings = {{"upstream.password_file", lines.path(), "--set"}};
  EXPECT_EQ(load(sources).config.upstream.password, "two\nlines\n");
}

TEST(LoadSources, PasswordFilesThatHoldNone) {
  const TemporaryFile empty("\n");
  const TemporaryFile large(std::string(70'000, 'x'));
  for (const auto& [path, why] : std::vector<std::pair<std::string, std::string>>{
           {empty.path(), "holds no password"},
           {large.path(), "is larger than 64 KiB"},
           {"/nonexistent/secret", "cannot be opened"}}) {
    Sources sources;
    sources.environment = {{"PILLION_UPSTREAM_PASSWORD_FILE", path}};
    EXPECT_THAT(problems(sources),
                ElementsAre(AllOf(StartsWith("environment PILLION_UPSTREAM_PASSWORD_FILE: "
                                             "upstream.password_file: '"),
                                  HasSubstr(path), HasSubstr(why))));
  }
}

TEST(LoadSources, ProblemsNeverRepeatASecret) {
  Sources sources;
  sources.environment = {{"PILLION_UPSTREAM_PASWORD", "hunter2"},
                         {"PILLION_UPSTREAM_URL", "redis://u:hunter2@h:0"}};
  sources.settings = {{"upstream.url", "rediss://u:hunter2@h", "redis-url argument"},
                      {"upstream.url", "hunter2", "redis-url argument"},
                      {"upstream.pass", "hunter2", "--set upstream.pass"},
                      {"redis://u:hunter2@h?x", "1", "--set"}};
  const auto loaded = load(sources);
  EXPECT_EQ(loaded.problems.size(), 6U);
  EXPECT_THAT(print_problems(loaded.problems), Not(HasSubstr("hunter2")));
}

}  // namespace
}  // namespace pillion::config
