#include "proxy/data/route/redirect_policy.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/data/route/layout.hpp"

namespace pillion::route {
namespace {

using cluster::Redirect;
using cluster::RedirectKind;
using state::kMillisecond;
using state::kSecond;
using state::RefreshReason;

const RouteTable& three_shards() {
  static const RouteTable kTable = table_of(cluster_of({{0, 10}, {1, 11}, {2, 12}}));
  return kTable;
}

Refusal refusal(RedirectKind kind, std::string_view host = {}) {
  return Refusal{Redirect{kind, 1, host, 7000}, 0, false, kSecond};
}

TEST(RedirectPolicy, MovedGoesToTheNewOwnerAtOnceAndLooksAgain) {
  Attempts attempts;
  const Decision decision =
      decide(three_shards(), refusal(RedirectKind::kMoved, "10.0.0.2"), attempts, 0);
  EXPECT_EQ(decision.next, NextTry::kEndpoint);
  EXPECT_EQ(decision.endpoint, 2);
  EXPECT_FALSE(decision.asking);
  EXPECT_EQ(decision.pause, 0);
  EXPECT_TRUE(decision.refresh);
  EXPECT_EQ(decision.reason, RefreshReason::kMoved);
  EXPECT_EQ(attempts.redirections, 1U);
}

TEST(RedirectPolicy, AskGoesThereOnceBehindAsking) {
  Attempts attempts;
  const Decision decision =
      decide(three_shards(), refusal(RedirectKind::kAsk, "10.0.0.1"), attempts, 0);
  EXPECT_EQ(decision.next, NextTry::kEndpoint);
  EXPECT_EQ(decision.endpoint, 1);
  EXPECT_TRUE(decision.asking);
  EXPECT_FALSE(decision.refresh);
  EXPECT_EQ(decision.reason, RefreshReason::kAsk);
}

TEST(RedirectPolicy, OnlySoManyRedirectionsAreFollowed) {
  Attempts attempts;
  for (std::uint32_t i = 0; i < kMaxRedirections; ++i) {
    EXPECT_EQ(decide(three_shards(), refusal(RedirectKind::kMoved, "10.0.0.2"), attempts, 0).next,
              NextTry::kEndpoint);
  }
  const Decision last =
      decide(three_shards(), refusal(RedirectKind::kAsk, "10.0.0.2"), attempts, 0);
  EXPECT_EQ(last.next, NextTry::kGiveUp);
}

TEST(RedirectPolicy, AnUnknownAddressWaitsForTheLayout) {
  for (const std::string_view host : {"10.9.9.9", "?", "10.0.0.0"}) {  // the last one sent it
    Attempts attempts;
    const Decision decision =
        decide(three_shards(), refusal(RedirectKind::kMoved, host), attempts, 0);
    EXPECT_EQ(decision.next, NextTry::kRoute) << host;
    EXPECT_TRUE(decision.refresh) << host;
    EXPECT_EQ(decision.pause, 5 * kMillisecond) << host;
    EXPECT_EQ(attempts.redirections, 0U) << host;
    EXPECT_EQ(attempts.pauses, 1U) << host;
  }
  Attempts attempts;
  EXPECT_TRUE(decide(three_shards(), refusal(RedirectKind::kAsk, "10.9.9.9"), attempts, 0).refresh);
}

TEST(RedirectPolicy, ALeftOutHostIsTheOneThatAnswered) {
  state::TopologySnapshot snapshot = cluster_of({{0}, {1}});
  snapshot.nodes[1].endpoint.name = "10.0.0.0:7001";
  snapshot.nodes[1].endpoint.port = 7001;
  const RouteTable table = table_of(snapshot);
  Refusal moved = refusal(RedirectKind::kMoved);
  moved.redirect.port = 7001;
  Attempts attempts;
  EXPECT_EQ(decide(table, moved, attempts, 0).endpoint, 1);
}

TEST(RedirectPolicy, PatienceIsDoubledUpToALimitWithJitter) {
  const state::Nanos steps[] = {10, 20, 40, 80, 160, 200, 200};
  for (std::uint32_t n = 0; n < 7; ++n) {
    const state::Nanos half = steps[n] * kMillisecond / 2;
    EXPECT_EQ(pause_before(n, 0), half);
    EXPECT_EQ(pause_before(n, static_cast<std::uint64_t>(half)), 2 * half);
    for (std::uint64_t random : {1ULL, 12345678901234567ULL, ~0ULL}) {
      EXPECT_GE(pause_before(n, random), half);
      EXPECT_LE(pause_before(n, random), 2 * half);
    }
  }
  EXPECT_EQ(pause_before(4'000'000'000, 0), 100 * kMillisecond);
}

TEST(RedirectPolicy, WhatIsNotReadyIsAskedAgainWithinTheDeadline) {
  struct Case {
    RedirectKind kind;
    RefreshReason reason;
    bool refresh;
  };
  constexpr Case kCases[] = {
      {RedirectKind::kTryAgain, RefreshReason::kTryAgain, false},
      {RedirectKind::kClusterDown, RefreshReason::kClusterDown, true},
      {RedirectKind::kLoading, RefreshReason::kLoading, false},
      {RedirectKind::kMasterDown, RefreshReason::kMasterDown, true},
      {RedirectKind::kReadonly, RefreshReason::kReadonly, true},
  };
  for (const Case& c : kCases) {
    Attempts attempts;
    Refusal refused = refusal(c.kind);
    state::Nanos waited = 0;
    int tries = 0;
    for (;;) {
      refused.time_left = kSecond - waited;
      const Decision decision = decide(three_shards(), refused, attempts, 0);
      EXPECT_EQ(decision.reason, c.reason);
      EXPECT_EQ(decision.refresh, c.refresh);
      if (decision.next == NextTry::kGiveUp) break;
      EXPECT_EQ(decision.next, NextTry::kRoute);
      EXPECT_GT(decision.pause, 0);
      waited += decision.pause;
      ASSERT_LT(++tries, 100);
    }
    EXPECT_GT(waited, 800 * kMillisecond);
    EXPECT_LT(waited, kSecond);
  }
}

TEST(RedirectPolicy, AReplicaThatIsNotReadySendsItsReadsToThePrimaryAtOnce) {
  for (const RedirectKind kind : {RedirectKind::kLoading, RedirectKind::kMasterDown,
                                  RedirectKind::kClusterDown, RedirectKind::kTryAgain}) {
    Refusal refused = refusal(kind);
    refused.of_replica = true;
    Attempts attempts;
    const Decision decision = decide(three_shards(), refused, attempts, 7);
    EXPECT_EQ(decision.next, NextTry::kRoute);
    EXPECT_EQ(decision.pause, 0);
    EXPECT_EQ(attempts.pauses, 0U);
  }
}

TEST(RedirectPolicy, AfterTheDeadlineTheErrorIsTheAnswer) {
  for (const RedirectKind kind :
       {RedirectKind::kMoved, RedirectKind::kAsk, RedirectKind::kLoading}) {
    Refusal refused = refusal(kind, "10.0.0.2");
    refused.time_left = 0;
    Attempts attempts;
    EXPECT_EQ(decide(three_shards(), refused, attempts, 0).next, NextTry::kGiveUp);
  }
}

}  // namespace
}  // namespace pillion::route
