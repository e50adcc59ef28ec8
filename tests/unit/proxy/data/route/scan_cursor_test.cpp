#include "proxy/data/route/scan_cursor.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "protocol/resp/writer.hpp"
#include "tests/unit/protocol/command/parsed.hpp"
#include "tests/unit/proxy/data/route/layout.hpp"
#include "tests/unit/proxy/data/text.hpp"

namespace pillion::route {
namespace {

std::string scan_reply(std::string_view cursor, const std::vector<std::string>& keys) {
  std::string out = "*2\r\n" + data::bulk(cursor);
  resp::append_array_header(out, keys.size());
  for (const std::string& key : keys) resp::append_bulk(out, key);
  return out;
}

/// The cursor in a reply to the client.
std::string cursor_of(const std::string& reply) {
  const std::size_t begin = reply.find("\r\n", 4) + 2;
  return reply.substr(begin, reply.find("\r\n", begin) - begin);
}

using Steps = std::map<EndpointId, std::uint64_t>;

/// Nodes whose SCAN has so many steps each; the node's cursors are 1000, 2000 ...
class Nodes {
 public:
  explicit Nodes(Steps steps) : steps_(std::move(steps)) {}

  /// Scans from the begin to the end; "n:step" for every step. `before_call(n)` may change the
  /// table.
  std::vector<std::string> scan(RouteTable& table,
                                const std::function<void(std::size_t)>& before_call = {}) {
    std::vector<std::string> visited;
    std::string cursor = "0";
    for (std::size_t call = 0; call < 100; ++call) {
      if (before_call) before_call(call);
      const auto step = next_scan_step(table, cursor);
      if (!step) {
        ADD_FAILURE() << cursor;
        return visited;
      }
      if (step->endpoint == kNoEndpoint) return visited;
      const std::uint64_t at = step->node_cursor / 1000;
      visited.push_back(std::to_string(step->endpoint) + ":" + std::to_string(at));
      const std::uint64_t next = at + 1 < steps_.at(step->endpoint) ? (at + 1) * 1000 : 0;
      std::string reply;
      EXPECT_TRUE(
          append_scan_reply(reply, table, step->endpoint, scan_reply(std::to_string(next), {"k"})));
      cursor = cursor_of(reply);
      if (cursor == "0") return visited;
    }
    ADD_FAILURE() << "it never ends";
    return visited;
  }

