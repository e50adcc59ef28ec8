#include "proxy/control/metrics/process_stats.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

namespace pillion::control {
namespace {

/// Fields of proc(5)'s stat that matter here, numbered from 1 as there.
constexpr int kUserTicks = 14;
constexpr int kSystemTicks = 15;
constexpr int kStartTicks = 22;
constexpr int kResidentPages = 24;

double boot_time() {
  std::ifstream file("/proc/stat");
  std::string word;
  double seconds = 0;
  while (file >> word) {
    if (word == "btime" && file >> seconds) return seconds;
  }
  return 0;
}

void read_stat(ProcessStats& stats) {
  std::ifstream file("/proc/self/stat");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  // Field 2 is the executable's name in parentheses and may hold blanks and parentheses itself.
  const std::size_t close = text.rfind(')');
  if (close == std::string::npos) return;
  std::istringstream rest(text.substr(close + 1));
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  std::string field;
  for (int number = 3; number <= kResidentPages && rest >> field; ++number) {
    if (number == kUserTicks || number == kSystemTicks)
      stats.cpu_seconds += std::stod(field) / ticks;
    if (number == kStartTicks) stats.start_time_seconds = boot_time() + std::stod(field) / ticks;
    if (number == kResidentPages) {
      stats.resident_bytes =
          std::stoull(field) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
    }
  }
}

std::uint64_t count_fds() {
  std::error_code ec;
  std::filesystem::directory_iterator open("/proc/self/fd", ec);
  if (ec) return 0;
  const auto listed = std::distance(begin(open), end(open));
  return listed > 0 ? static_cast<std::uint64_t>(listed) - 1 : 0;  // without the listing's own
}

}  // namespace

ProcessStats process_stats() {
  ProcessStats stats;
  read_stat(stats);
  stats.open_fds = count_fds();
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == 0) stats.max_fds = limit.rlim_cur;
  return stats;
}

}  // namespace pillion::control
