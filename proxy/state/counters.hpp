// What a worker counts. One writer (the worker), read by the control plane when scraped: plain
// numbers behind relaxed atomics, so a count costs an ordinary add.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "proxy/state/clock.hpp"

namespace pillion::state {

class Counter {
 public:
  void add(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void sub(std::uint64_t n = 1) {
    value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
  }
  std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Latencies in fixed buckets; upper bounds in nanoseconds, the last bucket is everything above.
struct LatencyHistogram {
  static constexpr std::array<Nanos, 15> kBounds = {
      50 * kMicrosecond,  100 * kMicrosecond,  250 * kMicrosecond, 500 * kMicrosecond,
      1 * kMillisecond,   2500 * kMicrosecond, 5 * kMillisecond,   10 * kMillisecond,
      25 * kMillisecond,  50 * kMillisecond,   100 * kMillisecond, 250 * kMillisecond,
      500 * kMillisecond, 1 * kSecond,         5 * kSecond};
  std::array<Counter, kBounds.size() + 1> buckets;
  Counter sum_nanos;

  /// n requests that took `elapsed` each.
  void observe(Nanos elapsed, std::uint64_t n = 1) {
    std::size_t i = 0;
    while (i < kBounds.size() && elapsed > kBounds[i]) ++i;
    buckets[i].add(n);
    sum_nanos.add(static_cast<std::uint64_t>(elapsed > 0 ? elapsed : 0) * n);
  }
};

enum class MissReason : std::uint8_t { kAbsent, kExpired, kLease, kGeneration, kCount };
enum class BypassReason : std::uint8_t {
  kDisabled,      // cache.enabled: false
  kNoLink,        // no live fill link
  kRule,          // cache.rules said no
  kCommand,       // grammar not understood, or the server's veto
  kIdentity,      // the client is another ACL user than the fill link's
  kProgramOrder,  // an unanswered write of the same client (COHERENCE I10)
  kPinned,        // MULTI, WATCH, subscribed ... (I15)
  kTooLarge,      // known to exceed cache.max_entry_bytes
  kMultiKey,      // a multi-key read that did not hit whole (I12)
  kCount
};
enum class DisconnectReason : std::uint8_t {
  kClient,
  kQuit,
  kProtocolError,
  kCrossProtocol,
  kOutputLimit,
  kOutputStalled,
  kUpstreamLost,
  kDrain,
  kKilled,
  kError,
  kCount
};
enum class UpstreamError : std::uint8_t {
  kConnect,
  kTimeout,
  kClosed,
  kProtocol,
  kHandshake,
  kCount
};

template <class E>
using PerReason = std::array<Counter, static_cast<std::size_t>(E::kCount)>;

struct Counters {
  // clients
  Counter clients_connected;  // gauge
  Counter clients_accepted;
  Counter clients_rejected;  // listen.max_clients
  PerReason<DisconnectReason> client_disconnects;
  Counter client_bytes_in;
  Counter client_bytes_out;
  Counter client_buffer_bytes;  // gauge
  Counter protocol_errors_client;
  Counter protocol_errors_upstream;

  // requests, by who answered
  Counter requests_l1;
  Counter requests_upstream;
  Counter requests_local;
  Counter requests_failed;  // answered by an error of Pillion's own
  LatencyHistogram latency_l1;
  LatencyHistogram latency_upstream;

  // cache
  Counter cache_hits;
  PerReason<MissReason> cache_misses;
  PerReason<BypassReason> cache_bypasses;
  Counter coalesced;  // reads that joined a flight of another
  Counter fills_stored;
  Counter fills_discarded;        // poisoned, dirty, TTL too short, too large, error
  Counter invalidations_foreign;  // keys named by pushes
  Counter invalidations_own;      // keys erased by writes through this Pillion
  Counter flushes_null_push;
  Counter flushes_own;
  Counter flushes_link_lost;
  Counter fences;
  Counter fence_timeouts;
  Counter probes;

  // upstream
  Counter upstream_connections;  // gauge, multiplexed and dedicated, established
  Counter upstream_dedicated;    // gauge
  Counter upstream_reconnects;
  PerReason<UpstreamError> upstream_errors;
  Counter upstream_bytes_in;
  Counter upstream_bytes_out;
  Counter upstream_retries;
  Counter writes_outcome_unknown;
  Counter busy_poll_nanos;  // spent looking for replies instead of sleeping
  Counter scripts_healed;   // NOSCRIPT answered by showing the script again

  // subscriptions
  Counter pubsub_messages_in;   // frames read on subscription links
  Counter pubsub_messages_out;  // frames handed to members
  Counter pubsub_names;         // gauge, channels and patterns subscribed to upstream
  Counter pubsub_members;       // gauge, (client, name) pairs
  Counter pubsub_reconnects;    // of subscription links
};

}  // namespace pillion::state
