// One client connection: a batch of pipelined commands goes out, all its replies come back, then
// the next batch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "bench/load/workload.hpp"

namespace pillion::bench {

/// What the replies were, over all clients of a run.
struct Tally {
  std::uint64_t replies = 0;
  std::uint64_t misses = 0;
  std::uint64_t errors = 0;
  std::string first_error;
};

/// Owns its socket. Used by one thread. Throws std::runtime_error when the server closes the
/// connection, a socket call fails, or a reply is not one this command can have.
class Client {
 public:
  /// Connects, blocking, to an IPv4 address; the socket is non-blocking from then on.
  Client(const std::string& host, std::uint16_t port, Workload& workload, std::size_t pipeline,
         std::uint64_t seed);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] bool idle() const { return answered_ == batch_; }
  /// Part of the batch did not fit into the socket: wait until it is writable, then call flush().
  [[nodiscard]] bool blocked() const { return written_ < to_write_; }
  [[nodiscard]] std::uint64_t sent_at() const { return sent_at_; }

  /// Sends the next `size` commands (at most the pipeline). Call when idle. `now` in nanoseconds.
  void send_batch(std::size_t size, std::uint64_t now);
  void flush();
  /// Reads what is there and judges it. True when the batch is complete.
  bool receive(Tally& tally);

 private:
  bool judge_received(Tally& tally);

  Workload& workload_;
  int fd_ = -1;
  std::uint64_t random_;
  std::string request_;              // encoded once, digits patched per batch
  std::vector<std::uint32_t> keys_;  // of the batch, in order
  std::size_t batch_ = 0;
  std::size_t answered_ = 0;
  std::size_t to_write_ = 0;
  std::size_t written_ = 0;
  std::vector<char> received_;  // room for a whole batch of replies
  std::size_t begin_ = 0;       // first byte not judged
  std::size_t end_ = 0;
  std::uint64_t sent_at_ = 0;
};

}  // namespace pillion::bench
