// A TCP proxy that misbehaves on demand: it stands between Pillion and Redis and delays, splits,
// stalls, forgets or resets what passes.
//
// One thread moves the bytes; the other methods may be called from any thread and have taken effect
// when the next byte is moved.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <mutex>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/clock.hpp"
#include "tests/support/socket.hpp"

namespace pillion::test {

class ChaosProxy {
 public:
  explicit ChaosProxy(std::uint16_t upstream_port, std::uint64_t seed = 1);
  ~ChaosProxy();
  ChaosProxy(const ChaosProxy&) = delete;
  ChaosProxy& operator=(const ChaosProxy&) = delete;

  std::uint16_t port() const { return port_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }

  /// Every piece of data is passed on this much later, in order.
  void delay(Millis by);
  /// Pieces of 1 to 16 bytes instead of whole reads.
  void split(bool on);
  /// Nothing moves on any connection, old or new, until it is lifted; nobody is told.
  void stall(bool on);
  /// New connections are closed at once.
  void refuse(bool on);
  /// From now on nothing moves on the connection that Redis knows by this peer port, for ever: what
  /// a peer sees whose other end lost its power.
  void freeze(std::uint16_t peer_port);
  /// RST in both directions.
  void reset(std::uint16_t peer_port);
  void reset_all();

  /// How many connections were ever opened to it, those it refused included.
  std::uint64_t accepted() const { return accepted_; }

  /// Ports by which Redis knows the open connections (the port in CLIENT LIST's addr).
  std::vector<std::uint16_t> connections() const;

 private:
  struct Piece;
  struct Direction;
  struct Connection;

  void run();
  void accept_all();
  void move_bytes(Connection& connection, short client_events, short upstream_events);
  void receive(Socket& from, Direction& direction);
  void send(Socket& to, Direction& direction);
  int next_wait_ms() const;
  void wake();
  template <class Change>
  void change(Change&& change);

  const std::uint16_t upstream_port_;
  std::uint16_t port_ = 0;
  Socket listener_;
  int wake_fd_ = -1;
  std::atomic<bool> ending_{false};
  std::atomic<std::uint64_t> accepted_{0};

  mutable std::mutex mutex_;  // guards everything below
  std::mt19937_64 random_;
  std::list<Connection> connections_;
  Millis delay_{0};
  bool split_ = false;
  bool stalled_ = false;
  bool refusing_ = false;

  std::thread thread_;
};

}  // namespace pillion::test
