#include "config/url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/hosts.hpp"

namespace pillion::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

UpstreamTarget target(std::string_view url) {
  auto outcome = parse_upstream_url(url);
  const auto* reason = std::get_if<std::string>(&outcome);
  EXPECT_EQ(reason, nullptr) << url << ": " << (reason ? *reason : "");
  return reason != nullptr ? UpstreamTarget{} : std::get<UpstreamTarget>(outcome);
}

std::string refusal(std::string_view url) {
  auto outcome = parse_upstream_url(url);
  EXPECT_TRUE(std::holds_alternative<std::string>(outcome)) << url;
  return std::holds_alternative<std::string>(outcome) ? std::get<std::string>(outcome) : "";
}

struct Row {
  std::string url;
  std::string host;
  std::uint16_t port;
  std::string path;
  std::string user;
  std::string password;
  std::uint32_t database;
  std::string display;
};

TEST(Url, WhatIsUnderstood) {
  const std::vector<Row> rows{
      {"redis://h", "h", 6379, "", "", "", 0, "h:6379"},
      {"redis://h/", "h", 6379, "", "", "", 0, "h:6379"},
      {"REDIS://h:1", "h", 1, "", "", "", 0, "h:1"},
      {"redis://cache.internal:6390/15", "cache.internal", 6390, "", "", "", 15,
       "cache.internal:6390"},
      {"redis://10.0.0.7:65535/2147483647", "10.0.0.7", 65535, "", "", "", 2147483647,
       "10.0.0.7:65535"},
      {"redis://u:p@h:2/3", "h", 2, "", "u", "p", 3, "h:2"},
      {"redis://:p@h", "h", 6379, "", "", "p", 0, "h:6379"},
      {"redis://u@h", "h", 6379, "", "u", "", 0, "h:6379"},
      {"redis://@h", "h", 6379, "", "", "", 0, "h:6379"},
      {"redis://app%40x:p%40ss%3Aw%2Ford%25%23@h", "h", 6379, "", "app@x", "p@ss:w/ord%#", 0,
       "h:6379"},
      {"redis://u:a:b@h", "h", 6379, "", "u", "a:b", 0, "h:6379"},
      {"redis://[::1]", "::1", 6379, "", "", "", 0, "[::1]:6379"},
      {"redis://u:p@[2001:db8::7]:7000/1", "2001:db8::7", 7000, "", "u", "p", 1,
       "[2001:db8::7]:7000"},
      {"unix:///run/redis.sock", "", 6379, "/run/redis.sock", "", "", 0, "/run/redis.sock"},
      {"unix:///run/redis.sock?db=4", "", 6379, "/run/redis.sock", "", "", 4, "/run/redis.sock"},
      {"unix://u:p%2F@/run/a%20b.sock", "", 6379, "/run/a b.sock", "u", "p/", 0, "/run/a b.sock"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.url);
    const auto got = target(row.url);
    EXPECT_EQ(got.host, row.host);
    EXPECT_EQ(got.port, row.port);
    EXPECT_EQ(got.unix_path, row.path);
    EXPECT_EQ(got.user, row.user);
    EXPECT_EQ(got.password, row.password);
    EXPECT_EQ(got.database, row.database);
    EXPECT_EQ(got.display, row.display);
  }
}

std::vector<std::string> names(const std::vector<HostPort>& servers) {
  std::vector<std::string> out;
  for (const auto& server : servers) out.push_back(print_host(server));
  return out;
}

TEST(Url, Replicas) {
  EXPECT_EQ(target("redis://h").kind, UpstreamKind::kStandalone);
  const auto listed = target("redis://u:p@h:7/2?replicas=r1:1,%5B::1%5D:2,r3");
  EXPECT_EQ(listed.kind, UpstreamKind::kReplicated);
  EXPECT_EQ(listed.host, "h");
  EXPECT_EQ(listed.port, 7);
  EXPECT_EQ(listed.database, 2U);
  EXPECT_EQ(listed.display, "h:7");
  EXPECT_FALSE(listed.replicas_auto);
  EXPECT_THAT(names(listed.replicas), ElementsAre("r1:1", "[::1]:2", "r3:6379"));
  const auto asked = target("redis://h/?replicas=Auto");
  EXPECT_EQ(asked.kind, UpstreamKind::kReplicated);
  EXPECT_TRUE(asked.replicas_auto);
  EXPECT_TRUE(asked.replicas.empty());
  EXPECT_THAT(refusal("redis://h?replicas="), HasSubstr("replicas: names no server"));
  EXPECT_THAT(refusal("redis://h?replicas=r1:x"), HasSubstr("the port must be"));
  EXPECT_THAT(refusal("redis://h?replicas=r1&replicas=r2"), HasSubstr("given twice"));
  EXPECT_THAT(refusal("unix:///s?replicas=r1"), HasSubstr("unknown parameter"));
}

