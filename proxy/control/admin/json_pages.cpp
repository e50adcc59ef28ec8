#include "proxy/control/admin/json_pages.hpp"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/src.hpp>  // Boost.JSON is compiled here, once
#include <string_view>

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
                                  {"state", link.state},
                                  {"reason", link.reason},
                                  {"lease_age_seconds", link.lease_age_seconds},
                                  {"generation", link.generation}});
  }
  return result;
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

std::string topology_json(const state::TopologySnapshot& topology) {
  json::object primary;
  primary["name"] = topology.primary.name;
  if (!topology.primary.unix_path.empty()) {
    primary["unix_path"] = topology.primary.unix_path;
  } else {
    json::array addresses;
    for (const std::string& address : topology.primary.addresses) {
      addresses.emplace_back(address);
    }
    primary["addresses"] = addresses;
    primary["port"] = topology.primary.port;
  }
  json::object page;
  page["primary"] = primary;
  page["resolve_error"] = topology.resolve_error;
  page["up"] = topology.up;
  page["error"] = topology.error;
  page["auth_required"] = topology.auth_required;
  page["role"] = topology.role;
  page["redis_version"] = topology.redis_version;
  page["mode"] = topology.mode;
  page["latency_seconds"] = topology.latency_seconds;
  return json::serialize(page) + "\n";
}

}  // namespace pillion::control
