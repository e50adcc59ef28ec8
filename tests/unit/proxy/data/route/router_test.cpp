#include "proxy/data/route/router.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/cluster/slot.hpp"
#include "tests/unit/protocol/command/parsed.hpp"
#include "tests/unit/proxy/data/route/layout.hpp"

namespace pillion::route {
namespace {

using command::Parsed;
using command::words;

Destination route_line(const RouteTable& table, std::string_view line,
                       Sender sender = Sender::kAlone) {
  const Parsed parsed(words(line));
  EXPECT_TRUE(parsed.ok()) << line;
  std::vector<std::string_view> keys;
  return route(table, parsed.spec(), parsed.command(), sender, keys);
}

const RouteTable& three_shards() {
  static const RouteTable kTable = table_of(cluster_of({{0, 10}, {1, 11}, {2, 12}}));
  return kTable;
}

TEST(Router, OutsideAClusterEverythingGoesToTheOneShard) {
  const RouteTable table = table_of(replicated({4, 5, 6}));
  for (const std::string_view line :
       {"GET a", "MGET a b", "MSET a 1 b 2", "KEYS *", "SCAN 0", "SELECT 3", "FLUSHALL", "NOSUCH x",
        "EVAL x 2 a b", "CLUSTER SLOTS", "RENAME a b", "PING"}) {
    const Destination to = route_line(table, line);
    EXPECT_EQ(to.kind, DestinationKind::kShard) << line;
    EXPECT_EQ(to.shard, 0) << line;
    EXPECT_EQ(to.endpoint, 4) << line;
  }
}

TEST(Router, AReplicaMayAnswerReadsOfKnownKeys) {
  for (const RouteTable& table :
       {table_of(replicated({4, 5})), table_of(cluster_of({{0, 10}, {1, 11}}))}) {
    for (const std::string_view line :
         {"GET a", "HGETALL a", "EXISTS a", "MGET {a}1 {a}2", "TTL a", "ZRANGEBYSCORE a 0 1",
          "SRANDMEMBER a", "LCS {a}1 {a}2", "XRANGE a - +", "SORT_RO a", "DUMP a", "ZUNION 1 a",
          "XINFO STREAM a"}) {
      EXPECT_TRUE(route_line(table, line).replica_may_answer) << line;
      EXPECT_FALSE(route_line(table, line, Sender::kPinned).replica_may_answer) << line;
    }
    for (const std::string_view line : {"SET a 1",          "GETEX a",
                                        "GETDEL a",         "PFCOUNT a",
                                        "EVAL_RO x 1 a",    "FCALL_RO x 1 a",
                                        "EVALSHA_RO x 1 a", "XREAD STREAMS a 0",
                                        "HSCAN a 0",        "SSCAN a 0",
                                        "ZSCAN a 0",        "TOUCH a",
                                        "OBJECT FREQ a",    "OBJECT ENCODING a",
                                        "MEMORY USAGE a",   "SORT_RO a BY w_*",
                                        "SORT a",           "GET",
                                        "GET a b",          "DBSIZE",
                                        "RANDOMKEY",        "KEYS *",
                                        "SCAN 0",           "WATCH a",
                                        "SUBSCRIBE a",      "NOSUCH a",
                                        "LOLWUT",           "INFO"}) {
      EXPECT_FALSE(route_line(table, line).replica_may_answer) << line;
    }
  }
}

TEST(Router, KeysOfOneSlotGoToItsOwner) {
  for (const std::string_view line :
       {"GET {k}", "SET {k} 1", "MGET {k}1 {k}2", "MSET {k}1 1 {k}2 2", "DEL {k} {k}1",
        "MSETNX {k}1 1 {k}2 2", "RENAME {k} {k}2", "EVAL x 2 {k}1 {k}2", "FCALL f 1 {k}",
        "ZUNIONSTORE {k} 2 {k}1 {k}2", "BLPOP {k}1 {k}2 0", "XREADGROUP GROUP g c STREAMS {k} >",
        "WATCH {k}1 {k}2", "SPUBLISH {k} m", "SSUBSCRIBE {k}1 {k}2", "OBJECT FREQ {k}",
        "SORT {k} STORE {k}2", "HSCAN {k} 0"}) {
    for (const Sender sender : {Sender::kAlone, Sender::kPinned}) {
      const Destination to = route_line(three_shards(), line, sender);
      EXPECT_EQ(to.kind, DestinationKind::kShard) << line;
      EXPECT_EQ(to.slot, cluster::slot_of("k")) << line;
      EXPECT_EQ(to.shard, three_shards().shard_of(to.slot)) << line;
      EXPECT_EQ(to.endpoint, three_shards().primary_of(to.shard)) << line;
    }
  }
}

TEST(Router, KeysOfSeveralSlotsAreRefusedAsRedisDoes) {
  for (const std::string_view line :
       {"MSETNX a 1 b 2", "RENAME a b", "EVAL x 2 a b", "ZUNION 2 a b", "BLPOP a b 0", "WATCH a b",
        "SSUBSCRIBE a b", "PFCOUNT a b", "SORT a STORE b", "SUNIONSTORE a b c", "LCS a b"}) {
    const Destination to = route_line(three_shards(), line);
    EXPECT_EQ(to.kind, DestinationKind::kRefused) << line;
    EXPECT_EQ(to.error, "CROSSSLOT Keys in request don't hash to the same slot") << line;
  }
}

TEST(Router, SomeCommandsAreSplit) {
  for (const std::string_view line :
       {"MGET a b", "MSET a 1 b 2", "DEL a b", "UNLINK a b", "EXISTS a b", "TOUCH a b"}) {
    EXPECT_EQ(route_line(three_shards(), line).kind, DestinationKind::kFanOut) << line;
    EXPECT_EQ(route_line(three_shards(), line, Sender::kPinned).error, kCrossSlot) << line;
  }
}

TEST(Router, SomeCommandsGoToEveryPrimary) {
  for (const std::string_view line : {"KEYS *",
                                      "DBSIZE",
                                      "FLUSHALL",
                                      "FLUSHDB ASYNC",
                                      "SCRIPT LOAD x",
                                      "SCRIPT FLUSH",
                                      "SCRIPT EXISTS a",
                                      "SCRIPT KILL",
                                      "FUNCTION LOAD x",
                                      "FUNCTION DELETE x",
                                      "FUNCTION FLUSH",
                                      "FUNCTION RESTORE x",
                                      "FUNCTION KILL",
                                      "CONFIG SET a b",
                                      "CONFIG RESETSTAT",
                                      "CONFIG REWRITE",
                                      "PUBSUB CHANNELS",
                                      "PUBSUB NUMSUB a",
                                      "PUBSUB NUMPAT",
                                      "PUBSUB SHARDCHANNELS",
                                      "PUBSUB SHARDNUMSUB a",
                                      "RANDOMKEY",
                                      "WAIT 1 0"}) {
    EXPECT_EQ(route_line(three_shards(), line).kind, DestinationKind::kFanOut) << line;
    EXPECT_EQ(route_line(three_shards(), line, Sender::kPinned).kind, DestinationKind::kAnyNode)
        << line;
  }
  EXPECT_EQ(route_line(three_shards(), "SCAN 0 MATCH x").kind, DestinationKind::kScan);
  EXPECT_EQ(route_line(three_shards(), "SCAN 0", Sender::kPinned).kind, DestinationKind::kAnyNode);
}

TEST(Router, WhatNamesNoKeyGoesToAnyPrimary) {
  for (const std::string_view line :
       {"PING", "INFO", "TIME", "PUBLISH a b", "SUBSCRIBE a", "CONFIG GET x", "FUNCTION LIST",
        "FUNCTION DUMP", "FUNCTION STATS", "CLUSTER SLOTS", "EVAL x 0", "MULTI", "NOSUCH",
        "COMMAND COUNT", "SELECT 0", "SELECT x", "SWAPDB 0 1"}) {
    const Destination to = route_line(three_shards(), line);
    EXPECT_EQ(to.kind, DestinationKind::kAnyNode) << line;
    EXPECT_EQ(to.endpoint, 0) << line;
  }
}

TEST(Router, WrongNumbersOfArgumentsAreOneNodesError) {
  for (const std::string_view line : {"KEYS", "DBSIZE x", "SCAN", "GET", "MGET", "WAIT 1"}) {
    EXPECT_EQ(route_line(three_shards(), line).kind, DestinationKind::kAnyNode) << line;
  }
  const Destination to = route_line(three_shards(), "MSET a 1 b");
  EXPECT_EQ(to.kind, DestinationKind::kRefused);
  EXPECT_EQ(to.error, "ERR wrong number of arguments for 'mset' command");
}

TEST(Router, UnknownCommandsGuessTheirFirstArgument) {
  const Destination to = route_line(three_shards(), "JSON.GET k $");
  EXPECT_EQ(to.kind, DestinationKind::kShard);
  EXPECT_EQ(to.slot, cluster::slot_of("k"));
}

TEST(Router, SlotNumbersAreAskedOfTheirOwner) {
  EXPECT_EQ(route_line(three_shards(), "CLUSTER COUNTKEYSINSLOT 16383").endpoint, 2);
  EXPECT_EQ(route_line(three_shards(), "CLUSTER GETKEYSINSLOT 0 10").endpoint, 0);
  for (const std::string_view line : {"CLUSTER COUNTKEYSINSLOT 16384", "CLUSTER COUNTKEYSINSLOT -1",
                                      "CLUSTER COUNTKEYSINSLOT x"}) {
    EXPECT_EQ(route_line(three_shards(), line).kind, DestinationKind::kAnyNode) << line;
  }
}

TEST(Router, AClusterHasOneDatabase) {
  for (const std::string_view line : {"SELECT 1", "SELECT 15", "SELECT -1"}) {
    const Destination to = route_line(three_shards(), line);
    EXPECT_EQ(to.kind, DestinationKind::kRefused) << line;
    EXPECT_EQ(to.error, "ERR SELECT is not allowed in cluster mode") << line;
  }
}

TEST(Router, ASlotWithoutOwnerIsUnserved) {
  state::TopologySnapshot snapshot = cluster_of({{0}});
  auto slots = std::make_shared<state::SlotMap>(*snapshot.slots);
  (*slots)[cluster::slot_of("a")] = kNoShard;
  snapshot.slots = slots;
  const RouteTable table = table_of(snapshot);
  const Destination to = route_line(table, "SET a 1");
  EXPECT_EQ(to.kind, DestinationKind::kUnserved);
  EXPECT_EQ(to.slot, cluster::slot_of("a"));
  EXPECT_EQ(to.error, "CLUSTERDOWN Hash slot not served");
  EXPECT_FALSE(route_line(table, "GET a").replica_may_answer);
  EXPECT_EQ(route_line(table, "SET b 1").kind, DestinationKind::kShard);

  state::TopologySnapshot unseen;
  unseen.kind = state::TopologyKind::kCluster;
  EXPECT_EQ(route_line(table_of(unseen), "GET a").kind, DestinationKind::kUnserved);
  EXPECT_EQ(route_line(table_of(unseen), "PING").kind, DestinationKind::kAnyNode);
}

}  // namespace
}  // namespace pillion::route
