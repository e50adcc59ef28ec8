// Which slot a command's reply belongs to, and the replies of several servers that leave by turns.
#include <array>
#include <cstring>
#include <utility>

#include "proxy/data/session/session.hpp"

namespace pillion::data::session {
namespace {

/// Commands of one likeness may share a slot; those that differ in nothing but their way may stand
/// in one mesh. 0: with no other command.
class Likeness {
 public:
  Likeness(const request::Effect& effect, WayId way, bool beside, bool script, bool discard,
           CommandClass command_class) {
    constexpr std::uint32_t kMostKeys = 0xffff;
    const bool uniform =
        effect.kind == request::EffectKind::kNone || request::names_keys(effect.kind);
    if (!uniform || effect.keys > kMostKeys) return;
    const auto flag = [](bool set, unsigned at) { return std::uint64_t{set} << at; };
    bits_ = 1 | flag(beside, 1) | flag(script, 2) | flag(discard, 3) |
            flag(command_class == CommandClass::kRead, 4) |
            static_cast<std::uint64_t>(effect.kind) << 8U | std::uint64_t{effect.keys} << 16U |
            std::uint64_t{way} << kWayAt;
  }

  std::uint64_t bits() const { return bits_; }
  /// Precondition: bits() != 0.
  bool but_for_the_way(std::uint64_t other) const { return (bits_ ^ other) << kWayAt == 0; }

 private:
  static constexpr unsigned kWayAt = 32;
  std::uint64_t bits_ = 0;
};

}  // namespace

/// What a fresh slot has of the first command in it.
void Session::describe(Slot& slot, const request::Effect& effect, const Sending& sending,
                       bool discard) {
  slot.effect = effect.kind;
  slot.needs_fence = effect.kind == request::EffectKind::kUnknown;
  slot.keys = effect.keys;
  slot.discard = discard;
  slot.script = sending.script;
  slot.command_class = sending.command_class;
  slot.way = sending.way;
  slot.endpoint = sending.endpoint;
  slot.beside = sending.beside;
}

/// The slot that the next command of a lane is answered in: the last one, or one of its mesh, when
/// it is of the same kind.
Session::PlaceForReply Session::lane_slot(const request::Effect& effect, const Sending& sending) {
  const bool discard = discards_reply();
  const Likeness likeness(effect, sending.way, sending.beside, sending.script, discard,
                          sending.command_class);
  const auto open = [this](const Slot& slot) {
    return slot.state == Slot::State::kUpstream && slot.errands == 0 && !slot.blocking &&
           slot.started == now_ && slot.unanswered > 0;
  };
  Way* const way = ways_.find(sending.way);
  bool meshes = false;
  if (likeness.bits() != 0 && !slots_.empty()) {
    Slot& last = slots_.back();
    if (!last.meshed && last.likeness == likeness.bits() && open(last))
      return {last, slots_.back_sequence()};
    if (last.meshed && way != nullptr && slots_.in_last_mesh(way->slot)) {
      Slot& slot = *slots_.find(way->slot);
      if (slot.likeness == likeness.bits() && open(slot)) {
        slots_.mesh_again(slot);
        return {slot, way->slot};
      }
    }
    // A client that tracks is told of changes between replies that came over one lane.
    meshes = likeness.but_for_the_way(last.likeness) && open(last) && last.way != kNoWay &&
             way != nullptr && !discard && !tracking_.on &&
             (last.meshed ? slots_.last_mesh().slots < Mesh::kMostSlots
                          : last.unanswered == last.commands);
  }
  Slot& slot = meshes ? prepare(slots_.push_meshed(), Slot::State::kUpstream)
                      : new_slot(Slot::State::kUpstream);
  if (way != nullptr) way->slot = slots_.back_sequence();
  slot.likeness = likeness.bits();
  describe(slot, effect, sending, discard);
  return {slot, slots_.back_sequence()};
}

/// Those whose turn it is leave at once, the others are parked.
void Session::append_meshed(std::uint64_t sequence, Slot& slot, const Replies& replies) {
  std::uint32_t gone = 0;
  std::size_t gone_bytes = 0;
  if (slots_.leads(sequence) && slot.errands == 0 && slot.parked.empty() && !slot.streamed) {
    gone = slots_.front_mesh().pass(slot.place, replies.count());
    slot.left += gone;
    gone_bytes = gone == replies.count() ? replies.bytes.size()
                 : gone > 0              ? replies.ends[gone - 1]
                                         : 0;
    out_.append(replies.bytes.substr(0, gone_bytes));
  }
  if (gone == replies.count()) return;
  slot.park_replies(replies, gone, gone_bytes);
  parked_bytes_ += replies.bytes.size() - gone_bytes;
}

/// A piece of a large reply.
void Session::append_piece(std::uint64_t sequence, Slot& slot, std::string_view bytes, bool last) {
  const bool streamed = slot.meshed && slots_.leads(sequence) && slot.errands == 0;
  if (streamed) {
    out_.append(bytes);
    slot.streamed = true;
  } else {
    append_reply(slot, slots_.is_front(sequence), bytes);
  }
  slot.begun = !last && (streamed || !slot.meshed);
}

/// The usual end: all that is left of the mesh at the front is parked, and it is known where each
/// reply ends. False: it is not so, and nothing has left.
bool Session::release_whole_mesh(Mesh& mesh) {
  struct Source {
    const char* next;
    const std::size_t* end;
    std::size_t begin;
  };
  std::array<Source, 8> sources;
  if (mesh.slots > sources.size()) return false;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < mesh.slots; ++i) {
    const Slot& slot = slots_[i];
    const bool whole = slot.unanswered == 0 && slot.errands == 0 && !slot.streamed &&
                       slot.ends.size() - slot.passed == slot.commands - slot.left;
    if (!whole) return false;
    sources[i] = {slot.parked.data() + slot.taken, slot.ends.data() + slot.passed, slot.taken};
    bytes += slot.parked.size() - slot.taken;
  }
  std::string& out = out_.tail();
  const std::size_t before = out.size();
  out.resize(before + bytes);
  char* to = out.data() + before;
  for (; mesh.left < mesh.order.size(); ++mesh.left) {
    Source& source = sources[mesh.order[mesh.left]];
    const std::size_t end = *source.end++;
    const std::size_t length = end - std::exchange(source.begin, end);
    std::memcpy(to, source.next, length);
    source.next += length;
    to += length;
  }
  parked_bytes_ -= bytes;
  return true;
}

/// What may leave of the mesh at the front; true: all of it has left.
bool Session::release_meshed() {
  Mesh& mesh = slots_.front_mesh();
  const Slot& leading = slots_.leading();
  if (leading.parked.empty() && leading.left == leading.commands - leading.unanswered &&
      mesh.left < mesh.order.size())
    return false;
  if (release_whole_mesh(mesh)) return true;
  std::string& out = out_.tail();
  for (; mesh.left < mesh.order.size(); ++mesh.left) {
    Slot& slot = slots_[mesh.order[mesh.left]];
    if (slot.errands > 0) return false;
    const bool whole = slot.left < slot.commands - slot.unanswered;
    if (!whole || !slot.streamed) {  // else it has left piece by piece
      const std::string_view leaving = whole ? slot.take_reply() : slot.take_begun();
      out.append(leaving);
      parked_bytes_ -= leaving.size();
      if (!whole) slot.streamed = slot.begun = slot.streamed || !leaving.empty();
      if (slot.taken == slot.parked.size()) slot.drop_taken();
    } else {
      slot.streamed = slot.begun = false;
    }
    if (!whole) return false;
    ++slot.left;
  }
  return true;
}

}  // namespace pillion::data::session
