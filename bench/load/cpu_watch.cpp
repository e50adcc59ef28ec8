#include "bench/load/cpu_watch.hpp"

#include <charconv>
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace pillion::bench {

WatchedProcess parse_watched(const std::string& text) {
  const std::size_t equals = text.find('=');
  WatchedProcess watched;
  if (equals != std::string::npos && equals > 0) {
    const char* const begin = text.data() + equals + 1;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, watched.pid);
    watched.name = text.substr(0, equals);
    if (error == std::errc{} && stop == end && watched.pid > 0) return watched;
  }
  throw std::invalid_argument("--watch takes name=pid, not '" + text + "'");
}

std::uint64_t cpu_nanoseconds(int pid) {
  const std::filesystem::path tasks = "/proc/" + std::to_string(pid) + "/task";
  std::uint64_t total = 0;
  bool alive = false;
  std::error_code error;
  for (const auto& task : std::filesystem::directory_iterator(tasks, error)) {
    std::ifstream file(task.path() / "schedstat");
    std::uint64_t running = 0;
    if (file >> running) {
      total += running;
      alive = true;
    }
  }
  if (!alive) throw std::runtime_error("process " + std::to_string(pid) + " is gone");
  return total;
}

std::vector<std::uint64_t> cpu_nanoseconds(const std::vector<WatchedProcess>& processes) {
  std::vector<std::uint64_t> values;
  values.reserve(processes.size());
  for (const WatchedProcess& process : processes) values.push_back(cpu_nanoseconds(process.pid));
  return values;
}

}  // namespace pillion::bench
