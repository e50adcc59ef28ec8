#include "proxy/control/metrics/collector.hpp"

#include <prometheus/client_metric.h>
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <chrono>
#include <initializer_list>
#include <limits>
#include <sstream>
#include <utility>
#include <vector>

#include "proxy/control/metrics/catalog.hpp"
#include "proxy/control/metrics/process_stats.hpp"
#include "proxy/control/metrics/totals.hpp"
#include "proxy/logging/log.hpp"
#include "proxy/state/reason_names.hpp"

namespace pillion::control {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using state::Counters;

double seconds(config::Millis span) {
  return std::chrono::duration<double>(span).count();
}

prometheus::MetricType to_prometheus(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return prometheus::MetricType::Counter;
    case MetricType::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricType::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

using Values = std::initializer_list<std::string_view>;

/// The families of one scrape, one per row of the catalog.
class Page {
 public:
  Page() {
    for (const MetricSpec& row : catalog()) {
      MetricFamily family;
      family.name = row.name;
      family.help = row.help;
      family.type = to_prometheus(row.type);
      families_.push_back(std::move(family));
    }
  }

  /// A sample of a counter or a gauge; label values in the order of the catalog's names.
  template <class Number>
  void set(Metric id, Number value, Values labels = {}) {
    ClientMetric& sample = add(id, labels);
    if (spec(id).type == MetricType::kCounter) {
      sample.counter.value = static_cast<double>(value);
    } else {
      sample.gauge.value = static_cast<double>(value);
    }
  }

  /// One sample per value of the enum that indexes `sums`.
  template <class Reason, std::size_t N>
  void set_by(Metric id, const std::array<std::uint64_t, N>& sums) {
    static_assert(N == static_cast<std::size_t>(Reason::kCount));
    for (std::size_t i = 0; i < N; ++i) set(id, sums[i], {name_of(static_cast<Reason>(i))});
  }

  void set_histogram(Metric id, const WorkerCounters& workers,
                     state::LatencyHistogram Counters::*field, std::string_view source) {
    constexpr auto& kBounds = state::LatencyHistogram::kBounds;
    ClientMetric::Histogram& histogram = add(id, {source}).histogram;
    std::uint64_t nanos = 0;
    for (const Counters* counters : workers) nanos += (counters->*field).sum_nanos.get();
    histogram.sample_sum = static_cast<double>(nanos) / state::kSecond;
    std::uint64_t below = 0;
    for (std::size_t i = 0; i <= kBounds.size(); ++i) {
      for (const Counters* counters : workers) below += (counters->*field).buckets[i].get();
      const double bound = i < kBounds.size() ? static_cast<double>(kBounds[i]) / state::kSecond
                                              : std::numeric_limits<double>::infinity();
      histogram.bucket.push_back({below, bound});
    }
    histogram.sample_count = below;
  }

  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  ClientMetric& add(Metric id, Values labels) {
    ClientMetric sample;
    std::size_t i = 0;
    for (const std::string_view value : labels) {
      sample.label.push_back({std::string(spec(id).labels[i++]), std::string(value)});
    }
    auto& samples = families_[static_cast<std::size_t>(id)].metric;
    samples.push_back(std::move(sample));
    return samples.back();
  }

  std::vector<MetricFamily> families_;
};

void add_requests(Page& page, const WorkerCounters& workers) {
  page.set(Metric::kRequests, total(workers, &Counters::requests_l1), {"l1"});
  page.set(Metric::kRequests, total(workers, &Counters::requests_upstream), {"upstream"});
  page.set(Metric::kRequests, total(workers, &Counters::requests_local), {"local"});
  page.set(Metric::kRequests, total(workers, &Counters::requests_failed), {"failed"});
  page.set_histogram(Metric::kRequestDuration, workers, &Counters::latency_l1, "l1");
  page.set_histogram(Metric::kRequestDuration, workers, &Counters::latency_upstream, "upstream");
}

void add_cache(Page& page, const WorkerCounters& workers, const state::CacheStats& cache) {
  page.set(Metric::kCacheHits, total(workers, &Counters::cache_hits));
  page.set_by<state::MissReason>(Metric::kCacheMisses, totals(workers, &Counters::cache_misses));
  page.set_by<state::BypassReason>(Metric::kCacheBypass,
                                   totals(workers, &Counters::cache_bypasses));
  page.set(Metric::kCacheInvalidations, total(workers, &Counters::invalidations_foreign),
           {"foreign"});
  page.set(Metric::kCacheInvalidations, total(workers, &Counters::invalidations_own), {"own"});
  page.set(Metric::kCacheFlushes, total(workers, &Counters::flushes_null_push), {"null_push"});
  page.set(Metric::kCacheFlushes, total(workers, &Counters::flushes_own), {"own"});
  page.set(Metric::kCacheFlushes, total(workers, &Counters::flushes_link_lost), {"link_lost"});
  page.set(Metric::kCacheEvictions, cache.evictions);
  page.set(Metric::kCacheExpirations, cache.expirations);
  page.set(Metric::kCacheFills, total(workers, &Counters::fills_stored), {"stored"});
  page.set(Metric::kCacheFills, total(workers, &Counters::fills_discarded), {"discarded"});
  page.set(Metric::kCacheEntries, cache.entries);
  page.set(Metric::kCacheBytes, cache.bytes);
  page.set(Metric::kCacheMaxBytes, cache.max_bytes);
  page.set(Metric::kCacheEnabled, cache.enabled ? 1 : 0);
  page.set(Metric::kCacheFlights, cache.flights);
  page.set(Metric::kCoalesced, total(workers, &Counters::coalesced));
  page.set(Metric::kFences, total(workers, &Counters::fences));
  page.set(Metric::kFenceTimeouts, total(workers, &Counters::fence_timeouts));
  page.set(Metric::kFillLinkProbes, total(workers, &Counters::probes));
}

std::string_view or_unknown(const std::string& text) {
  return text.empty() ? std::string_view("unknown") : text;
}

void add_links(Page& page, const std::vector<state::LinkStats>& links) {
  for (const state::LinkStats& link : links) {
    const std::string worker = std::to_string(link.worker);
    const Values labels = {worker, link.endpoint, or_unknown(link.role)};
    page.set(Metric::kFillLinkUp, link.state == "live" ? 1 : 0, labels);
    page.set(Metric::kFillLinkLeaseAge, link.lease_age_seconds, labels);
  }
}

void add_clients(Page& page, const WorkerCounters& workers) {
  page.set(Metric::kClientsConnected, total(workers, &Counters::clients_connected));
  page.set(Metric::kClientsAccepted, total(workers, &Counters::clients_accepted));
  page.set(Metric::kClientsRejected, total(workers, &Counters::clients_rejected));
  page.set_by<state::DisconnectReason>(Metric::kClientDisconnects,
                                       totals(workers, &Counters::client_disconnects));
  page.set(Metric::kClientReceivedBytes, total(workers, &Counters::client_bytes_in));
  page.set(Metric::kClientSentBytes, total(workers, &Counters::client_bytes_out));
  page.set(Metric::kClientBufferBytes, total(workers, &Counters::client_buffer_bytes));
  page.set(Metric::kProtocolErrors, total(workers, &Counters::protocol_errors_client), {"client"});
  page.set(Metric::kProtocolErrors, total(workers, &Counters::protocol_errors_upstream),
           {"upstream"});
}

void add_upstream(Page& page, const WorkerCounters& workers,
                  const state::TopologySnapshot& topology) {
  page.set(Metric::kUpstreamUp, topology.up ? 1 : 0,
           {topology.primary.name, or_unknown(topology.role)});
  page.set(Metric::kUpstreamInfo, 1,
           {or_unknown(topology.redis_version), or_unknown(topology.mode)});
  page.set(Metric::kUpstreamAuthRequired, topology.auth_required ? 1 : 0);
  page.set(Metric::kUpstreamProbeLatency, topology.latency_seconds);
  page.set(Metric::kUpstreamConnections, total(workers, &Counters::upstream_connections));
  page.set(Metric::kUpstreamDedicated, total(workers, &Counters::upstream_dedicated));
  page.set(Metric::kUpstreamReconnects, total(workers, &Counters::upstream_reconnects));
  page.set(Metric::kBusyPollSeconds,
           static_cast<double>(total(workers, &Counters::busy_poll_nanos)) / 1e9);
  page.set_by<state::UpstreamError>(Metric::kUpstreamErrors,
                                    totals(workers, &Counters::upstream_errors));
  page.set(Metric::kUpstreamRetries, total(workers, &Counters::upstream_retries));
  page.set(Metric::kUpstreamOutcomeUnknown, total(workers, &Counters::writes_outcome_unknown));
  page.set(Metric::kScriptsHealed, total(workers, &Counters::scripts_healed));
  page.set(Metric::kUpstreamReceivedBytes, total(workers, &Counters::upstream_bytes_in));
  page.set(Metric::kUpstreamSentBytes, total(workers, &Counters::upstream_bytes_out));
}

double seconds(state::Nanos span) {
  return static_cast<double>(span) / state::kSecond;
}

void add_endpoints(Page& page, const state::TopologySnapshot& topology,
                   const state::EndpointTraffic& traffic) {
  for (const state::Node& node : topology.nodes) {
    const std::string& name = node.endpoint.name;
    const state::EndpointTraffic::Counts& counts = traffic.of(node.endpoint.id);
    page.set(Metric::kEndpointUp, node.up ? 1 : 0, {name, name_of(node.role)});
    page.set(Metric::kEndpointInRotation, node.in_rotation ? 1 : 0, {name});
    page.set(Metric::kEndpointWeight, node.weight, {name});
    page.set(Metric::kEndpointLag, seconds(node.lag), {name});
    page.set(Metric::kEndpointProbeLatency, seconds(node.latency), {name});
    page.set(Metric::kEndpointEjections, node.ejections, {name});
    page.set(Metric::kEndpointRequests, counts.requests.load(std::memory_order_relaxed), {name});
    page.set(Metric::kEndpointFailures, counts.failures.load(std::memory_order_relaxed), {name});
    page.set(Metric::kEndpointTimeouts, counts.timeouts.load(std::memory_order_relaxed), {name});
  }
}

void add_topology(Page& page, const state::TopologySnapshot& topology,
                  const state::RefreshRequests& refresh) {
  page.set(Metric::kTopologyAge, topology.confirmed_at == 0
                                     ? std::numeric_limits<double>::infinity()
                                     : seconds(state::now() - topology.confirmed_at));
  page.set(Metric::kTopologyFailovers, topology.failovers);
  std::array<std::uint64_t, static_cast<std::size_t>(state::RefreshReason::kCount)> asked{};
  for (std::size_t i = 0; i < asked.size(); ++i) {
    asked[i] = refresh.count(static_cast<state::RefreshReason>(i));
  }
  page.set_by<state::RefreshReason>(Metric::kTopologyRefreshRequests, asked);
}

void add_subscriptions(Page& page, const WorkerCounters& workers) {
  page.set(Metric::kPubSubMessagesIn, total(workers, &Counters::pubsub_messages_in));
  page.set(Metric::kPubSubMessagesOut, total(workers, &Counters::pubsub_messages_out));
  page.set(Metric::kPubSubNames, total(workers, &Counters::pubsub_names));
  page.set(Metric::kPubSubMembers, total(workers, &Counters::pubsub_members));
  page.set(Metric::kPubSubReconnects, total(workers, &Counters::pubsub_reconnects));
}

/// Limits stand beside what they limit, so that an alert can divide one by the other.
void add_limits(Page& page, const config::Config& config, std::size_t workers) {
  page.set(Metric::kWorkers, workers);
  page.set(Metric::kClientsMax, config.listen.max_clients);
  page.set(Metric::kClientOutputMaxBytes, config.listen.output_limit);
  page.set(Metric::kClientPipelineMax, config.listen.max_pipeline);
  page.set(Metric::kCacheEntryMaxBytes, config.cache.max_entry_bytes);
  page.set(Metric::kCacheMaxStaleness, seconds(config.cache.max_staleness));
  page.set(Metric::kUpstreamDedicatedMax, config.upstream.max_dedicated * workers);
  page.set(Metric::kUpstreamCommandTimeout, seconds(config.upstream.command_timeout));
  page.set(Metric::kReplicaMaxLag, seconds(config.reads.max_lag));
}

void add_process(Page& page) {
  const ProcessStats stats = process_stats();
  page.set(Metric::kLogDropped, logging::dropped());
  page.set(Metric::kProcessCpu, stats.cpu_seconds);
  page.set(Metric::kProcessResident, stats.resident_bytes);
  page.set(Metric::kProcessOpenFds, stats.open_fds);
  page.set(Metric::kProcessMaxFds, stats.max_fds);
  page.set(Metric::kProcessStart, stats.start_time_seconds);
}

}  // namespace

class Collector::Families : public prometheus::Collectable {
 public:
  explicit Families(MetricSources sources) : sources_(std::move(sources)) {}

  std::vector<MetricFamily> Collect() const override {
    const WorkerCounters workers = sources_.data_plane.counters();
    Page page;
    page.set(Metric::kBuildInfo, 1, {sources_.version, sources_.revision});
    add_requests(page, workers);
    add_cache(page, workers, sources_.data_plane.cache_stats());
    add_links(page, sources_.data_plane.link_stats());
    add_clients(page, workers);
    const auto topology = sources_.topology.load();
    add_upstream(page, workers, *topology);
    add_endpoints(page, *topology, sources_.traffic);
    add_topology(page, *topology, sources_.refresh);
    add_subscriptions(page, workers);
    add_limits(page, sources_.config, workers.size());
    page.set(Metric::kDraining, sources_.data_plane.draining() ? 1 : 0);
    add_process(page);
    return page.take();
  }

 private:
  MetricSources sources_;
};

Collector::Collector(MetricSources sources)
    : families_(std::make_unique<Families>(std::move(sources))) {}

Collector::~Collector() = default;

std::string Collector::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, families_->Collect());
  return out.str();
}

}  // namespace pillion::control
