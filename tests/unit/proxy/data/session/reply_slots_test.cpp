#include "proxy/data/session/reply_slots.hpp"

#include <gtest/gtest.h>

namespace pillion::data::session {
namespace {

std::string take_all(Slot& slot) {
  std::string all;
  while (slot.taken != slot.parked.size()) all += "[" + std::string(slot.take_reply()) + "]";
  return all;
}

TEST(Slot, RepliesLeaveOneByOneWhereTheyWereSaidToEnd) {
  Slot slot;
  const std::uint32_t ends[] = {3, 5};
  slot.park_replies({"onetwothree", ends}, 0, 0);
  slot.park_replies({"four"}, 0, 0);
  EXPECT_EQ(take_all(slot), "[one][tw][othree][four]");
}

TEST(Slot, RepliesWhoseFirstHaveLeftAreParkedFromTheNextOn) {
  Slot slot;
  const std::uint32_t ends[] = {3, 6, 9};
  slot.park_replies({"onetwosixfour", ends}, 2, 6);
  EXPECT_EQ(take_all(slot), "[six][four]");
}

TEST(Slot, EndsThatNobodyToldAreFound) {
  Slot slot;
  slot.parked = "+a\r\n$1\r\nb\r\n";  // as an errand leaves them
  const std::uint32_t ends[] = {4};
  slot.park_replies({"+c\r\n+d\r\n", ends}, 0, 0);
  EXPECT_EQ(slot.take_reply(), "+a\r\n");
  EXPECT_EQ(slot.take_reply(), "$1\r\nb\r\n");
  slot.park_replies({"+e\r\n"}, 0, 0);
  EXPECT_EQ(take_all(slot), "[+c\r\n][+d\r\n][+e\r\n]");
  slot.drop_taken();
  slot.park_replies({"+f\r\n+g\r\n", ends}, 0, 0);
  EXPECT_EQ(take_all(slot), "[+f\r\n][+g\r\n]");
}

TEST(Slot, AFreshOneHasNothingOfWhoUsedItsPlace) {
  ReplySlots slots;
  for (const std::size_t large : {std::size_t{10}, std::size_t{100'000}}) {
    Slot& used = slots.push();
    used.state = Slot::State::kUpstream;
    used.action = SlotAction::kExec;
    used.needs_fence = true;
    used.unanswered = 3;
    used.names.assign(large, 7);
    used.parked.assign(large, 'x');
    used.note = "note";
    const std::uint32_t ends[] = {1};
    used.park_replies({"ab", ends}, 0, 0);
    slots.pop();
    for (int i = 0; i < 4; ++i) {  // its place comes round
      const Slot& fresh = slots.push();
      EXPECT_EQ(fresh.state, Slot::State::kReady);
      EXPECT_EQ(fresh.action, SlotAction::kNone);
      EXPECT_FALSE(fresh.needs_fence);
      EXPECT_EQ(fresh.unanswered, 0u);
      EXPECT_TRUE(fresh.names.empty());
      EXPECT_TRUE(fresh.parked.empty());
      EXPECT_TRUE(fresh.ends.empty());
      EXPECT_TRUE(fresh.note.empty());
      EXPECT_LT(fresh.parked.capacity(), 2000u) << "what was large is given back";
      EXPECT_LT(fresh.names.capacity(), 2000u);
    }
    for (int i = 0; i < 4; ++i) slots.pop();
  }
}

}  // namespace
}  // namespace pillion::data::session
