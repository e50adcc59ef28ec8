// The judge must find each offence, and must not cry wolf.
#include "tests/coherence/history.hpp"

#include <gtest/gtest.h>

namespace pillion::test {
namespace {

constexpr Nanos kMs = kMillisecond;
constexpr Via kOne = 1;
constexpr Via kTwo = 2;

/// Times are in milliseconds; every command takes one.
class HistoryOf : public ::testing::Test {
 protected:
  Write& write(std::uint64_t number, Nanos at, Via via = kDirect) {
    writes_.push_back({7, number, at * kMs, (at + 1) * kMs, via});
    return writes_.back();
  }
  void read(std::uint64_t number, Nanos at, Via via = kOne, std::uint32_t session = 1) {
    history_.add(Read{session, 7, number, at * kMs, (at + 1) * kMs, via});
  }
  void flush(Nanos at, Via via = kDirect) { history_.add(Flush{at * kMs, (at + 1) * kMs, via}); }

  Verdict judge() {
    for (const Write& write : writes_) history_.add(write);
    writes_.clear();
    if (history_doubts_) history_.doubt(200 * kMs, 300 * kMs, [](std::uint32_t) { return true; });
    return history_.judge(bounds_);
  }
  void expect_only(Offence offence) {
    const Verdict verdict = judge();
    EXPECT_EQ(verdict.count(offence), 1U) << verdict;
    EXPECT_EQ(verdict.findings.size(), 1U) << verdict;
  }

