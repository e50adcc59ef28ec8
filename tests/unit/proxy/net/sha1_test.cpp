#include "proxy/net/sha1.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pillion::net {
namespace {

TEST(Sha1, GivesTheDigestsOfTheStandard) {
  EXPECT_EQ(sha1_hex(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(sha1_hex("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
  EXPECT_EQ(sha1_hex(std::string(1'000'000, 'a')), "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
}

TEST(Sha1, CountsEveryByte) {
  EXPECT_NE(sha1_hex(std::string("a\0b", 3)), sha1_hex("a"));
  EXPECT_EQ(sha1_hex(std::string("\xff\0", 2)).size(), 40u);
}

}  // namespace
}  // namespace pillion::net
