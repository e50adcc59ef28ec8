#include "proxy/control/topology/parse_cluster.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/control/topology/reply_text.hpp"

namespace pillion::control {
namespace {

using Shards = std::vector<ClusterShard>;

std::optional<Shards> shards(const std::string& bytes) {
  const HiredisReply reply = read_reply(bytes);
  return parse_cluster_shards(reply.view(), "asked");
}
std::optional<Shards> slots(const std::string& bytes) {
  const HiredisReply reply = read_reply(bytes);
  return parse_cluster_slots(reply.view(), "asked");
}

/// As Redis 7.0.15 writes it.
std::string node(const std::string& id, int port, const std::string& ip,
                 const std::string& endpoint, const std::string& role, const std::string& health) {
  return array({bulk("id"), bulk(id), bulk("port"), number(port), bulk("ip"), bulk(ip),
                bulk("endpoint"), endpoint, bulk("role"), bulk(role), bulk("replication-offset"),
                number(14), bulk("health"), bulk(health)});
}

std::string shard(const std::vector<std::string>& ranges, const std::vector<std::string>& nodes) {
  return array({bulk("slots"), array(ranges), bulk("nodes"), array(nodes)});
}

TEST(ParseCluster, Shards) {
  const auto parsed =
      shards(array({shard({number(0), number(99), number(200), number(16383)},
                          {node("p", 7000, "10.0.0.1", bulk("10.0.0.1"), "master", "online"),
                           node("r", 7001, "10.0.0.2", bulk("10.0.0.2"), "replica", "loading")}),
                    shard({}, {node("f", 7002, "10.0.0.3", bulk("10.0.0.3"), "master", "fail")})}));
  EXPECT_EQ(parsed,
            (Shards{{{{0, 99}, {200, 16383}},
                     {{"p", "10.0.0.1", 7000, true, false}, {"r", "10.0.0.2", 7001, false, false}}},
                    {{}, {{"f", "10.0.0.3", 7002, true, true}}}}));
}

TEST(ParseCluster, TheEndpointWinsOverTheAddressAndNothingMeansTheOneAsked) {
  const auto host = [](const std::string& ip, const std::string& endpoint) {
    const auto parsed =
        shards(array({shard({}, {node("p", 1, ip, endpoint, "master", "online")})}));
    return parsed->at(0).nodes.at(0).host;
  };
  EXPECT_EQ(host("10.0.0.1", bulk("redis-0.data")), "redis-0.data");
  EXPECT_EQ(host("", bulk("")), "asked") << "a node that has met nobody";
  EXPECT_EQ(host("10.0.0.1", "$-1\r\n"), "asked") << "unknown-endpoint";
  EXPECT_EQ(host("10.0.0.1", bulk("?")), "10.0.0.1") << "no name was set";
  EXPECT_EQ(host("", bulk("?")), "asked");
}

TEST(ParseCluster, WhatCannotBeAskedIsLeftOut) {
  const auto parsed =
      shards(array({shard({number(5), number(4), number(0), number(16384), number(-1), number(3)},
                          {node("", 1, "h", bulk("h"), "master", "online"),
                           node("z", 0, "h", bulk("h"), "master", "online"), bulk("odd"),
                           node("p", 1, "h", bulk("h"), "master", "online")}),
                    shard({number(1), number(2)}, {}), bulk("odd"), array({bulk("slots")})}));
  EXPECT_EQ(parsed, (Shards{{{}, {{"p", "h", 1, true, false}}}}));
  EXPECT_EQ(shards("+OK\r\n"), std::nullopt);
  EXPECT_EQ(shards("-ERR no\r\n"), std::nullopt);
}

std::string slots_node(const std::string& endpoint, int port, const std::string& id,
                       const std::string& metadata = "*0\r\n") {
  return array({endpoint, number(port), bulk(id), metadata});
}

TEST(ParseCluster, SlotsGatherAShardsRanges) {
  const std::string first = slots_node(bulk("10.0.0.1"), 7000, "p");
  const std::string replica = slots_node(bulk("10.0.0.2"), 7001, "r");
  const std::string second = array({bulk("10.0.0.3"), number(7002), bulk("q")});  // Redis 6
  const auto parsed = slots(
      array({array({number(0), number(9), first, replica}), array({number(10), number(19), second}),
             array({number(20), number(29), first, replica})}));
  EXPECT_EQ(parsed,
            (Shards{{{{0, 9}, {20, 29}},
                     {{"p", "10.0.0.1", 7000, true, false}, {"r", "10.0.0.2", 7001, false, false}}},
                    {{{10, 19}}, {{"q", "10.0.0.3", 7002, true, false}}}}));
}

TEST(ParseCluster, SlotsWithoutAnEndpoint) {
  const auto host = [](const std::string& endpoint, const std::string& metadata) {
    const auto parsed =
        slots(array({array({number(0), number(1), slots_node(endpoint, 1, "p", metadata)})}));
    return parsed->at(0).nodes.at(0).host;
  };
  EXPECT_EQ(host("$-1\r\n", array({bulk("ip"), bulk("10.0.0.1")})), "asked");
  EXPECT_EQ(host(bulk("?"), array({bulk("ip"), bulk("10.0.0.1")})), "10.0.0.1");
  EXPECT_EQ(host(bulk(""), "*0\r\n"), "asked");
}

TEST(ParseCluster, SlotsThatSayNothing) {
  EXPECT_EQ(slots("*0\r\n"), Shards{});
  EXPECT_EQ(slots("+OK\r\n"), std::nullopt);
  EXPECT_EQ(slots(array({array({number(0)}), array({number(0), number(1)}), bulk("odd"),
                         array({number(0), number(1), bulk("odd")})})),
            Shards{});
}

TEST(ParseCluster, Info) {
  ClusterView view;
  parse_cluster_info(
      "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_current_epoch:12\r\n"
      "cluster_my_epoch:3\r\n",
      view);
  EXPECT_TRUE(view.ok);
  EXPECT_EQ(view.epoch, 12U);
  parse_cluster_info("cluster_state:fail\ncluster_current_epoch:x", view);
  EXPECT_FALSE(view.ok);
  EXPECT_EQ(view.epoch, 12U);
}

}  // namespace
}  // namespace pillion::control
