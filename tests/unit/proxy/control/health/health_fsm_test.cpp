#include "proxy/control/health/health_fsm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace pillion::control {
namespace {

using state::kMillisecond;
using state::kSecond;
using state::Nanos;

const Answer kPong{false, "PONG"};
const Answer kMaster{false, "master"};
const Answer kInfo{
    false, "# Server\r\nredis_version:7.0.15\r\nredis_git_sha1:0\r\nredis_mode:standalone\r\n"};

/// Drives the machine and says in words what it wants next.
class HealthFsmTest : public testing::Test {
 protected:
  void make(bool credentials = false, std::uint32_t rise = 1, std::uint32_t fall = 2) {
    HealthSettings settings;
    settings.has_credentials = credentials;
    settings.rise = rise;
    settings.fall = fall;
    settings.connect_timeout = 300 * kMillisecond;
    settings.probe_timeout = 700 * kMillisecond;
    fsm = HealthFsm(settings);
  }

  static std::string words(const HealthAction& action) {
    if (const auto* ask = std::get_if<Ask>(&action)) {
      constexpr std::array<const char*, 4> kNames = {"AUTH", "INFO", "PING", "ROLE"};
      return kNames[static_cast<std::size_t>(ask->question)];
    }
    if (std::holds_alternative<Connect>(action)) return "connect";
    if (std::holds_alternative<Rest>(action)) return "rest";
    if (std::holds_alternative<CloseAndRest>(action)) return "close";
    return "nothing";
  }

  std::string endpoint() { return words(last = fsm.on_endpoint(now)); }
  std::string connected() { return words(last = fsm.on_connected(now)); }
  std::string answer(const Answer& what) { return words(last = fsm.on_answer(now, what)); }
  std::string error(const std::string& text) { return answer({true, text}); }
  std::string fail(const std::string& why) { return words(last = fsm.on_failure(now, why)); }
  std::string timer() { return words(last = fsm.on_timer(now)); }

  /// From nothing to the rest after the first good probe.
  void bring_up() {
    endpoint();
    connected();
    answer(kInfo);
    answer(kPong);
    ASSERT_EQ(answer(kMaster), "rest");
    ASSERT_TRUE(fsm.view().up);
  }

