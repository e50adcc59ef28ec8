#include "proxy/net/backoff.hpp"

#include <algorithm>
#include <random>

namespace pillion::net {

state::Nanos backoff_delay(const BackoffPolicy& policy, std::uint32_t attempt,
                           std::uint64_t random) {
  const std::uint32_t doublings = std::min<std::uint32_t>(attempt, 20);
  const state::Nanos step = std::min(policy.cap, policy.first << doublings);
  const state::Nanos half = step / 2;
  return half + static_cast<state::Nanos>(random % static_cast<std::uint64_t>(half + 1));
}

std::uint64_t random_bits() {
  thread_local std::mt19937_64 engine{std::random_device{}()};
  return engine();
}

}  // namespace pillion::net
