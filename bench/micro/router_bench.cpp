// What deciding where a command goes costs: the router and the choice of a replica.
#include "proxy/data/route/router.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/table.hpp"
#include "proxy/data/route/replica_selector.hpp"

namespace pillion::route {
namespace {

/// Six shards with two replicas each.
RouteTable six_shards() {
  auto snapshot = std::make_shared<state::TopologySnapshot>();
  snapshot->kind = state::TopologyKind::kCluster;
  auto slots = std::make_shared<state::SlotMap>();
  for (std::size_t slot = 0; slot < slots->size(); ++slot) {
    (*slots)[slot] = static_cast<std::uint16_t>(slot % 6);
  }
  snapshot->slots = slots;
  for (EndpointId id = 0; id < 18; ++id) {
    state::Node node;
    node.endpoint.id = id;
    node.in_rotation = true;
    snapshot->nodes.push_back(node);
    if (id % 3 == 0) {
      snapshot->shards.push_back(state::Shard{id, {}});
    } else {
      snapshot->shards.back().replicas.push_back(id);
    }
  }
  RouteTable table;
  table.rebuild(snapshot);
  return table;
}

void route_one(benchmark::State& state, std::string_view line) {
  const RouteTable table = six_shards();
  const std::string bytes(line);
  resp::RequestParser parser;
  if (parser.parse(bytes) != resp::RequestParser::Result::kCommand) {
    state.SkipWithError("not a command");
    return;
  }
  const command::Spec& spec = command::find(parser.command().name());
  std::vector<std::string_view> keys;
  for (auto _ : state) {
    benchmark::DoNotOptimize(route(table, spec, parser.command(), Sender::kAlone, keys));
  }
}
BENCHMARK_CAPTURE(route_one, get, "*2\r\n$3\r\nGET\r\n$16\r\nkey:000000000001\r\n");
BENCHMARK_CAPTURE(route_one, dbsize, "*1\r\n$6\r\nDBSIZE\r\n");

void choose(benchmark::State& state, ReadBalance balance) {
  ReplicaSelector selector(balance);
  selector.update(six_shards());
  cache::NameHash key = 1;
  for (auto _ : state) {
    key *= 0x9e3779b97f4a7c15;
    benchmark::DoNotOptimize(selector.choose(1, key, [](EndpointId) { return true; }));
  }
}
BENCHMARK_CAPTURE(choose, round_robin, ReadBalance::kRoundRobin);
BENCHMARK_CAPTURE(choose, key_affinity, ReadBalance::kKeyAffinity);
BENCHMARK_CAPTURE(choose, least_latency, ReadBalance::kLeastLatency);

}  // namespace
}  // namespace pillion::route
