#include "proxy/data/cache/entry.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace pillion::cache {
namespace {

CacheKey some_key(std::string_view arguments) {
  return {.name = 0x1122334455667788,
          .variant = 0x99AABBCCDDEEFF00,
          .database = 5,
          .command = 77,
          .arguments = arguments};
}

TEST(Entry, KeepsWhatItWasGiven) {
  const std::string arguments("\0\xff$k", 4);
  const std::string reply("$2\r\n\0\n\r\n", 8);
  Entry* entry = make_entry(some_key(arguments), EntryKind::kPlain, reply, 1'000'000'000, 255, 9);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(reply_of(*entry), reply);
  EXPECT_EQ(kind_of(*entry), EntryKind::kPlain);
  EXPECT_EQ(entry->arguments(), arguments);
  EXPECT_EQ(entry->link(), 255);
  EXPECT_EQ(entry->generation, 9U);
  EXPECT_TRUE(entry->is(some_key(arguments)));
  drop_reference(*entry);
}

TEST(Entry, IsOnlyItsOwnKey) {
  Entry* entry = make_entry(some_key("abc"), EntryKind::kReply, "", 0, 0, 1);
  CacheKey other = some_key("abc");
  other.variant ^= 1;
  EXPECT_FALSE(entry->is(other));
  other = some_key("abc");
  other.database += 0x10000;  // equal in the 16 bits an entry keeps
  EXPECT_FALSE(entry->is(other));
  other = some_key("abc");
  other.command ^= 1;
  EXPECT_FALSE(entry->is(other));
  EXPECT_FALSE(entry->is(some_key("abd")));
  EXPECT_FALSE(entry->is(some_key("ab")));
  EXPECT_FALSE(entry->is(some_key("abcd")));
  EXPECT_FALSE(entry->is(some_key("")));
  drop_reference(*entry);
}

TEST(Entry, DeadlineRoundsDownByLessThan66Microseconds) {
  for (const state::Nanos deadline : {state::Nanos{0}, state::Nanos{1}, state::Nanos{65535},
                                      state::Nanos{65536}, 7 * state::kSecond + 123'456'789}) {
    Entry* entry = make_entry(some_key("k"), EntryKind::kReply, "", deadline, 0xFFFF, 1);
    EXPECT_LE(entry->deadline(), deadline);
    EXPECT_GT(entry->deadline(), deadline - 66 * state::kMicrosecond);
    drop_reference(*entry);
  }
}

TEST(Entry, RefusesWhatItsFieldsCannotHold) {
  CacheKey key = some_key("k");
  key.database = 0x10000;
  EXPECT_EQ(make_entry(key, EntryKind::kReply, "", 0, 0, 1), nullptr);
  const std::string huge(Entry::kMaxArguments + 1, 'x');
  EXPECT_EQ(make_entry(some_key(huge), EntryKind::kReply, "", 0, 0, 1), nullptr);
}

TEST(Pin, KeepsBytesAlive) {
  Entry* entry = make_entry(some_key("k"), EntryKind::kReply, "+OK\r\n", 0, 0, 1);
  Pin pin(*entry);
  drop_reference(*entry);
  EXPECT_TRUE(pin);
  EXPECT_EQ(pin.bytes(), "+OK\r\n");
  Pin moved(std::move(pin));
  EXPECT_FALSE(pin);  // NOLINT(bugprone-use-after-move): empty is what is promised
  EXPECT_EQ(pin.bytes(), "");
  EXPECT_EQ(moved.bytes(), "+OK\r\n");
}

TEST(Pin, AssignmentReleasesWhatItHeld) {
  Entry* first = make_entry(some_key("k"), EntryKind::kReply, "1", 0, 0, 1);
  Entry* second = make_entry(some_key("k"), EntryKind::kReply, "2", 0, 0, 1);
  Pin pin(*first);
  pin = Pin(*second);
  EXPECT_EQ(first->references.load(), 1U);
  EXPECT_EQ(second->references.load(), 2U);
  EXPECT_EQ(pin.bytes(), "2");
  pin = Pin();
  EXPECT_FALSE(pin);
  EXPECT_EQ(second->references.load(), 1U);
  drop_reference(*first);
  drop_reference(*second);
}

}  // namespace
}  // namespace pillion::cache
