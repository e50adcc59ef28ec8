// The life of one upstream connection, without I/O: events in, actions out.
//
//   kIdle --start--> kConnecting --connected--> kHandshake --done--> kLive
//                        |                          |                  |
//                        +------ failed/timeout ----+---- lost --------+
//                                        |
//                                        v
//                     kBackoff --deadline--> kConnecting     (a dedicated connection ends in
//                     kClosed)
//
// On the wire: nothing in kIdle, kConnecting, kBackoff; the handshake's requests in kHandshake;
// only commands in kLive. Commands may be queued in kConnecting and kHandshake and are sent in
// kLive; in kBackoff they are refused at once with last_error().
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/data/reply_sink.hpp"
#include "proxy/data/upstream/handshake.hpp"
#include "proxy/net/backoff.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::data::upstream {

class ConnectionFsm {
 public:
  enum class Status : std::uint8_t { kIdle, kConnecting, kHandshake, kLive, kBackoff, kClosed };

  enum class Action : std::uint8_t {
    kNone,
    kConnect,        // open a socket, then on_connected / on_failed
    kSendHandshake,  // write handshake_request()
    kGoLive,         // send what is queued
    kFail,           // close the socket, fail everything queued with failure()
  };

  struct Options {
    ChannelKey key;
    state::Nanos connect_timeout = state::kSecond;  // connect and handshake together
    net::BackoffPolicy backoff;
    bool reconnect = true;  // false: dedicated, one life
    bool identify = false;  // learn client_id()
    state::Nanos proven_after =
        500 * state::kMillisecond;  // a live connection that lasted so long had worked
  };

  explicit ConnectionFsm(Options options) : options_(std::move(options)) {}

  Action start(state::Nanos now);
  Action on_connected(state::Nanos now);
  Action on_handshake_bytes(std::string_view bytes, std::size_t& consumed, state::Nanos now,
                            std::uint64_t random);
  /// The socket ended or could not be opened, or the multiplexer gave the connection up.
  Action on_failed(FailureKind kind, std::string_view detail, state::Nanos now,
                   std::uint64_t random);
  Action on_tick(state::Nanos now, std::uint64_t random);

  Status status() const { return status_; }
  /// The next tick begins another attempt.
  bool wants_to_connect(state::Nanos now) const {
    return status_ == Status::kBackoff && now >= deadline_;
  }
  bool accepts_commands() const {
    return status_ == Status::kLive || status_ == Status::kConnecting ||
           status_ == Status::kHandshake;
  }
  /// Of a live connection; 0: not asked or not told.
  std::uint64_t client_id() const { return handshake_ ? handshake_->client_id() : 0; }
  const std::string& handshake_request() const { return handshake_->request(); }
  FailureKind failure_kind() const { return failure_kind_; }
  const std::string& last_error() const { return last_error_; }
  const ChannelKey& key() const { return options_.key; }

 private:
  Options options_;
  Status status_ = Status::kIdle;
  std::optional<Handshake> handshake_;
  state::Nanos deadline_ = 0;  // kConnecting, kHandshake: give up; kBackoff: try again
  state::Nanos live_since_ = 0;
  std::uint32_t attempt_ = 0;  // failures since a connection had worked
  FailureKind failure_kind_ = FailureKind::kConnect;
  std::string last_error_;
};

}  // namespace pillion::data::upstream
