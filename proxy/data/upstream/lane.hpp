// What a session needs of an upstream connection, without sockets: so that sessions can be tested
// against a lane made of strings.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "proxy/data/reply_sink.hpp"
#include "proxy/data/upstream/identity.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::data::upstream {

/// An ordered way to the upstream. Replies come through ReplySink.
class Lane {
 public:
  virtual ~Lane() = default;

  /// Commands can be staged: connected, or about to be.
  virtual bool accepts_commands() const = 0;
  /// Why not.
  virtual Failure last_failure() const = 0;

  /// One command in canonical encoding.
  virtual void submit(std::string_view request, const Requester& to, CommandClass command_class,
                      TimeLimit limit, state::Nanos now) = 0;

  /// A command that comes in pieces. Only on a dedicated lane with nothing outstanding; nothing
  /// else is submitted before it was answered.
  virtual void begin_large(const Requester& to, state::Nanos now) = 0;
  /// Pieces of a large command, or requests of a relayed lane.
  virtual void append_opaque(std::string_view bytes) = 0;

  /// Push frames are handed to ReplySink::on_push(to) from now on; on any other lane they end it.
  /// Only on a dedicated lane, before anything that may cause one was sent.
  virtual void accept_pushes(const Requester& to) = 0;

  /// What the upstream's CLIENT ID says of a dedicated lane: 0 when it would not say, or has not
  /// yet.
  virtual std::uint64_t client_id() const = 0;

  /// Replies are passed on as they come from now on; only on a dedicated lane with nothing
  /// outstanding.
  virtual void start_relay(const Requester& to) = 0;

  /// More is staged than the upstream takes: wait for ReplySink::on_uncongested.
  virtual bool congested() const = 0;
  /// Other requesters wait behind the reply under way.
  virtual bool others_wait() const = 0;
  /// Reads on after a sink said Flow::kPause.
  virtual void resume() = 0;
  /// Ends the connection; what is outstanding is lost.
  virtual void close() = 0;
};

/// What PINGs of Pillion's own begin with, so that they can be told from those of clients.
inline constexpr std::string_view kOwnPing = "pillion-";

/// What a lease is worth when it ends.
enum class LaneCondition : std::uint8_t {
  kSpent,    // commands are unanswered, or its state is not that of a fresh connection
  kSuspect,  // all is answered, but a script may have forged replies (CVE-2025-67733)
  kClean,
};

/// Hands lanes out. Of one worker, on its thread.
class LaneProvider {
 public:
  virtual ~LaneProvider() = default;

  /// A lane shared with other clients of the same key. Never null.
  virtual std::shared_ptr<Lane> pick(const ChannelKey& key, state::Nanos now) = 0;
  /// A lane for one session alone; null at the limit (upstream.max_dedicated).
  virtual std::shared_ptr<Lane> lease(const ChannelKey& key, state::Nanos now) = 0;
  /// Ends a lease.
  virtual void give_back(const std::shared_ptr<Lane>& lane, LaneCondition condition,
                         state::Nanos now) = 0;
};

}  // namespace pillion::data::upstream
