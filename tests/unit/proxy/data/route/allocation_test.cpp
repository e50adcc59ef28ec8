// Routing a command and choosing its replica allocates nothing: neither by new nor by malloc (the
// linker wraps the latter for our code).
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string_view>
#include <vector>

#include "proxy/data/route/replica_selector.hpp"
#include "proxy/data/route/router.hpp"
#include "tests/unit/protocol/command/parsed.hpp"
#include "tests/unit/proxy/data/route/layout.hpp"

namespace {
std::size_t allocations = 0;
}

extern "C" {
void* __real_malloc(std::size_t size);
void* __real_calloc(std::size_t count, std::size_t size);
void* __real_realloc(void* memory, std::size_t size);

void* __wrap_malloc(std::size_t size) {
  ++allocations;
  return __real_malloc(size);
}
void* __wrap_calloc(std::size_t count, std::size_t size) {
  ++allocations;
  return __real_calloc(count, size);
}
void* __wrap_realloc(void* memory, std::size_t size) {
  ++allocations;
  return __real_realloc(memory, size);
}
}

void* operator new(std::size_t size) {
  ++allocations;
  void* memory = __real_malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept {
  std::free(memory);
}

namespace pillion::route {
namespace {

TEST(Allocations, TheCounterCounts) {
  const std::size_t before = allocations;
  const command::Parsed parsed(command::words("GET a"));
  EXPECT_GT(allocations, before);
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
      if (round == 0) before = allocations;  // room for the keys and the candidates was made
    }
    EXPECT_EQ(allocations, before) << line;
  }
}

}  // namespace
}  // namespace pillion::route