  Bounds bounds_{100 * kMs, 5 * kMs, 2 * kMs, false};
  std::vector<Write> writes_;
  bool history_doubts_ = false;  // of all that was written from 200 to 300 ms
  History history_;
};

TEST_F(HistoryOf, ReadersThatKeepUpIsClean) {
  for (Nanos i = 1; i <= 100; ++i) {
    write(static_cast<std::uint64_t>(i), i * 10);
    read(static_cast<std::uint64_t>(i), i * 10 + 2);
  }
  const Verdict verdict = judge();
  EXPECT_TRUE(verdict.clean()) << verdict;
  EXPECT_EQ(verdict.reads, 100U);
}

TEST_F(HistoryOf, OldValueWithinTheBoundIsClean) {
  write(1, 0);
  write(2, 10);
  read(1, 100);
  const Verdict verdict = judge();
  EXPECT_TRUE(verdict.clean()) << verdict;
  EXPECT_EQ(verdict.worst_staleness, 89 * kMs);
}

TEST_F(HistoryOf, OldValueBeyondTheBoundIsStale) {
  write(1, 0);
  write(2, 10);
  read(1, 117);
  expect_only(Offence::kStale);
}

TEST_F(HistoryOf, StalenessCountsFromTheNextWriteNotTheLast) {
  write(1, 0);
  write(2, 10);
  write(3, 200);
  read(1, 202);
  expect_only(Offence::kStale);
}

TEST_F(HistoryOf, ValueOfAWriteWithoutReplyIsNoOffence) {
  write(1, 0);
  write(2, 10).ret = kNever;
  read(1, 500);
  read(2, 900);
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, RemovedValueIsStale) {
  write(1, 0);
  write(2, 10).removes = true;
  read(1, 150);
  expect_only(Offence::kStale);
}

TEST_F(HistoryOf, AbsenceAfterAWriteIsStale) {
  write(1, 0);
  read(0, 150);
  expect_only(Offence::kStaleAbsence);
}

TEST_F(HistoryOf, AbsenceWithinTheBoundIsClean) {
  write(1, 0);
  read(0, 100);
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, AbsenceAfterARemovalIsClean) {
  write(1, 0);
  write(2, 10).removes = true;
  read(0, 500);
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, AbsenceLongAfterAnOldRemovalIsStale) {
  write(1, 0).removes = true;
  write(2, 10);
  read(0, 500);
  expect_only(Offence::kStaleAbsence);
}

TEST_F(HistoryOf, AbsenceAfterAFlushIsClean) {
  write(1, 0);
  flush(200);
  read(0, 300);
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, AbsenceAfterAFlushAndANewWriteIsStale) {
  write(1, 0);
  flush(200);
  write(2, 300);
  read(0, 500);
  expect_only(Offence::kStaleAbsence);
}

TEST_F(HistoryOf, FlushedValueIsStale) {
  write(1, 0);
  flush(10);
  read(1, 150);
  expect_only(Offence::kStale);
}

TEST_F(HistoryOf, EvictedValuesMayBeAbsent) {
  bounds_.may_vanish = true;
  write(1, 0);
  read(0, 500);
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, OwnWriteMustBeSeenAtOnceBySessionsOfThatPillion) {
  write(1, 0);
  write(2, 10, kOne);
  read(1, 12, kOne, 5);
  expect_only(Offence::kOwnWriteUnseen);
}

TEST_F(HistoryOf, WriteThroughAnotherPillionMayTakeItsTime) {
  write(1, 0);
  write(2, 10, kTwo);
  read(1, 12, kOne);
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, ReadThatOverlapsTheOwnWriteMaySeeEither) {
  write(1, 0);
  write(2, 10, kOne).ret = 20 * kMs;
  read(1, 15, kOne, 1);
  read(2, 15, kOne, 2);
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, OwnWriteMustNotLookAbsent) {
  write(1, 0, kOne);
  read(0, 2, kOne);
  expect_only(Offence::kOwnWriteUnseen);
}

TEST_F(HistoryOf, OwnFlushMustBeSeenAtOnce) {
  write(1, 0);
  flush(10, kOne);
  read(1, 12, kOne);
  expect_only(Offence::kOwnWriteUnseen);
}

TEST_F(HistoryOf, OwnFlushBehindAForeignOneIsFoundToo) {
  write(1, 0);
  flush(5, kDirect);
  flush(10, kOne);
  read(1, 12, kOne);
  expect_only(Offence::kOwnWriteUnseen);
}

TEST_F(HistoryOf, SessionMustNotGoBack) {
  write(1, 0);
  write(2, 10);
  read(2, 12);
  read(1, 14);
  expect_only(Offence::kBackwards);
}

TEST_F(HistoryOf, TwoSessionsMayDisagree) {
  write(1, 0);
  write(2, 10);
  read(2, 12, kOne, 1);
  read(1, 14, kOne, 2);
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, ValueBeforeItsWriteIsFromTheFuture) {
  write(1, 0);
  write(2, 50);
  read(2, 10);
  expect_only(Offence::kFuture);
}

TEST_F(HistoryOf, ValueNobodyWrote) {
  write(1, 0);
  read(9, 10);
  expect_only(Offence::kNeverWritten);
}

TEST_F(HistoryOf, ValueAfterItsTimeToLive) {
  write(1, 0).lifetime = 50 * kMs;
  read(1, 54);
  expect_only(Offence::kExpired);
}

TEST_F(HistoryOf, ValueAtItsTimeToLiveIsClean) {
  write(1, 0).lifetime = 50 * kMs;
  read(1, 52);
  read(0, 54);
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, WriteThatAFailoverForgotDemandsNothing) {
  write(1, 0);
  write(2, 200, kOne);
  write(3, 210);
  read(2, 203, kOne, 1);
  read(1, 500, kOne, 1);
  history_doubts_ = true;
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, WhatWasThereBeforeTheFailoverStaysDemanded) {
  write(1, 0);
  write(2, 100);
  write(3, 210);
  read(1, 500);
  history_doubts_ = true;
  expect_only(Offence::kStale);
}

TEST_F(HistoryOf, WhatIsWrittenAfterTheFailoverIsDemanded) {
  write(1, 0);
  write(2, 210);
  write(3, 400, kOne);
  read(2, 402, kOne);
  history_doubts_ = true;
  expect_only(Offence::kOwnWriteUnseen);
}

TEST_F(HistoryOf, AbsenceOfWhatAFailoverForgotIsClean) {
  write(1, 210);
  read(0, 900);
  history_doubts_ = true;
  EXPECT_TRUE(judge().clean());
}

TEST_F(HistoryOf, TwoWritersOfAKeyAreAnErrorOfTheTest) {
  write(1, 0);
  write(2, 0);
  EXPECT_THROW(judge(), std::logic_error);
}

TEST_F(HistoryOf, StoriesAreLimitedCountsAreNot) {
  write(1, 0);
  write(2, 10);
  for (Nanos at = 200; at < 300; ++at) read(1, at);
  const Verdict verdict = judge();
  EXPECT_EQ(verdict.count(Offence::kStale), 100U);
  EXPECT_EQ(verdict.findings.size(), 5U);
}

}  // namespace
}  // namespace pillion::test
