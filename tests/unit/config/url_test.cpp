#include "config/url.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pillion::config {
namespace {

using ::testing::AllOf;
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
  for (const auto* url :
       {"redis://:hunter2@h:99999", "redis://:hunter2@h/hunter2", "redis://:hunter2/@h",
        "redis://u:1/hunter2@h", "redis://u:1?hunter2@h", "redis://u:#hunter2@h",
        "redis://u:hunter2 @h", "redis://u:hunter2%zz@h", "http://u:hunter2@h", "hunter2://u@h",
        "rediss://u:hunter2@h", "redis://u:hunter2@", "u:hunter2@h:6379",
        "unix://u:hunter2@/s?hunter2=1", "unix://u:x@/s?db=hunter2", "unix://u:hunter2@h/s",
        "redis://u:hunter2@h?x", "hunter2"}) {
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

TEST(Url, RedactionDropsThePasswordOnly) {
  EXPECT_EQ(redact_url("redis://h:1/2"), "redis://h:1/2");
  EXPECT_EQ(redact_url("redis://u:hunter2@h:1/2"), "redis://u@h:1/2");
  EXPECT_EQ(redact_url("redis://:hunter2@h"), "redis://h");
  EXPECT_EQ(redact_url("unix://:hunter2@/s?db=1"), "unix:///s?db=1");
  EXPECT_EQ(redact_url("redis://u%40x:hunter2@[::1]:3"), "redis://u%40x@[::1]:3");
  EXPECT_EQ(redact_url("hunter2"), "***");
}

}  // namespace
}  // namespace pillion::config
