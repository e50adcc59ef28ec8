#include "proxy/control/topology/endpoint_registry.hpp"

#include <gtest/gtest.h>

namespace pillion::control {
namespace {

using state::kSecond;

TEST(EndpointRegistry, ANameKeepsItsId) {
  EndpointRegistry registry;
  const auto a = registry.take("a:1", 0);
  const auto b = registry.take("b:1", 0);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(*a, 0);
  EXPECT_NE(*a, *b);
  EXPECT_EQ(registry.take("a:1", 0), a);
  registry.keep({*b}, 0);
  EXPECT_EQ(registry.take("c:1", 5 * EndpointRegistry::kRest), 2) << "nobody needs a's yet";
  EXPECT_EQ(registry.take("a:1", 5 * EndpointRegistry::kRest), a);
}

TEST(EndpointRegistry, IdsOfTheLongGoneAreUsedAgainWhenThereAreNoOthers) {
  EndpointRegistry registry(3);
  registry.take("a", 0);
  registry.take("b", 0);
  registry.take("c", 0);
  EXPECT_EQ(registry.take("d", 0), std::nullopt);
  registry.keep({1, 2}, 10 * kSecond);
  registry.keep({2}, 20 * kSecond);
  const state::Nanos rested = 10 * kSecond + EndpointRegistry::kRest;
  EXPECT_EQ(registry.take("d", rested - 1), std::nullopt);
  EXPECT_EQ(registry.take("d", rested), 0) << "the longest gone first";
  EXPECT_EQ(registry.take("a", rested), std::nullopt) << "its id is another's now";
  EXPECT_EQ(registry.take("a", rested + 10 * kSecond), 1);
  EXPECT_EQ(registry.take("c", rested + 10 * kSecond), 2);
}

TEST(EndpointRegistry, AnIdInUseIsNeverGivenAway) {
  EndpointRegistry registry(1);
  registry.take("a", 0);
  registry.keep({0}, 0);
  EXPECT_EQ(registry.take("b", 100 * EndpointRegistry::kRest), std::nullopt);
}

TEST(EndpointRegistry, NoMoreThanThereAreCounters) {
  EndpointRegistry registry;
  for (std::size_t i = 0; i < state::kMaxEndpoints; ++i) {
    EXPECT_EQ(registry.take(std::to_string(i), 0), i);
  }
  EXPECT_EQ(registry.take("one more", 0), std::nullopt);
}

}  // namespace
}  // namespace pillion::control
