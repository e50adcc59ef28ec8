// A connected stream socket of which every operation has a deadline.
#pragma once

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "tests/support/clock.hpp"

namespace pillion::test {

/// Something awaited did not come in time.
struct TimedOut : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// The other side ended the connection.
struct Closed : std::runtime_error {
  using std::runtime_error::runtime_error;
};

class Socket {
 public:
  Socket() = default;
  static Socket connect_tcp(std::uint16_t port, Millis patience = kPatience);
  static Socket connect_unix(const std::string& path, Millis patience = kPatience);
  /// Takes over a connected descriptor.
  explicit Socket(int fd);
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;
  ~Socket();

  int fd() const { return fd_; }
  bool open() const { return fd_ >= 0; }
  void close();
  /// Ends with RST instead of FIN.
  void reset();
  /// FIN: nothing more will be sent.
  void shutdown_write() const;
  /// Small kernel buffers, so that backpressure is felt early.
  void shrink_buffers(int bytes) const;

  void send_all(std::string_view bytes, Millis patience = kPatience) const;
  /// As much as the kernel takes at once; 0 when it is full.
  std::size_t send_some(std::string_view bytes) const;
  /// At least one byte, 0 at the end of the stream.
  std::size_t receive(char* into, std::size_t space, Millis patience) const;
  bool readable_within(Millis patience) const;

 private:
  int fd_ = -1;
};

}  // namespace pillion::test
