// Waiting for a condition that has no event to wait on.
#pragma once

#include <thread>

#include "tests/support/clock.hpp"

namespace pillion::test {

/// Asks `condition` every `pause` until it holds or `patience` is over; returns its last answer.
template <class Condition>
bool eventually(Condition&& condition, Millis patience = kPatience, Millis pause = 5ms) {
  const Moment deadline = Clock::now() + patience;
  while (!condition()) {
    if (Clock::now() >= deadline) return condition();
    std::this_thread::sleep_for(pause);
  }
  return true;
}

}  // namespace pillion::test
