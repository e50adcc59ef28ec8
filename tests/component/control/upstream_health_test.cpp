// Discovery and health against a real redis-server, and what the admin port says about it.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "tests/component/control/control_plane_fixture.hpp"
#include "tests/support/free_port.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class UpstreamHealth : public ControlPlaneTest {};

TEST_F(UpstreamHealth, NumericAddressesArePublishedBeforeStartReturns) {
  upstream_at("127.0.0.1", 6399);
  start();
  EXPECT_THAT(snapshot()->primary.addresses, testing::ElementsAre("127.0.0.1"));
  EXPECT_EQ(snapshot()->primary.port, 6399);
  EXPECT_EQ(snapshot()->primary.name, "127.0.0.1:6399");
}

TEST_F(UpstreamHealth, UnixPathsToo) {
  RedisServer redis;
  options.upstream.unix_path = options.upstream.display = redis.unix_path();
  start();
  EXPECT_EQ(snapshot()->primary.unix_path, redis.unix_path());
  EXPECT_TRUE(becomes_up());
}

TEST_F(UpstreamHealth, NamesAreResolved) {
  RedisServer redis;
  upstream_at("localhost", redis.port());
  start();
  EXPECT_TRUE(becomes_up());
  const auto known = snapshot()->primary.addresses;
  EXPECT_NE(std::find(known.begin(), known.end(), "127.0.0.1"), known.end());
  EXPECT_EQ(snapshot()->resolve_error, "");
}

TEST_F(UpstreamHealth, AnUnknownNameSaysSo) {
  upstream_at("no-such-host.invalid", 6379);
  start();
  EXPECT_TRUE(becomes([](const auto& s) {
    return s.resolve_error.find("cannot resolve 'no-such-host.invalid'") == 0;
  }));
  EXPECT_THAT(get("/readyz"), HasSubstr("cannot resolve 'no-such-host.invalid'"));
  EXPECT_TRUE(snapshot()->primary.addresses.empty());
}

