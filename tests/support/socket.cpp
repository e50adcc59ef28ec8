#include "tests/support/socket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace pillion::test {
namespace {

int remaining_ms(Moment deadline) {
  const auto left = std::chrono::ceil<Millis>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1'000'000));
}

bool wait_for(int fd, short events, Moment deadline) {
  pollfd poll_entry{fd, events, 0};
  while (true) {
    const int ready = poll(&poll_entry, 1, remaining_ms(deadline));
    if (ready > 0) return true;
    if (ready == 0) return false;
    if (errno != EINTR) throw std::runtime_error(std::string("poll: ") + std::strerror(errno));
  }
}

bool means_closed(int error) {
  return error == ECONNRESET || error == EPIPE || error == ENOTCONN;
}

Socket connect_to(const sockaddr* address, socklen_t length, const std::string& name,
                  Millis patience) {
  const Moment deadline = Clock::now() + patience;
  Socket socket(::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) throw std::runtime_error(std::string("socket: ") + std::strerror(errno));
  if (connect(socket.fd(), address, length) != 0) {
    if (errno != EINPROGRESS) {
      throw Closed("cannot connect to " + name + ": " + std::strerror(errno));
    }
    if (!wait_for(socket.fd(), POLLOUT, deadline)) throw TimedOut("connecting to " + name);
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(socket.fd(), SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) throw Closed("cannot connect to " + name + ": " + std::strerror(error));
  }
  return socket;
}

}  // namespace

Socket::Socket(int fd) : fd_(fd) {
  if (fd_ >= 0) fcntl(fd_, F_SETFL, fcntl(fd_, F_GETFL) | O_NONBLOCK);
}

Socket::Socket(Socket&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Socket::~Socket() {
  close();
}

Socket Socket::connect_tcp(std::uint16_t port, Millis patience) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  Socket socket = connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address,
                             "127.0.0.1:" + std::to_string(port), patience);
  const int yes = 1;
  setsockopt(socket.fd(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  return socket;
}

Socket Socket::connect_unix(const std::string& path, Millis patience) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) throw std::runtime_error("path too long: " + path);
  std::memcpy(address.sun_path, path.data(), path.size());
  return connect_to(reinterpret_cast<const sockaddr*>(&address), sizeof address, path, patience);
}

void Socket::close() {
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::reset() {
  if (fd_ < 0) return;
  const linger at_once{1, 0};
  setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close();
}

void Socket::shutdown_write() const {
  ::shutdown(fd_, SHUT_WR);
}

void Socket::shrink_buffers(int bytes) const {
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  setsockopt(fd_, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
}

std::size_t Socket::send_some(std::string_view bytes) const {
  while (true) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (errno == EAGAIN) return 0;
    if (means_closed(errno)) throw Closed("the connection was closed while sending");
    if (errno != EINTR) throw std::runtime_error(std::string("send: ") + std::strerror(errno));
  }
}

void Socket::send_all(std::string_view bytes, Millis patience) const {
  const Moment deadline = Clock::now() + patience;
  while (!bytes.empty()) {
    const std::size_t sent = send_some(bytes);
    bytes.remove_prefix(sent);
    if (sent == 0 && !wait_for(fd_, POLLOUT, deadline)) {
      throw TimedOut("the peer did not take " + std::to_string(bytes.size()) + " bytes");
    }
  }
}

std::size_t Socket::receive(char* into, std::size_t space, Millis patience) const {
  const Moment deadline = Clock::now() + patience;
  while (true) {
    const ssize_t got = recv(fd_, into, space, 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (means_closed(errno)) return 0;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) throw std::runtime_error(std::string("recv: ") + std::strerror(errno));
    if (!wait_for(fd_, POLLIN, deadline)) {
      throw TimedOut("nothing to read within " + std::to_string(patience.count()) + " ms");
    }
  }
}

bool Socket::readable_within(Millis patience) const {
  return wait_for(fd_, POLLIN, Clock::now() + patience);
}

}  // namespace pillion::test
