// Listens on one address and hands accepted sockets over. Backs off when the process is out of file
// descriptors instead of spinning.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/socket_base.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "proxy/net/socket.hpp"

namespace pillion::net {

/// Where a worker listens: a TCP host and port, or a UNIX path.
struct ListenAddress {
  std::string host;
  std::uint16_t port = 0;
  std::string unix_path;
};

class Acceptor : public std::enable_shared_from_this<Acceptor> {
 public:
  using OnAccept = std::function<void(Socket)>;

  Acceptor(boost::asio::io_context& io, OnAccept on_accept);

  /// Binds and listens. TCP sockets share their port among the workers of this process
  /// (SO_REUSEPORT); with `exclusive` set, the first of them makes sure that no other process
  /// listens there already. A UNIX path is bound under a strict umask; a dead socket file is
  /// replaced. Throws std::system_error naming the address (start-up only).
  void open(const ListenAddress& address, bool exclusive);

  void start();
  void close();

  /// The port bound, for port 0.
  std::uint16_t port() const { return port_; }

 private:
  using Protocol = boost::asio::generic::stream_protocol;

  void accept();

  boost::asio::basic_socket_acceptor<boost::asio::generic::stream_protocol> acceptor_;
  boost::asio::steady_timer retry_;
  OnAccept on_accept_;
  std::uint16_t port_ = 0;
  std::string unix_path_;
};

}  // namespace pillion::net
