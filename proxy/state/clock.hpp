// Where "now" comes from.
//
// Nanoseconds of CLOCK_BOOTTIME: it counts a suspended machine, so neither a lease nor a key's
// expiry is stretched by sleep (COHERENCE section 7.3). State machines take `now` as an argument;
// only shells read the clock, once per batch.
#pragma once

#include <cstdint>

namespace pillion::state {

using Nanos = std::int64_t;

inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;

Nanos now();

}  // namespace pillion::state
