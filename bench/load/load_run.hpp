// A closed-loop run: every client keeps one batch in flight, one thread serves them all.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/load/client.hpp"
#include "bench/load/cpu_watch.hpp"
#include "bench/load/latency_histogram.hpp"
#include "bench/load/workload.hpp"

namespace pillion::bench {

struct LoadOptions {
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  Operation operation = Operation::kGet;
  Order order = Order::kRandom;
  std::uint32_t clients = 50;
  std::uint32_t pipeline = 1;
  std::uint32_t keys = 10'000;
  std::uint32_t value_size = 64;  // bytes
  double warmup = 0.2;         // seconds before the measured window; ignored when `requests` is set
  double seconds = 2;          // of the measured window
  std::uint64_t requests = 0;  // 0 = by time; otherwise exactly so many, all measured
  double stall_timeout = 10;   // seconds without a single reply, then the run fails
  std::vector<WatchedProcess> watched;
};

/// What happened inside the measured window.
struct LoadResult {
  double seconds = 0;
  Tally tally;
  LatencyHistogram batches;        // from the send of a batch to its last reply, ns
  std::vector<std::uint64_t> cpu;  // of each watched process, ns
  std::uint64_t own_cpu = 0;       // of the generator, ns
};

/// Throws std::runtime_error when a server hangs, closes or answers what it must not.
LoadResult run_load(const LoadOptions& options);

}  // namespace pillion::bench