TEST(Url, Sentinel) {
  const auto got = target("redis+sentinel://app:p%40ss@s1,s2:7,[::1]:8/my/3");
  EXPECT_EQ(got.kind, UpstreamKind::kSentinel);
  EXPECT_THAT(names(got.seeds), ElementsAre("s1:26379", "s2:7", "[::1]:8"));
  EXPECT_EQ(got.host, "");
  EXPECT_EQ(got.user, "app");
  EXPECT_EQ(got.password, "p@ss");
  EXPECT_EQ(got.sentinel_password, "") << "what the servers are shown is no business of sentinels";
  EXPECT_EQ(got.master, "my");
  EXPECT_EQ(got.database, 3U);
  EXPECT_EQ(got.display, "my of sentinels s1:26379, s2:7, [::1]:8");
}

TEST(Url, SentinelDatabases) {
  EXPECT_EQ(target("REDIS+SENTINEL://s1/m").database, 0U);
  EXPECT_EQ(target("redis+sentinel://s1/m/").database, 0U);
  EXPECT_EQ(target("redis+sentinel://s1/m/15").database, 15U);
  EXPECT_THAT(refusal("redis+sentinel://s1/m/x"), HasSubstr("is not a database number"));
  EXPECT_THAT(refusal("redis+sentinel://s1"), HasSubstr("names no master"));
  EXPECT_THAT(refusal("redis+sentinel://s1,s2/"), HasSubstr("names no master"));
  EXPECT_THAT(refusal("redis+sentinel://s1,,s2/m"), HasSubstr("between two commas"));
  EXPECT_THAT(refusal("redis+sentinel:///m"), HasSubstr("names no server"));
  EXPECT_THAT(refusal("redis+sentinel://s1/m?db=1"), HasSubstr("takes no parameters"));
}

TEST(Url, Cluster) {
  const auto got = target("redis+cluster://u:p@n1,n2:7001,[::1]:7002");
  EXPECT_EQ(got.kind, UpstreamKind::kCluster);
  EXPECT_THAT(names(got.seeds), ElementsAre("n1:6379", "n2:7001", "[::1]:7002"));
  EXPECT_EQ(got.user, "u");
  EXPECT_EQ(got.password, "p");
  EXPECT_EQ(got.database, 0U);
  EXPECT_EQ(got.display, "cluster of n1:6379, n2:7001, [::1]:7002");
  EXPECT_EQ(target("redis+cluster://n1:1/0").kind, UpstreamKind::kCluster);
  EXPECT_THAT(refusal("redis+cluster://n1/1"), HasSubstr("no databases but 0"));
  EXPECT_THAT(refusal("redis+cluster://n1:99999"), HasSubstr("the port must be a number"));
  EXPECT_THAT(refusal("redis+cluster://n1?replicas=n2"), HasSubstr("takes no parameters"));
  EXPECT_THAT(refusal("redis+cluster://"), HasSubstr("names no server"));
}

TEST(Url, BadSchemes) {
  EXPECT_THAT(refusal(""), HasSubstr("is empty"));
  EXPECT_THAT(refusal("localhost"), HasSubstr("has no scheme"));
  EXPECT_THAT(refusal("localhost:6379"), HasSubstr("has no scheme"));
  EXPECT_THAT(refusal("http://h"), HasSubstr("the scheme 'http' is not offered"));
  EXPECT_THAT(refusal("rediss://h"),
              HasSubstr("TLS to the upstream (rediss://) is not offered yet"));
  EXPECT_THAT(refusal("redis+unix:///x"), HasSubstr("is not offered"));
  EXPECT_THAT(refusal("://h"), HasSubstr("is not a valid URL"));
}

