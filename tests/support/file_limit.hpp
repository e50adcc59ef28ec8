// Room for many sockets.
#pragma once

#include <sys/resource.h>

#include <cstdint>

namespace pillion::test {

/// Raises the limit of open files of this process, and of those it starts, as far as allowed;
/// returns it.
inline std::uint64_t raise_file_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return limit.rlim_cur;
}

}  // namespace pillion::test
