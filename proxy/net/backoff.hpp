// How long to wait before trying again: exponential, full jitter, capped. Pure.
#pragma once

#include <cstdint>

#include "proxy/state/clock.hpp"

namespace pillion::net {

struct BackoffPolicy {
  state::Nanos first = 20 * state::kMillisecond;
  state::Nanos cap = 500 * state::kMillisecond;
};

/// Delay before attempt number `attempt` (0 = the first retry). `random` is any 64-bit random
/// number; the result lies in [half, whole] of the exponential step, so that many Pillions that
/// lost one upstream together do not return together.
state::Nanos backoff_delay(const BackoffPolicy& policy, std::uint32_t attempt,
                           std::uint64_t random);

/// What `random` is fed with outside of tests. Per thread; not for secrets.
std::uint64_t random_bits();

}  // namespace pillion::net
