#include "proxy/net/cpu_count.hpp"

#include <gtest/gtest.h>

namespace pillion::net {
namespace {

TEST(CpuCount, ReadsAQuotaOfCpuMax) {
  EXPECT_DOUBLE_EQ(quota_of_cpu_max("50000 100000"), 0.5);
  EXPECT_DOUBLE_EQ(quota_of_cpu_max("250000 100000"), 2.5);
  EXPECT_DOUBLE_EQ(quota_of_cpu_max("100000 50000\n"), 2.0);
}

TEST(CpuCount, UnlimitedAndMalformedLinesAreNoQuota) {
  for (const char* line : {"max 100000", "max", "", "abc 100000", "100000", "100000 0", "0 100000",
                           "-1 100000", "100000 abc", "100000 -5"}) {
    EXPECT_EQ(quota_of_cpu_max(line), 0) << line;
  }
}

TEST(CpuCount, IsAtLeastOne) {
  EXPECT_GE(usable_cpus(), 1u);
}

}  // namespace
}  // namespace pillion::net
