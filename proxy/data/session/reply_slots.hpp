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
// costs one slot, not thousands. Where they go to several servers by turns, each server's share a
// slot, and a Mesh of these slots says whose reply is next:
//
//   GET a (server A)  GET b (B)  GET c (A)  GET d (A)  GET e (B)
//
//   slot 0  of A: a c d          order  0 1 0 0 1
//   slot 1  of B: b e            left       ^      a and b have left
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/resp/downgrade.hpp"
#include "proxy/data/cache/flight_table.hpp"
#include "proxy/data/cache/link_table.hpp"
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

/// What begins anew with every use of a slot.
struct SlotFields {
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
  CommandClass command_class = CommandClass::kWrite;
  bool discard = false;      // CLIENT REPLY OFF or SKIP
  bool aside = false;        // a read that does not travel on the session's lanes
  bool beside = false;       // reads that a replica answers, or that a fill link gave back
  bool lost_once = false;    // its lane was lost, and what was unanswered asked for elsewhere
  bool pinned = false;       // means something on its own connection only: never sent elsewhere
  bool needs_fence = false;  // nothing of the reply may leave before fences are acknowledged
  bool fence_asked = false;
  bool fence_acked = false;
  bool blocking = false;   // its command waits for others
  bool script = false;     // its commands run scripts
  bool caching = false;    // CLIENT CACHING went ahead of its only command
  bool reached = false;    // some part of a fan-out may have been done somewhere
  bool begun = false;      // part of a reply of the front was already handed to the client's output
  bool fetch = false;      // a read that a fill link was asked for first, of `names`
  bool meshed = false;     // one of a Mesh, whose other members stand beside it
  bool streamed = false;   // meshed: the reply under way has begun to leave
  std::uint8_t place = 0;  // meshed: which of them
  int protocol = 2;        // the client's when it asked
  WayId way = kNoWay;
  state::EndpointId endpoint = state::kNoEndpoint;  // who was asked
  std::uint32_t commands = 0;                       // that were sent on its way
  std::uint32_t unanswered = 0;
  std::uint32_t errands = 0;    // how many of these travel by themselves
  std::uint32_t keys = 0;       // kShown, kKeys: names per command
  std::uint32_t named = 0;      // of `names`, how many were applied
  std::uint32_t left = 0;       // meshed: how many of its replies have left
  std::size_t taken = 0;        // meshed: so many bytes of `parked` with them
  std::size_t passed = 0;       // meshed: of `ends`, how many belong to replies that have left
  std::uint64_t likeness = 0;   // whose commands may join (session_mesh.cpp)
  std::uint64_t rotations = 0;  // of the director, when they were sent
  cache::LinkId on_link = cache::LinkTable::kNoLink;  // a script that runs there: no fence needed
  cache::FlightId flight = 0;                         // of a fetch, when it has one
  state::Nanos started = 0;

  /// I8-F, I16: nothing of the reply may leave yet.
  bool held_back() const {
    return needs_fence && !fence_acked && state::holds(state::Invariant::kI8Fence);
  }
};

struct Slot : SlotFields {
  std::vector<cache::NameHash> names;      // what unanswered commands erase, in their order
  std::unique_ptr<route::FanOut> fan_out;  // its errands are parts of one command
  std::string parked;
  std::vector<std::size_t> ends;  // meshed: of whole replies in `parked`, as far as they are known
  std::string note;               // what `action` needs of the request

  /// Parks the replies from number `first` on, which begin at `offset`.
  void park_replies(const Replies& replies, std::uint32_t first, std::size_t offset);
  /// The next reply leaves; precondition: it is parked whole.
  std::string_view take_reply() {
    if (passed == ends.size()) find_end();
    const std::size_t end = ends[passed++];
    const std::size_t begin = std::exchange(taken, end);
    return std::string_view(parked).substr(begin, end - begin);
  }
  /// All that is parked leaves: it is a reply's beginning.
  std::string_view take_begun() {
    return std::string_view(parked).substr(std::exchange(taken, parked.size()));
  }
  /// All that was parked was taken.
  void drop_taken() {
    parked.clear();
    ends.clear();
    taken = 0;
    passed = 0;
  }
  /// As new, but for memory worth keeping.
  void reset();

