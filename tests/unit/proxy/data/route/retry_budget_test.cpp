#include "proxy/data/route/retry_budget.hpp"

#include <gtest/gtest.h>

namespace pillion::route {
namespace {

using state::kMillisecond;
using state::kSecond;

constexpr state::Nanos kStart = 1000 * kSecond;

int take_all(RetryBudget& budget, state::Nanos now) {
  int taken = 0;
  while (budget.take(now)) ++taken;
  return taken;
}

TEST(RetryBudget, IsAShareOfTheReads) {
  RetryBudget budget(RetryShare{20, 0, 1000});
  EXPECT_FALSE(budget.take(kStart));
  for (int i = 0; i < 100; ++i) budget.on_read();
  EXPECT_EQ(take_all(budget, kStart), 20);
  for (int i = 0; i < 4; ++i) budget.on_read();
  EXPECT_FALSE(budget.take(kStart));
  budget.on_read();
  EXPECT_TRUE(budget.take(kStart));
}

TEST(RetryBudget, WhenEverythingFailsTheExtraLoadIsTheShare) {
  RetryBudget budget(RetryShare{20, 10, 100});
  int retries = 0;
  for (int i = 0; i < 100'000; ++i) {
    budget.on_read();
    retries += budget.take(kStart + i * 10 * state::kMicrosecond) ? 1 : 0;
  }
  EXPECT_NEAR(retries, 20'000 + 20, 5);
}

TEST(RetryBudget, AQuietClientIsRetriedToo) {
  RetryBudget budget(RetryShare{20, 10, 1000});
  EXPECT_EQ(take_all(budget, kStart), 10) << "a second's worth from the start";
  EXPECT_FALSE(budget.take(kStart + 99 * kMillisecond));
  EXPECT_TRUE(budget.take(kStart + 100 * kMillisecond));
  EXPECT_EQ(take_all(budget, kStart + 600 * kMillisecond), 5);
}

TEST(RetryBudget, IsNotSavedForEver) {
  RetryBudget budget(RetryShare{20, 10, 50});
  for (int i = 0; i < 100'000; ++i) budget.on_read();
  EXPECT_EQ(take_all(budget, kStart), 50);
  EXPECT_EQ(take_all(budget, kStart + 1'000'000 * kSecond), 50);
}

TEST(RetryBudget, NothingAllowedIsNothing) {
  RetryBudget budget(RetryShare{0, 0, 1000});
  for (int i = 0; i < 1000; ++i) budget.on_read();
  EXPECT_FALSE(budget.take(kStart));
  EXPECT_FALSE(budget.take(kStart + 10 * kSecond));
}

}  // namespace
}  // namespace pillion::route
