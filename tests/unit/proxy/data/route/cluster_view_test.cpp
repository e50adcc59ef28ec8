#include "proxy/data/route/cluster_view.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/protocol/command/parsed.hpp"

namespace pillion::route {
namespace {

const ClusterFace kFace{"127.0.0.1", 6380, "7c12d141d88e7a0b5c40cfa7bf6572cf3e14fd9a"};

/// "" when it is not answered here.
std::string view(std::string_view line, int protocol) {
  const command::Parsed parsed(command::words(line));
  std::string out;
  const bool answered = append_cluster_view(out, kFace, parsed.spec(), parsed.command(), protocol);
  EXPECT_EQ(in_cluster_view(parsed.spec()), answered) << line;
  EXPECT_EQ(answered, !out.empty()) << line;
  return out;
}

// As Redis 7.0.15 answered, with this face's host, port and epoch.
TEST(ClusterView, SlotsAndShards) {
  const std::string id = "$40\r\n7c12d141d88e7a0b5c40cfa7bf6572cf3e14fd9a\r\n";
  const std::string host = "$9\r\n127.0.0.1\r\n";
  const std::string slots = "*1\r\n*3\r\n:0\r\n:16383\r\n*4\r\n" + host + ":6380\r\n" + id;
  EXPECT_EQ(view("CLUSTER SLOTS", 2), slots + "*0\r\n");
  EXPECT_EQ(view("cluster slots", 3), slots + "%0\r\n");

  const std::string ranges = "$5\r\nslots\r\n*2\r\n:0\r\n:16383\r\n$5\r\nnodes\r\n*1\r\n";
  const std::string node = "$2\r\nid\r\n" + id + "$4\r\nport\r\n:6380\r\n$2\r\nip\r\n" + host +
                           "$8\r\nendpoint\r\n" + host +
                           "$4\r\nrole\r\n$6\r\nmaster\r\n$18\r\nreplication-offset\r\n:0\r\n"
                           "$6\r\nhealth\r\n$6\r\nonline\r\n";
  EXPECT_EQ(view("CLUSTER SHARDS", 2), "*1\r\n*4\r\n" + ranges + "*14\r\n" + node);
  EXPECT_EQ(view("CLUSTER SHARDS", 3), "*1\r\n%2\r\n" + ranges + "%7\r\n" + node);
}

TEST(ClusterView, Texts) {
  const std::string line =
      "7c12d141d88e7a0b5c40cfa7bf6572cf3e14fd9a 127.0.0.1:6380@16380 myself,master - 0 0 1 "
      "connected 0-16383\n";
  EXPECT_EQ(view("CLUSTER NODES", 2), "$" + std::to_string(line.size()) + "\r\n" + line + "\r\n");
  EXPECT_EQ(view("CLUSTER NODES", 3),
            "=" + std::to_string(line.size() + 4) + "\r\ntxt:" + line + "\r\n");
  EXPECT_TRUE(view("CLUSTER INFO", 2).starts_with("$312\r\ncluster_state:ok\r\n"));
  EXPECT_TRUE(view("CLUSTER INFO", 3).starts_with("=316\r\ntxt:cluster_state:ok\r\n"));
}

TEST(ClusterView, SmallAnswers) {
  for (const int protocol : {2, 3}) {
    EXPECT_EQ(view("CLUSTER MYID", protocol), "$40\r\n" + kFace.id + "\r\n");
    EXPECT_EQ(view("CLUSTER KEYSLOT a", protocol), ":15495\r\n");
    EXPECT_EQ(view("CLUSTER KEYSLOT x{a}", protocol), ":15495\r\n");
    EXPECT_EQ(view("CLUSTER LINKS", protocol), "*0\r\n");
    EXPECT_EQ(view("CLUSTER REPLICAS " + kFace.id, protocol), "*0\r\n");
    EXPECT_EQ(view("CLUSTER SLAVES a", protocol), "-ERR Unknown node a\r\n");
    EXPECT_EQ(view("READONLY", protocol), "+OK\r\n");
    EXPECT_EQ(view("READWRITE", protocol), "+OK\r\n");
    EXPECT_EQ(view("ASKING", protocol), "+OK\r\n");
  }
}

TEST(ClusterView, WrongNumbersOfArguments) {
  EXPECT_EQ(view("CLUSTER KEYSLOT", 2),
            "-ERR wrong number of arguments for 'cluster|keyslot' command\r\n");
  EXPECT_EQ(view("CLUSTER SLOTS x", 2),
            "-ERR wrong number of arguments for 'cluster|slots' command\r\n");
  EXPECT_EQ(view("READONLY x", 2), "-ERR wrong number of arguments for 'readonly' command\r\n");
}

TEST(ClusterView, WhatChangesOrCountsIsTheUpstreams) {
  for (const std::string_view line :
       {"CLUSTER MEET a 1", "CLUSTER COUNTKEYSINSLOT 1", "CLUSTER GETKEYSINSLOT 1 1",
        "CLUSTER FAILOVER", "CLUSTER NOSUCH", "CLUSTER", "GET a", "INFO"}) {
    EXPECT_EQ(view(line, 2), "") << line;
  }
}

TEST(ClusterView, InfoIsThatOfANodeOfACluster) {
  std::string all =
      "# Server\r\nredis_mode:sentinel\r\nos:x\r\n\r\n# Cluster\r\ncluster_enabled:0\r\n";
  show_cluster_in_info(all);
  EXPECT_EQ(all,
            "# Server\r\nredis_mode:cluster\r\nos:x\r\n\r\n# Cluster\r\ncluster_enabled:1\r\n");
  const std::string shown = all;
  show_cluster_in_info(all);
  EXPECT_EQ(all, shown);
  for (const std::string_view other : {"", "# Memory\r\nused_memory:1\r\n"}) {
    std::string text(other);
    show_cluster_in_info(text);
    EXPECT_EQ(text, other);
  }
  std::string cut = "# Cluster\r\ncluster_enabled:0";
  show_cluster_in_info(cut);
  EXPECT_EQ(cut, "# Cluster\r\ncluster_enabled:1");
}

TEST(ClusterView, AnIdIsTheSameForTheSameName) {
  const std::string id = cluster_node_id("localhost:6380");
  EXPECT_EQ(id.size(), 40U);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
  EXPECT_EQ(cluster_node_id("localhost:6380"), id);
  EXPECT_NE(cluster_node_id("localhost:6381"), id);
}

}  // namespace
}  // namespace pillion::route
