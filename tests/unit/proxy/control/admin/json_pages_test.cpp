#include "proxy/control/admin/json_pages.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>

#include "tests/unit/proxy/control/fake_data_plane.hpp"

namespace pillion::control {
namespace {

namespace json = boost::json;

TEST(JsonPages, CacheStats) {
  test::FakeDataPlane data_plane;
  data_plane.cache = {true, 10, 2000, 4000, 7, 8, 3};
  data_plane.worker(0).cache_hits.add(6);
  data_plane.worker(1).cache_misses[static_cast<std::size_t>(state::MissReason::kAbsent)].add(2);
  data_plane.worker(1).cache_bypasses[static_cast<std::size_t>(state::BypassReason::kRule)].add(5);
  const json::object page = json::parse(cache_stats_json(data_plane)).as_object();
  EXPECT_TRUE(page.at("enabled").as_bool());
  EXPECT_EQ(page.at("entries").to_number<int>(), 10);
  EXPECT_EQ(page.at("bytes").to_number<int>(), 2000);
  EXPECT_EQ(page.at("max_bytes").to_number<int>(), 4000);
  EXPECT_EQ(page.at("evictions").to_number<int>(), 7);
  EXPECT_EQ(page.at("expirations").to_number<int>(), 8);
  EXPECT_EQ(page.at("flights").to_number<int>(), 3);
  EXPECT_EQ(page.at("hits").to_number<int>(), 6);
  EXPECT_EQ(page.at("misses").at("absent").to_number<int>(), 2);
  EXPECT_EQ(page.at("misses").at("generation").to_number<int>(), 0);
  EXPECT_EQ(page.at("bypasses").at("rule").to_number<int>(), 5);
  EXPECT_DOUBLE_EQ(page.at("hit_ratio").to_number<double>(), 0.75);
  const json::array& links = page.at("links").as_array();
  ASSERT_EQ(links.size(), 3U);
  EXPECT_EQ(links[0].at("endpoint").as_string(), "redis:6379");
  EXPECT_EQ(links[0].at("role").as_string(), "primary");
  EXPECT_EQ(links[1].at("endpoint").as_string(), "replica:6379");
  EXPECT_EQ(links[1].at("role").as_string(), "replica");
  EXPECT_EQ(links[0].at("state").as_string(), "live");
  EXPECT_DOUBLE_EQ(links[0].at("lease_age_seconds").to_number<double>(), 0.25);
  EXPECT_EQ(links[2].at("reason").as_string(), "refused");
  EXPECT_EQ(links[2].at("generation").to_number<int>(), 4);
}

TEST(JsonPages, NoLookupsNoRatio) {
  const test::FakeDataPlane data_plane;
  EXPECT_TRUE(json::parse(cache_stats_json(data_plane)).at("hit_ratio").is_null());
}

TEST(JsonPages, Topology) {
  state::TopologySnapshot snapshot;
  snapshot.primary = {"redis:6379", "", {"10.0.0.1", "10.0.0.2"}, 6379};
  snapshot.error = "Connection \"refused\"";
  const json::value page = json::parse(topology_json(snapshot, state::EndpointTraffic(), 0));
  EXPECT_EQ(page.at("primary").at("name").as_string(), "redis:6379");
  EXPECT_EQ(page.at("primary").at("addresses").as_array().size(), 2U);
  EXPECT_EQ(page.at("error").as_string(), "Connection \"refused\"");
  EXPECT_FALSE(page.at("up").as_bool());
}

TEST(JsonPages, TopologyOfACluster) {
  state::TopologySnapshot snapshot;
  snapshot.kind = state::TopologyKind::kCluster;
  state::Node primary;
  primary.endpoint = {"n1:7000", "", {"10.0.0.1"}, 7000, 3};
  primary.role = state::NodeRole::kPrimary;
  primary.cluster_id = "abc";
  primary.up = true;
  state::Node replica;
  replica.endpoint = {"n2:7001", "", {}, 7001, 4};
  replica.role = state::NodeRole::kReplica;
  replica.error = "it is 2000 ms behind";
  replica.lag = 2 * state::kSecond;
  replica.zone = "a";
  snapshot.nodes = {primary, replica};
  snapshot.shards = {{3, {4}}, {state::kNoEndpoint, {}}};
  auto slots = std::make_shared<state::SlotMap>();
  slots->fill(0);
  for (std::size_t slot = 100; slot < 200; ++slot) (*slots)[slot] = state::kNoShard;
  (*slots)[16383] = 1;
  snapshot.slots = slots;
  snapshot.confirmed_at = 5 * state::kSecond;
  snapshot.failovers = 2;
  state::EndpointTraffic traffic;
  traffic.of(4).requests = 11;
  const json::value page = json::parse(topology_json(snapshot, traffic, 7 * state::kSecond));
  EXPECT_EQ(page.at("kind").as_string(), "cluster");
  EXPECT_DOUBLE_EQ(page.at("age_seconds").to_number<double>(), 2);
  EXPECT_EQ(page.at("failovers").to_number<int>(), 2);
  const json::array& shards = page.at("shards").as_array();
  ASSERT_EQ(shards.size(), 2U);
  EXPECT_EQ(shards[0].at("primary").as_string(), "n1:7000");
  EXPECT_EQ(shards[0].at("replicas").as_array().at(0).as_string(), "n2:7001");
  EXPECT_EQ(json::serialize(shards[0].at("slots")), "[[0,99],[200,16382]]");
  EXPECT_TRUE(shards[1].at("primary").is_null());
  EXPECT_EQ(json::serialize(shards[1].at("slots")), "[[16383,16383]]");
  const json::value& node = page.at("nodes").as_array().at(1);
  EXPECT_EQ(node.at("role").as_string(), "replica");
  EXPECT_EQ(node.at("id").to_number<int>(), 4);
  EXPECT_EQ(node.at("error").as_string(), "it is 2000 ms behind");
  EXPECT_DOUBLE_EQ(node.at("lag_seconds").to_number<double>(), 2);
  EXPECT_EQ(node.at("zone").as_string(), "a");
  EXPECT_EQ(node.at("requests").to_number<int>(), 11);
}

TEST(JsonPages, ALayoutThatWasNeverConfirmedHasNoAge) {
  const state::TopologySnapshot snapshot;
  const json::value page = json::parse(topology_json(snapshot, state::EndpointTraffic(), 9));
  EXPECT_EQ(page.at("kind").as_string(), "standalone");
  EXPECT_TRUE(page.at("age_seconds").is_null());
}

TEST(JsonPages, TopologyOfAUnixSocket) {
  state::TopologySnapshot snapshot;
  snapshot.primary = {"/run/redis.sock", "/run/redis.sock", {}, 0};
  const json::value page = json::parse(topology_json(snapshot, state::EndpointTraffic(), 0));
  EXPECT_EQ(page.at("primary").at("unix_path").as_string(), "/run/redis.sock");
}

}  // namespace
}  // namespace pillion::control