TEST_F(UpstreamHealth, LearnsRoleVersionAndMode) {
  RedisServer redis;
  upstream_at("127.0.0.1", redis.port());
  start();
  ASSERT_TRUE(becomes_up());
  EXPECT_EQ(snapshot()->role, "master");
  EXPECT_EQ(snapshot()->mode, "standalone");
  EXPECT_THAT(snapshot()->redis_version, testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
  EXPECT_GT(snapshot()->latency_seconds, 0);
  EXPECT_FALSE(snapshot()->auth_required);
  EXPECT_EQ(snapshot()->error, "");
  EXPECT_THAT(get("/readyz"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(get("/metrics"), HasSubstr(",role=\"master\"} 1\n"));
}

TEST_F(UpstreamHealth, ProbesGoOnOverOneConnection) {
  RedisServer redis;
  upstream_at("127.0.0.1", redis.port());
  start();
  ASSERT_TRUE(becomes_up());
  const auto connections = redis.info_number("stats", "total_connections_received");
  const auto pings = redis.calls("ping");
  EXPECT_TRUE(eventually([&] { return redis.calls("ping") >= pings + 5; }));
  EXPECT_EQ(redis.info_number("stats", "total_connections_received"), connections);
}

TEST_F(UpstreamHealth, DownAtStartThenUpSoonAfterItAppears) {
  RedisServer redis = RedisServer::not_yet_started();
  upstream_at("127.0.0.1", redis.port());
  start();
  EXPECT_TRUE(becomes([](const auto& s) { return s.error == "Connection refused"; }));
  EXPECT_THAT(get("/readyz"), HasSubstr("Connection refused"));
  redis.start();
  EXPECT_TRUE(eventually([&] { return snapshot()->up; }, 1500ms));
}

TEST_F(UpstreamHealth, KilledAndBack) {
  RedisServer redis;
  upstream_at("127.0.0.1", redis.port());
  start();
  ASSERT_TRUE(becomes_up());
  redis.kill9();
  EXPECT_TRUE(becomes_down());
  EXPECT_TRUE(becomes([](const auto& s) { return s.error == "Connection refused"; }));
  EXPECT_EQ(snapshot()->latency_seconds, 0);
  EXPECT_FALSE(snapshot()->primary.addresses.empty());
  redis.restart();
  EXPECT_TRUE(becomes_up());
}

TEST_F(UpstreamHealth, HungIsDown) {
  RedisServer redis;
  upstream_at("127.0.0.1", redis.port());
  start();
  ASSERT_TRUE(becomes_up());
  redis.pause();
  EXPECT_TRUE(becomes_down());
  EXPECT_THAT(snapshot()->error, HasSubstr("no answer within 300 ms"));
  redis.resume();
  EXPECT_TRUE(becomes_up());
}

TEST_F(UpstreamHealth, OneKilledConnectionIsNoOutage) {
  RedisServer redis;
  upstream_at("127.0.0.1", redis.port());
  start();
  ASSERT_TRUE(becomes_up());
  bool seen_down = false;
  for (int i = 0; i < 5; ++i) {
    redis("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    const auto pings = redis.calls("ping");
    EXPECT_TRUE(eventually([&] {
      seen_down = seen_down || !snapshot()->up;
      return redis.calls("ping") >= pings + 2;
    }));
  }
  EXPECT_FALSE(seen_down);
}

TEST_F(UpstreamHealth, PasswordOfTheConfiguration) {
  RedisServer redis({"--requirepass", "hunter2"});
  upstream_at("127.0.0.1", redis.port());
  options.upstream.password = "hunter2";
  start();
  EXPECT_TRUE(becomes_up());
  EXPECT_FALSE(snapshot()->auth_required);
}

TEST_F(UpstreamHealth, WrongPasswordIsNotReady) {
  RedisServer redis({"--requirepass", "hunter2"});
  upstream_at("127.0.0.1", redis.port());
  options.upstream.user = "default";
  options.upstream.password = "wrong-secret";
  start();
  EXPECT_TRUE(becomes([](const auto& s) { return s.auth_required; }));
  EXPECT_FALSE(snapshot()->up);
  EXPECT_THAT(snapshot()->error, StartsWith("WRONGPASS"));
  const std::string shown = get("/readyz") + get("/topology") + get("/metrics");
  EXPECT_THAT(shown, testing::Not(HasSubstr("wrong-secret")));
}

TEST_F(UpstreamHealth, NoPasswordConfiguredIsUpForClientsThatBringTheirs) {
  RedisServer redis({"--requirepass", "hunter2"});
  upstream_at("127.0.0.1", redis.port());
  start();
  EXPECT_TRUE(becomes([](const auto& s) { return s.up && s.auth_required; }));
  EXPECT_THAT(get("/metrics"), HasSubstr("pillion_upstream_auth_required 1\n"));
}

/// Something that listens and is no Redis.
TEST_F(UpstreamHealth, GarbageIsDown) {
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = static_cast<sockaddr*>(static_cast<void*>(&address));
  socklen_t length = sizeof address;
  ASSERT_EQ(::bind(listener, generic, length), 0);
  ASSERT_EQ(::listen(listener, 16), 0);
  ASSERT_EQ(::getsockname(listener, generic, &length), 0);
  upstream_at("127.0.0.1", ntohs(address.sin_port));
  start();
  const Socket peer(::accept(listener, nullptr, nullptr));
  peer.send_all("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_TRUE(becomes([](const auto& s) { return s.error == "the reply is not RESP"; }));
  ::close(listener);
}

TEST_F(UpstreamHealth, StopDoesNotWaitForAHungUpstream) {
  RedisServer redis;
  upstream_at("127.0.0.1", redis.port());
  options.config.upstream.command_timeout = 30s;
  start();
  ASSERT_TRUE(becomes_up());
  redis.pause();
  std::this_thread::sleep_for(150ms);  // a probe is under way
  const Moment before = Clock::now();
  plane->stop();
  EXPECT_LT(Clock::now() - before, 500ms);
  redis.resume();
}

}  // namespace
}  // namespace pillion::test