TEST(Url, BadHosts) {
  EXPECT_THAT(refusal("redis://"), HasSubstr("names no host"));
  EXPECT_THAT(refusal("redis:///3"), HasSubstr("names no host"));
  EXPECT_THAT(refusal("redis://:6379"), HasSubstr("names no host"));
  EXPECT_THAT(refusal("redis://[::1"), HasSubstr("is not a valid URL"));
  EXPECT_THAT(refusal("redis://a b"), HasSubstr("is not a valid URL"));
  EXPECT_THAT(refusal("redis://[v1.x]"), HasSubstr("not an address"));
  EXPECT_THAT(refusal("redis://h%00x"), HasSubstr("NUL"));
}

TEST(Url, BadPorts) {
  for (const auto* port : {"0", "65536", "99999999999", ""}) {
    EXPECT_EQ(refusal("redis://h:" + std::string(port)),
              "the port '" + std::string(port) + "' is not a number from 1 to 65535");
  }
  for (const auto* url : {"redis://h:x", "redis://h:6379x", "redis://h:6379x1", "redis://h:-1"}) {
    EXPECT_EQ(refusal(url), "the port is not a number from 1 to 65535") << url;
  }
}

TEST(Url, BadDatabases) {
  for (const auto* path : {"/x", "/-1", "/1/2", "/1/", "//1", "/2147483648", "/1.0"}) {
    EXPECT_THAT(refusal("redis://h" + std::string(path)),
                StartsWith("the path '" + std::string(path) + "' is not a database number"));
  }
  EXPECT_THAT(refusal("unix:///s?db="), HasSubstr("is not a database number"));
  EXPECT_THAT(refusal("unix:///s?db"), HasSubstr("is not a database number"));
  EXPECT_THAT(refusal("unix:///s?db=1&db=2"), HasSubstr("given twice"));
}

TEST(Url, NothingIsIgnored) {
  EXPECT_THAT(refusal("redis://h?db=3"), HasSubstr("the database goes into the path"));
  EXPECT_THAT(refusal("redis://h?"), HasSubstr("takes no parameters"));
  EXPECT_THAT(refusal("unix:///s?timeout=3"), HasSubstr("unknown parameter 'timeout'"));
  EXPECT_THAT(refusal("redis://h#1"), HasSubstr("fragment"));
  EXPECT_THAT(refusal("unix://h/s"), HasSubstr("names no host"));
  EXPECT_THAT(refusal("unix://"), HasSubstr("names no socket"));
  EXPECT_THAT(refusal("unix://:x"), HasSubstr("names no host"));
  EXPECT_THAT(refusal("unix:///"), HasSubstr("names no socket"));
  EXPECT_THAT(refusal("unix:///" + std::string(107, 'x')), HasSubstr("longer than the 107 bytes"));
  EXPECT_EQ(target("unix:///" + std::string(106, 'x')).unix_path.size(), 107U);
  EXPECT_THAT(refusal("redis://" + std::string(9000, 'x')), HasSubstr("longer than 8 KiB"));
}

// Each way to get an URL with a password wrong that puts the password into another component.
TEST(Url, RefusalsNeverRepeatAPassword) {
  for (const auto* url : {"redis://:hunter2@h:99999",
                          "redis://:hunter2@h/hunter2",
                          "redis://:hunter2/@h",
                          "redis://u:1/hunter2@h",
                          "redis://u:1?hunter2@h",
                          "redis://u:#hunter2@h",
                          "redis://u:hunter2 @h",
                          "redis://u:hunter2%zz@h",
                          "http://u:hunter2@h",
                          "hunter2://u@h",
                          "rediss://u:hunter2@h",
                          "redis://u:hunter2@",
                          "u:hunter2@h:6379",
                          "unix://u:hunter2@/s?hunter2=1",
                          "unix://u:x@/s?db=hunter2",
                          "unix://u:hunter2@h/s",
                          "redis://u:hunter2@h?x",
                          "redis://u:hunter2@h?replicas=hunter2:x",
                          "redis+sentinel://u:hunter2@s1:x/m",
                          "redis+sentinel://u:hunter2,@s1",
                          "redis+cluster://u:hunter2@n1/9",
                          "redis+cluster://u:1/hunter2@n1",
                          "redis+sentinel://u:hunter2%zz@s/m",
                          "hunter2"}) {
    EXPECT_THAT(refusal(url), AllOf(Not(HasSubstr("hunter2")), Not(StartsWith("h:")))) << url;
  }
}

