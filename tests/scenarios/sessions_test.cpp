// Web sessions that live as long as they are used, and end at once at logout.
#include <thread>

#include "tests/scenarios/application.hpp"

namespace pillion::test {
namespace {

class SessionsScenario : public Application {};

constexpr Millis kLifetime{500};
const std::string kLifetimeText = std::to_string(kLifetime.count());

TEST_F(SessionsScenario, UseKeepsASessionAliveAndItEndsInTimeWithout) {
  std::vector<RespClient> servers = connections(4);
  EXPECT_TRUE(servers[0]("SET", "sess:1", "{\"user\":7}", "PX", kLifetimeText).is_ok());
  Moment touched = Clock::now();
  for (int request = 0; request < 15; ++request) {
    RespClient& server = servers[static_cast<std::size_t>(request) % servers.size()];
    EXPECT_EQ(server("GET", "sess:1"), "{\"user\":7}");
    EXPECT_EQ(server("GET", "sess:1"), "{\"user\":7}");
    touched = Clock::now();
    EXPECT_EQ(server("PEXPIRE", "sess:1", kLifetimeText), 1);
    std::this_thread::sleep_for(kLifetime / 5);
  }
  const Moment acknowledged = Clock::now();
  Moment last_seen = touched;
  for (std::size_t i = 0;; ++i) {
    const Moment asked = Clock::now();
    if (servers[i % servers.size()]("GET", "sess:1").is_null()) break;
    last_seen = asked;
    ASSERT_LT(asked, acknowledged + 2 * kLifetime) << "the session does not end";
  }
  EXPECT_LE(milliseconds(last_seen - acknowledged), static_cast<double>(kLifetime.count()));
  EXPECT_GE(milliseconds(Clock::now() - touched), static_cast<double>(kLifetime.count()) - 2);
  EXPECT_GT(hits(), 15U);
}

TEST_F(SessionsScenario, ReadingByGetexSlidesToo) {
  std::vector<RespClient> servers = connections(3);
  servers[0]("SET", "sess:2", "data", "PX", kLifetimeText);
  for (int request = 0; request < 12; ++request) {
    std::this_thread::sleep_for(kLifetime / 4);
    RespClient& server = servers[static_cast<std::size_t>(request) % servers.size()];
    ASSERT_EQ(server("GETEX", "sess:2", "PX", kLifetimeText), "data") << request;
    EXPECT_EQ(servers[0]("GET", "sess:2"), "data");
  }
  std::this_thread::sleep_for(kLifetime + 20ms);
  for (RespClient& server : servers) EXPECT_TRUE(server("GET", "sess:2").is_null());
}

TEST_F(SessionsScenario, LogoutIsSeenByEveryConnectionAtOnce) {
  std::vector<RespClient> servers = connections(6);
  for (int login = 0; login < 200; ++login) {
    const std::string key = "sess:u" + std::to_string(login % 5);
    const std::string data = "login " + std::to_string(login);
    sound(servers[0]("SET", key, data, "EX", "3600"));
    for (RespClient& server : servers) {
      EXPECT_EQ(server("GET", key), data);
      EXPECT_EQ(server("EXISTS", key), 1);
    }
    RespClient& leaving = servers[static_cast<std::size_t>(login) % servers.size()];
    EXPECT_EQ(leaving(login % 2 == 0 ? "DEL" : "UNLINK", key), 1);
    for (RespClient& server : servers) {
      ASSERT_TRUE(server("GET", key).is_null()) << "logged out, yet known; login " << login;
      ASSERT_EQ(server("EXISTS", key), 0);
    }
  }
  EXPECT_GT(hits(), 200U);
}

TEST_F(SessionsScenario, SessionsKeptAsHashesShowEveryChange) {
  std::vector<RespClient> servers = connections(4);
  for (int round = 0; round < 100; ++round) {
    const std::string number = std::to_string(round);
    RespClient& writer = servers[static_cast<std::size_t>(round) % servers.size()];
    const auto replies = writer.pipeline(
        {{"HSET", "spring:1", "last", number, "user", "7"}, {"EXPIRE", "spring:1", "1800"}});
    EXPECT_EQ(replies[1], 1);
    for (RespClient& server : servers) {
      EXPECT_EQ(server("HGET", "spring:1", "last"), number);
      EXPECT_EQ(server("HGETALL", "spring:1").at("last"), number);
      EXPECT_EQ(server("HEXISTS", "spring:1", "admin"), round % 2);
    }
    sound(round % 2 == 0 ? writer("HSET", "spring:1", "admin", "1")
                         : writer("HDEL", "spring:1", "admin"));
  }
}

TEST_F(SessionsScenario, ANewIdAfterLoginLeavesNothingUnderTheOld) {
  std::vector<RespClient> servers = connections(4);
  sound(servers[0]("SET", "sess:anonymous", "cart"));
  for (int login = 0; login < 100; ++login) {
    const std::string older = login == 0 ? "sess:anonymous" : "sess:id" + std::to_string(login - 1);
    const std::string newer = "sess:id" + std::to_string(login);
    for (RespClient& server : servers) {
      EXPECT_EQ(server("GET", older), "cart");
      EXPECT_TRUE(server("GET", newer).is_null());
    }
    RespClient& server = servers[static_cast<std::size_t>(login) % servers.size()];
    server.pipeline({{"MULTI"}, {"SET", newer, "cart", "EX", "100"}, {"DEL", older}, {"EXEC"}});
    for (RespClient& other : servers) {
      ASSERT_TRUE(other("GET", older).is_null()) << login;
      ASSERT_EQ(other("GET", newer), "cart") << login;
    }
  }
}

}  // namespace
}  // namespace pillion::test
