#include "proxy/data/cache/link_table.hpp"

#include <gtest/gtest.h>

namespace pillion::cache {
namespace {

TEST(LinkTable, StartsClosed) {
  const LinkTable links;
  EXPECT_EQ(links.generation(0), 0U);
  EXPECT_EQ(links.generation(LinkTable::kMaxLinks - 1), 0U);
}

TEST(LinkTable, GenerationsAreNeverReused) {
  LinkTable links;
  const Generation first = links.open(1, 100);
  const Generation other = links.open(2, 100);
  links.close(1);
  EXPECT_EQ(links.generation(1), 0U);
  const Generation again = links.open(1, 200);
  EXPECT_NE(first, 0U);
  EXPECT_NE(first, other);
  EXPECT_NE(first, again);
  EXPECT_NE(other, again);
  EXPECT_EQ(links.generation(1), again);
  EXPECT_EQ(links.generation(2), other);
}

TEST(LinkTable, BumpEndsTheGenerationOfALiveLinkOnly) {
  LinkTable links;
  const Generation first = links.open(1, 100);
  links.bump(1);
  EXPECT_NE(links.generation(1), first);
  EXPECT_NE(links.generation(1), 0U);
  EXPECT_EQ(links.synced_at(1), 100);
  links.close(1);
  links.bump(1);
  EXPECT_EQ(links.generation(1), 0U);
}

TEST(LinkTable, LeaseOnlyMovesForwardWhileOpen) {
  LinkTable links;
  links.open(1, 100);
  links.synced(1, 300);
  links.synced(1, 200);
  EXPECT_EQ(links.synced_at(1), 300);
  links.open(1, 50);  // another connection: what the old one proved is void
  EXPECT_EQ(links.synced_at(1), 50);
}

TEST(LinkTable, UseIsTakenOnce) {
  LinkTable links;
  EXPECT_FALSE(links.take_used(1));
  links.mark_used(1);
  links.mark_used(1);
  EXPECT_FALSE(links.take_used(2));
  EXPECT_TRUE(links.take_used(1));
  EXPECT_FALSE(links.take_used(1));
}

TEST(LinkTable, HasNothingToProveBeforeAFetchOfThePresentGeneration) {
  LinkTable links;
  EXPECT_TRUE(links.nothing_fetched(3)) << "not live";
  const Generation first = links.open(3, 0);
  EXPECT_TRUE(links.nothing_fetched(3));
  links.note_fetch(3, first);
  EXPECT_FALSE(links.nothing_fetched(3));
  EXPECT_TRUE(links.nothing_fetched(4)) << "another link";
  links.bump(3);
  EXPECT_TRUE(links.nothing_fetched(3)) << "what was filled is never served again";
  links.note_fetch(3, first);
  EXPECT_TRUE(links.nothing_fetched(3)) << "sent under the generation that ended";
  links.note_fetch(3, links.generation(3));
  EXPECT_FALSE(links.nothing_fetched(3));
  links.close(3);
  EXPECT_TRUE(links.nothing_fetched(3));
}

}  // namespace
}  // namespace pillion::cache