TEST(Url, AnInvalidUrlWithCredentialsGetsTheHintToEncode) {
  EXPECT_THAT(refusal("redis://u:100%@h"), HasSubstr("percent-encoded"));
  EXPECT_THAT(refusal("redis://u:100%@h"), HasSubstr("upstream.password_file"));
}

TEST(Url, KeysOfTheirOwnWinOverTheUrl) {
  Config config;
  config.upstream.url = "redis://u:p@h:1/2";
  EXPECT_EQ(upstream_target(config).user, "u");
  EXPECT_EQ(upstream_target(config).password, "p");
  config.upstream.user = "other";
  config.upstream.password = "better";
  const auto got = upstream_target(config);
  EXPECT_EQ(got.user, "other");
  EXPECT_EQ(got.password, "better");
  EXPECT_EQ(got.host, "h");
  EXPECT_EQ(got.port, 1);
  EXPECT_EQ(got.database, 2U);
}

TEST(Url, KeysNameOtherUpstreams) {
  Config config;
  config.upstream.replicas = "r1:1, r2";
  EXPECT_THAT(names(upstream_target(config).replicas), ElementsAre("r1:1", "r2:6379"));
  EXPECT_EQ(upstream_target(config).host, "127.0.0.1");
  EXPECT_EQ(reads_from(config), "prefer_replica");
  config.upstream.replicas = "auto";
  EXPECT_TRUE(upstream_target(config).replicas_auto);
  EXPECT_EQ(upstream_target(config).kind, UpstreamKind::kReplicated);

  config = {};
  EXPECT_EQ(reads_from(config), "primary");
  config.upstream.sentinels = "s1, s2:2";
  config.upstream.sentinel_master = "m";
  config.upstream.sentinel_password = "x";
  config.upstream.password = "y";
  config.upstream.database = 4;
  const auto sentinel = upstream_target(config);
  EXPECT_EQ(sentinel.kind, UpstreamKind::kSentinel);
  EXPECT_EQ(sentinel.master, "m");
  EXPECT_EQ(sentinel.host, "");
  EXPECT_THAT(names(sentinel.seeds), ElementsAre("s1:26379", "s2:2"));
  EXPECT_EQ(sentinel.sentinel_password, "x");
  EXPECT_EQ(sentinel.password, "y");
  EXPECT_EQ(sentinel.database, 4U);

  config = {};
  config.upstream.cluster_nodes = "n1:1";
  config.reads.from = "primary";
  EXPECT_EQ(upstream_target(config).kind, UpstreamKind::kCluster);
  EXPECT_THAT(names(upstream_target(config).seeds), ElementsAre("n1:1"));
  EXPECT_EQ(reads_from(config), "primary");
}

TEST(Url, RedactionDropsThePasswordOnly) {
  EXPECT_EQ(redact_url("redis://h:1/2"), "redis://h:1/2");
  EXPECT_EQ(redact_url("redis://u:hunter2@h:1/2"), "redis://u@h:1/2");
  EXPECT_EQ(redact_url("redis://:hunter2@h"), "redis://h");
  EXPECT_EQ(redact_url("unix://:hunter2@/s?db=1"), "unix:///s?db=1");
  EXPECT_EQ(redact_url("redis://u%40x:hunter2@[::1]:3"), "redis://u%40x@[::1]:3");
  EXPECT_EQ(redact_url("redis://u:hunter2@h?replicas=r1:1"), "redis://u@h?replicas=r1:1");
  EXPECT_EQ(redact_url("redis+sentinel://s1:1,s2:2/m"), "redis+sentinel://s1:1,s2:2/m");
  EXPECT_EQ(redact_url("redis+sentinel://u:hunter2@s1:1,s2:2/m/3"),
            "redis+sentinel://u@s1:1,s2:2/m/3");
  EXPECT_EQ(redact_url("redis+cluster://:hunter2@n1:1,n2:2"), "redis+cluster://n1:1,n2:2");
  EXPECT_EQ(redact_url("hunter2"), "***");
}

}  // namespace
}  // namespace pillion::config