 private:
  void find_end();
};

/// Slots side by side whose replies leave by turns.
struct Mesh {
  static constexpr std::size_t kMostSlots = 64;
  std::vector<std::uint8_t> order;  // of each command, the place of its slot
  std::size_t left = 0;             // how many of these replies have left
  std::uint8_t slots = 0;

  /// As many of the next `most` replies leave as are of that slot; returns how many.
  std::uint32_t pass(std::uint8_t place, std::uint32_t most) {
    std::uint32_t count = 0;
    for (; count < most && left < order.size() && order[left] == place; ++left) ++count;
    return count;
  }
  /// As new, but for its memory.
  void reset() {
    order.clear();
    left = 0;
    slots = 0;
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
  /// All that comes for this slot may leave as it comes.
  bool is_front(std::uint64_t sequence) const {
    return sequence == first_ && !empty() && !slots_.front().meshed;
  }
  /// The next byte to leave is of this slot.
  bool leads(std::uint64_t sequence) const {
    return !empty() && sequence == first_ + leading_place();
  }
  /// Precondition: !empty().
  const Slot& leading() const { return slots_[leading_place()]; }

  std::uint64_t next_sequence() const { return first_ + slots_.size(); }
  std::uint64_t back_sequence() const { return next_sequence() - 1; }

  Slot& push() { return slots_.push_back(); }

  /// A slot whose replies leave by turns with those of the last one, or of the last one's mesh.
  /// Precondition: nothing of the last one has left. Another than its first command is entered by
  /// mesh_again().
  Slot& push_meshed() {
    Slot& last = back();
    if (!last.meshed) {
      Mesh& fresh = meshes_.push_back();
      fresh.order.assign(last.commands, 0);
      fresh.slots = 1;
      last.meshed = true;
    }
    Mesh& mesh = meshes_.back();
    Slot& slot = push();
    slot.meshed = true;
    slot.place = mesh.slots++;
    mesh.order.push_back(slot.place);
    return slot;
  }
  /// The next command of the last mesh has its reply in that slot of it.
  void mesh_again(const Slot& slot) { meshes_.back().order.push_back(slot.place); }
  /// Of the last slot; precondition: it is meshed.
  const Mesh& last_mesh() const { return meshes_.back(); }
  /// Precondition: the last slot is meshed.
  bool in_last_mesh(std::uint64_t sequence) const {
    return sequence < next_sequence() && sequence >= next_sequence() - last_mesh().slots;
  }
  /// Of the front; precondition: it is meshed.
  Mesh& front_mesh() { return meshes_.front(); }

  /// The front goes, with its mesh if it is of one.
  void pop() {
    std::size_t count = 1;
    if (slots_.front().meshed) {
      count = meshes_.front().slots;
      meshes_.pop_front();
    }
    first_ += count;
    for (; count > 0; --count) {
      if (slots_.capacity() > kKeepMost) slots_.front() = Slot{};
      slots_.pop_front();
    }
  }
  void release_memory() {
    slots_.release_memory();
    meshes_.release_memory();
  }

 private:
  // With more places than this, slots keep no memory for their next use.
  static constexpr std::size_t kKeepMost = 16;

  std::size_t leading_place() const {
    if (!slots_.front().meshed) return 0;
    const Mesh& mesh = meshes_.front();
    return mesh.left < mesh.order.size() ? mesh.order[mesh.left] : 0;
  }

  RingQueue<Slot> slots_;
  RingQueue<Mesh> meshes_;   // of those in slots_
  std::uint64_t first_ = 1;  // sequence of the front
};

}  // namespace pillion::data::session
