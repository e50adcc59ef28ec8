#include "proxy/control/metrics/process_stats.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>

namespace pillion::control {
namespace {

TEST(ProcessStats, AreThoseOfThisProcess) {
  const ProcessStats before = process_stats();
  EXPECT_GT(before.resident_bytes, 100'000U);
  EXPECT_GE(before.open_fds, 3U);
  EXPECT_GT(before.max_fds, before.open_fds);
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LT(before.start_time_seconds, now + 2);
  EXPECT_GT(before.start_time_seconds, now - 3600);

  const int extra = ::dup(STDERR_FILENO);
  EXPECT_EQ(process_stats().open_fds, before.open_fds + 1);
  ::close(extra);
}

TEST(ProcessStats, CpuTimeGrows) {
  const double before = process_stats().cpu_seconds;
  const auto start = std::chrono::steady_clock::now();
  volatile std::uint64_t work = 0;
  while (process_stats().cpu_seconds <= before &&
         std::chrono::steady_clock::now() - start < std::chrono::seconds(10)) {
    for (int i = 0; i < 100'000; ++i) work = work + 1;
  }
  EXPECT_GT(process_stats().cpu_seconds, before);
}

}  // namespace
}  // namespace pillion::control
