// A Redis client that does exactly what a test says: no reconnects, no hidden commands, raw bytes
// where wanted.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/clock.hpp"
#include "tests/support/resp_value.hpp"
#include "tests/support/socket.hpp"

namespace pillion::test {

/// Not for several threads at once. Whatever goes wrong is thrown: TimedOut, Closed, or
/// std::runtime_error for bytes that are no RESP.
class RespClient {
 public:
  static RespClient tcp(std::uint16_t port) { return RespClient(Socket::connect_tcp(port)); }
  static RespClient unix_socket(const std::string& path) {
    return RespClient(Socket::connect_unix(path));
  }
  explicit RespClient(Socket socket) : socket_(std::move(socket)) {}

  /// One command, one reply: client("SET", "k", "v").
  template <class... Arguments>
  Value operator()(const Arguments&... arguments) {
    send(arguments...);
    return read();
  }
  Value command(const std::vector<std::string_view>& arguments);

  template <class... Arguments>
  void send(const Arguments&... arguments) {
    send_raw(encode({std::string_view(arguments)...}));
  }
  void send_raw(std::string_view bytes, Millis patience = kPatience);

  Value read(Millis patience = kPatience);
  std::vector<Value> read_many(std::size_t count, Millis patience = kPatience);
  /// Nothing when no whole reply came within `patience`.
  std::optional<Value> try_read(Millis patience);
  /// The bytes of exactly one reply.
  std::string read_raw(Millis patience = kPatience);
  /// The bytes of the reply to one command.
  std::string raw(const std::vector<std::string_view>& arguments);
  /// Sends all commands at once, then reads all replies.
  std::vector<Value> pipeline(const std::vector<std::vector<std::string_view>>& commands);

  /// Everything up to the end of the stream; TimedOut when it does not end.
  std::string read_to_end(Millis patience = kPatience);
  /// True when the peer closed without sending anything more.
  bool closed_by_peer(Millis patience = kPatience);
  /// Hands `count` bytes of the stream to `take` in pieces, without gathering them.
  void stream(std::size_t count, const std::function<void(std::string_view)>& take,
              Millis patience = kPatience);

  RespClient& hello3();

  Socket& socket() { return socket_; }
  void close() { socket_.close(); }

 private:
  std::size_t read_frame(Value& value, Millis patience);
  bool receive_more(Moment deadline, Millis patience, std::size_t at_least);
  std::string_view unread() const { return std::string_view(buffer_).substr(begin_); }
  void consume(std::size_t bytes);

  Socket socket_;
  std::string buffer_;
  std::size_t begin_ = 0;
  std::string last_sent_;  // the beginning of it, for messages
};

}  // namespace pillion::test