  HealthFsm fsm{HealthSettings{}};
  HealthAction last;
  Nanos now = 1000 * kSecond;
};

TEST_F(HealthFsmTest, FirstProbeAsksInOrderAndBringsTheUpstreamUp) {
  make();
  EXPECT_FALSE(fsm.view().up);
  EXPECT_EQ(fsm.view().error, "not probed yet");
  EXPECT_EQ(endpoint(), "connect");
  EXPECT_EQ(std::get<Connect>(last).timeout, 300 * kMillisecond);
  EXPECT_EQ(connected(), "INFO");
  EXPECT_EQ(answer(kInfo), "PING");
  EXPECT_EQ(std::get<Ask>(last).timeout, 700 * kMillisecond);
  now += 3 * kMillisecond;
  EXPECT_EQ(answer(kPong), "ROLE");
  now += kMillisecond;
  EXPECT_EQ(answer(kMaster), "rest");
  EXPECT_EQ(std::get<Rest>(last).until, now - 4 * kMillisecond + kSecond);

  HealthView expected;
  expected.up = true;
  expected.error = "";
  expected.role = "master";
  expected.role_asked_at = now - kMillisecond;
  expected.role_told_at = now;
  expected.good_probes = 1;
  expected.version = "7.0.15";
  expected.mode = "standalone";
  expected.runs = 1;
  expected.latency = 3 * kMillisecond;
  EXPECT_EQ(fsm.view(), expected);
}

TEST_F(HealthFsmTest, LaterProbesAskPingAndRoleOnly) {
  make();
  bring_up();
  now += kSecond;
  EXPECT_EQ(timer(), "PING");
  EXPECT_EQ(answer(kPong), "ROLE");
  EXPECT_EQ(answer({false, "slave"}), "rest");
  EXPECT_EQ(fsm.view().role, "slave");
}

TEST_F(HealthFsmTest, CredentialsComeFirst) {
  make(true);
  endpoint();
  EXPECT_EQ(connected(), "AUTH");
  EXPECT_EQ(answer({false, "OK"}), "INFO");
}

TEST_F(HealthFsmTest, RefusedCredentialsAreNotHammered) {
  make(true);
  endpoint();
  connected();
  EXPECT_EQ(error("WRONGPASS invalid username-password pair or user is disabled."), "close");
  EXPECT_EQ(std::get<CloseAndRest>(last).until, now + kSecond);
  EXPECT_FALSE(fsm.view().up);
  EXPECT_TRUE(fsm.view().auth_required);
  EXPECT_EQ(fsm.view().error, "WRONGPASS invalid username-password pair or user is disabled.");
  now += kSecond;
  EXPECT_EQ(timer(), "connect");
  EXPECT_EQ(connected(), "AUTH");
  answer({false, "OK"});
  answer(kInfo);
  answer(kPong);
  answer(kMaster);
  EXPECT_TRUE(fsm.view().up);
  EXPECT_FALSE(fsm.view().auth_required);
}

TEST_F(HealthFsmTest, RefusedCredentialsTakeALiveUpstreamDownAtOnce) {
  make(true);
  endpoint();
  connected();
  answer({false, "OK"});
  answer(kInfo);
  answer(kPong);
  answer(kMaster);
  ASSERT_TRUE(fsm.view().up);
  now += kSecond;
  timer();
  EXPECT_EQ(error("NOAUTH Authentication required."), "close");
  EXPECT_FALSE(fsm.view().up);
}

TEST_F(HealthFsmTest, WithoutCredentialsNoauthIsUpBecauseClientsBringTheirs) {
  make();
  endpoint();
  connected();
  EXPECT_EQ(error("NOAUTH Authentication required."), "PING");  // INFO refused: no version
  EXPECT_EQ(error("NOAUTH Authentication required."), "rest");
  EXPECT_TRUE(fsm.view().up);
  EXPECT_TRUE(fsm.view().auth_required);
  EXPECT_EQ(fsm.view().version, "");
}

TEST_F(HealthFsmTest, AnAclThatDeniesTheQuestionsIsNoOutage) {
  make();
  endpoint();
  connected();
  EXPECT_EQ(error("NOPERM this user has no permissions to run the 'info' command"), "PING");
  EXPECT_EQ(error("NOPERM this user has no permissions to run the 'ping' command"), "ROLE");
  EXPECT_EQ(error("NOPERM this user has no permissions to run the 'role' command"), "rest");
  EXPECT_TRUE(fsm.view().up);
  EXPECT_EQ(fsm.view().role, "");
}

TEST_F(HealthFsmTest, AnotherRunOfTheServerIsNoticed) {
  const auto reconnect = [this](const Answer& info) {
    endpoint();
    connected();
    answer(info);
    return fsm.view().runs;
  };
  const auto run = [](const std::string& id) {
    return Answer{false, "redis_version:7.0.15\r\nrun_id:" + id + "\r\n"};
  };
  make();
  EXPECT_EQ(fsm.view().runs, 0U);
  EXPECT_EQ(reconnect(run("a")), 1U);
  EXPECT_EQ(fsm.view().run_id, "a");
  EXPECT_EQ(reconnect(run("a")), 1U);
  EXPECT_EQ(reconnect(run("b")), 2U);
  EXPECT_EQ(reconnect({true, "NOPERM no permission"}), 3U) << "it may be another one";
  EXPECT_EQ(reconnect({true, "NOAUTH Authentication required."}), 3U) << "nothing can be asked";
}

TEST_F(HealthFsmTest, LoadingIsDownButKeepsTheConnection) {
  make();
  endpoint();
  connected();
  answer(kInfo);
  EXPECT_EQ(error("LOADING Redis is loading the dataset in memory"), "rest");
  EXPECT_FALSE(fsm.view().up);
  EXPECT_EQ(fsm.view().error, "LOADING Redis is loading the dataset in memory");
  now += kSecond;
  EXPECT_EQ(timer(), "PING");
  answer(kPong);
  answer(kMaster);
  EXPECT_TRUE(fsm.view().up);
}

TEST_F(HealthFsmTest, OneLostConnectionIsNoOutage) {
  make();
  bring_up();
  now += kSecond;
  timer();
  EXPECT_EQ(fail("connection closed by the upstream"), "close");
  EXPECT_LE(std::get<CloseAndRest>(last).until - now, 20 * kMillisecond);
  EXPECT_TRUE(fsm.view().up);
  timer();
  EXPECT_EQ(fail("Connection refused"), "close");
  EXPECT_FALSE(fsm.view().up);
  EXPECT_EQ(fsm.view().error, "Connection refused");
  EXPECT_EQ(fsm.failures(), 2U);
}

TEST_F(HealthFsmTest, ASuccessBetweenFailuresStartsTheCountAgain) {
  make();
  bring_up();
  for (int round = 0; round < 5; ++round) {
    timer();
    fail("connection closed by the upstream");
    EXPECT_TRUE(fsm.view().up) << round;
    timer();
    connected();
    answer(kInfo);
    answer(kPong);
    answer(kMaster);
  }
  EXPECT_EQ(fsm.failures(), 0U);
}

TEST_F(HealthFsmTest, RiseWaitsForGoodProbesInARow) {
  make(false, 3);
  endpoint();
  connected();
  answer(kInfo);
  answer(kPong);
  answer(kMaster);
  EXPECT_FALSE(fsm.view().up);
  timer();
  answer(kPong);
  answer(kMaster);
  EXPECT_FALSE(fsm.view().up);
  timer();
  answer(kPong);
  answer(kMaster);
  EXPECT_TRUE(fsm.view().up);
}

TEST_F(HealthFsmTest, BackoffGrowsAndIsCapped) {
  make();
  endpoint();
  Nanos longest = 0;
  for (int attempt = 0; attempt < 40; ++attempt) {
    ASSERT_EQ(fail("Connection refused"), "close");
    const Nanos wait = std::get<CloseAndRest>(last).until - now;
    EXPECT_GT(wait, 0);
    EXPECT_LE(wait, 500 * kMillisecond);
    longest = std::max(longest, wait);
    now += wait;
    ASSERT_EQ(timer(), "connect");
  }
  EXPECT_GT(longest, 250 * kMillisecond);
}

TEST_F(HealthFsmTest, ANewEndpointConnectsAnew) {
  make();
  bring_up();
  EXPECT_EQ(endpoint(), "connect");
  EXPECT_TRUE(fsm.view().up);
}

TEST_F(HealthFsmTest, AProbeThatOverranItsIntervalIsFollowedAtOnce) {
  make();
  bring_up();
  now += kSecond;
  timer();
  now += 2 * kSecond;
  answer(kPong);
  answer(kMaster);
  EXPECT_EQ(std::get<Rest>(last).until, now);
}

TEST_F(HealthFsmTest, WhatRoleSaysIsKeptWhileItIsTrue) {
  make();
  bring_up();
  RoleReply told;
  told.role = "slave";
  told.offset = 77;
  told.link = "connected";
  now += kSecond;
  timer();
  answer(kPong);
  const Nanos asked_at = now;
  now += 2 * kMillisecond;
  answer({false, "slave", told});
  EXPECT_EQ(fsm.view().replication, told);
  EXPECT_EQ(fsm.view().role_asked_at, asked_at);
  EXPECT_EQ(fsm.view().role_told_at, now);
  EXPECT_EQ(fsm.view().good_probes, 2U);
  timer();
  fail("connection closed by the upstream");
  EXPECT_TRUE(fsm.view().failing);
  EXPECT_EQ(fsm.view().good_probes, 0U);
  EXPECT_EQ(fsm.view().replication, told) << "it is still up";
  timer();
  fail("Connection refused");
  EXPECT_EQ(fsm.view().replication, RoleReply()) << "nothing is known of a server that is down";
}

TEST_F(HealthFsmTest, DoubtIsAnsweredAtOnce) {
  make();
  EXPECT_EQ(words(fsm.on_doubt(now)), "nothing") << "there is no endpoint yet";
  bring_up();
  EXPECT_EQ(words(fsm.on_doubt(now)), "PING");
  EXPECT_EQ(words(fsm.on_doubt(now)), "nothing") << "it is being asked";
  fail("connection closed by the upstream");
  EXPECT_EQ(words(fsm.on_doubt(now)), "connect");
  EXPECT_EQ(words(fsm.on_doubt(now)), "nothing");
}

TEST_F(HealthFsmTest, AnotherRoleMeansOtherDemands) {
  make(false, 1, 5);
  bring_up();
  HealthSettings strict;
  strict.fall = 1;
  strict.probe_timeout = 100 * kMillisecond;
  fsm.adopt(strict);
  timer();
  fail("no answer within 100 ms");
  EXPECT_FALSE(fsm.view().up);
  timer();
  connected();
  answer(kInfo);
  EXPECT_EQ(std::get<Ask>(last).timeout, 100 * kMillisecond);
}

TEST_F(HealthFsmTest, AServerMaySayItsZone) {
  make();
  endpoint();
  connected();
  answer({false, "redis_version:7.2.4\r\navailability_zone:eu-west-1a\r\n"});
  EXPECT_EQ(fsm.view().zone, "eu-west-1a");
}

}  // namespace
}  // namespace pillion::control
