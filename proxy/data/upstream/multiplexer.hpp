// Many requesters, one ordered connection (RELIABILITY INV-1). Sans-I/O.
//
//   bytes_:   [ answered | written, unanswered | staged, unwritten ]
//              ^0         ^answered_            ^written_           ^end
//   pending_: one run per stretch of commands of one requester, in wire order
//
// A reply is matched to the oldest unanswered command and to nothing else. A requester that leaves
// is never taken out of pending_: its reply comes, finds nobody and is dropped by the sink.
// Anything that cannot be matched (a frame nobody asked for, a push nobody expects, a malformed
// frame) is an error that ends the connection; every run is then lost, in order.
//
// Bytes stay until they are answered, so that lost reads can be sent again elsewhere.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/frame_scanner.hpp"
#include "proxy/data/reply_sink.hpp"
#include "proxy/data/ring_queue.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::data::upstream {

struct TimeLimits {
  state::Nanos command = 5 * state::kSecond;
  state::Nanos script = 60 * state::kSecond;
  state::Nanos replica = 250 * state::kMillisecond;
};

class Multiplexer {
 public:
  enum class Status : std::uint8_t { kOk, kPause, kProtocolError };

  /// `absence_is_doubtful`: a reply that says there is nothing is handed over like a refusal: a
  /// cluster's replica says so of keys that its primary has given away (COHERENCE I4-C).
  explicit Multiplexer(ReplySink& sink, bool absence_is_doubtful = false)
      : sink_(sink), absence_is_doubtful_(absence_is_doubtful) {}

  /// Stages one command in canonical encoding.
  void submit(std::string_view request, const Requester& to, CommandClass command_class,
              TimeLimit limit, state::Nanos now);

  /// Starts a command whose bytes follow in pieces (a large request). Nobody else may use the
  /// connection until its end; its reply is matched as any other.
  void begin_large(const Requester& to, state::Nanos now);
  void append_opaque(std::string_view bytes) { bytes_.append(bytes); }

  /// Asks the upstream to echo a number nobody can guess, and takes no reply for another's until it
  /// has: a script of the last client may have forged frames behind its reply (CVE-2025-67733), and
  /// they must not become the next client's replies.
  void submit_check(std::uint64_t nonce, state::Nanos now);

  /// Pushes are for this requester from now on.
  void accept_pushes(const Requester& to) {
    accepts_pushes_ = true;
    push_to_ = to;
  }

  /// From now on requests are opaque bytes and replies go to sink.on_relay as they come.
  void start_relay(const Requester& to);
  bool relaying() const { return relaying_; }

  std::string_view unwritten() const { return std::string_view(bytes_).substr(written_); }
  std::size_t unwritten_bytes() const { return bytes_.size() - written_; }
  void written(std::size_t n);

  /// Bytes from upstream. kPause: the requester of a large reply cannot take more at the moment.
  Status on_bytes(std::string_view bytes, state::Nanos now);

  /// Every unanswered run is lost. The multiplexer is as new afterwards.
  void fail(const Failure& failure);

  bool idle() const { return pending_.empty() && !relaying_; }
  /// A large reply is being passed on: stage nothing behind it.
  bool streaming() const { return streaming_; }
  /// Somebody waits behind the reply being streamed.
  bool others_wait() const { return pending_.size() > 1; }
  std::uint64_t outstanding() const { return outstanding_; }
  Requester front() const { return pending_.front().to; }

  /// The upstream was not read for a while: its silence counts from now.
  void reading_again(state::Nanos now) { last_bytes_at_ = now; }

  /// When the newest command was submitted whose reply tells that it was executed: integers,
  /// strings and nulls do. A server that is busy with a script has none of them to say, though it
  /// says "OK" to some.
  state::Nanos executed() const { return executed_; }

  /// The oldest command has a limit and is past it, and its reply is not trickling in.
  bool overdue(state::Nanos now, const TimeLimits& limits) const;

 private:
  struct Run {
    Requester to;
    std::uint32_t unanswered = 0;
    std::uint32_t answered = 0;
    std::uint64_t bytes = 0;  // of all its commands
    state::Nanos sent_at = 0;
    CommandClass command_class = CommandClass::kWrite;
    TimeLimit limit = TimeLimit::kCommand;
    bool large = false;  // bytes were not kept
    bool check = false;  // nobody waits; the reply must be the nonce
  };

  void finish_front();
  void deliver(const Requester& to, const Replies& replies, std::string_view request,
               state::Nanos now);
  std::string_view request_of_next(const Run& run) const;
  Status on_push_bytes(std::string_view& bytes);

  ReplySink& sink_;
  const bool absence_is_doubtful_;
  std::string bytes_;
  std::size_t answered_ = 0;
  std::size_t written_ = 0;
  RingQueue<Run> pending_;
  std::uint64_t outstanding_ = 0;
  resp::FrameScanner scanner_;
  std::string check_;                // the reply of the check under way
  std::string partial_;              // a small reply that has not come whole
  std::vector<std::uint32_t> ends_;  // of the replies being delivered
  bool streaming_ = false;
  bool relaying_ = false;
  Requester relay_to_;
  bool accepts_pushes_ = false;
  bool in_push_ = false;  // the frame in partial_ is a push
  Requester push_to_;
  state::Nanos last_bytes_at_ = 0;
  state::Nanos executed_ = 0;
};

}  // namespace pillion::data::upstream
