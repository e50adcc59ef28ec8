// Sums over the workers' counters, taken when somebody asks. Relaxed reads: a sum is as exact as
// a moment that all workers do not share can be. Gauges may wrap in one worker and still sum up
// right, unsigned arithmetic being modular.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/state/counters.hpp"

namespace pillion::control {

using WorkerCounters = std::vector<const state::Counters*>;

inline std::uint64_t total(const WorkerCounters& workers, state::Counter state::Counters::*field) {
  std::uint64_t sum = 0;
  for (const state::Counters* counters : workers) sum += (counters->*field).get();
  return sum;
}

template <std::size_t N>
std::array<std::uint64_t, N> totals(const WorkerCounters& workers,
                                    std::array<state::Counter, N> state::Counters::*field) {
  std::array<std::uint64_t, N> sums{};
  for (const state::Counters* counters : workers) {
    for (std::size_t i = 0; i < N; ++i) sums[i] += (counters->*field)[i].get();
  }
  return sums;
}

}  // namespace pillion::control
