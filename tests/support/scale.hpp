// How much of a long test is run, and how strictly time is judged.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "tests/support/clock.hpp"

namespace pillion::test {

/// The environment variable PILLION_TEST_SCALE divides the rounds of long tests; 1 when unset.
inline std::uint64_t scale() {
  const char* text = std::getenv("PILLION_TEST_SCALE");
  const std::uint64_t divisor = text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
  return std::max<std::uint64_t>(divisor, 1);
}

inline std::uint64_t scaled(std::uint64_t full, std::uint64_t at_least = 1) {
  return std::max(at_least, full / scale());
}

/// How long what is promised within `promised` may take here. The long form of a test is for a
/// machine of its own, where the promise is judged, and the scheduler let have its say for `slack`;
/// the short one runs beside others, which may hold up anybody for some hundred milliseconds. What
/// is answered is judged alike by both.
inline Millis within(Millis promised, Millis slack = Millis{150}) {
  return scale() == 1 ? promised + slack : 2 * promised + Millis{500};
}

}  // namespace pillion::test
