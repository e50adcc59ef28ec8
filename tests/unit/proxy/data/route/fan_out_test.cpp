#include "proxy/data/route/fan_out.hpp"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <string>

#include "protocol/cluster/slot.hpp"
#include "proxy/data/route/router.hpp"
#include "tests/unit/protocol/command/parsed.hpp"
#include "tests/unit/proxy/data/route/layout.hpp"
#include "tests/unit/proxy/data/text.hpp"

namespace pillion::route {
namespace {

using command::Parsed;
using command::words;
using data::bulk;
using data::spoken;

// Slots: b 3300, c 7365, a 15495; so of two shards the first has b and c, of three each has one.
const RouteTable& three_shards() {
  static const RouteTable kTable = table_of(cluster_of({{0, 10}, {1, 11}, {2, 12}}));
  return kTable;
}

FanOutPlan plan(std::string_view line, const RouteTable& table = three_shards()) {
  const Parsed parsed(words(line));
  std::vector<std::string_view> keys;
  const Destination to = route(table, parsed.spec(), parsed.command(), Sender::kAlone, keys);
  EXPECT_EQ(to.kind, DestinationKind::kFanOut) << line;
  return FanOutPlan(table, parsed.spec(), parsed.command(), keys);
}

/// The merged reply to a command whose parts are answered last to first.
std::string merged(std::string_view line, const std::vector<std::string>& replies,
                   std::uint64_t random = 0) {
  FanOut fan_out(plan(line));
  EXPECT_EQ(fan_out.plan().parts().size(), replies.size()) << line;
  for (std::size_t i = replies.size(); i > 0; --i) {
    EXPECT_FALSE(fan_out.done());
    fan_out.on_reply(i - 1, replies[i - 1]);
  }
  EXPECT_TRUE(fan_out.done());
  std::string out = "before";
  fan_out.append_reply(out, random);
  EXPECT_TRUE(out.starts_with("before"));
  return out.substr(6);
}

TEST(FanOutPlan, SplitsBySlotInTheClientsWords) {
  const FanOutPlan mget = plan("mget a b {b}2 c a");
  ASSERT_EQ(mget.parts().size(), 3U);
  EXPECT_EQ(spoken(mget.request(0)), "mget b {b}2");
  EXPECT_EQ(spoken(mget.request(1)), "mget c");
  EXPECT_EQ(spoken(mget.request(2)), "mget a a");
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(mget.parts()[i].shard, i);
    EXPECT_EQ(mget.parts()[i].endpoint, i);
    EXPECT_EQ(three_shards().shard_of(mget.parts()[i].slot), i);
  }
  EXPECT_EQ(mget.parts()[0].keys, 2U);
  EXPECT_EQ(mget.part_of_key(), (std::vector<std::uint32_t>{2, 0, 0, 1, 2}));

