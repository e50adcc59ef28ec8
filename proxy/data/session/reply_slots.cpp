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

std::string_view Slot::take_reply() {
  if (passed == ends.size()) {
    resp::FrameScanner scanner;
    std::size_t length = 0;
    (void)scanner.feed(std::string_view(parked).substr(taken), length);
    ends.push_back(taken + length);
  }
  const std::size_t end = ends[passed++];
  const std::size_t begin = std::exchange(taken, end);
  return std::string_view(parked).substr(begin, end - begin);
}

void Slot::drop_taken() {
  if (taken != parked.size()) return;
  parked.clear();
  ends.clear();
  taken = 0;
  passed = 0;
}

void Slot::reset() {
  static_cast<SlotFields&>(*this) = {};
  empty(names, kKeepNumbers);
  fan_out.reset();
  empty(parked, kKeepBytes);
  empty(ends, kKeepNumbers);
  empty(note, kKeepBytes);
}

std::uint32_t Mesh::pass(std::uint8_t place, std::uint32_t most) {
  std::uint32_t count = 0;
  while (count < most && left < order.size() && order[left] == place) {
    ++count;
    ++left;
  }
  return count;
}

}  // namespace pillion::data::session
