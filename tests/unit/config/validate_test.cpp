#include "config/validate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pillion::config {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> findings(const Config& config) {
  std::vector<std::string> out;
  for (const auto& finding : validate(config)) {
    out.push_back(std::string(finding.keys.at(0)) + " | " + finding.message);
  }
  return out;
}

TEST(Validate, DefaultsAreFine) {
  EXPECT_THAT(findings(Config{}), IsEmpty());
}

TEST(Validate, SomeListenerIsNeeded) {
  Config config;
  config.listen.address = "";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("clients could not connect")));
  config.listen.unix_path = "/run/p.sock";
  EXPECT_THAT(findings(config), IsEmpty());
}

TEST(Validate, AnAddressOthersCanReachHasToBeMeant) {
  for (const auto* address : {":6380", "0.0.0.0:6380", "[::]:6380", "10.1.2.3:6380"}) {
    Config config;
    config.listen.address = address;
    EXPECT_THAT(findings(config), ElementsAre(AllOf(HasSubstr("rights of Pillion's upstream user"),
                                                    HasSubstr("listen.allow_remote: true"))))
        << address;
    config.listen.allow_remote = true;
    EXPECT_THAT(findings(config), IsEmpty()) << address;
  }
  Config config;
  config.admin.address = "0.0.0.0:9380";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("admin.allow_remote: true")));
  config.listen.allow_remote = true;
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("admin.allow_remote: true")));
  config.admin.allow_remote = true;
  EXPECT_THAT(findings(config), IsEmpty());
}

TEST(Validate, AdminAndClientsNeedPortsOfTheirOwn) {
  Config config;
  config.admin.address = "6380";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("admin.address | admin.address "
                                                      "127.0.0.1:6380 collides")));
  config.admin.address = ":6380";
  config.admin.allow_remote = true;
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("collides")));
  config.admin.address = "127.0.0.2:6380";
  EXPECT_THAT(findings(config), IsEmpty());
  config.admin.address = "";
  EXPECT_THAT(findings(config), IsEmpty());
}

TEST(Validate, TheUpstreamIsNotPillionItself) {
  for (const auto* url :
       {"redis://127.0.0.1:6380", "redis://localhost:6380/2", "redis://[::1]:6380"}) {
    Config config;
    config.upstream.url = url;
    EXPECT_THAT(findings(config), ElementsAre(HasSubstr("where Pillion itself listens"))) << url;
  }
  Config config;
  config.upstream.url = "redis://cache:6380";
  EXPECT_THAT(findings(config), IsEmpty());
  config.upstream.url = "unix:///run/p.sock";
  config.listen.unix_path = "/run/p.sock";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("where Pillion itself listens")));
}

// Forgetting the password must not mean to go on as the default user.
TEST(Validate, AUserNeedsAPassword) {
  Config config;
  config.upstream.url = "redis://app@h";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("without a password")));
  config.upstream.url = "redis://h";
  config.upstream.user = "app";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("without a password")));
  config.upstream.password = "x";
  EXPECT_THAT(findings(config), IsEmpty());
}

TEST(Validate, OneSourceSaysWhereTheUpstreamIs) {
  Config config;
  config.upstream.cluster_nodes = "n1";
  EXPECT_THAT(findings(config), IsEmpty());
  config.upstream.url = "redis://h";
  EXPECT_THAT(findings(config),
              ElementsAre(HasSubstr("cluster_nodes and upstream.url both say where")));
  config = {};
  config.upstream.cluster_nodes = "n1";
  config.upstream.replicas = "auto";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("upstream.replicas and "
                                                      "upstream.cluster_nodes say two different")));
  config = {};
  config.upstream.url = "redis://h?replicas=r1";
  config.upstream.replicas = "r1";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("keep one of them")));
  config.upstream.url = "redis+sentinel://s1/m";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("those of one primary")));
}

TEST(Validate, SentinelKeysBelongTogether) {
  Config config;
  config.upstream.sentinels = "s1";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("need upstream.sentinel_master")));
  config.upstream.sentinel_master = "m";
  EXPECT_THAT(findings(config), IsEmpty());
  config.upstream.sentinel_user = "u";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("a sentinel user without a password")));
  config.upstream.sentinel_password = "p";
  EXPECT_THAT(findings(config), IsEmpty());
  config.upstream.sentinels = "";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("without upstream.sentinels"),
                                            HasSubstr("credentials for sentinels")));
  config.upstream.sentinel_master = "";
  config.upstream.url = "redis+sentinel://s1/m";
  EXPECT_THAT(findings(config), IsEmpty());
}

TEST(Validate, AClusterHasOneDatabase) {
  Config config;
  config.upstream.url = "redis+cluster://n1";
  EXPECT_THAT(findings(config), IsEmpty());
  config.upstream.database = 1;
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("no databases but 0")));
}

TEST(Validate, NobodyInAListIsPillionOrThePrimary) {
  Config config;
  config.upstream.replicas = "r1, localhost:6380";
  EXPECT_THAT(findings(config),
              ElementsAre(HasSubstr("localhost:6380, which is where Pillion itself listens")));
  config.upstream.replicas = "r1, 127.0.0.1:6379";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("cannot be its own replica")));
  config = {};
  config.upstream.cluster_nodes = "n1, 127.0.0.1:6380";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("where Pillion itself listens")));
}

TEST(Validate, ReadsThatNobodyCouldAnswer) {
  Config config;
  config.reads.from = "replica";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("no replicas are named")));
  config.upstream.replicas = "auto";
  EXPECT_THAT(findings(config), IsEmpty());
  config.reads.zones = "r1=a";
  EXPECT_THAT(findings(config), ElementsAre(HasSubstr("reads.zones without reads.zone")));
  config.reads.zone = "a";
  EXPECT_THAT(findings(config), IsEmpty());
}

TEST(Validate, ASmallCacheNeedsNoSmallerEntriesSpelledOut) {
  Config config;
  config.cache.max_bytes = 1UL << 20;
  EXPECT_THAT(findings(config), IsEmpty());
}

TEST(Validate, RulesThatCannotDoWhatTheySay) {
  Config config;
  config.cache.rules = {{"a*", true, Millis{60'000}},
                        {"b*", true, Millis{61'000}},
                        {"c*", false, Millis{1'000}},
                        {"d*", false, std::nullopt}};
  EXPECT_THAT(findings(config),
              ElementsAre(HasSubstr("cache.rules[2] says cache: false and max_age")));
}

TEST(Validate, AllAtOnce) {
  Config config;
  config.listen.address = "";
  config.admin.address = ":1";
  config.upstream.user = "app";
  config.cache.rules = {{"a", false, Millis{5}}};
  EXPECT_EQ(findings(config).size(), 4U);
}

}  // namespace
}  // namespace pillion::config
