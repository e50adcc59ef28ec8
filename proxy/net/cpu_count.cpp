#include "proxy/net/cpu_count.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>

namespace pillion::net {
namespace {

double cgroup_quota() {
  std::string line;
  if (std::ifstream v2("/sys/fs/cgroup/cpu.max"); std::getline(v2, line))
    return quota_of_cpu_max(line);
  double quota = 0;
  double period = 0;
  std::ifstream quota_file("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
  std::ifstream period_file("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
  if (quota_file >> quota && period_file >> period && quota > 0 && period > 0)
    return quota / period;
  return 0;
}

}  // namespace

double quota_of_cpu_max(const std::string& line) {
  std::istringstream in(line);
  std::string quota_text;
  double period = 0;
  if (!(in >> quota_text >> period) || quota_text == "max" || period <= 0) return 0;
  std::istringstream quota_in(quota_text);
  double quota = 0;
  return quota_in >> quota && quota > 0 ? quota / period : 0;
}

bool has_cpu_quota() {
  return cgroup_quota() > 0;
}

std::uint32_t usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  int cpus = 1;
  if (sched_getaffinity(0, sizeof set, &set) == 0) cpus = std::max(1, CPU_COUNT(&set));
  if (const double quota = cgroup_quota(); quota > 0) {
    cpus = std::min(cpus, std::max(1, static_cast<int>(std::ceil(quota))));
  }
  return static_cast<std::uint32_t>(cpus);
}

}  // namespace pillion::net