 private:
  Steps steps_;
};

using Visits = std::vector<std::string>;

TEST(ScanCursor, VisitsOneNodeAfterTheOther) {
  RouteTable table = table_of(cluster_of({{2, 10}, {0, 11}, {5, 12}}));
  Nodes nodes({{0, 2}, {2, 1}, {5, 3}});
  EXPECT_EQ(nodes.scan(table), (Visits{"0:0", "0:1", "2:0", "5:0", "5:1", "5:2"}));
}

TEST(ScanCursor, OneNodeWithOneStepIsOneCall) {
  RouteTable table = table_of(cluster_of({{255}}));
  Nodes nodes(Steps{{255, 1}});
  EXPECT_EQ(nodes.scan(table), (Visits{"255:0"}));
}

TEST(ScanCursor, NodesWithoutSlotsAreLeftOut) {
  state::TopologySnapshot snapshot = cluster_of({{0}, {1}});
  snapshot.shards.push_back(state::Shard{2, {}});
  RouteTable table = table_of(snapshot);
  Nodes nodes({{0, 1}, {1, 1}});
  EXPECT_EQ(nodes.scan(table), (Visits{"0:0", "1:0"}));
}

TEST(ScanCursor, RewritesRequestAndReply) {
  const RouteTable table = table_of(cluster_of({{3}, {4}}));
  const command::Parsed parsed(command::words("scan 99999 MATCH a* COUNT 10"));
  std::string request;
  append_scan_request(request, parsed.command(), 18446744073709551615U);
  EXPECT_EQ(data::spoken(request), "scan 18446744073709551615 MATCH a* COUNT 10");

  std::string reply;
  ASSERT_TRUE(append_scan_reply(reply, table, 3, scan_reply("5", {"a", "bc"})));
  EXPECT_EQ(reply, scan_reply(std::to_string(5 * 512 + 4), {"a", "bc"}));
  const auto step = next_scan_step(table, cursor_of(reply));
  ASSERT_TRUE(step);
  EXPECT_EQ(step->endpoint, 3);
  EXPECT_EQ(step->node_cursor, 5U);

  reply.clear();
  ASSERT_TRUE(append_scan_reply(reply, table, 3, scan_reply("0", {})));
  EXPECT_EQ(reply, scan_reply("5", {})) << "the begin of node 4";
  reply.clear();
  ASSERT_TRUE(append_scan_reply(reply, table, 4, scan_reply("0", {})));
  EXPECT_EQ(reply, scan_reply("0", {}));
  reply.clear();
  append_scan_end(reply);
  EXPECT_EQ(reply, scan_reply("0", {}));
}

TEST(ScanCursor, OtherRepliesArePassedOn) {
  const RouteTable table = table_of(cluster_of({{3}}));
  for (const std::string frame : {"-ERR syntax error\r\n", "*0\r\n", "*-1\r\n",
                                  "*2\r\n:1\r\n*0\r\n", "*2\r\n$1\r\nx\r\n*0\r\n"}) {
    std::string out;
    EXPECT_TRUE(append_scan_reply(out, table, 3, frame));
    EXPECT_EQ(out, frame);
  }
}

TEST(ScanCursor, LargestCursorsOfNodes) {
  const RouteTable table = table_of(cluster_of({{255}}));
  const std::uint64_t largest = (std::uint64_t{1} << 55) - 1;
  std::string reply;
  ASSERT_TRUE(append_scan_reply(reply, table, 255, scan_reply(std::to_string(largest), {})));
  const auto step = next_scan_step(table, cursor_of(reply));
  ASSERT_TRUE(step);
  EXPECT_EQ(step->node_cursor, largest);
  EXPECT_EQ(step->endpoint, 255);
  std::string out = "x";
  EXPECT_FALSE(append_scan_reply(out, table, 255, scan_reply(std::to_string(largest + 1), {})));
  EXPECT_EQ(out, "x");
}

TEST(ScanCursor, NoCursors) {
  const RouteTable table = table_of(cluster_of({{0}}));
  for (const std::string_view cursor : {"", "x", "-1", "1x", "18446744073709551616", " 1", "+1"}) {
    EXPECT_FALSE(next_scan_step(table, cursor)) << cursor;
  }
  // Numbers that nobody was given end the scan.
  for (const std::string_view cursor : {"512", "1024", "257", "511"}) {
    const auto step = next_scan_step(table, cursor);
    ASSERT_TRUE(step) << cursor;
    EXPECT_EQ(step->endpoint, kNoEndpoint) << cursor;
  }
}

TEST(ScanCursor, AFailoverBeginsTheShardAgainAndSkipsNone) {
  // The new primary's id would stand before all, behind all, or between.
  for (const EndpointId promoted : {EndpointId{1}, EndpointId{25}, EndpointId{90}}) {
    RouteTable table = table_of(cluster_of({{10}, {20, promoted}, {30}}));
    Nodes nodes({{10, 2}, {20, 3}, {30, 1}, {promoted, 2}});
    const std::string name = std::to_string(promoted);
    // During the shard that fails over.
    EXPECT_EQ(nodes.scan(table,
                         [&](std::size_t call) {
                           if (call == 3) rebuild(table, cluster_of({{promoted, 20}, {10}, {30}}));
                         }),
              (Visits{"10:0", "10:1", "20:0", name + ":0", name + ":1", "30:0"}));
    // Before it, and back.
    table = table_of(cluster_of({{10}, {20, promoted}, {30}}));
    EXPECT_EQ(nodes.scan(table,
                         [&](std::size_t call) {
                           if (call == 1) rebuild(table, cluster_of({{promoted}, {10}, {30}}));
                           if (call == 3) rebuild(table, cluster_of({{20, promoted}, {10}, {30}}));
                         }),
              (Visits{"10:0", "10:1", name + ":0", "20:0", "20:1", "20:2", "30:0"}));
    // Behind it.
    table = table_of(cluster_of({{10}, {20, promoted}, {30}}));
    EXPECT_EQ(nodes.scan(table,
                         [&](std::size_t call) {
                           if (call == 5) rebuild(table, cluster_of({{promoted, 20}, {10}, {30}}));
                         }),
              (Visits{"10:0", "10:1", "20:0", "20:1", "20:2", "30:0"}));
  }
}

TEST(ScanCursor, GoesOnWhenItsShardIsGoneAndVisitsNewOnes) {
  RouteTable table = table_of(cluster_of({{10}, {20}, {30}}));
  Nodes nodes({{10, 2}, {20, 2}, {30, 1}, {40, 1}});
  EXPECT_EQ(nodes.scan(table,
                       [&](std::size_t call) {
                         if (call == 3) rebuild(table, cluster_of({{10}, {30}, {40}}));
                       }),
            (Visits{"10:0", "10:1", "20:0", "30:0", "40:0"}));
  table = table_of(cluster_of({{10}, {20}}));
  EXPECT_EQ(nodes.scan(table,
                       [&](std::size_t call) {
                         if (call == 3) rebuild(table, cluster_of({{10}}));
                       }),
            (Visits{"10:0", "10:1", "20:0"}))
      << "the last one is gone";
}

}  // namespace
}  // namespace pillion::route
