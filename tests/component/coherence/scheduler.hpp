// Walks the orders in which the steps of a scenario can happen.
//
// A world cannot be copied, so each schedule is played from the start. Two neighbouring steps of
// which one touches only Pillion and the other only the upstream, both possible before either, lead
// to the same world in either order; only the order with the upstream first is walked. (Clock,
// ticks and cuts commute with nothing.)
#pragma once

#include <cstdint>
#include <string>

#include "tests/component/coherence/world.hpp"

namespace pillion::coherence {

struct Walk {
  std::uint64_t schedules = 0;
  bool complete = false;  // there is no other schedule
  std::string fault;      // with the schedule that shows it
};

/// Every schedule, or the first `most`.
Walk walk_all(const Scenario& scenario, std::uint64_t most);

/// One schedule drawn by `seed`.
Walk walk_random(const Scenario& scenario, std::uint64_t seed);

}  // namespace pillion::coherence
