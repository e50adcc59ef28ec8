// Revoked tokens: the usual answer is "not on the list", and it must not be believed too long.
#include <atomic>
#include <thread>

#include "tests/scenarios/application.hpp"

namespace pillion::test {
namespace {

class TokenBlacklistScenario : public Application {};

TEST_F(TokenBlacklistScenario, ARevokedTokenIsRefusedByEveryConnectionAtOnce) {
  std::vector<RespClient> servers = connections(6);
  for (int token = 0; token < 200; ++token) {
    const std::string id = std::to_string(token);
    const std::string key = "revoked:" + id;
    for (int i = 0; i < 2; ++i) {
      for (RespClient& server : servers) {
        EXPECT_EQ(server("EXISTS", key), 0);
        EXPECT_TRUE(server("GET", key).is_null());
        EXPECT_EQ(server("SISMEMBER", "revoked", id), 0);
      }
    }
    RespClient& revoker = servers[static_cast<std::size_t>(token) % servers.size()];
    revoker.pipeline({{"SET", key, "1", "EX", "900"}, {"SADD", "revoked", id}});
    for (RespClient& server : servers) {
      ASSERT_EQ(server("EXISTS", key), 1) << token;
      ASSERT_EQ(server("GET", key), "1") << token;
      ASSERT_EQ(server("SISMEMBER", "revoked", id), 1) << token;
    }
  }
  EXPECT_GT(hits(), 1'000U);
}

/// Checks run all the time while tokens are revoked: none that began after the revocation was
/// acknowledged may let the token in.
TEST_F(TokenBlacklistScenario, NoCheckThatBeginsAfterTheRevocationLetsIn) {
  constexpr int kTokens = 150;
  constexpr int kCheckers = 4;
  std::atomic<int> revoked{0};  // tokens below this are known to be revoked
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> checks{0};
  Crew crew;
  for (std::size_t checker = 0; checker < kCheckers; ++checker) {
    crew.start([&, checker] {
      RespClient server = connection(checker);
      while (!done) {
        const int known = revoked;
        const int token = known == 0 ? 0 : known - 1;
        const bool listed = sound(server("EXISTS", "jti:" + std::to_string(token))).integer() == 1;
        if (token < known && !listed) {
          throw std::runtime_error("token " + std::to_string(token) + " was let in");
        }
        // The next one is usually not revoked yet: that is what the L1 learns to answer.
        sound(server("EXISTS", "jti:" + std::to_string(token + 1)));
        ++checks;
      }
    });
  }
  crew.start([&] {
    RespClient revoker = connection(1);
    for (int token = 0; token < kTokens; ++token) {
      std::this_thread::sleep_for(2ms);
      sound(revoker("SET", "jti:" + std::to_string(token), "1", "PX", "60000"));
      revoked = token + 1;
    }
    done = true;
  });
  crew.join();
  EXPECT_GT(checks.load(), 300U);
}

TEST_F(TokenBlacklistScenario, ARevocationByAnotherHostIsSeenWithinASecond) {
  RespClient server = connection(0);
  RespClient elsewhere = redis.client();
  double longest = 0;
  for (int token = 0; token < 100; ++token) {
    const std::string key = "far:" + std::to_string(token);
    EXPECT_EQ(server("EXISTS", key), 0);
    EXPECT_EQ(server("EXISTS", key), 0);
    elsewhere("SET", key, "1");
    const Moment start = Clock::now();
    ASSERT_TRUE(eventually([&] { return server("EXISTS", key).integer() == 1; }, 1s, 0ms)) << key;
    longest = std::max(longest, milliseconds(Clock::now() - start));
  }
  RecordProperty("longest_ms", std::to_string(longest));
}

}  // namespace
}  // namespace pillion::test