  const FanOutPlan mset = plan("MSET a 1 b 2 {b}2 '' a 3");
  ASSERT_EQ(mset.parts().size(), 2U);
  EXPECT_EQ(mset.request(0), "*5\r\n$4\r\nMSET\r\n$1\r\nb\r\n$1\r\n2\r\n$4\r\n{b}2\r\n$0\r\n\r\n");
  EXPECT_EQ(spoken(mset.request(1)), "MSET a 1 a 3") << "the later value counts";
}

TEST(FanOutPlan, TwoSlotsOfOneNodeAreTwoParts) {
  const RouteTable table = table_of(cluster_of({{7}}));
  const FanOutPlan del = plan("DEL a b", table);
  ASSERT_EQ(del.parts().size(), 2U);
  EXPECT_EQ(del.parts()[0].endpoint, 7);
  EXPECT_EQ(del.parts()[1].endpoint, 7);
}

TEST(FanOutPlan, EveryKeyOfManyIsInThePartOfItsSlotOnce) {
  std::string line = "EXISTS";
  for (int i = 0; i < 3000; ++i) line += " key:" + std::to_string(i % 2000);
  const FanOutPlan exists = plan(line);
  std::multiset<std::string> seen;
  for (std::size_t i = 0; i < exists.parts().size(); ++i) {
    const Parsed part(words(spoken(exists.request(i))));
    for (std::size_t key = 1; key < part.command().argc(); ++key) {
      EXPECT_EQ(cluster::slot_of(part.command().arg(key)), exists.parts()[i].slot);
      seen.emplace(part.command().arg(key));
    }
    EXPECT_EQ(part.command().argc(), exists.parts()[i].keys + 1U);
  }
  EXPECT_EQ(seen.size(), 3000U);
  EXPECT_EQ(seen.count("key:0"), 2U);
}

TEST(FanOutPlan, ASlotWithoutOwnerIsAPartToNobody) {
  state::TopologySnapshot snapshot = cluster_of({{0}});
  auto slots = std::make_shared<state::SlotMap>(*snapshot.slots);
  (*slots)[cluster::slot_of("a")] = kNoShard;
  snapshot.slots = slots;
  const FanOutPlan mget = plan("MGET a b", table_of(snapshot));
  ASSERT_EQ(mget.parts().size(), 2U);
  EXPECT_EQ(mget.parts()[0].endpoint, 0);
  EXPECT_EQ(mget.parts()[1].endpoint, kNoEndpoint);
  EXPECT_EQ(mget.parts()[1].shard, kNoShard);
}

TEST(FanOutPlan, GoesAsItIsToEveryPrimaryWithSlots) {
  state::TopologySnapshot snapshot = cluster_of({{0}, {1}});
  snapshot.shards.push_back(state::Shard{2, {}});
  const FanOutPlan keys = plan("KEYS a*", table_of(snapshot));
  ASSERT_EQ(keys.parts().size(), 2U);
  EXPECT_EQ(keys.parts()[1].endpoint, 1);
  EXPECT_EQ(keys.parts()[1].slot, kNoSlot);
  EXPECT_EQ(spoken(keys.request(0)), "KEYS a*");
  EXPECT_EQ(spoken(keys.request(1)), "KEYS a*");
}

TEST(FanOut, ValuesComeInTheOrderOfTheKeys) {
  EXPECT_EQ(merged("MGET a b {b}2 c a", {"*2\r\n$-1\r\n$2\r\nb2\r\n", "*1\r\n$1\r\nc\r\n",
                                         "*2\r\n$1\r\n1\r\n$1\r\n2\r\n"}),
            "*5\r\n$1\r\n1\r\n$-1\r\n$2\r\nb2\r\n$1\r\nc\r\n$1\r\n2\r\n");
  EXPECT_EQ(merged("MGET a b", {"*1\r\n_\r\n", "*1\r\n$0\r\n\r\n"}), "*2\r\n$0\r\n\r\n_\r\n")
      << "RESP3 stays RESP3";
}

TEST(FanOut, MergesOfEveryKind) {
  struct Case {
    std::string_view line;
    std::vector<std::string> replies;
    std::string_view merged;
  };
  const Case cases[] = {
      {"MSET a 1 b 2", {"+OK\r\n", "+OK\r\n"}, "+OK\r\n"},
      {"DEL a b c", {":1\r\n", ":0\r\n", ":1\r\n"}, ":2\r\n"},
      {"EXISTS a b c a", {":1\r\n", ":1\r\n", ":2\r\n"}, ":4\r\n"},
      {"KEYS *",
       {"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*0\r\n", "*1\r\n$1\r\nc\r\n"},
       "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"},
      {"DBSIZE", {":1\r\n", ":20\r\n", ":300\r\n"}, ":321\r\n"},
      {"FLUSHALL", {"+OK\r\n", "+OK\r\n", "+OK\r\n"}, "+OK\r\n"},
      {"SCRIPT LOAD x", {"$2\r\nab\r\n", "$2\r\nab\r\n", "$2\r\nab\r\n"}, "$2\r\nab\r\n"},
      {"SCRIPT EXISTS a b",
       {"*2\r\n:1\r\n:1\r\n", "*2\r\n:1\r\n:0\r\n", "*2\r\n:1\r\n:1\r\n"},
       "*2\r\n:1\r\n:0\r\n"},
      {"PUBSUB CHANNELS",
       {"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*1\r\n$1\r\nb\r\n", "*0\r\n"},
       "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
      {"PUBSUB NUMSUB a b",
       {"*4\r\n$1\r\na\r\n:1\r\n$1\r\nb\r\n:0\r\n", "*4\r\n$1\r\na\r\n:2\r\n$1\r\nb\r\n:0\r\n",
        "*4\r\n$1\r\na\r\n:0\r\n$1\r\nb\r\n:5\r\n"},
       "*4\r\n$1\r\na\r\n:3\r\n$1\r\nb\r\n:5\r\n"},
      {"PUBSUB NUMPAT", {":1\r\n", ":2\r\n", ":0\r\n"}, ":3\r\n"},
      {"WAIT 1 100", {":2\r\n", ":1\r\n", ":3\r\n"}, ":1\r\n"},
      {"RANDOMKEY", {"$-1\r\n", "$-1\r\n", "$-1\r\n"}, "$-1\r\n"},
      {"RANDOMKEY", {"_\r\n", "$1\r\na\r\n", "_\r\n"}, "$1\r\na\r\n"},
  };
  for (const Case& c : cases) EXPECT_EQ(merged(c.line, c.replies), c.merged) << c.line;
}

TEST(FanOut, AnyKeyOfTheClusterCanBeTheRandomOne) {
  std::set<std::string> seen;
  for (std::uint64_t random = 0; random < 10; ++random) {
    seen.insert(merged("RANDOMKEY", {"$1\r\na\r\n", "$1\r\nb\r\n", "$-1\r\n"}, random));
  }
  EXPECT_EQ(seen, (std::set<std::string>{"$1\r\na\r\n", "$1\r\nb\r\n"}));
}

TEST(FanOut, TheFirstErrorInThePlanIsTheAnswer) {
  EXPECT_EQ(merged("MGET a b c", {"*1\r\n$1\r\nb\r\n", "-LOADING x\r\n", "-CLUSTERDOWN y\r\n"}),
            "-LOADING x\r\n");
  EXPECT_EQ(merged("MSET a 1 b 2", {"+OK\r\n", "-OOM x\r\n"}), "-OOM x\r\n");
  EXPECT_EQ(merged("DEL a b", {"!5\r\nERR x\r\n", ":1\r\n"}), "!5\r\nERR x\r\n");
  EXPECT_EQ(merged("DBSIZE", {":1\r\n", ":1\r\n", "-NOPERM x\r\n"}), "-NOPERM x\r\n");
}

TEST(FanOut, OneScriptKilledIsEnough) {
  const std::string idle = "-NOTBUSY No scripts in execution right now.\r\n";
  EXPECT_EQ(merged("SCRIPT KILL", {idle, "+OK\r\n", idle}), "+OK\r\n");
  EXPECT_EQ(merged("SCRIPT KILL", {idle, idle, idle}), idle);
  EXPECT_EQ(merged("FUNCTION KILL", {idle, "-UNKILLABLE x\r\n", idle}), "-UNKILLABLE x\r\n");
}

TEST(FanOut, RepliesThatDoNotFitAreAnError) {
  const std::string error = "-ERR the replies of the cluster's nodes do not fit together\r\n";
  EXPECT_EQ(merged("MGET a b", {"*2\r\n$1\r\na\r\n$1\r\nb\r\n", "*1\r\n$1\r\na\r\n"}), error);
  EXPECT_EQ(merged("MGET a b", {"+OK\r\n", "*1\r\n$1\r\na\r\n"}), error);
  EXPECT_EQ(merged("MGET a b", {"*-1\r\n", "*1\r\n$1\r\na\r\n"}), error);
  EXPECT_EQ(merged("DBSIZE", {":1\r\n", "+OK\r\n", ":1\r\n"}), error);
  EXPECT_EQ(
      merged("SCRIPT EXISTS a b", {"*2\r\n:1\r\n:1\r\n", "*1\r\n:1\r\n", "*2\r\n:1\r\n:1\r\n"}),
      error);
  EXPECT_EQ(merged("KEYS *", {"*0\r\n", ":1\r\n", "*0\r\n"}), error);
}

TEST(FanOut, ASecondReplyOfAPartIsIgnored) {
  FanOut fan_out(plan("DEL a b"));
  fan_out.on_reply(0, ":1\r\n");
  fan_out.on_reply(0, ":5\r\n");
  EXPECT_FALSE(fan_out.done());
  EXPECT_EQ(fan_out.bytes(), 4U);
  fan_out.on_reply(1, ":1\r\n");
  std::string out;
  fan_out.append_reply(out, 0);
  EXPECT_EQ(out, ":2\r\n");
}

TEST(FanOut, NoPrimaryAtAllIsSaid) {
  state::TopologySnapshot unseen;
  unseen.kind = state::TopologyKind::kCluster;
  const FanOut fan_out(plan("KEYS *", table_of(unseen)));
  EXPECT_TRUE(fan_out.done());
  std::string out;
  fan_out.append_reply(out, 0);
  EXPECT_EQ(out, "-CLUSTERDOWN The cluster is down\r\n");
}

}  // namespace
}  // namespace pillion::route
