// Time as tests see it: one monotonic clock for every log and every deadline.
#pragma once

#include <chrono>

namespace pillion::test {

using Clock = std::chrono::steady_clock;
using Moment = Clock::time_point;
using Millis = std::chrono::milliseconds;
using namespace std::chrono_literals;

/// How long a test waits for anything it was not told to be patient about.
inline constexpr Millis kPatience{10'000};

inline double seconds_since(Moment start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double milliseconds(Clock::duration span) {
  return std::chrono::duration<double, std::milli>(span).count();
}

}  // namespace pillion::test
