#include "protocol/cluster/slot.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::cluster {
namespace {

using resp::bytes;

/// Bit by bit, as the definition has it.
std::uint16_t slow_crc16(std::string_view text) {
  std::uint32_t crc = 0;
  for (const char c : text) {
    crc ^= static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
    crc &= 0xffff;
  }
  return static_cast<std::uint16_t>(crc);
}

TEST(Slot, IsXmodem) {
  EXPECT_EQ(crc16("123456789"), 0x31c3);
  EXPECT_EQ(crc16(""), 0);
}

TEST(Slot, FoldsEveryLengthAsTheDefinitionDoes) {
  std::string text;
  for (std::size_t length = 0; length < 70; ++length) {
    const resp::ExactBytes exact(text);
    ASSERT_EQ(crc16(exact.view()), slow_crc16(text)) << length;
    text += static_cast<char>(length * 151 + 17);
  }
}

// What CLUSTER KEYSLOT of Redis 7.0.15 answers.
TEST(Slot, AgreesWithRedis) {
  struct Case {
    std::string_view key;
    std::uint16_t slot;
  };
  const Case cases[] = {
      {"", 0},
      {"a", 15495},
      {"foo", 12182},
      {"bar", 5061},
      {"hello", 866},
      {"somekey", 11058},
      {"123456789", 12739},
      {"{user1000}.following", 3443},
      {"{user1000}.followers", 3443},
      {"foo{}{bar}", 8363},
      {"foo{{bar}}zap", 4015},
      {"foo{bar}{zap}", 5061},
      {"{}", 15257},
      {"{", 4092},
      {"a{b", 13340},
      {"user:1", 10778},
      {"session:0123456789abcdef", 12762},
      {bytes("\x00\x01\xff\xfe"), 14878},
      {"key with blanks", 1101},
      {"{\r\n}x", 5910},
      {"kkkkkkkkkkkkkkkk", 6790},
  };
  for (const Case& c : cases) EXPECT_EQ(slot_of(c.key), c.slot) << c.key;
}

TEST(Slot, TagIsBetweenTheFirstBraceAndTheFirstThatClosesIt) {
  EXPECT_EQ(hashed_part("{user1000}.following"), "user1000");
  EXPECT_EQ(hashed_part("a{b}c{d}"), "b");
  EXPECT_EQ(hashed_part("foo{{bar}}zap"), "{bar");
  EXPECT_EQ(hashed_part("foo{bar}{zap}"), "bar");
  EXPECT_EQ(hashed_part("}a{b}"), "b");
  for (const std::string_view whole : {"foo{}{bar}", "{}", "{", "}", "a{b", "a}b", "", "{}x"}) {
    EXPECT_EQ(hashed_part(whole), whole);
  }
}

// Whether a tag begins is found out while bytes are folded, in strides: every place of the braces.
TEST(Slot, IsThatOfTheHashedPartWhereverBracesStand) {
  for (std::size_t length = 0; length <= 26; ++length) {
    for (std::size_t open = 0; open <= length; ++open) {
      for (std::size_t close = 0; close <= length; ++close) {
        std::string key;
        for (std::size_t i = 0; i < length; ++i) key += static_cast<char>(i * 151 + 0x7b + length);
        std::replace_if(
            key.begin(), key.end(), [](char c) { return c == '{' || c == '}'; }, 'z');
        if (open < length) key[open] = '{';
        if (close < length) key[close] = '}';
        const resp::ExactBytes exact(key);
        ASSERT_EQ(slot_of(exact.view()), slow_crc16(hashed_part(key)) % kSlotCount)
            << length << " bytes, braces at " << open << " and " << close;
      }
    }
  }
}

}  // namespace
}  // namespace pillion::cluster
