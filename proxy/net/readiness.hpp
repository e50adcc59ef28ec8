// Which of many sockets can be read or written: an epoll set of our own, itself watched by the
// worker's io_context.
//
// Asio reads ahead: after every read that brought data it tries another, which for a client that
// waits for its answer is a system call for nothing, a fifth of what a small request costs. Here a
// socket is read once when it is ready. The set also hands over everything that is ready in one
// look, and takes as many looks in one turn as it is told to, so that the ends of both are known
// and what they caused leaves together.
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
  /// Everything that is ready now. True: look again at once, and say so when nothing is ready by
  /// then; the turn goes on. False: the turn is over.
  using OnLook = std::function<bool(std::span<const Event>)>;

  /// Throws std::system_error when there is no descriptor to be had (start-up only).
  Readiness(boost::asio::io_context& io, OnLook on_look);

  void start() { wait(); }
  void stop();

  /// A socket is forgotten when it is closed.
  bool add(int fd, std::uint64_t token, const Interest& in);
  void change(int fd, std::uint64_t token, const Interest& in);

 private:
  static constexpr std::size_t kMaxEvents = 128;

  void wait();
  void turn();
  std::size_t look();

  boost::asio::posix::stream_descriptor set_;
  OnLook on_look_;
  std::array<epoll_event, kMaxEvents> raw_{};
  std::array<Event, kMaxEvents> events_{};
};

}  // namespace pillion::net
