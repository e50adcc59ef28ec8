// Replies leave in the order of their requests, whoever answers them.
//
// A pipeline of  GET a (hit)  SET b (upstream)  GET c (fetch)  PING (local):
//
//   GET a   nothing waits, so its bytes go straight to the client; no slot
//   SET b   slot 0  kUpstream, the front: its reply will go straight to the client
//   GET c   slot 1  kFetch: if its answer is first, it is parked here
//   PING    slot 2  kReady, "+PONG" parked until slots 0 and 1 are gone
//
// Neighbouring commands of one kind share a slot (`unanswered` counts them), so a deep pipeline
// costs one slot, not thousands.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "protocol/resp/downgrade.hpp"
#include "proxy/data/reply_sink.hpp"
#include "proxy/data/request/effects.hpp"
#include "proxy/data/ring_queue.hpp"
#include "proxy/data/route/fan_out.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::session {

/// What a reply changes in the session beyond being passed on. Such a command has a slot of its
/// own.
enum class SlotAction : std::uint8_t {
  kNone,
  kAuth,        // +OK: the pending identity is the session's
  kHello,       // as kAuth; the reply becomes HELLO's
  kSelect,      // +OK: the pending database
  kMulti,       // an error: no transaction was opened
  kExec,        // the transaction is over: a queued SELECT holds from here
  kAborted,     // DISCARD in place of an EXEC that must not happen
  kPermission,  // not refused: do what `note` asks for
  kMonitor,     // +OK: what follows is the stream
  kInfo,        // gets a section of ours
  kPublish,     // its count becomes that of the real receivers; `note`: the channel
  kNumSub,      // so do these
  kShardPublish,
  kShardNumSub,
  kScriptBody,    // a script not seen before; `note`: its SHA1
  kScript,        // EVALSHA: NOSCRIPT is answered by sending the script; `note`: the request
  kTracking,      // CLIENT TRACKING: +OK is the new state
  kReceiverId,    // CLIENT ID of a receiver; `note`: the CLIENT TRACKING that waits for it
  kTrackingInfo,  // the upstream's client id in it becomes ours
  kScan,          // of a cluster: the node's cursor in it becomes one for all nodes
};

/// Which way a slot's commands went: an entry of the session's list of shared lanes.
using WayId = std::uint32_t;
inline constexpr WayId kNoWay = 0;  // a lease, or none

struct Slot {
  enum class State : std::uint8_t {
    kUpstream,  // `unanswered` replies come from a lane, or a script's from a fill link
    kFetch,     // one answer comes from a fill link
    kFence,     // answered, but not to be released before the fences are acknowledged (I8-F)
    kGather,    // the answer comes from other workers, or from the pub/sub link
    kReady,     // all there is, is in `parked`
  };
  State state = State::kReady;
  SlotAction action = SlotAction::kNone;
  request::EffectKind effect = request::EffectKind::kNone;
  resp::Shape shape = resp::Shape::kAsIs;
  int protocol = 2;             // the client's when it asked
  bool discard = false;         // CLIENT REPLY OFF or SKIP
  bool aside = false;           // a read that does not travel on the session's lanes
  bool beside = false;          // reads that a replica answers, or that a fill link gave back
  std::uint64_t rotations = 0;  // of the director, when they were sent
  bool lost_once = false;       // its lane was lost, and what was unanswered asked for elsewhere
  bool pinned = false;          // means something on its own connection only: never sent elsewhere
  bool needs_fence = false;     // nothing of the reply may leave before fences are acknowledged
  bool fence_asked = false;
  bool fence_acked = false;
  bool blocking = false;                              // its command waits for others
  bool script = false;                                // its commands run scripts
  cache::LinkId on_link = cache::LinkTable::kNoLink;  // a script that runs there: no fence needed
  bool caching = false;  // CLIENT CACHING went ahead of its only command
  bool reached = false;  // some part of a fan-out may have been done somewhere
  bool begun = false;    // part of a reply of the front was already handed to the client's output
  CommandClass command_class = CommandClass::kWrite;
  WayId way = kNoWay;
  state::EndpointId endpoint = state::kNoEndpoint;  // who was asked
  std::uint32_t unanswered = 0;
  std::uint32_t errands = 0;           // how many of these travel by themselves
  bool fetch = false;                  // a read that a fill link was asked for first, of `names`
  cache::FlightId flight = 0;          // of that, when it has one
  std::uint32_t keys = 0;              // kShown, kKeys: names per command
  std::uint32_t named = 0;             // of `names`, how many were applied
  std::vector<cache::NameHash> names;  // what unanswered commands erase, in their order
  std::unique_ptr<route::FanOut> fan_out;  // its errands are parts of one command
  state::Nanos started = 0;
  std::string parked;
  std::string note;  // what `action` needs of the request

  /// I8-F, I16: nothing of the reply may leave yet.
  bool held_back() const {
    return needs_fence && !fence_acked && state::holds(state::Invariant::kI8Fence);
  }
};

/// Slots by sequence number.
class ReplySlots {
 public:
  bool empty() const { return slots_.empty(); }
  std::size_t size() const { return slots_.size(); }
  Slot& front() { return slots_.front(); }
  Slot& back() { return slots_.back(); }
  Slot& operator[](std::size_t i) { return slots_[i]; }
  const Slot& operator[](std::size_t i) const { return slots_[i]; }

  /// Null when the slot is gone.
  Slot* find(std::uint64_t sequence) {
    const std::uint64_t index = sequence - first_;
    return sequence >= first_ && index < slots_.size() ? &slots_[index] : nullptr;
  }
  const Slot* find(std::uint64_t sequence) const {
    const std::uint64_t index = sequence - first_;
    return sequence >= first_ && index < slots_.size() ? &slots_[index] : nullptr;
  }
  bool is_front(std::uint64_t sequence) const { return sequence == first_; }

  std::uint64_t next_sequence() const { return first_ + slots_.size(); }
  std::uint64_t back_sequence() const { return next_sequence() - 1; }

  Slot& push(Slot slot) { return slots_.push_back(std::move(slot)); }
  void pop() {
    slots_.pop_front();
    ++first_;
  }
  void release_memory() { slots_.release_memory(); }

 private:
  RingQueue<Slot> slots_;
  std::uint64_t first_ = 1;  // sequence of the front
};

}  // namespace pillion::data::session
