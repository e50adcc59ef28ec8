// `pillion healthcheck`: what a container without a shell runs to ask its own admin port.
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <chrono>
#include <exception>
#include <iostream>
#include <string>

#include "proxy/control/admin/admin_address.hpp"
#include "proxy/control/control_plane.hpp"

namespace pillion::control {
namespace {

constexpr auto kTimeout = std::chrono::seconds(2);

int unhealthy(const std::string& why) {
  std::cerr << "healthcheck: " << why << "\n";
  return 1;
}

int check(const std::string& configured) {
  const config::Address address = admin_address(configured);
  auto host = boost::asio::ip::make_address(address.host);
  if (host.is_unspecified()) {  // "every address" is reached through loopback
    if (host.is_v6()) {
      host = boost::asio::ip::address_v6::loopback();
    } else {
      host = boost::asio::ip::address_v4::loopback();
    }
  }
  boost::asio::ip::tcp::iostream stream;
  stream.expires_after(kTimeout);
  stream.connect(boost::asio::ip::tcp::endpoint(host, address.port));
  stream << "GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n" << std::flush;
  std::string version;
  int status = 0;
  stream >> version >> status;
  if (!stream) {
    return unhealthy("no answer from " + configured + ": " +
                     (stream.error() ? stream.error().message() : "not HTTP"));
  }
  return status == 200 ? 0 : unhealthy(configured + " answers " + std::to_string(status));
}

}  // namespace

int run_healthcheck(const std::string& configured) {
  if (configured.empty()) return unhealthy("the admin port is off (admin.address is empty)");
  try {
    return check(configured);
  } catch (const std::exception& failure) {
    return unhealthy(failure.what());
  }
}

}  // namespace pillion::control
