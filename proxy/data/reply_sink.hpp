// How replies travel back: the one interface between the upstream side and the sessions.
//
// A Requester is a name, not a pointer: a session that is gone leaves a name nobody answers to, and
// the late reply is dropped in order (RELIABILITY INV-1). All calls happen on the worker's thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "proxy/state/clock.hpp"

namespace pillion::data {

/// A reply slot of one session of this worker.
struct Requester {
  std::uint32_t session = 0;     // index in the worker's registry
  std::uint32_t generation = 0;  // of that index: tells a new session from the one that was there
  std::uint64_t slot = 0;        // sequence number of the session's reply slot

  friend bool operator==(const Requester&, const Requester&) = default;
};

/// What a command may have done when its reply is lost.
enum class CommandClass : std::uint8_t {
  kRead,   // may be sent again elsewhere
  kWrite,  // is never sent twice (INV-17)
};

/// How long a reply may take.
enum class TimeLimit : std::uint8_t {
  kCommand,  // upstream.command_timeout
  kScript,   // upstream.script_timeout
  kReplica,  // reads.timeout: then another server is asked
  kNone,     // as long as the client waits: blocking commands
};

enum class FailureKind : std::uint8_t { kConnect, kRefused, kTimeout, kClosed, kProtocol, kLimit };

struct Failure {
  FailureKind kind;
  std::string_view
      detail;  // "Connection refused"; kRefused: the upstream's own error line without CRLF
};

/// Commands of one requester that will never be answered by this connection.
struct LostRun {
  Requester to;
  CommandClass command_class;
  std::uint32_t unanswered;   // how many of the run's commands have no reply
  std::uint32_t answered;     // how many of its first commands were answered
  bool sent;                  // some of its bytes were handed to the socket
  bool reply_begun;           // part of the next reply was already passed on
  std::string_view requests;  // canonical bytes of the whole run, answered ones included
};

enum class Flow : std::uint8_t { kGoOn, kPause };

/// Complete replies to commands of one requester, in order; at least one.
struct Replies {
  std::string_view bytes;
  std::span<const std::uint32_t> ends = {};  // of each but the last, in `bytes`

  std::uint32_t count() const { return static_cast<std::uint32_t>(ends.size()) + 1; }
};

class ReplySink {
 public:
  virtual ~ReplySink() = default;

  /// For the requester's next commands. They are valid during the call and came before `now`.
  virtual void on_replies(const Requester& to, const Replies& replies, state::Nanos now) = 0;

  /// The reply to one command is an error by which a server refuses what it has not executed
  /// (protocol/cluster/redirect.hpp), or looks like one, or says from a cluster's replica that
  /// there is nothing: `request`, its canonical bytes, may be sent elsewhere.
  virtual void on_refused(const Requester& to, std::string_view frame,
                          std::string_view request) = 0;

  /// A piece of one reply that is too large to be gathered; `last` ends it. kPause asks the
  /// connection to stop reading until it is told to resume.
  virtual Flow on_fragment(const Requester& to, std::string_view bytes, bool last) = 0;

  /// A push frame between replies, on a lane that was told to expect them (Lane::accept_pushes).
  virtual void on_push(const Requester& to, std::string_view frame) = 0;

  /// Bytes of a relayed connection (MONITOR, SYNC ...), as they come.
  virtual Flow on_relay(const Requester& to, std::string_view bytes) = 0;

  virtual void on_lost(const LostRun& run, const Failure& failure) = 0;

  /// The relayed connection, or one that brought pushes, ended.
  virtual void on_relay_lost(const Requester& to) = 0;

  /// The replies of one read were all delivered: write them out now.
  virtual void on_batch_end() = 0;

  /// A connection that was congested takes requests again.
  virtual void on_uncongested() = 0;
};

}  // namespace pillion::data
