#include "proxy/data/cache/link_table.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

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

TEST(LinkTable, GivesNamesOutAndTakesThemBack) {
  LinkTable links;
  const LinkId first = links.acquire(0, LinkSource::kPrimary);
  const LinkId second = links.acquire(1, LinkSource::kReplica);
  EXPECT_NE(first, second);
  EXPECT_EQ(links.source(second), LinkSource::kReplica);
  std::vector<std::pair<LinkId, std::uint32_t>> seen;
  const auto note = [&](LinkId link, std::uint32_t worker) { seen.emplace_back(link, worker); };
  links.for_each(note);
  EXPECT_EQ(seen, (std::vector<std::pair<LinkId, std::uint32_t>>{{first, 0}, {second, 1}}));
  const Generation before = links.open(first, 100);
  links.mark_used(first);
  links.note_fetch(first, before);
  links.release(first);
  EXPECT_EQ(links.generation(first), 0U);
  seen.clear();
  links.for_each(note);
  EXPECT_EQ(seen.size(), 1U);
  EXPECT_EQ(links.acquire(2, LinkSource::kPrimary), first);
  EXPECT_FALSE(links.take_used(first));
  EXPECT_NE(links.open(first, 200), before);
  EXPECT_TRUE(links.nothing_fetched(first));
}

TEST(LinkTable, HasAnEnd) {
  LinkTable links;
  for (std::size_t i = 0; i < LinkTable::kMaxLinks; ++i)
    ASSERT_EQ(links.acquire(0, LinkSource::kPrimary), i);
  EXPECT_EQ(links.acquire(0, LinkSource::kPrimary), LinkTable::kNoLink);
  links.release(7);
  EXPECT_EQ(links.acquire(0, LinkSource::kPrimary), 7);
}

TEST(LinkTable, DistrustIsOfReplicasAndOfThoseToCome) {
  LinkTable links;
  const LinkId primary = links.acquire(0, LinkSource::kPrimary);
  const LinkId replica = links.acquire(0, LinkSource::kReplica);
  EXPECT_EQ(links.not_before(replica), LinkTable::kNever);
  links.distrust_replicas(100);
  links.distrust_replicas(90);
  EXPECT_EQ(links.not_before(replica), 100);
  EXPECT_EQ(links.not_before(primary), LinkTable::kNever);
  EXPECT_EQ(links.replicas_distrusted_at(), 100);
  EXPECT_EQ(links.not_before(links.acquire(1, LinkSource::kReplica)), 100);
  links.release(replica);
  EXPECT_EQ(links.acquire(0, LinkSource::kPrimary), replica);
  EXPECT_EQ(links.not_before(replica), LinkTable::kNever);
}

TEST(LinkTable, FencesAreOfPrimaries) {
  LinkTable links;
  for (const LinkSource source : {LinkSource::kPrimary, LinkSource::kReplica}) {
    const LinkId link = links.acquire(0, source);
    const Generation generation = links.open(link, 0);
    EXPECT_FALSE(links.wants_fence(link));
    links.note_fetch(link, generation);
    EXPECT_EQ(links.wants_fence(link), source == LinkSource::kPrimary);
  }
}

}  // namespace
}  // namespace pillion::cache
