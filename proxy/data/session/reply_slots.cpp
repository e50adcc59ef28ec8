#include "proxy/data/session/reply_slots.hpp"

#include "protocol/resp/frame_scanner.hpp"

namespace pillion::data::session {
namespace {

// What a slot keeps for its next use: enough for a usual pipeline's small replies.
constexpr std::size_t kKeepBytes = 1024;
constexpr std::size_t kKeepNumbers = 64;

template <class Memory>
void empty(Memory& memory, std::size_t keep) {
  if (memory.capacity() > keep) {
    Memory().swap(memory);
  } else {
    memory.clear();
  }
}

}  // namespace

void Slot::park_replies(const Replies& replies, std::uint32_t first, std::size_t offset) {
  const std::size_t base = parked.size();
  parked.append(replies.bytes.substr(offset));
  // Behind bytes whose replies were not counted, these cannot be either; take_reply() will.
  if ((ends.empty() ? taken : ends.back()) != base) return;
  for (std::size_t i = first; i < replies.ends.size(); ++i)
    ends.push_back(replies.ends[i] - offset + base);
  ends.push_back(parked.size());
}

void Slot::find_end() {
  resp::FrameScanner scanner;
  std::size_t length = 0;
  (void)scanner.feed(std::string_view(parked).substr(taken), length);
  ends.push_back(taken + length);
}

void Slot::reset() {
  static_cast<SlotFields&>(*this) = {};
  empty(names, kKeepNumbers);
  fan_out.reset();
  empty(parked, kKeepBytes);
  empty(ends, kKeepNumbers);
  empty(note, kKeepBytes);
}

}  // namespace pillion::data::session
