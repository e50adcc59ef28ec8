#include "config/address.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace pillion::config {
namespace {

using ::testing::HasSubstr;

std::string parsed(std::string_view text) {
  const auto outcome = parse_address(text);
  if (const auto* refusal = std::get_if<Refusal>(&outcome)) return "refused: " + refusal->reason;
  const auto& address = std::get<Address>(outcome);
  return address.host + " " + std::to_string(address.port);
}

TEST(Address, FormsOfWriting) {
  EXPECT_EQ(parsed("127.0.0.1:6380"), "127.0.0.1 6380");
  EXPECT_EQ(parsed("localhost:6380"), "127.0.0.1 6380");
  EXPECT_EQ(parsed("6380"), "127.0.0.1 6380");
  EXPECT_EQ(parsed(":6380"), "0.0.0.0 6380");
  EXPECT_EQ(parsed("*:6380"), "0.0.0.0 6380");
  EXPECT_EQ(parsed("[::1]:6380"), "::1 6380");
  EXPECT_EQ(parsed("[::]:65535"), ":: 65535");
}

TEST(Address, BadPorts) {
  for (const auto* text :
       {"127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:redis",
        "127.0.0.1", "", "[::1]:0", "127.0.0.1:63800000000"}) {
    EXPECT_THAT(parsed(text), HasSubstr("the port must be a number from 1 to 65535")) << text;
  }
}

TEST(Address, BadHosts) {
  EXPECT_THAT(parsed("::1:6380"), HasSubstr("brackets"));
  EXPECT_THAT(parsed("[::1]"), HasSubstr("[::1]:6380"));
  EXPECT_THAT(parsed("[127.0.0.1]:6380"), HasSubstr("[::1]:6380"));
  EXPECT_THAT(parsed("redis.internal:6380"), HasSubstr("IP address or localhost"));
  EXPECT_THAT(parsed("127.1:6380"), HasSubstr("IP address or localhost"));
  EXPECT_THAT(parsed(std::string("127.0.0.1\0.evil:1", 17)), HasSubstr("NUL"));
}

TEST(Address, Loopback) {
  for (const auto* host : {"127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"}) {
    EXPECT_TRUE(is_loopback(host)) << host;
  }
  for (const auto* host :
       {"0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "::ffff:10.0.0.1", "fe80::1", "localhost", ""}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

TEST(Address, PrintedWithBracketsAroundIPv6) {
  EXPECT_EQ(print_address({"127.0.0.1", 1}), "127.0.0.1:1");
  EXPECT_EQ(print_address({"::1", 6380}), "[::1]:6380");
}

}  // namespace
}  // namespace pillion::config
