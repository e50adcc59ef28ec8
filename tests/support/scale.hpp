// How much of a long test is run.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace pillion::test {

/// The environment variable PILLION_TEST_SCALE divides the rounds of long tests; 1 when unset.
inline std::uint64_t scaled(std::uint64_t full, std::uint64_t at_least = 1) {
  const char* text = std::getenv("PILLION_TEST_SCALE");
  const std::uint64_t divisor = text == nullptr ? 1 : std::strtoull(text, nullptr, 10);
  return std::max(at_least, full / std::max<std::uint64_t>(divisor, 1));
}

}  // namespace pillion::test
