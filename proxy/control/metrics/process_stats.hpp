// What Linux says about this process; zero where it says nothing (another system, a masked /proc).
#pragma once

#include <cstdint>

namespace pillion::control {

struct ProcessStats {
  double cpu_seconds = 0;         // user and system
  double start_time_seconds = 0;  // UNIX time
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_fds = 0;
  std::uint64_t max_fds = 0;
};

ProcessStats process_stats();

}  // namespace pillion::control
