// A moment that several threads move, and only forwards.
#pragma once

#include <atomic>

#include "proxy/state/clock.hpp"

namespace pillion::state {

inline void raise(std::atomic<Nanos>& moment, Nanos to) {
  Nanos seen = moment.load();
  while (seen < to && !moment.compare_exchange_weak(seen, to)) {
  }
}

}  // namespace pillion::state
