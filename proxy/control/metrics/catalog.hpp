// Every metric Pillion exports, in one table: name, type, label names, help.
//
// Naming follows Prometheus: prefix, base units (seconds, bytes), _total on counters, label values
// from closed sets that exist from the first scrape on. Keys, client addresses and error texts are
// never labels. The collector fills the table row by row; a row without samples fails a test.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace pillion::control {

enum class Metric : std::uint8_t {
  // requests
  kBuildInfo,
  kRequests,
  kRequestDuration,
  // cache
  kCacheHits,
  kCacheMisses,
  kCacheBypass,
  kCacheInvalidations,
  kCacheFlushes,
  kCacheEvictions,
  kCacheExpirations,
  kCacheFills,
  kCacheEntries,
  kCacheBytes,
  kCacheMaxBytes,
  kCacheEntryMaxBytes,
  kCacheMaxStaleness,
  kCacheEnabled,
  kCacheFlights,
  kCoalesced,
  kFences,
  kFenceTimeouts,
  // fill links
  kFillLinkUp,
  kFillLinkLeaseAge,
  kFillLinkProbes,
  // clients
  kClientsConnected,
  kClientsMax,
  kClientsAccepted,
  kClientsRejected,
  kClientDisconnects,
  kClientReceivedBytes,
  kClientSentBytes,
  kClientBufferBytes,
  kClientOutputMaxBytes,
  kClientPipelineMax,
  kProtocolErrors,
  // upstream
  kUpstreamUp,
  kUpstreamInfo,
  kUpstreamAuthRequired,
  kUpstreamProbeLatency,
  kUpstreamConnections,
  kUpstreamDedicated,
  kUpstreamDedicatedMax,
  kUpstreamReconnects,
  kBusyPollSeconds,
  kUpstreamErrors,
  kUpstreamRetries,
  kUpstreamOutcomeUnknown,
  kScriptsHealed,
  kUpstreamReceivedBytes,
  kUpstreamSentBytes,
  kUpstreamCommandTimeout,
  // each server of the upstream
  kEndpointUp,
  kEndpointInRotation,
  kEndpointWeight,
  kEndpointLag,
  kEndpointProbeLatency,
  kEndpointEjections,
  kEndpointRequests,
  kEndpointFailures,
  kEndpointTimeouts,
  // its layout
  kTopologyAge,
  kTopologyFailovers,
  kTopologyRefreshRequests,
  kReplicaMaxLag,
  // subscriptions
  kPubSubMessagesIn,
  kPubSubMessagesOut,
  kPubSubNames,
  kPubSubMembers,
  kPubSubReconnects,
  // the process
  kDraining,
  kWorkers,
  kLogDropped,
  kProcessCpu,
  kProcessResident,
  kProcessOpenFds,
  kProcessMaxFds,
  kProcessStart,
  kCount
};

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };

struct MetricSpec {
  Metric id;
  std::string_view name;
  MetricType type;
  std::array<std::string_view, 3> labels;  // unused ones are empty
  std::string_view help;
};

/// In the order of Metric, which is the order of /metrics.
std::span<const MetricSpec> catalog();
const MetricSpec& spec(Metric id);

}  // namespace pillion::control
