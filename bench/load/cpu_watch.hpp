// How much CPU a process has used, in nanoseconds: the scheduler's own sum over its threads.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pillion::bench {

/// A process whose CPU time is read at both ends of the measured window.
struct WatchedProcess {
  std::string name;
  int pid = 0;
};

/// Reads "name=pid". Throws std::invalid_argument for anything else.
WatchedProcess parse_watched(const std::string& text);

/// User plus system time of all live threads, in nanoseconds, from /proc/PID/task/*/schedstat.
/// Threads that have ended are not counted, so watch processes whose threads live as long as they
/// do. Throws std::runtime_error when the process is gone.
std::uint64_t cpu_nanoseconds(int pid);

/// cpu_nanoseconds of each, in order.
std::vector<std::uint64_t> cpu_nanoseconds(const std::vector<WatchedProcess>& processes);

}  // namespace pillion::bench
