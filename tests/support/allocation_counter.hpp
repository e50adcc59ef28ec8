// Counts what the process takes from the heap, by new and by malloc. A test program links it whole
// (CMake: count_allocations(target)); it measures nothing beside other tests.
#pragma once

#include <cstddef>

namespace pillion::test {

/// Since the process began.
std::size_t allocations();

}  // namespace pillion::test
