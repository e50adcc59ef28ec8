// Routing a command and choosing its replica allocates nothing, neither by new nor by malloc.
#include <gtest/gtest.h>

#include <string_view>
#include <vector>

#include "proxy/data/route/replica_selector.hpp"
#include "proxy/data/route/router.hpp"
#include "tests/support/allocation_counter.hpp"
#include "tests/unit/protocol/command/parsed.hpp"
#include "tests/unit/proxy/data/route/layout.hpp"

namespace pillion::route {
namespace {

using test::allocations;

TEST(Allocations, TheCounterCounts) {
  const std::size_t before = allocations();
  const command::Parsed parsed(command::words("GET a"));
  EXPECT_GT(allocations(), before);
}

TEST(Allocations, RoutingAllocatesNothing) {
  const RouteTable table = table_of(cluster_of({{0, 10, 11}, {1, 12, 13}}));
  ReplicaSelector selector(ReadBalance::kRoundRobin);
  selector.update(table);
  std::vector<std::string_view> keys;
  for (const std::string_view line : {"GET user:1", "SET user:1 x", "MSETNX a 1 b 2", "KEYS *",
                                      "JSON.GET a", "EVAL x 1 a", "PING"}) {
    const command::Parsed parsed(command::words(line));
    std::size_t before = 0;
    for (int round = 0; round < 100; ++round) {
      const Destination to = route(table, parsed.spec(), parsed.command(), Sender::kAlone, keys);
      if (to.replica_may_answer) {
        EXPECT_NE(selector.choose(to.shard, 7, [](EndpointId) { return true; }), kNoEndpoint);
      }
      if (round == 0) before = allocations();  // room for the keys and the candidates was made
    }
    EXPECT_EQ(allocations(), before) << line;
  }
}

}  // namespace
}  // namespace pillion::route
