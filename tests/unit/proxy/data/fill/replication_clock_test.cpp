#include "proxy/data/fill/replication_clock.hpp"

#include <gtest/gtest.h>

namespace pillion::data::fill {
namespace {

using state::kSecond;

TEST(ReplicationClock, TurnsAnOffsetIntoTheMomentItHasPassed) {
  ReplicationClock clock;
  clock.add(100, "a", 1000);
  clock.add(200, "a", 1500);
  clock.add(300, "a", 1500);
  EXPECT_EQ(clock.passed("a", 999), std::nullopt);
  EXPECT_EQ(clock.passed("a", 1000), 100);
  EXPECT_EQ(clock.passed("a", 1499), 100);
  EXPECT_EQ(clock.passed("a", 1500), 300);
  EXPECT_EQ(clock.passed("a", 9000), 300);
  EXPECT_EQ(clock.latest(), 300);
}

TEST(ReplicationClock, KnowsOneHistory) {
  ReplicationClock clock;
  EXPECT_EQ(clock.passed("a", 1000), std::nullopt);
  EXPECT_EQ(clock.passed("", 1000), std::nullopt);
  clock.add(100, "a", 1000);
  EXPECT_EQ(clock.passed("b", 1000), std::nullopt);
  clock.add(200, "b", 10);
  EXPECT_EQ(clock.passed("a", 1000), std::nullopt);
  EXPECT_EQ(clock.passed("b", 9), std::nullopt) << "nothing of the old history counts";
  EXPECT_EQ(clock.passed("b", 10), 200);
}

TEST(ReplicationClock, BelievesNoHistoryThatWentBack) {
  ReplicationClock clock;
  clock.add(100, "a", 1000);
  clock.add(200, "a", 500);
  EXPECT_EQ(clock.passed("a", 500), 200);
  EXPECT_EQ(clock.passed("a", 1000), 200);
  EXPECT_EQ(clock.passed("a", 499), std::nullopt);
}

TEST(ReplicationClock, DropsSamplesThatComeLate) {
  ReplicationClock clock;
  clock.add(200, "a", 1500);
  clock.add(100, "a", 1000);
  EXPECT_EQ(clock.passed("a", 1200), std::nullopt);
  EXPECT_EQ(clock.latest(), 200);
}

TEST(ReplicationClock, RemembersAWhile) {
  ReplicationClock clock;
  for (int i = 1; i <= 100; ++i) clock.add(i, "a", 10 * i);
  EXPECT_EQ(clock.passed("a", 1000), 100);
  EXPECT_EQ(clock.passed("a", 405), 40);
  EXPECT_EQ(clock.passed("a", 100), std::nullopt) << "too long ago";
}

TEST(ReplicationClock, TheFurthestOrphanIsCurrentAsOfTheLatestRefusal) {
  ReplicationClock clock;
  EXPECT_EQ(clock.orphaned(1, 50, "a", 1000), std::nullopt);
  clock.note_refused(50);
  EXPECT_EQ(clock.orphaned(1, 60, "a", 1000), std::nullopt) << "nothing is known of its history";
  clock.expect(2);
  clock.add(100, "a", 1000);
  clock.note_refused(90);
  EXPECT_EQ(clock.orphaned(1, 110, "a", 1000), std::nullopt) << "it was there after that";
  clock.note_refused(200);
  EXPECT_EQ(clock.orphaned(1, 150, "a", 1000), std::nullopt) << "asked while it was there";
  EXPECT_EQ(clock.orphaned(1, 210, "b", 1000), std::nullopt) << "another history";
  EXPECT_EQ(clock.orphaned(1, 210, "a", 1000), std::nullopt) << "the other one was not heard";
  EXPECT_EQ(clock.orphaned(2, 210, "a", 1001), 200);
  EXPECT_EQ(clock.orphaned(1, 220, "a", 1000), std::nullopt) << "the other one is further";
  clock.note_refused(300);
  EXPECT_EQ(clock.orphaned(2, 310, "a", 1001), 300);
  clock.add(400, "a", 1000);
  EXPECT_EQ(clock.orphaned(2, 410, "a", 1001), std::nullopt) << "it is back";
}

TEST(ReplicationClock, KnowsWhichSlotsWereThePrimarysAlone) {
  ReplicationClock clock;
  EXPECT_FALSE(clock.serves(7, 1000)) << "no sample yet";
  SlotSet slots;
  slots.set(7);
  clock.add(100, "a", 10, &slots);
  EXPECT_TRUE(clock.serves(7, 100));
  EXPECT_FALSE(clock.serves(8, 100));
  slots.set(8);
  clock.add(200, "a", 20, &slots);
  EXPECT_FALSE(clock.serves(8, 100)) << "what it had then was elsewhere";
  EXPECT_TRUE(clock.serves(8, 200));
  EXPECT_TRUE(clock.serves(7, 100));
  clock.note_leaving(7, 250);
  EXPECT_FALSE(clock.serves(7, 200));
  clock.add(240, "a", 20, &slots);
  EXPECT_FALSE(clock.serves(7, 240)) << "asked for before that was said";
  slots.reset(7);
  clock.add(300, "a", 20, &slots);
  EXPECT_FALSE(clock.serves(7, 300));
  slots.set(7);
  clock.add(400, "a", 20, &slots);
  EXPECT_FALSE(clock.serves(7, 300)) << "it came back with what others wrote";
  EXPECT_TRUE(clock.serves(7, 400));
}

TEST(ReplicationClock, NothingIsCurrentBesideASuccessor) {
  ReplicationClock clock;
  clock.add(100, "a", 1000);
  clock.note_refused(200);
  EXPECT_EQ(clock.orphaned(1, 210, "a", 1000), 200);
  clock.note_successor();
  EXPECT_EQ(clock.orphaned(1, 220, "a", 1000), std::nullopt) << "it may be written to by now";
  clock.note_refused(300);
  EXPECT_EQ(clock.orphaned(1, 310, "a", 1000), std::nullopt);
}

TEST(ReplicationClock, AnOrphanBehindTheLatestSampleIsNotCurrent) {
  ReplicationClock clock;
  clock.add(100, "a", 1000);
  clock.note_refused(200);
  EXPECT_EQ(clock.orphaned(1, 210, "a", 999), std::nullopt);
  EXPECT_EQ(clock.orphaned(1, 210, "a", 1000), 200);
}

TEST(ReplicationClock, IsFedByOneOfManyAndOnlyWhileWanted) {
  ReplicationClock clock;
  const state::Nanos start = 100 * kSecond;
  EXPECT_FALSE(clock.claim(start, kSecond)) << "nobody wants it";
  clock.want(start);
  EXPECT_TRUE(clock.claim(start, kSecond));
  EXPECT_FALSE(clock.claim(start + 1, kSecond)) << "another has";
  EXPECT_TRUE(clock.claim(start + kSecond, kSecond));
  EXPECT_FALSE(clock.claim(start + 10 * kSecond, kSecond)) << "not any more";
}

}  // namespace
}  // namespace pillion::data::fill
