// What a YAML file may say, and where each mistake in it is reported.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/load.hpp"

namespace pillion::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

std::vector<std::string> problems(std::string_view text) {
  std::vector<std::string> out;
  for (const auto& problem : load_text(text, "p.yaml").problems) {
    out.push_back(problem.where + ": " + problem.message);
  }
  return out;
}

TEST(LoadDocument, EveryKeyReachesItsField) {
  const auto loaded = load_text(R"(
listen:
  address: 127.0.0.1:7000
  unix: /run/p.sock
  allow_remote: true
  max_clients: 11
  max_pipeline: 12
  output_limit: 13MiB
  output_stall_timeout: 14s
  emulate_cluster: true
admin:
  address: "[::1]:9000"
  allow_remote: true
workers: 3
upstream:
  url: redis://h:1/2
  replicas: r1, r2:2
  database: 3
  user: app
  password: 0123
  connect_timeout: 15ms
  command_timeout: 16ms
  connections: 5
  max_dedicated: 17
  health_interval: 18s
  topology_refresh: 25s
  dns_refresh: 26s
  reconnect_rate: 27
  retry_budget: 28
reads:
  from: replica
  balance: least_latency
  max_lag: 29ms
  zone: a
  zones: r1:6379=a
  timeout: 31ms
  slow_start: 32ms
  health_rise: 33
  health_fall: 34
cache:
  enabled: false
  max_bytes: 100MB
  max_entry_bytes: 19KiB
  max_staleness: 20ms
  max_age: 21s
  negative_max_age: 0
  hash_max_age: 23ms
  rules:
    - match: "a*"
    - {match: b*, cache: no}
    - {max_age: 5s, match: "c*"}
log:
  level: debug
  format: json
drain_timeout: 24s
)",
                                "p.yaml");
  EXPECT_THAT(print_problems(loaded.problems), IsEmpty());
  const auto& c = loaded.config;
  EXPECT_EQ(c.listen.address, "127.0.0.1:7000");
  EXPECT_EQ(c.listen.unix_path, "/run/p.sock");
  EXPECT_TRUE(c.listen.allow_remote);
  EXPECT_EQ(c.listen.max_clients, 11U);
  EXPECT_EQ(c.listen.max_pipeline, 12U);
  EXPECT_EQ(c.listen.output_limit, 13U << 20);
  EXPECT_EQ(c.listen.output_stall_timeout, Millis{14'000});
  EXPECT_TRUE(c.listen.emulate_cluster);
  EXPECT_EQ(c.admin.address, "[::1]:9000");
  EXPECT_TRUE(c.admin.allow_remote);
  EXPECT_EQ(c.workers, 3U);
  EXPECT_EQ(c.upstream.url, "redis://h:1/2");
  EXPECT_EQ(c.upstream.user, "app");
  EXPECT_EQ(c.upstream.password, "0123");  // as written, not as a number
  EXPECT_EQ(c.upstream.connect_timeout, Millis{15});
  EXPECT_EQ(c.upstream.command_timeout, Millis{16});
  EXPECT_EQ(c.upstream.connections, 5U);
  EXPECT_EQ(c.upstream.max_dedicated, 17U);
  EXPECT_EQ(c.upstream.health_interval, Millis{18'000});
  EXPECT_EQ(c.upstream.replicas, "r1, r2:2");
  EXPECT_EQ(c.upstream.database, 3U);
  EXPECT_EQ(c.upstream.topology_refresh, Millis{25'000});
  EXPECT_EQ(c.upstream.dns_refresh, Millis{26'000});
  EXPECT_EQ(c.upstream.reconnect_rate, 27U);
  EXPECT_EQ(c.upstream.retry_budget, 28U);
  EXPECT_EQ(c.reads.from, "replica");
  EXPECT_EQ(c.reads.balance, "least_latency");
  EXPECT_EQ(c.reads.max_lag, Millis{29});
  EXPECT_EQ(c.reads.zone, "a");
  EXPECT_EQ(c.reads.zones, "r1:6379=a");
  EXPECT_EQ(c.reads.timeout, Millis{31});
  EXPECT_EQ(c.reads.slow_start, Millis{32});
  EXPECT_EQ(c.reads.health_rise, 33U);
  EXPECT_EQ(c.reads.health_fall, 34U);
  EXPECT_FALSE(c.cache.enabled);
  EXPECT_EQ(c.cache.max_bytes, 100'000'000U);
  EXPECT_EQ(c.cache.max_entry_bytes, 19U << 10);
  EXPECT_EQ(c.cache.max_staleness, Millis{20});
  EXPECT_EQ(c.cache.max_age, Millis{21'000});
  EXPECT_EQ(c.cache.negative_max_age, Millis{0});
  EXPECT_EQ(c.cache.hash_max_age, Millis{23});
  ASSERT_EQ(c.cache.rules.size(), 3U);
  EXPECT_EQ(c.cache.rules[0].match, "a*");
  EXPECT_TRUE(c.cache.rules[0].cache);
  EXPECT_EQ(c.cache.rules[0].max_age, std::nullopt);
  EXPECT_FALSE(c.cache.rules[1].cache);
  EXPECT_EQ(c.cache.rules[2].match, "c*");
  EXPECT_EQ(c.cache.rules[2].max_age, Millis{5'000});
  EXPECT_EQ(c.log.level, "debug");
  EXPECT_EQ(c.log.format, "json");
  EXPECT_EQ(c.drain_timeout, Millis{24'000});
}

TEST(LoadDocument, SentinelsAndClustersHaveKeysOfTheirOwn) {
  const auto sentinel = load_text(
      "upstream: {sentinels: 's1, s2:2', sentinel_master: m, sentinel_user: u, sentinel_password: "
      "p}\n",
      "p.yaml");
  EXPECT_THAT(print_problems(sentinel.problems), IsEmpty());
  EXPECT_EQ(sentinel.config.upstream.sentinels, "s1, s2:2");
  EXPECT_EQ(sentinel.config.upstream.sentinel_master, "m");
  EXPECT_EQ(sentinel.config.upstream.sentinel_user, "u");
  EXPECT_EQ(sentinel.config.upstream.sentinel_password, "p");
  const auto cluster = load_text("upstream: {cluster_nodes: 'n1:1'}\n", "p.yaml");
  EXPECT_THAT(print_problems(cluster.problems), IsEmpty());
  EXPECT_EQ(cluster.config.upstream.cluster_nodes, "n1:1");
}

TEST(LoadDocument, NothingSaidIsTheDefaults) {
  for (const auto* text : {"", "# only a comment\n", "---\n", "cache:\n", "cache: {}\nlisten: ~\n",
                           "\xEF\xBB\xBFworkers: auto\n", "workers: auto\r\n"}) {
    const auto loaded = load_text(text, "p.yaml");
    EXPECT_THAT(print_problems(loaded.problems), IsEmpty()) << text;
    EXPECT_EQ(loaded.config.cache.max_bytes, 64U << 20);
  }
}

TEST(LoadDocument, AllProblemsAtOnceEachWithItsPosition) {
  EXPECT_THAT(problems("listen:\n"                       // 1
                       "  adress: 1\n"                   // 2
                       "cahce: {}\n"                     // 3
                       "cache:\n"                        // 4
                       "  max_bytes: 64Mx\n"             // 5
                       "  max_age: 5\n"                  // 6
                       "  max-entry-bytes: 1KiB\n"       // 7
                       "workers:   [1]\n"                // 8
                       "log: {level: loud, format: }\n"  // 9
                       "max_staleness: 1s\n"             // 10
                       "upstream:\n"                     // 11
                       "    url: http://h\n"             // 12
                       "    connections: {a: b}\n"),     // 13
              ElementsAre("p.yaml:2:3: unknown key 'listen.adress'; did you mean 'listen.address'?",
                          "p.yaml:3:1: unknown key 'cahce'; did you mean 'cache'?",
                          StartsWith("p.yaml:5:14: cache.max_bytes: '64Mx' is not a size"),
                          StartsWith("p.yaml:6:12: cache.max_age: '5' has no unit"),
                          "p.yaml:7:3: unknown key 'cache.max-entry-bytes'; did you mean "
                          "'cache.max_entry_bytes'?",
                          "p.yaml:8:12: workers: takes one value, not a list",
                          StartsWith("p.yaml:9:14: log.level: 'loud' is not one of"),
                          AllOf(StartsWith("p.yaml:9:"), HasSubstr("log.format: has no value")),
                          "p.yaml:10:1: unknown key 'max_staleness'; did you mean "
                          "'cache.max_staleness'?",
                          StartsWith("p.yaml:12:10: upstream.url: the scheme 'http'"),
                          "p.yaml:13:18: upstream.connections: takes one value, not a map"));
}

TEST(LoadDocument, AGoodValueBesideABadOneIsKept) {
  const auto loaded = load_text("workers: x\ndrain_timeout: 3s\n", "p.yaml");
  EXPECT_EQ(loaded.problems.size(), 1U);
  EXPECT_EQ(loaded.config.drain_timeout, Millis{3'000});
}

TEST(LoadDocument, DuplicateKeys) {
  EXPECT_THAT(problems("workers: 1\nlog: {}\nworkers: 2\nlog:\n  level: info\n"),
              ElementsAre("p.yaml:3:1: key 'workers' is given twice, first in line 1",
                          "p.yaml:4:1: key 'log' is given twice, first in line 2"));
  EXPECT_THAT(problems("cache:\n  max_age: 1s\n  max_age: 2s\n"),
              ElementsAre("p.yaml:3:3: key 'cache.max_age' is given twice, first in line 2"));
}

TEST(LoadDocument, WrongShapes) {
  EXPECT_THAT(problems("- workers\n"),
              ElementsAre(StartsWith("p.yaml:1:1: the file must be a map")));
  EXPECT_THAT(problems("workers\n"), ElementsAre(StartsWith("p.yaml:1:1: the file must be a map")));
  EXPECT_THAT(problems("cache: 5\n"),
              ElementsAre("p.yaml:1:8: cache is a section: its keys go below it, indented"));
  EXPECT_THAT(problems("cache: [1]\n"), ElementsAre(StartsWith("p.yaml:1:8: cache is a section")));
  EXPECT_THAT(problems("? [a, b]\n: 1\n"), ElementsAre("p.yaml:1:3: a key must be a plain word"));
  EXPECT_THAT(
      problems("cache.max_age: 1s\n"),
      ElementsAre("p.yaml:1:1: 'cache.max_age' must be written as cache: with max_age: below "
                  "it, indented"));
  EXPECT_THAT(problems("log:\n  level: !env LEVEL\n"),
              ElementsAre(AllOf(StartsWith("p.yaml:2:10: log.level"), HasSubstr("tag"))));
  EXPECT_THAT(problems("workers: 1\n---\nworkers: 2\n"),
              ElementsAre(AllOf(StartsWith("p.yaml:2:1: "), HasSubstr("second YAML document"))));
}

// yaml-cpp takes what is left over for one empty document after another.
TEST(LoadDocument, LeftoversAreReportedAndDoNotLoop) {
  EXPECT_THAT(problems(","), ElementsAre(HasSubstr("second YAML document")));
  EXPECT_THAT(problems("workers: 1\n}\n"), Not(IsEmpty()));
  EXPECT_THAT(problems("log: (a, \"b\"\n  \"c\")\n"), Not(IsEmpty()));
  for (const auto* text : {"{:", "[:", "{# ke\ny{:", "{workers:"}) {
    EXPECT_THAT(problems(text), Not(IsEmpty())) << text;
  }
}

TEST(LoadDocument, SyntaxErrors) {
  EXPECT_THAT(problems("workers: 1\ncache: {max_age: 1s\n"),
              ElementsAre(AllOf(StartsWith("p.yaml:"), HasSubstr("not valid YAML"))));
  EXPECT_THAT(problems("cache:\n\tmax_age: 1s\n"),
              ElementsAre(AllOf(StartsWith("p.yaml:2:"), HasSubstr("not valid YAML"))));
  EXPECT_THAT(problems("workers: *nobody\n"),
              ElementsAre(AllOf(StartsWith("p.yaml:1:10: "), HasSubstr("not valid YAML"))));
  EXPECT_THAT(problems(std::string(100'000, '[')), ElementsAre(StartsWith("p.yaml:1:")));
}

TEST(LoadDocument, BytesThatAreNoTextAreRefusedBeforeParsing) {
  EXPECT_THAT(problems("workers: 1\nlog: \x04\n"),
              ElementsAre("p.yaml:2:6: not valid YAML: not UTF-8 text"));
  EXPECT_THAT(problems("upstream:\n  \xff\xff\xff.0.1:63s://u:p%4per 0CP"),
              ElementsAre("p.yaml:2:3: not valid YAML: not UTF-8 text"));
}

TEST(LoadDocument, AnchorsMayShareValuesAndCannotLoop) {
  const auto loaded = load_text("cache:\n  max_age: &t 5s\n  negative_max_age: *t\n", "p.yaml");
  EXPECT_THAT(print_problems(loaded.problems), IsEmpty());
  EXPECT_EQ(loaded.config.cache.negative_max_age, Millis{5'000});
  EXPECT_THAT(problems("cache: &c\n  rules: &r\n    - *r\n"), Not(IsEmpty()));
  EXPECT_THAT(problems("cache: &c\n  cache: *c\n"), Not(IsEmpty()));
}

TEST(LoadDocument, Rules) {
  EXPECT_THAT(problems("cache:\n"                          // 1
                       "  rules:\n"                        // 2
                       "    - {match: a*, cahe: false}\n"  // 3
                       "    - {cache: maybe}\n"            // 4
                       "    - a*\n"                        // 5
                       "    - {match: '', max_age: 5}\n"   // 6
                       "    - {match: x, match: y}\n"      // 7
                       "    - {match: [x]}\n"              // 8
                       "    - {match: x, max_age: 0}\n"),  // 9
              ElementsAre("p.yaml:3:19: cache.rules[0]: unknown key 'cahe'; did you mean 'cache'?",
                          "p.yaml:4:15: cache.rules[1].cache: 'maybe' is not true or false",
                          "p.yaml:4:7: cache.rules[1]: has no match; '*' matches every key",
                          StartsWith("p.yaml:5:7: cache.rules[2]: must be a map"),
                          "p.yaml:6:15: cache.rules[3].match: is empty; '*' matches every key",
                          StartsWith("p.yaml:6:28: cache.rules[3].max_age: '5' has no unit"),
                          "p.yaml:7:18: key 'cache.rules[4].match' is given twice, first in line 7",
                          "p.yaml:8:15: cache.rules[5].match: takes one value, not a list",
                          "p.yaml:9:27: cache.rules[6].max_age: 0 is out of range: 1ms to 365d"));
  EXPECT_THAT(problems("cache: {rules: {match: a}}\n"),
              ElementsAre(StartsWith("p.yaml:1:16: cache.rules: must be a list")));
  std::string many = "cache:\n  rules:\n";
  for (int i = 0; i < 257; ++i) many += "  - match: a\n";
  EXPECT_THAT(problems(many), ElementsAre("p.yaml:3:3: cache.rules: has more than 256 rules"));
}

TEST(LoadDocument, CombinationsPointAtTheValueToChange) {
  EXPECT_THAT(problems("listen:\n  address: :6380\n"),
              ElementsAre(StartsWith("p.yaml:2:12: listen.address 0.0.0.0:6380 can be reached")));
}

// The value that was refused still has its default; comparing with that would be a made-up problem.
TEST(LoadDocument, CombinationsWithARefusedValueAreNotJudged) {
  EXPECT_THAT(problems("cache:\n  max_bytes: 1Gx\n  max_entry_bytes: 64MiB\n"),
              ElementsAre(HasSubstr("'1Gx' is not a size")));
}

// Mistakes around a password, each in a way that makes some parser complain about its text.
TEST(LoadDocument, ProblemsNeverRepeatASecret) {
  for (const auto* text :
       {"upstream: {password: !hunter2 x}\n", "upstream: {password: *hunter2}\n",
        "upstream: {password: [hunter2]}\n", "upstream: {password: {hunter2: x}}\n",
        "upstream:\n  password: hunter2: x\n", "upstream:\n  password: \"hunter2\\q\"\n",
        "upstream:\n  pasword: hunter2\n", "upstream:\n  url: redis://u:hunter2@h:0\n",
        "upstream:\n  url: redis://u:hunter2@h?x=hunter2\n", "upstream: redis://u:hunter2@h\n",
        "upstream:\n  url:redis://:hunter2@h\n", "upstream: {redis://u:hunter2@h}\n",
        "redis://u:hunter2@h: 1\n", "upstream:\n  password:\n    - hunter2\n"}) {
    const auto loaded = load_text(text, "p.yaml");
    EXPECT_FALSE(loaded.problems.empty()) << text;
    EXPECT_THAT(print_problems(loaded.problems), Not(HasSubstr("hunter2"))) << text;
  }
}

}  // namespace
}  // namespace pillion::config
