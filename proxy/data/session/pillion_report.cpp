#include "proxy/data/session/pillion_report.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include "proxy/state/reason_names.hpp"

namespace pillion::data::session {
namespace {

using state::Counter;
using state::Counters;
using Workers = std::vector<const Counters*>;

std::uint64_t total(const Workers& workers, Counter Counters::*counter) {
  std::uint64_t sum = 0;
  for (const Counters* worker : workers) sum += (worker->*counter).get();
  return sum;
}

template <std::size_t N>
std::uint64_t total(const Workers& workers, std::array<Counter, N> Counters::*counters,
                    std::size_t i) {
  std::uint64_t sum = 0;
  for (const Counters* worker : workers) sum += (worker->*counters)[i].get();
  return sum;
}

template <std::size_t N>
std::uint64_t total(const Workers& workers, std::array<Counter, N> Counters::*counters) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < N; ++i) sum += total(workers, counters, i);
  return sum;
}

struct Row {
  std::string_view name;
  Counter Counters::*counter;
};

constexpr Row kRows[] = {
    {"clients_connected", &Counters::clients_connected},
    {"clients_accepted", &Counters::clients_accepted},
    {"clients_rejected", &Counters::clients_rejected},
    {"client_bytes_in", &Counters::client_bytes_in},
    {"client_bytes_out", &Counters::client_bytes_out},
    {"client_buffer_bytes", &Counters::client_buffer_bytes},
    {"protocol_errors_client", &Counters::protocol_errors_client},
    {"protocol_errors_upstream", &Counters::protocol_errors_upstream},
    {"requests_l1", &Counters::requests_l1},
    {"requests_upstream", &Counters::requests_upstream},
    {"requests_local", &Counters::requests_local},
    {"requests_failed", &Counters::requests_failed},
    {"cache_hits", &Counters::cache_hits},
    {"coalesced_requests", &Counters::coalesced},
    {"fills_stored", &Counters::fills_stored},
    {"fills_discarded", &Counters::fills_discarded},
    {"invalidations_foreign", &Counters::invalidations_foreign},
    {"invalidations_own", &Counters::invalidations_own},
    {"flushes_null_push", &Counters::flushes_null_push},
    {"flushes_own", &Counters::flushes_own},
    {"flushes_link_lost", &Counters::flushes_link_lost},
    {"fences", &Counters::fences},
    {"fence_timeouts", &Counters::fence_timeouts},
    {"probes", &Counters::probes},
    {"upstream_connections", &Counters::upstream_connections},
    {"dedicated_connections", &Counters::upstream_dedicated},
    {"upstream_reconnects", &Counters::upstream_reconnects},
    {"upstream_bytes_in", &Counters::upstream_bytes_in},
    {"upstream_bytes_out", &Counters::upstream_bytes_out},
    {"upstream_retries", &Counters::upstream_retries},
    {"writes_outcome_unknown", &Counters::writes_outcome_unknown},
    {"scripts_healed", &Counters::scripts_healed},
    {"pubsub_messages_in", &Counters::pubsub_messages_in},
    {"pubsub_messages_out", &Counters::pubsub_messages_out},
    {"pubsub_names", &Counters::pubsub_names},
    {"pubsub_members", &Counters::pubsub_members},
    {"pubsub_reconnects", &Counters::pubsub_reconnects},
};

template <class Reason>
void add_by_reason(std::vector<Figure>& figures, const Workers& workers, std::string_view prefix,
                   state::PerReason<Reason> Counters::*counters) {
  for (std::size_t i = 0; i < static_cast<std::size_t>(Reason::kCount); ++i) {
    figures.push_back({std::string(prefix) + std::string(name_of(static_cast<Reason>(i))),
                       total(workers, counters, i)});
  }
}

void add_latency(std::vector<Figure>& figures, const Workers& workers, const std::string& name,
                 state::LatencyHistogram Counters::*histogram) {
  std::uint64_t nanos = 0;
  std::uint64_t count = 0;
  for (const Counters* worker : workers) {
    nanos += (worker->*histogram).sum_nanos.get();
    for (const Counter& bucket : (worker->*histogram).buckets) count += bucket.get();
  }
  figures.push_back({name + "_measured", count});
  figures.push_back({name + "_sum_us", nanos / static_cast<std::uint64_t>(state::kMicrosecond)});
}

