// Small worlds, walked through every order their steps can have.
#include <gtest/gtest.h>

#include "tests/component/coherence/scheduler.hpp"

namespace pillion::coherence {
namespace {

using state::kMillisecond;

// Far more than any of these has: a scenario that grows beyond is too large to be walked whole.
constexpr std::uint64_t kMost = 400'000;

ClientScript client(std::vector<Batch> batches, std::uint32_t worker = 0, int protocol = 2) {
  return {worker, protocol, std::move(batches)};
}

void walk(const Scenario& scenario) {
  const Walk result = walk_all(scenario, kMost);
  EXPECT_TRUE(result.fault.empty()) << result.fault;
  if (result.fault.empty()) {
    EXPECT_TRUE(result.complete) << scenario.name << ": more than " << kMost << " schedules";
  }
  ::testing::Test::RecordProperty("schedules", std::to_string(result.schedules));
  std::printf("           %s: %llu schedules\n", scenario.name.c_str(),
              static_cast<unsigned long long>(result.schedules));
}

TEST(Schedules, AFillAgainstAStrangersWrite) {
  walk({.name = "a fill against a stranger's write",
        .preparations = {{-1, "SET k v0"}},
        .clients = {client({{"GET k"}, {"GET k"}})},
        .foreign = {"SET k v1", "SET k v2"}});
}

TEST(Schedules, AFillReadInTwoPieces) {
  walk({.name = "a fill read in pieces",
        .preparations = {{-1, "SET k v0"}},
        .clients = {client({{"GET k"}})},
        .foreign = {"SET k v1"},
        .halves = true});
}

TEST(Schedules, ValueAndTimeToLiveOfOneVersion) {
  walk({.name = "value and TTL of one version",
        .preparations = {{-1, "SET k v0"}},
        .clients = {client({{"GET k"}})},
        .foreign = {"SET k v1 PX 100000"}});
}

TEST(Schedules, NothingOutlivesItsTimeToLive) {
  walk({.name = "TTL",
        .preparations = {{-1, "SET k v0 PX 100"}},
        .clients = {client({{"GET k"}, {"GET k"}})},
        .clock_steps = {60 * kMillisecond, 60 * kMillisecond}});
}

TEST(Schedules, NoHitOnceTheLeaseLapsed) {
  walk({.name = "lease",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"GET k"}})},
        .foreign = {"SET k v1"},
        .clock_steps = {1'100 * kMillisecond}});
}

TEST(Schedules, TheLeaseCountsFromTheSending) {
  walk({.name = "lease from the sending",
        .preparations = {{-1, "SET k v0"}},
        .clients = {client({{"GET k"}, {"GET k"}})},
        .foreign = {"SET k v1"},
        .clock_steps = {900 * kMillisecond, 900 * kMillisecond}});
}

TEST(Schedules, OwnWritesAreSeenByEverybody) {
  walk({.name = "own write, another session reads",
        .preparations = {{-1, "SET k v0"}},
        .clients = {client({{"GET k"}}), client({{"SET k v1"}, {"GET k"}})}});
}

TEST(Schedules, OwnWritesAreSeenOverAnotherWorker) {
  walk({.name = "own write, another worker reads",
        .workers = 2,
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"GET k"}}, 0), client({{"SET k v1"}, {"GET k"}}, 1)}});
}

TEST(Schedules, NobodyJoinsAFlightOlderThanAnOwnWrite) {
  walk({.name = "join behind an own write",
        .preparations = {{-1, "SET k v0"}},
        .clients = {client({{"GET k"}}), client({{"SET k v1"}}), client({{"GET k"}})}});
}

TEST(Schedules, APipelineKeepsItsOrderWriteFirst) {
  walk({.name = "[SET k][GET k]",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"SET k v1", "GET k"}, {"GET k"}})},
        .foreign = {"SET k v2"}});
}

TEST(Schedules, APipelineKeepsItsOrderReadFirst) {
  walk({.name = "[GET k][SET k]",
        .preparations = {{-1, "SET k v0"}},
        .clients = {client({{"GET k", "SET k v1", "GET k"}})}});
}

TEST(Schedules, AScriptIsFenced) {
  walk({.name = "script with undeclared keys",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"GET k"}}), client({{"EVAL 'SET k v1' 0"}, {"GET k"}})}});
}

TEST(Schedules, AScriptIsFencedOnEveryWorker) {
  walk({.name = "script, two workers",
        .workers = 2,
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({}, 0), client({{"EVAL 'SET k v1' 0"}, {"GET k"}}, 1)}});
}

TEST(Schedules, ALostLinkEndsWhatItStored) {
  walk({.name = "script and a lost link",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"EVAL 'SET k v1' 0"}, {"GET k"}})},
        .link_cuts = 1,
        .ticks = 1});
}

TEST(Schedules, AFillMeetsALostLink) {
  walk({.name = "fill and a lost link",
        .preparations = {{-1, "SET k v0"}},
        .clients = {client({{"GET k"}, {"GET k"}})},
        .foreign = {"SET k v1"},
        .link_cuts = 1});
}

