// Which of many sockets can be read or written: an epoll set of our own, itself watched by the
// worker's io_context.
//
// Asio reads ahead: after every read that brought data it tries another, which for a client that
// waits for its answer is a system call for nothing, a fifth of what a small request costs. Here a
// socket is read once when it is ready. The set also hands over everything that is ready in one
// turn, so that its end is known and answers leave together.
//
// Level-triggered. One thread.
#pragma once

#include <sys/epoll.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <cstdint>
#include <functional>
#include <span>

namespace pillion::net {

class Readiness {
 public:
  struct Event {
    std::uint64_t token;  // whose socket; the caller's
    bool readable;        // data, or the peer's end
    bool writable;
    bool broken;  // reset, closed both ways, or the peer's end where that is waited for
  };
  struct Interest {
    bool read = false;
    bool write = false;
    bool end = false;  // the peer's end, also while nothing is read
    friend bool operator==(const Interest&, const Interest&) = default;
  };
  /// Everything that is ready now, one turn.
  using OnTurn = std::function<void(std::span<const Event>)>;

  /// Throws std::system_error when there is no descriptor to be had (start-up only).
  Readiness(boost::asio::io_context& io, OnTurn on_turn);

  void start() { wait(); }
  void stop();

  /// A socket is forgotten when it is closed.
  bool add(int fd, std::uint64_t token, const Interest& in);
  void change(int fd, std::uint64_t token, const Interest& in);

 private:
  static constexpr std::size_t kMaxEvents = 128;

  void wait();
  void turn();

  boost::asio::posix::stream_descriptor set_;
  OnTurn on_turn_;
  std::array<epoll_event, kMaxEvents> raw_{};
  std::array<Event, kMaxEvents> events_{};
};

}  // namespace pillion::net