/// Lines of INFO; what a name server, a server or a file name put into a value cannot end one.
class Section {
 public:
  void add(std::string_view name, std::string_view value) {
    text_ += "pillion_";
    text_ += name;
    text_ += ':';
    for (const char c : value) text_ += c == '\r' || c == '\n' ? ' ' : c;
    text_ += "\r\n";
  }
  void add(std::string_view name, std::uint64_t value) { add(name, std::to_string(value)); }
  void add_ratio(std::string_view name, std::uint64_t part, std::uint64_t whole) {
    const double ratio = whole == 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
    char digits[16];
    const int length = std::snprintf(digits, sizeof digits, "%.4f", ratio);
    add(name, std::string_view(digits, static_cast<std::size_t>(length)));
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_ = "# Pillion\r\n";
};

/// One word for all links: "live" only when every one is, else what the first other one says.
std::string link_status(const std::vector<state::LinkStats>& links) {
  if (links.empty()) return "none";
  for (const state::LinkStats& link : links) {
    if (link.state != "live")
      return link.state + (link.reason.empty() ? "" : " (" + link.reason + ")");
  }
  return "live";
}

double oldest_lease_seconds(const std::vector<state::LinkStats>& links) {
  double oldest = 0;
  for (const state::LinkStats& link : links) oldest = std::max(oldest, link.lease_age_seconds);
  return oldest;
}

std::uint64_t rounded(double value) {
  return value > 0 ? static_cast<std::uint64_t>(std::llround(value)) : 0;
}

}  // namespace

std::string pillion_section(const PillionServices& services, state::Nanos now) {
  const Workers workers = services.all_counters();
  const state::CacheStats cache = services.cache_stats();
  const std::vector<state::LinkStats> links = services.links();
  const auto topology = services.topology.load();
  const std::uint64_t hits = total(workers, &Counters::cache_hits);
  const std::uint64_t misses = total(workers, &Counters::cache_misses);

  Section section;
  section.add("version", services.version);
  section.add("uptime_in_seconds",
              static_cast<std::uint64_t>(std::max<state::Nanos>(now - services.started_at, 0) /
                                         state::kSecond));
  section.add("workers", workers.size());
  section.add("clients", total(workers, &Counters::clients_connected));
  section.add("cache_enabled", cache.enabled ? 1 : 0);
  section.add("cache_hits", hits);
  section.add("cache_misses", misses);
  section.add("cache_bypasses", total(workers, &Counters::cache_bypasses));
  section.add_ratio("cache_hit_ratio", hits, hits + misses);
  section.add("cache_entries", cache.entries);
  section.add("cache_bytes", cache.bytes);
  section.add("cache_max_bytes", cache.max_bytes);
  section.add("cache_evictions", cache.evictions);
  section.add("coalesced_requests", total(workers, &Counters::coalesced));
  section.add("fill_link_status", cache.enabled ? link_status(links) : "off");
  section.add("lease_age_ms", rounded(oldest_lease_seconds(links) * 1000));
  section.add("upstream", topology->primary.name);
  section.add("upstream_up", topology->up ? 1 : 0);
  section.add("upstream_role", topology->role);
  section.add("upstream_latency_us", rounded(topology->latency_seconds * 1'000'000));
  section.add("upstream_error", topology->up ? "" : topology->error);
  section.add("upstream_connections", total(workers, &Counters::upstream_connections));
  section.add("dedicated_connections", total(workers, &Counters::upstream_dedicated));
  return section.take();
}

std::vector<Figure> pillion_figures(const PillionServices& services) {
  const Workers workers = services.all_counters();
  std::vector<Figure> figures;
  for (const Row& row : kRows) {
    figures.push_back({std::string(row.name), total(workers, row.counter)});
  }
  add_by_reason<state::MissReason>(figures, workers, "cache_misses_", &Counters::cache_misses);
  add_by_reason<state::BypassReason>(figures, workers, "cache_bypasses_",
                                     &Counters::cache_bypasses);
  add_by_reason<state::DisconnectReason>(figures, workers, "client_disconnects_",
                                         &Counters::client_disconnects);
  add_by_reason<state::UpstreamError>(figures, workers, "upstream_errors_",
                                      &Counters::upstream_errors);
  add_latency(figures, workers, "latency_l1", &Counters::latency_l1);
  add_latency(figures, workers, "latency_upstream", &Counters::latency_upstream);
  const state::CacheStats cache = services.cache_stats();
  figures.push_back({"cache_entries", cache.entries});
  figures.push_back({"cache_bytes", cache.bytes});
  figures.push_back({"cache_max_bytes", cache.max_bytes});
  figures.push_back({"cache_evictions", cache.evictions});
  figures.push_back({"cache_expirations", cache.expirations});
  figures.push_back({"cache_flights", cache.flights});
  return figures;
}

}  // namespace pillion::data::session
