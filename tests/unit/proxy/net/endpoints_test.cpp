#include "proxy/net/endpoints.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <string>

namespace pillion::net {
namespace {

TEST(Endpoints, EveryAddressInTheResolversOrder) {
  const auto found = socket_endpoints({"redis:7", "", {"127.0.0.1", "::1", "10.0.0.9"}, 7});
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].protocol().family(), AF_INET);
  EXPECT_EQ(found[1].protocol().family(), AF_INET6);
  EXPECT_EQ(found[2].protocol().family(), AF_INET);
  EXPECT_EQ(found[0], SocketEndpoint(boost::asio::ip::tcp::endpoint(
                          boost::asio::ip::make_address("127.0.0.1"), 7)));
}

TEST(Endpoints, WhatIsNoAddressIsLeftOut) {
  EXPECT_TRUE(socket_endpoints({"redis:7", "", {}, 7}).empty());
  EXPECT_EQ(socket_endpoints({"redis:7", "", {"localhost", "1.2.3", "127.0.0.1"}, 7}).size(), 1u);
}

TEST(Endpoints, APathStandsForItself) {
  const auto found = socket_endpoints({"/run/r.sock", "/run/r.sock", {"127.0.0.1"}, 7});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].protocol().family(), AF_UNIX);
  EXPECT_TRUE(socket_endpoints({"x", "/" + std::string(107, 'x'), {}, 0}).empty())
      << "longer than sun_path";
  EXPECT_EQ(socket_endpoints({"x", "/" + std::string(106, 'x'), {}, 0}).size(), 1u);
}

}  // namespace
}  // namespace pillion::net
