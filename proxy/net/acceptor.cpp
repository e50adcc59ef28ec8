#include "proxy/net/acceptor.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <utility>

#include "proxy/net/endpoints.hpp"

namespace pillion::net {
namespace {

constexpr int kBacklog = 4096;
constexpr auto kRetryAfter = std::chrono::milliseconds(100);

[[noreturn]] void refuse(const std::string& what, int error) {
  throw std::system_error(error, std::generic_category(), what);
}

/// Binding without SO_REUSEPORT fails when anybody listens there, even one who would share.
void check_free(const SocketEndpoint& endpoint, const std::string& name) {
  const int fd = ::socket(endpoint.protocol().family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) refuse("cannot create a socket for " + name, errno);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int failed = ::bind(fd, static_cast<const sockaddr*>(endpoint.data()),
                            static_cast<socklen_t>(endpoint.size()));
  const int error = errno;
  ::close(fd);
  if (failed != 0) refuse("cannot listen on " + name, error);
}

/// A socket file that nobody answers on is left over from a crash.
void remove_dead_socket(const SocketEndpoint& endpoint, const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0 || !S_ISSOCK(info.st_mode)) return;
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return;
  const bool alive = ::connect(fd, static_cast<const sockaddr*>(endpoint.data()),
                               static_cast<socklen_t>(endpoint.size())) == 0;
  ::close(fd);
  if (!alive) ::unlink(path.c_str());
}

}  // namespace

Acceptor::Acceptor(boost::asio::io_context& io, OnAccept on_accept)
    : acceptor_(io), retry_(io), on_accept_(std::move(on_accept)) {}

void Acceptor::open(const ListenAddress& address, bool exclusive) {
  SocketEndpoint endpoint;
  std::string name;
  if (!address.unix_path.empty()) {
    name = address.unix_path;
    if (name.size() > 107) refuse("path of the UNIX socket is too long: " + name, ENAMETOOLONG);
    endpoint = boost::asio::local::stream_protocol::endpoint(name);
    remove_dead_socket(endpoint, name);
  } else {
    name = address.host + ":" + std::to_string(address.port);
    ErrorCode ec;
    const auto ip =
        boost::asio::ip::make_address(address.host == "localhost" ? "127.0.0.1" : address.host, ec);
    if (ec) refuse("not an address to listen on: " + name, EINVAL);
    endpoint = boost::asio::ip::tcp::endpoint(ip, address.port);
    if (exclusive) check_free(endpoint, name);
  }

  ErrorCode ec;
  acceptor_.open(endpoint.protocol(), ec);
  if (ec) refuse("cannot create a socket for " + name, ec.value());
  if (address.unix_path.empty()) {
    const int on = 1;
    ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    ::setsockopt(acceptor_.native_handle(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
  }
  // The file of a UNIX socket must never be open to others for an instant (CVE-2023-45145).
  const mode_t old_mask = ::umask(0077);
  acceptor_.bind(endpoint, ec);
  ::umask(old_mask);
  if (!ec) acceptor_.listen(kBacklog, ec);
  if (ec) refuse("cannot listen on " + name, ec.value());
  unix_path_ = address.unix_path;
  if (unix_path_.empty()) {
    boost::asio::ip::tcp::endpoint bound;
    const auto local = acceptor_.local_endpoint(ec);
    if (!ec && local.size() <= bound.capacity()) {
      std::memcpy(bound.data(), local.data(), local.size());
      port_ = bound.port();
    }
  }
}

void Acceptor::start() {
  accept();
}

void Acceptor::close() {
  ErrorCode ignored;
  acceptor_.close(ignored);
  retry_.cancel();
  if (!unix_path_.empty()) ::unlink(std::exchange(unix_path_, std::string()).c_str());
}

void Acceptor::accept() {
  acceptor_.async_accept([self = shared_from_this()](const ErrorCode& ec, Socket socket) {
    if (ec == boost::asio::error::operation_aborted || !self->acceptor_.is_open()) return;
    if (!ec) {
      self->on_accept_(std::move(socket));
      self->accept();
      return;
    }
    if (ec == boost::asio::error::connection_aborted) {
      self->accept();
      return;
    }
    // Out of descriptors or memory: the backlog keeps clients waiting meanwhile.
    self->retry_.expires_after(kRetryAfter);
    self->retry_.async_wait([self](const ErrorCode& stopped) {
      if (!stopped) self->accept();
    });
  });
}

}  // namespace pillion::net
