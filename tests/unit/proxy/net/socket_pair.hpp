// Two connected sockets: one to write to, one to read what arrived.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <string>

#include "proxy/net/socket.hpp"
#include "proxy/net/write_queue.hpp"

namespace pillion::net {

class SocketPair {
 public:
  SocketPair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_.data()) != 0) ends_ = {-1, -1};
  }
  ~SocketPair() {
    hang_up();
    ::close(ends_[0]);
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;

  /// The end to write to.
  int native_handle() const { return ends_[0]; }

  /// All that arrived so far.
  std::string arrived() {
    std::string bytes;
    std::array<char, 64 * 1024> piece{};
    for (ssize_t n = 0; (n = ::recv(ends_[1], piece.data(), piece.size(), 0)) > 0;) {
      bytes.append(piece.data(), static_cast<std::size_t>(n));
    }
    return bytes;
  }

  /// The reader goes away.
  void hang_up() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  std::array<int, 2> ends_{-1, -1};
};

/// Writes all of it and tells what came out at the other end.
inline std::string drained(WriteQueue& queue) {
  SocketPair pair;
  std::string bytes;
  ErrorCode ec;
  while (!queue.empty() && !ec) {
    queue.write_some(pair.native_handle(), ec);
    bytes += pair.arrived();
  }
  return bytes;
}

}  // namespace pillion::net
