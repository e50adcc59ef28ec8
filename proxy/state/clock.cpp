#include "proxy/state/clock.hpp"

#include <ctime>

namespace pillion::state {

Nanos now() {
  timespec ts{};
  clock_gettime(CLOCK_BOOTTIME, &ts);
  return static_cast<Nanos>(ts.tv_sec) * kSecond + ts.tv_nsec;
}

}  // namespace pillion::state
