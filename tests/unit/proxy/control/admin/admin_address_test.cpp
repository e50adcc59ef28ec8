#include "proxy/control/admin/admin_address.hpp"

#include <gtest/gtest.h>

#include <system_error>

namespace pillion::control {
namespace {

TEST(AdminAddress, AsTheConfigurationWritesIt) {
  EXPECT_EQ(admin_address("127.0.0.1:9380").host, "127.0.0.1");
  EXPECT_EQ(admin_address("127.0.0.1:9380").port, 9380);
  EXPECT_EQ(admin_address("[::1]:9380").host, "::1");
  EXPECT_EQ(admin_address("9380").host, "127.0.0.1");
}

TEST(AdminAddress, PortZeroIsAnyFreePort) {
  EXPECT_EQ(admin_address("127.0.0.1:0").port, 0);
  EXPECT_EQ(admin_address("0").port, 0);
  EXPECT_EQ(admin_address("127.0.0.1:10").port, 10);
}

TEST(AdminAddress, RefusalsNameTheKey) {
  try {
    admin_address("elsewhere.example:9380");
    FAIL() << "accepted";
  } catch (const std::system_error& refused) {
    EXPECT_NE(std::string(refused.what()).find("admin.address"), std::string::npos);
  }
}

}  // namespace
}  // namespace pillion::control
