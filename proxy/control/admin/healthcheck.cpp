// `pillion healthcheck`: what a container without a shell runs to ask its own admin port.
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>

#include "proxy/control/admin/admin_address.hpp"
#include "proxy/control/control_plane.hpp"
#include "proxy/net/socket.hpp"

namespace pillion::control {
namespace {

namespace asio = boost::asio;

constexpr auto kTimeout = std::chrono::seconds(2);
constexpr std::string_view kRequest = "GET /livez HTTP/1.0\r\nHost: localhost\r\n\r\n";
constexpr std::size_t kMaxReply = 4096;

int unhealthy(const std::string& why) {
  std::cerr << "healthcheck: " << why << "\n";
  return 1;
}

asio::ip::tcp::endpoint endpoint_of(const config::Address& address) {
  auto host = asio::ip::make_address(address.host);
  if (host.is_unspecified()) {  // "every address" is reached through loopback
    if (host.is_v6()) {
      host = asio::ip::address_v6::loopback();
    } else {
      host = asio::ip::address_v4::loopback();
    }
  }
  return {host, address.port};
}

/// Connect, ask, read until the end; `result` stays timed_out when run_for() is over first.
class Exchange {
 public:
  net::ErrorCode run(const asio::ip::tcp::endpoint& endpoint) {
    socket_.async_connect(endpoint, [this](const net::ErrorCode& ec) {
      if (ec) return finish(ec);
      asio::async_write(socket_, asio::buffer(kRequest),
                        [this](const net::ErrorCode& write_ec, std::size_t) {
                          if (write_ec) return finish(write_ec);
                          read();
                        });
    });
    io_.run_for(kTimeout);
    return result_;
  }

  const std::string& reply() const { return reply_; }

 private:
  void read() {
    asio::async_read(socket_, asio::dynamic_buffer(reply_, kMaxReply),
                     [this](const net::ErrorCode& ec, std::size_t) {
                       finish(ec == asio::error::eof ? net::ErrorCode() : ec);
                     });
  }

  void finish(const net::ErrorCode& ec) { result_ = ec; }

  asio::io_context io_;
  asio::ip::tcp::socket socket_{io_};
  std::string reply_;
  net::ErrorCode result_ = asio::error::timed_out;
};

int check(const std::string& configured) {
  Exchange exchange;
  if (const auto ec = exchange.run(endpoint_of(admin_address(configured)))) {
    return unhealthy("no answer from " + configured + ": " + ec.message());
  }
  const std::string line = exchange.reply().substr(0, exchange.reply().find('\r'));
  const std::size_t blank = line.find(' ');
  if (!line.starts_with("HTTP/1.") || line.compare(blank + 1, 3, "200") != 0) {
    return unhealthy(configured + " answers \"" + line + "\"");
  }
  return 0;
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
