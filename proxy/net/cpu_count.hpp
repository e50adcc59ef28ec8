// How many CPUs this process may use.
#pragma once

#include <cstdint>
#include <string>

namespace pillion::net {

/// The smaller of the affinity mask and the cgroup CPU quota (v2 "cpu.max", v1 cfs quota), rounded
/// up, at least 1. A sidecar limited to half a core on a 64-core node must not start 64 workers.
std::uint32_t usable_cpus();

/// A quota limits the CPU time of this process, whatever CPUs it may run on.
bool has_cpu_quota();

/// Pure part, for tests: quota in CPUs of a cgroup v2 "cpu.max" line ("max 100000", "50000
/// 100000"), or 0 when unlimited or malformed.
double quota_of_cpu_max(const std::string& line);

}  // namespace pillion::net
