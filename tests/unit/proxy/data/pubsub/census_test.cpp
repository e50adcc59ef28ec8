#include "proxy/data/pubsub/census.hpp"

#include <gtest/gtest.h>

namespace pillion::data::pubsub {
namespace {

class CensusTest : public ::testing::Test {
 protected:
  static IdentityPtr who(const char* user) {
    return std::make_shared<const upstream::Identity>(upstream::Identity{user, ""});
  }
  Census census_;
  const IdentityPtr alice_ = who("alice");
  const IdentityPtr bob_ = who("bob");
  const NameView news_{Kind::kChannel, "news"};
};

TEST_F(CensusTest, NobodyIsNothing) {
  EXPECT_FALSE(census_.any());
  EXPECT_EQ(census_.publish_correction("news"), 0);
}

TEST_F(CensusTest, MembersCountInPlaceOfTheirLink) {
  census_.set_linked(alice_, news_, true);
  EXPECT_TRUE(census_.any());
  EXPECT_EQ(census_.publish_correction("news"), -1) << "the link is nobody";
  census_.add_members(alice_, news_, 3);
  EXPECT_EQ(census_.publish_correction("news"), 2);
  EXPECT_EQ(census_.channel_correction("news"), 2);
  EXPECT_EQ(census_.publish_correction("other"), 0);
  census_.add_members(alice_, news_, -3);
  census_.set_linked(alice_, news_, false);
  EXPECT_FALSE(census_.any());
}

TEST_F(CensusTest, MembersOfALostLinkHearNothing) {
  census_.set_linked(alice_, news_, true);
  census_.add_members(alice_, news_, 5);
  census_.set_linked(alice_, news_, false);
  EXPECT_EQ(census_.publish_correction("news"), 0);
  census_.set_linked(who("alice"), news_, true);
  EXPECT_EQ(census_.publish_correction("news"), 4) << "an identity is its value";
}

TEST_F(CensusTest, EveryIdentityHasALinkOfItsOwn) {
  census_.set_linked(alice_, news_, true);
  census_.set_linked(bob_, news_, true);
  census_.add_members(alice_, news_, 2);
  census_.add_members(bob_, news_, 1);
  EXPECT_EQ(census_.publish_correction("news"), 1) << "3 members behind 2 links";
}

TEST_F(CensusTest, PatternsCountWhereTheyMatch) {
  const NameView pattern{Kind::kPattern, "n*"};
  census_.set_linked(alice_, pattern, true);
  census_.add_members(alice_, pattern, 4);
  census_.set_linked(alice_, news_, true);
  census_.add_members(alice_, news_, 2);
  EXPECT_EQ(census_.publish_correction("news"), 4);
  EXPECT_EQ(census_.publish_correction("nothing"), 3);
  EXPECT_EQ(census_.publish_correction("other"), 0);
  EXPECT_EQ(census_.channel_correction("news"), 1) << "NUMSUB knows no patterns";
}

TEST_F(CensusTest, ShardChannelsAreAWorldOfTheirOwn) {
  const NameView shard{Kind::kShard, "news"};
  census_.set_linked(alice_, shard, true);
  census_.add_members(alice_, shard, 3);
  EXPECT_EQ(census_.shard_correction("news"), 2);
  EXPECT_EQ(census_.publish_correction("news"), 0);
  EXPECT_EQ(census_.channel_correction("news"), 0);
}

TEST_F(CensusTest, OnlyTheNodeThatHasTheLinkCountsIt) {
  const NameView shard{Kind::kShard, "news"};
  census_.set_linked(alice_, news_, true, 1);
  census_.set_linked(alice_, shard, true, 2);
  census_.add_members(alice_, news_, 3);
  census_.add_members(alice_, shard, 3);
  EXPECT_EQ(census_.publish_correction("news", 1), 2);
  EXPECT_EQ(census_.publish_correction("news", 2), 3)
      << "the bus brings it to our link all the same";
  EXPECT_EQ(census_.shard_correction("news", 2), 2);
  EXPECT_EQ(census_.channel_correction("news"), 2) << "NUMSUB asks all nodes";
}

}  // namespace
}  // namespace pillion::data::pubsub
