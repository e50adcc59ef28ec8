#include "proxy/control/metrics/catalog.hpp"

namespace pillion::control {
namespace {

constexpr auto kCounter = MetricType::kCounter;
constexpr auto kGauge = MetricType::kGauge;
constexpr auto kHistogram = MetricType::kHistogram;

constexpr std::size_t kRows = static_cast<std::size_t>(Metric::kCount);

// A table is read by its columns: one line says what, the next why.
// clang-format off
constexpr std::array<MetricSpec, kRows> kCatalog = {{
    {Metric::kBuildInfo, "pillion_build_info", kGauge, {"version", "revision"},
     "Always 1; the labels say what is running."},
    {Metric::kRequests, "pillion_requests_total", kCounter, {"source", ""},
     "Commands answered, by who answered: the cache, the upstream, Pillion itself, or an error of Pillion's own."},
    {Metric::kRequestDuration, "pillion_request_duration_seconds", kHistogram, {"source", ""},
     "Time from a command's arrival to its reply, by who answered."},

    {Metric::kCacheHits, "pillion_cache_hits_total", kCounter, {"", ""},
     "Reads answered from the cache."},
    {Metric::kCacheMisses, "pillion_cache_misses_total", kCounter, {"reason", ""},
     "Cacheable reads the cache could not answer."},
    {Metric::kCacheBypass, "pillion_cache_bypass_total", kCounter, {"reason", ""},
     "Reads that went past the cache without asking it."},
    {Metric::kCacheInvalidations, "pillion_cache_invalidations_total", kCounter, {"origin", ""},
     "Keys invalidated, by whose write it was: another client of the upstream, or one of ours."},
    {Metric::kCacheFlushes, "pillion_cache_flushes_total", kCounter, {"reason", ""},
     "Times everything cached became invalid at once."},
    {Metric::kCacheEvictions, "pillion_cache_evictions_total", kCounter, {"", ""},
     "Entries pushed out by the byte budget."},
    {Metric::kCacheExpirations, "pillion_cache_expirations_total", kCounter, {"", ""},
     "Entries found past their deadline."},
    {Metric::kCacheFills, "pillion_cache_fills_total", kCounter, {"result", ""},
     "Replies fetched for the cache: stored, or discarded because they were invalidated meanwhile, too large or too short-lived."},
    {Metric::kCacheEntries, "pillion_cache_entries", kGauge, {"", ""},
     "Entries in the cache."},
    {Metric::kCacheBytes, "pillion_cache_bytes", kGauge, {"", ""},
     "Memory the entries take: keys, arguments, replies and overhead."},
    {Metric::kCacheMaxBytes, "pillion_cache_max_bytes", kGauge, {"", ""},
     "Limit of pillion_cache_bytes (cache.max_bytes)."},
    {Metric::kCacheEntryMaxBytes, "pillion_cache_entry_max_bytes", kGauge, {"", ""},
     "Limit of one entry (cache.max_entry_bytes)."},
    {Metric::kCacheMaxStaleness, "pillion_cache_max_staleness_seconds", kGauge, {"", ""},
     "Staleness bound of a cached answer (cache.max_staleness)."},
    {Metric::kCacheEnabled, "pillion_cache_enabled", kGauge, {"", ""},
     "1 when the cache is switched on."},
    {Metric::kCacheFlights, "pillion_cache_flights", kGauge, {"", ""},
     "Fetches for the cache under way."},
    {Metric::kCoalesced, "pillion_coalesced_requests_total", kCounter, {"", ""},
     "Reads that waited for another client's fetch of the same key instead of sending their own."},
    {Metric::kFences, "pillion_fences_total", kCounter, {"", ""},
     "Writes with unknown keys whose reply waited for the invalidations before it."},
    {Metric::kFenceTimeouts, "pillion_fence_timeouts_total", kCounter, {"", ""},
     "Fences that ended in a flush because the fill link did not answer in time."},

    {Metric::kFillLinkUp, "pillion_fill_link_up", kGauge, {"worker", "endpoint", "role"},
     "1 while the worker's link to the server for fills and invalidations is live; the cache answers nothing fetched over a link that is not."},
    {Metric::kFillLinkLeaseAge, "pillion_fill_link_lease_age_seconds", kGauge, {"worker", "endpoint", "role"},
     "Time since the link last proved to have seen every invalidation; 0 while it is not live."},
    {Metric::kFillLinkProbes, "pillion_fill_link_probes_total", kCounter, {"", ""},
     "Probes sent to renew leases."},

    {Metric::kClientsConnected, "pillion_clients_connected", kGauge, {"", ""},
     "Client connections open."},
    {Metric::kClientsMax, "pillion_clients_max", kGauge, {"", ""},
     "Limit of pillion_clients_connected (listen.max_clients)."},
    {Metric::kClientsAccepted, "pillion_clients_accepted_total", kCounter, {"", ""},
     "Client connections accepted."},
    {Metric::kClientsRejected, "pillion_clients_rejected_total", kCounter, {"", ""},
     "Client connections refused because of the limit."},
    {Metric::kClientDisconnects, "pillion_client_disconnects_total", kCounter, {"reason", ""},
     "Client connections closed."},
    {Metric::kClientReceivedBytes, "pillion_client_received_bytes_total", kCounter, {"", ""},
     "Bytes read from clients."},
    {Metric::kClientSentBytes, "pillion_client_sent_bytes_total", kCounter, {"", ""},
     "Bytes written to clients."},
    {Metric::kClientBufferBytes, "pillion_client_buffer_bytes", kGauge, {"", ""},
     "Memory held in buffers of client connections."},
    {Metric::kClientOutputMaxBytes, "pillion_client_output_max_bytes", kGauge, {"", ""},
     "Limit of unsent reply bytes of one client (listen.output_limit)."},
    {Metric::kClientPipelineMax, "pillion_client_pipeline_max", kGauge, {"", ""},
     "Limit of unanswered commands of one client (listen.max_pipeline)."},
    {Metric::kProtocolErrors, "pillion_protocol_errors_total", kCounter, {"side", ""},
     "Bytes that were not RESP, by who sent them."},

    {Metric::kUpstreamUp, "pillion_upstream_up", kGauge, {"endpoint", "role"},
     "1 while health probes are answered."},
    {Metric::kUpstreamInfo, "pillion_upstream_info", kGauge, {"version", "mode"},
     "Always 1; the labels say what the upstream says it is."},
    {Metric::kUpstreamAuthRequired, "pillion_upstream_auth_required", kGauge, {"", ""},
     "1 while the upstream refuses the configured credentials, or wants some and none are configured."},
    {Metric::kUpstreamProbeLatency, "pillion_upstream_probe_latency_seconds", kGauge, {"", ""},
     "Round trip of the last health probe; 0 while the upstream is down."},
    {Metric::kUpstreamConnections, "pillion_upstream_connections", kGauge, {"", ""},
     "Connections to the upstream, shared and dedicated."},
    {Metric::kUpstreamDedicated, "pillion_upstream_dedicated_connections", kGauge, {"", ""},
     "Connections that serve one client alone (transactions, blocking commands, subscriptions)."},
    {Metric::kUpstreamDedicatedMax, "pillion_upstream_dedicated_connections_max", kGauge, {"", ""},
     "Limit of dedicated connections over all workers (upstream.max_dedicated for each)."},
    {Metric::kUpstreamReconnects, "pillion_upstream_reconnects_total", kCounter, {"", ""},
     "Connections to the upstream made again after a loss."},
    {Metric::kBusyPollSeconds, "pillion_busy_poll_seconds_total", kCounter, {"", ""},
     "Time workers spent looking for replies of dedicated connections instead of sleeping."},
    {Metric::kUpstreamErrors, "pillion_upstream_errors_total", kCounter, {"kind", ""},
     "Failures of connections to the upstream."},
    {Metric::kUpstreamRetries, "pillion_upstream_retries_total", kCounter, {"", ""},
     "Commands sent again after a failure; only reads, and writes that never left."},
    {Metric::kUpstreamOutcomeUnknown, "pillion_upstream_writes_outcome_unknown_total", kCounter, {"", ""},
     "Writes whose connection was lost after they were sent; their clients were told."},
    {Metric::kScriptsHealed, "pillion_scripts_healed_total", kCounter, {"", ""},
     "Scripts that the upstream had lost and was shown again, instead of a client that gets NOSCRIPT."},
    {Metric::kUpstreamReceivedBytes, "pillion_upstream_received_bytes_total", kCounter, {"", ""},
     "Bytes read from the upstream."},
    {Metric::kUpstreamSentBytes, "pillion_upstream_sent_bytes_total", kCounter, {"", ""},
     "Bytes written to the upstream."},
    {Metric::kUpstreamCommandTimeout, "pillion_upstream_command_timeout_seconds", kGauge, {"", ""},
     "Deadline of one command (upstream.command_timeout)."},

    {Metric::kEndpointUp, "pillion_endpoint_up", kGauge, {"endpoint", "role"},
     "1 while the server's health probes are answered, and its cluster does not call it failed."},
    {Metric::kEndpointInRotation, "pillion_endpoint_in_rotation", kGauge, {"endpoint", ""},
     "1 while the server is a replica that reads are sent to; 0 for a primary, which needs no rotation."},
    {Metric::kEndpointWeight, "pillion_endpoint_weight_percent", kGauge, {"endpoint", ""},
     "Share of reads the server gets, less than 100 while it starts slowly."},
    {Metric::kEndpointLag, "pillion_endpoint_lag_seconds", kGauge, {"endpoint", ""},
     "How far the server was behind its primary when it was last probed; 0 for a primary."},
    {Metric::kEndpointProbeLatency, "pillion_endpoint_probe_latency_seconds", kGauge, {"endpoint", ""},
     "Round trip of the server's last health probe; 0 while it is down."},
    {Metric::kEndpointEjections, "pillion_endpoint_ejections_total", kCounter, {"endpoint", ""},
     "Times the server was taken out of rotation."},
    {Metric::kEndpointRequests, "pillion_endpoint_requests_total", kCounter, {"endpoint", ""},
     "Commands sent to the server, fetches for the cache included."},
    {Metric::kEndpointFailures, "pillion_endpoint_failures_total", kCounter, {"endpoint", ""},
     "Connections to the server that were lost, refused or given up."},
    {Metric::kEndpointTimeouts, "pillion_endpoint_timeouts_total", kCounter, {"endpoint", ""},
     "Of these: no reply in time."},
    {Metric::kTopologyAge, "pillion_topology_age_seconds", kGauge, {"", ""},
     "Time since the upstream last confirmed its layout; +Inf before the first time."},
    {Metric::kTopologyFailovers, "pillion_topology_failovers_total", kCounter, {"", ""},
     "Changes of a primary."},
    {Metric::kTopologyRefreshRequests, "pillion_topology_refresh_requests_total", kCounter, {"reason", ""},
     "Times a command met something that puts the layout in doubt: redirections by kind, refusals, servers that cannot be reached."},
    {Metric::kReplicaMaxLag, "pillion_replica_max_lag_seconds", kGauge, {"", ""},
     "Limit of pillion_endpoint_lag_seconds for replicas in rotation (reads.max_lag)."},

    {Metric::kPubSubMessagesIn, "pillion_pubsub_messages_received_total", kCounter, {"", ""},
     "Messages read from the upstream, once however many clients listen."},
    {Metric::kPubSubMessagesOut, "pillion_pubsub_messages_delivered_total", kCounter, {"", ""},
     "Messages handed to subscribed clients, once for each."},
    {Metric::kPubSubNames, "pillion_pubsub_upstream_subscriptions", kGauge, {"", ""},
     "Channels, patterns and shard channels that Pillion is subscribed to at the upstream."},
    {Metric::kPubSubMembers, "pillion_pubsub_subscriptions", kGauge, {"", ""},
     "Channels, patterns and shard channels that clients are subscribed to, summed over clients."},
    {Metric::kPubSubReconnects, "pillion_pubsub_reconnects_total", kCounter, {"", ""},
     "Subscription connections made again after a loss; messages published meanwhile are lost, as without Pillion."},

    {Metric::kDraining, "pillion_draining", kGauge, {"", ""},
     "1 while Pillion finishes what is in flight before it exits."},
    {Metric::kWorkers, "pillion_workers", kGauge, {"", ""},
     "Threads that serve clients."},
    {Metric::kLogDropped, "pillion_log_lines_dropped_total", kCounter, {"", ""},
     "Log lines dropped because standard error was stuck."},
    {Metric::kProcessCpu, "process_cpu_seconds_total", kCounter, {"", ""},
     "Total user and system CPU time spent in seconds."},
    {Metric::kProcessResident, "process_resident_memory_bytes", kGauge, {"", ""},
     "Resident memory size in bytes."},
    {Metric::kProcessOpenFds, "process_open_fds", kGauge, {"", ""},
     "Number of open file descriptors."},
    {Metric::kProcessMaxFds, "process_max_fds", kGauge, {"", ""},
     "Maximum number of open file descriptors."},
    {Metric::kProcessStart, "process_start_time_seconds", kGauge, {"", ""},
     "Start time of the process since unix epoch in seconds."},
}};
// clang-format on

constexpr bool in_order() {
  for (std::size_t i = 0; i < kRows; ++i) {
    if (static_cast<std::size_t>(kCatalog[i].id) != i) return false;
  }
  return true;
}
static_assert(in_order(), "the table follows the order of Metric");

}  // namespace

std::span<const MetricSpec> catalog() {
  return kCatalog;
}

const MetricSpec& spec(Metric id) {
  return kCatalog[static_cast<std::size_t>(id)];
}

}  // namespace pillion::control
