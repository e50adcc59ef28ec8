// The admin port's HTTP listener: Beast in front of Routes.
//
// Bounded everywhere: connections (64; one more closes the connection that idles longest, so that
// forgotten scrapers cannot lock the liveness probe out), header and body size, time per request
// and per response. What is not HTTP, RESP included, gets a 400 and is closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "proxy/control/admin/routes.hpp"
#include "proxy/net/acceptor.hpp"

namespace pillion::control {

class AdminServer {
 public:
  AdminServer(boost::asio::io_context& io, const Routes& routes);
  ~AdminServer();
  AdminServer(const AdminServer&) = delete;
  AdminServer& operator=(const AdminServer&) = delete;

  /// Throws std::system_error naming the address when it cannot be bound.
  void listen(const std::string& host, std::uint16_t port);
  void stop();

  std::uint16_t port() const;

 private:
  class Session;
  struct Sessions;

  void on_accept(net::Socket socket);

  boost::asio::io_context& io_;
  const Routes& routes_;
  std::shared_ptr<net::Acceptor> acceptor_;
  std::shared_ptr<Sessions> sessions_;
};

}  // namespace pillion::control
