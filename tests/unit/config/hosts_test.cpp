#include "config/hosts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pillion::config {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> names(std::string_view list, std::uint16_t port = 26379) {
  auto parsed = parse_hosts(list, port);
  if (auto* refusal = std::get_if<Refusal>(&parsed)) return {"refused: " + refusal->reason};
  std::vector<std::string> out;
  for (const auto& server : std::get<std::vector<HostPort>>(parsed)) {
    out.push_back(print_host(server));
  }
  return out;
}

std::string refusal(std::string_view list) {
  const auto parsed = parse_hosts(list, 6379);
  const auto* refusal = std::get_if<Refusal>(&parsed);
  EXPECT_NE(refusal, nullptr) << list;
  return refusal == nullptr ? "" : refusal->reason;
}

TEST(Hosts, WhatIsUnderstood) {
  EXPECT_THAT(names("h1"), ElementsAre("h1:26379"));
  EXPECT_THAT(names("h1:1,h2:2"), ElementsAre("h1:1", "h2:2"));
  EXPECT_THAT(names(" h1:1 ,\th2"), ElementsAre("h1:1", "h2:26379"));
  EXPECT_THAT(names("[::1]:7000, [2001:db8::7], 10.0.0.1:65535"),
              ElementsAre("[::1]:7000", "[2001:db8::7]:26379", "10.0.0.1:65535"));
  EXPECT_THAT(names("redis-0.redis_x.svc.cluster.local:6379"),
              ElementsAre("redis-0.redis_x.svc.cluster.local:6379"));
}

TEST(Hosts, WhatIsRefused) {
  for (const auto* list : {"", ",", "h1,", ",h1", "h1,,h2"}) {
    EXPECT_THAT(refusal(list), HasSubstr("between two commas")) << list;
  }
  for (const auto* list : {"h:0", "h:65536", "h:x", "h:", "[::1]:"}) {
    EXPECT_THAT(refusal(list), HasSubstr("the port must be a number")) << list;
  }
  EXPECT_THAT(refusal("::1"), HasSubstr("brackets"));
  EXPECT_THAT(refusal("[::1"), HasSubstr("not closed"));
  EXPECT_THAT(refusal("[::1]7000"), HasSubstr("[IPv6 address]:port"));
  for (const auto* list : {"a b", ":7000", "h/1:7000", "redis://h"}) {
    EXPECT_THAT(refusal(list), Not(testing::IsEmpty())) << list;
  }
  EXPECT_EQ(refusal("h1:1, h2:2, h1:1"), "'h1:1' is named twice");
  std::string many = "h0";
  for (int i = 1; i < 65; ++i) many += ",h" + std::to_string(i);
  EXPECT_THAT(refusal(many), HasSubstr("more than 64"));
}

TEST(Hosts, RefusalsNeverRepeatAPassword) {
  for (const auto* list : {"u:hunter2@h", "u:hunter2,x@h", "u:x,hunter2:y@h:1", "hunter2@h,h,h"}) {
    EXPECT_THAT(refusal(list), Not(HasSubstr("hunter2"))) << list;
  }
}

TEST(Hosts, Zones) {
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  EXPECT_EQ(std::get<Pairs>(parse_zones("")), Pairs{});
  EXPECT_EQ(std::get<Pairs>(parse_zones("h1:7000=a, [::1]:1 = b,h2=a")),
            (Pairs{{"h1:7000", "a"}, {"[::1]:1", "b"}, {"h2:6379", "a"}}));
  for (const auto* list : {"h1", "h1=", "=a", "h1=a,", "h1=a,h1:6379=b"}) {
    EXPECT_TRUE(std::holds_alternative<Refusal>(parse_zones(list))) << list;
  }
}

}  // namespace
}  // namespace pillion::config
