#include "proxy/control/admin/json_pages.hpp"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/src.hpp>  // Boost.JSON is compiled here, once
#include <string_view>
#include <vector>

#include "proxy/control/metrics/catalog.hpp"
#include "proxy/control/metrics/totals.hpp"
#include "proxy/state/reason_names.hpp"

namespace pillion::control {
namespace {

namespace json = boost::json;
using state::Counters;

template <class Reason, std::size_t N>
json::object by_reason(const std::array<std::uint64_t, N>& sums) {
  json::object result;
  for (std::size_t i = 0; i < N; ++i) result[name_of(static_cast<Reason>(i))] = sums[i];
  return result;
}

template <std::size_t N>
std::uint64_t sum(const std::array<std::uint64_t, N>& values) {
  std::uint64_t result = 0;
  for (const std::uint64_t value : values) result += value;
  return result;
}

json::array links_of(const std::vector<state::LinkStats>& links) {
  json::array result;
  for (const state::LinkStats& link : links) {
    result.push_back(json::object{{"worker", link.worker},
                                  {"endpoint", link.endpoint},
                                  {"role", link.role},
                                  {"state", link.state},
                                  {"reason", link.reason},
                                  {"lease_age_seconds", link.lease_age_seconds},
                                  {"generation", link.generation}});
  }
  return result;
}

double seconds(state::Nanos span) {
  return static_cast<double>(span) / state::kSecond;
}

json::object place_of(const state::Endpoint& endpoint) {
  json::object place;
  place["name"] = endpoint.name;
  if (!endpoint.unix_path.empty()) {
    place["unix_path"] = endpoint.unix_path;
    return place;
  }
  json::array addresses;
  for (const std::string& address : endpoint.addresses) addresses.emplace_back(address);
  place["addresses"] = addresses;
  place["port"] = endpoint.port;
  return place;
}

json::object describe(const state::Node& node, const state::EndpointTraffic::Counts& counts) {
  json::object result = place_of(node.endpoint);
  result["id"] = node.endpoint.id;
  result["resolve_error"] = node.resolve_error;
  result["role"] = name_of(node.role);
  result["shard"] = node.shard;
  result["up"] = node.up;
  result["in_rotation"] = node.in_rotation;
  result["weight"] = node.weight;
  result["near"] = node.near;
  result["zone"] = node.zone;
  result["cluster_id"] = node.cluster_id;
  result["error"] = node.error;
  result["lag_seconds"] = seconds(node.lag);
  result["latency_seconds"] = seconds(node.latency);
  result["ejections"] = node.ejections;
  result["requests"] = counts.requests.load(std::memory_order_relaxed);
  result["failures"] = counts.failures.load(std::memory_order_relaxed);
  result["timeouts"] = counts.timeouts.load(std::memory_order_relaxed);
  return result;
}

json::value name_or_null(const state::TopologySnapshot& topology, state::EndpointId id) {
  const state::Node* node = topology.find(id);
  return node == nullptr ? json::value(nullptr) : json::value(node->endpoint.name);
}

/// Slots as pairs of a range's first and last.
std::vector<json::array> slot_ranges(const state::TopologySnapshot& topology) {
  std::vector<json::array> ranges(topology.shards.size());
  if (!topology.slots) return ranges;
  const state::SlotMap& slots = *topology.slots;
  for (std::size_t first = 0; first < state::kSlots;) {
    std::size_t end = first + 1;
    while (end < state::kSlots && slots[end] == slots[first]) ++end;
    if (slots[first] < ranges.size()) {
      ranges[slots[first]].push_back(json::array{first, end - 1});
    }
    first = end;
  }
  return ranges;
}

json::array shards_of(const state::TopologySnapshot& topology) {
  const std::vector<json::array> ranges = slot_ranges(topology);
  json::array shards;
  for (std::size_t i = 0; i < topology.shards.size(); ++i) {
    json::array replicas;
    for (const state::EndpointId id : topology.shards[i].replicas) {
      replicas.push_back(name_or_null(topology, id));
    }
    json::object shard;
    shard["primary"] = name_or_null(topology, topology.shards[i].primary);
    shard["replicas"] = replicas;
    if (topology.kind == state::TopologyKind::kCluster) shard["slots"] = ranges[i];
    shards.push_back(shard);
  }
  return shards;
}

}  // namespace

std::string cache_stats_json(const state::DataPlaneOps& data_plane) {
  const WorkerCounters workers = data_plane.counters();
  const state::CacheStats cache = data_plane.cache_stats();
  const auto hits = total(workers, &Counters::cache_hits);
  const auto misses = totals(workers, &Counters::cache_misses);
  const auto lookups = hits + sum(misses);
  json::object page;
  page["enabled"] = cache.enabled;
  page["entries"] = cache.entries;
  page["bytes"] = cache.bytes;
  page["max_bytes"] = cache.max_bytes;
  page["hits"] = hits;
  page["misses"] = by_reason<state::MissReason>(misses);
  page["bypasses"] = by_reason<state::BypassReason>(totals(workers, &Counters::cache_bypasses));
  // Of the reads the cache was asked for; null before the first one.
  page["hit_ratio"] = lookups == 0
                          ? json::value(nullptr)
                          : json::value(static_cast<double>(hits) / static_cast<double>(lookups));
  page["coalesced"] = total(workers, &Counters::coalesced);
  page["invalidations"] =
      json::object{{"foreign", total(workers, &Counters::invalidations_foreign)},
                   {"own", total(workers, &Counters::invalidations_own)}};
  page["evictions"] = cache.evictions;
  page["expirations"] = cache.expirations;
  page["flights"] = cache.flights;
  page["links"] = links_of(data_plane.link_stats());
  return json::serialize(page) + "\n";
}

std::string topology_json(const state::TopologySnapshot& topology,
                          const state::EndpointTraffic& traffic, state::Nanos now) {
  json::object page;
  page["kind"] = name_of(topology.kind);
  page["primary"] = place_of(topology.primary);
  page["resolve_error"] = topology.resolve_error;
  page["up"] = topology.up;
  page["error"] = topology.error;
  page["auth_required"] = topology.auth_required;
  page["role"] = topology.role;
  page["redis_version"] = topology.redis_version;
  page["mode"] = topology.mode;
  page["latency_seconds"] = topology.latency_seconds;
  // Null before the upstream has confirmed its layout for the first time.
  page["age_seconds"] = topology.confirmed_at == 0
                            ? json::value(nullptr)
                            : json::value(seconds(now - topology.confirmed_at));
  page["failovers"] = topology.failovers;
  page["shards"] = shards_of(topology);
  json::array nodes;
  for (const state::Node& node : topology.nodes) {
    nodes.push_back(describe(node, traffic.of(node.endpoint.id)));
  }
  page["nodes"] = nodes;
  return json::serialize(page) + "\n";
}

}  // namespace pillion::control
