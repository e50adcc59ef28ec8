#include "proxy/data/fill/write_tokens.hpp"

#include <gtest/gtest.h>

namespace pillion::data::fill {
namespace {

constexpr cache::NameHash kName = cache::NameHash{7} << 40;
constexpr cache::NameHash kOther = cache::NameHash{8} << 40;

TEST(WriteTokens, AreOfTheirName) {
  WriteTokens tokens(true);
  EXPECT_EQ(tokens.of(kName), WriteTokens::kNever);
  tokens.set(kName, 100);
  EXPECT_EQ(tokens.of(kName), 100);
  EXPECT_EQ(tokens.of(kOther), WriteTokens::kNever);
}

TEST(WriteTokens, NeverGoBack) {
  WriteTokens tokens(true);
  tokens.set(kName, 100);
  tokens.set(kName, 90);
  EXPECT_EQ(tokens.of(kName), 100);
  tokens.set_everything(80);
  tokens.set_everything(70);
  EXPECT_EQ(tokens.of(kOther), 80);
}

TEST(WriteTokens, OfEverythingAreOfEveryName) {
  WriteTokens tokens(true);
  tokens.set(kName, 100);
  tokens.set_everything(200);
  EXPECT_EQ(tokens.of(kName), 200);
  EXPECT_EQ(tokens.of(kOther), 200);
  tokens.set(kOther, 300);
  EXPECT_EQ(tokens.of(kOther), 300);
}

TEST(WriteTokens, OfNamesThatShareAPlaceAreTheLater) {
  WriteTokens tokens(true);
  tokens.set(kName | 1, 100);
  EXPECT_EQ(tokens.of(kName | 2), 100);
}

TEST(WriteTokens, AreNotKeptWhereNoReplicaIsRead) {
  WriteTokens tokens(false);
  tokens.set(kName, 100);
  tokens.set_everything(100);
  EXPECT_FALSE(tokens.enabled());
  EXPECT_EQ(tokens.of(kName), WriteTokens::kNever);
}

}  // namespace
}  // namespace pillion::data::fill