TEST(Schedules, AnOwnFlushEndsAll) {
  walk({.name = "own FLUSHALL",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"FLUSHALL"}, {"GET k"}}), client({{"GET k"}})}});
}

TEST(Schedules, AStrangersFlushEndsAll) {
  walk({.name = "stranger's FLUSHALL",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"GET k"}})},
        .foreign = {"FLUSHALL", "SET k v1"}});
}

TEST(Schedules, SeveralKeysAreOneSnapshot) {
  walk({.name = "MGET against MSET, one worker",
        .preparations = {{-1, "MSET a v0 b v0"}, {0, "GET a"}, {0, "GET b"}},
        .clients = {client({{"MGET a b"}})},
        .foreign = {"MSET a v1 b v1"}});
}

TEST(Schedules, SeveralKeysOfTwoLinksAreOneSnapshot) {
  walk({.name = "MGET against MSET, two workers",
        .workers = 2,
        .preparations = {{-1, "MSET a v0 b v0"}, {0, "GET a"}, {1, "GET b"}},
        .clients = {client({{"GET a"}, {"MGET a b"}}, 0), client({}, 1)},
        .foreign = {"MSET a v1 b v1"}});
}

TEST(Schedules, AMultiKeyFillStoresNothingErased) {
  walk({.name = "MGET fill against an own write",
        .preparations = {{-1, "MSET a v0 b v0"}},
        .clients = {client({{"MGET a b"}}), client({{"SET a v1"}, {"GET a"}})}});
}

TEST(Schedules, ErrorsAreNotStored) {
  walk({.name = "WRONGTYPE, then a value",
        .preparations = {{-1, "LPUSH k v0"}},
        .clients = {client({{"GET k"}, {"GET k"}})},
        .foreign = {"SET k v1"}});
}

TEST(Schedules, DatabasesAreApart) {
  walk({.name = "two databases",
        .preparations = {{-1, "SET k v0"}, {1, "SELECT 1"}, {1, "SET k w0"}},
        .clients = {client({{"GET k"}}), client({{"GET k"}})},
        .foreign = {"SET k v1"}});
}

TEST(Schedules, AUserWithoutRightsReadsNothing) {
  walk({.name = "another ACL user",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"GET k"}}), client({{"AUTH bob secret"}, {"GET k"}})}});
}

TEST(Schedules, NoUpdateIsLostUnderWatch) {
  walk({.name = "WATCH, GET, MULTI, SET, EXEC",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"WATCH k"}, {"GET k"}, {"MULTI", "SET k v2", "EXEC"}})},
        .foreign = {"SET k v1"}});
}

TEST(Schedules, ATransactionIsAWrite) {
  walk({.name = "MULTI, SET, EXEC and a reader",
        .preparations = {{-1, "SET k v0"}, {1, "GET k"}},
        .clients = {client({{"MULTI", "SET k v1", "GET k", "EXEC"}, {"GET k"}}),
                    client({{"GET k"}})}});
}

TEST(Schedules, AWriteOfUnknownOutcomeIsAWrite) {
  walk({.name = "a lost lane",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"SET k v1"}, {"GET k"}})},
        .lane_cuts = 1});
}

TEST(Schedules, AnAnswerTooLargeIsReadElsewhere) {
  walk({.name = "too large",
        .preparations = {{-1, "SET k vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv0"}},
        .clients = {client({{"GET k"}, {"GET k"}}), client({{"SET k v1"}})},
        .max_entry_bytes = 32});
}

TEST(Schedules, ALateReplyFindsNobody) {
  walk({.name = "a client leaves, another takes its place",
        .clients = {client({{"INCR c"}, {"LEAVE"}, {"SET k v1"}, {"GET k"}})}});
}

TEST(Schedules, ALateFetchFindsNobody) {
  walk({.name = "a reader leaves, another takes its place",
        .preparations = {{-1, "SET k v0"}, {-1, "SET m w0"}},
        .clients = {client({{"GET k"}, {"LEAVE"}, {"GET m"}})},
        .foreign = {"SET m w1"}});
}

TEST(Schedules, HashesInBothProtocols) {
  walk({.name = "hashes",
        .preparations = {{-1, "HSET h f v0"}, {0, "HGETALL h"}},
        .clients = {client({{"HGETALL h"}}, 0, 3),
                    client({{"HSET h f v1", "HGETALL h", "HGET h f"}}, 0, 2)}});
}

TEST(Schedules, MissingKeysComeToLife) {
  walk({.name = "missing key",
        .clients = {client({{"GET k"}, {"GET k"}}), client({{"SET k v1"}})},
        .foreign = {"DEL k"}});
}

TEST(Schedules, SwappedDatabasesKeepTheBoundOnlyByAge) {
  walk({.name = "own SWAPDB",
        .preparations = {{-1, "SET k v0"}, {0, "GET k"}},
        .clients = {client({{"SWAPDB 0 1"}, {"GET k"}})}});
}

}  // namespace
}  // namespace pillion::coherence
