// What the data plane sees of each endpoint: told to the control plane, which decides what it means
// for the endpoint's health (passive checks), and exported.
//
// Written by every worker, read by the control plane; relaxed atomics, one cache line an endpoint.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "proxy/state/clock.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::state {

class EndpointTraffic {
 public:
  struct alignas(64) Counts {
    std::atomic<std::uint64_t> requests{0};   // commands sent to it, fetches included
    std::atomic<std::uint64_t> successes{0};  // reads from its sockets that brought replies
    std::atomic<std::uint64_t> failures{0};   // connections lost, refused or given up
    std::atomic<std::uint64_t> timeouts{0};   // of these: no reply in time
    std::atomic<Nanos> executed{0};           // the latest moment from which a request was executed
  };

  /// Precondition: id < kMaxEndpoints.
  Counts& of(EndpointId id) { return counts_[id]; }
  const Counts& of(EndpointId id) const { return counts_[id]; }

 private:
  std::array<Counts, kMaxEndpoints> counts_;
};

}  // namespace pillion::state
