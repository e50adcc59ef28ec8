// Rate limiters: however many ask at once, no more than the limit is let in.
#include <algorithm>
#include <atomic>
#include <thread>

#include "tests/scenarios/application.hpp"

namespace pillion::test {
namespace {

class RateLimitersScenario : public Application {
 protected:
  static constexpr std::size_t kServers = 6;

  /// Asks `rounds` times from every server at once; returns how often `admit` said yes.
  template <class Admit>
  int hammer(int rounds, const Admit& admit) {
    std::atomic<int> admitted{0};
    Crew crew;
    for (std::size_t number = 0; number < kServers; ++number) {
      crew.start([&, number] {
        RespClient server = connection(number);
        for (int round = 0; round < rounds; ++round) {
          if (admit(server, std::to_string(number) + "-" + std::to_string(round))) ++admitted;
        }
      });
    }
    crew.join();
    return admitted;
  }

  static std::int64_t now_ms() {
    return std::chrono::duration_cast<Millis>(Clock::now().time_since_epoch()).count();
  }
};

constexpr int kLimit = 100;

TEST_F(RateLimitersScenario, SlidingWindowByMulti) {
  const auto admit_in = [](const std::string& key, std::int64_t window_ms) {
    return [=](RespClient& server, const std::string& id) {
      const std::int64_t now = now_ms();
      const std::string horizon = std::to_string(now - window_ms);
      const std::string score = std::to_string(now);
      const std::string lifetime = std::to_string(window_ms);
      const auto replies = server.pipeline({{"MULTI"},
                                            {"ZREMRANGEBYSCORE", key, "-inf", horizon},
                                            {"ZADD", key, score, id},
                                            {"ZCARD", key},
                                            {"PEXPIRE", key, lifetime},
                                            {"EXEC"}});
      return sound(replies[5]).items.at(2).integer() <= kLimit;
    };
  };
  EXPECT_EQ(hammer(60, admit_in("window:multi", 60'000)), kLimit);
  RespClient viewer = connection(1);
  EXPECT_EQ(viewer("ZCARD", "window:multi"), static_cast<std::int64_t>(60 * kServers));

  RespClient server = connection(0);
  const auto admit = admit_in("window:short", 300);
  int admitted = 0;
  for (int i = 0; i < 150; ++i) admitted += admit(server, "early" + std::to_string(i)) ? 1 : 0;
  EXPECT_GE(admitted, kLimit);
  std::this_thread::sleep_for(320ms);
  EXPECT_EQ(viewer("ZCARD", "window:short"), 0) << "the key has expired";
  EXPECT_TRUE(admit(server, "later"));
  EXPECT_EQ(viewer("ZCARD", "window:short"), 1);
}

TEST_F(RateLimitersScenario, SlidingWindowByLua) {
  const Script script(
      "redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1] - ARGV[2]) "
      "local count = redis.call('ZCARD', KEYS[1]) "
      "if count >= tonumber(ARGV[3]) then return 0 end "
      "redis.call('ZADD', KEYS[1], ARGV[1], ARGV[4]) "
      "redis.call('PEXPIRE', KEYS[1], ARGV[2]) return 1");
  const std::string limit = std::to_string(kLimit);
  const int admitted = hammer(60, [&](RespClient& server, const std::string& id) {
    const bool yes =
        script(server, "1", "window:lua", std::to_string(now_ms()), "60000", limit, id) == 1;
    // What is shown to the user beside it comes from the L1, and must include the request.
    const std::int64_t used = sound(server("ZCARD", "window:lua")).integer();
    if (used > kLimit || (!yes && used != kLimit) || used == 0) {
      throw std::runtime_error("the count shown is wrong: " + std::to_string(used));
    }
    return yes;
  });
  EXPECT_EQ(admitted, kLimit);
}

/// Tokens as text "tokens:time" under WATCH: who was overtaken tries again.
TEST_F(RateLimitersScenario, TokenBucketByWatchAndMulti) {
  constexpr int kTokens = 80;
  const int admitted = hammer(25, [&](RespClient& server, const std::string&) {
    while (true) {
      sound(server("WATCH", "bucket:multi"));
      const Value seen = sound(server("GET", "bucket:multi"));
      const std::int64_t tokens = seen.is_null() ? kTokens : seen.integer();
      if (tokens == 0) {
        sound(server("UNWATCH"));
        return false;
      }
      const std::string left = std::to_string(tokens - 1);
      const auto replies =
          server.pipeline({{"MULTI"}, {"SET", "bucket:multi", left, "PX", "60000"}, {"EXEC"}});
      if (!sound(replies[2]).is_null()) return true;
    }
  });
  EXPECT_EQ(admitted, kTokens);
  EXPECT_EQ(connection(1)("GET", "bucket:multi"), "0");
}

TEST_F(RateLimitersScenario, TokenBucketByLua) {
  const Script script(
      "local state = redis.call('HMGET', KEYS[1], 'tokens', 'time') "
      "local rate, capacity, now = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]) "
      "local tokens = tonumber(state[1]) or capacity "
      "local passed = math.max(0, now - (tonumber(state[2]) or now)) "
      "tokens = math.min(capacity, tokens + passed * rate / 1000) "
      "local admitted = tokens >= 1 "
      "if admitted then tokens = tokens - 1 end "
      "redis.call('HSET', KEYS[1], 'tokens', tokens, 'time', "
      "math.max(now, tonumber(state[2]) or now)) "
      "redis.call('PEXPIRE', KEYS[1], 60000) return admitted and 1 or 0");
  constexpr int kRate = 200;  // a second
  const Moment start = Clock::now();
  const int admitted = hammer(80, [&](RespClient& server, const std::string&) {
    const bool yes = script(server, "1", "bucket:lua", std::to_string(kRate),
                            std::to_string(kLimit), std::to_string(now_ms())) == 1;
    // The meter on the page: never more than the bucket can hold.
    const Value shown = sound(server("HGET", "bucket:lua", "tokens"));
    if (shown.is_null() || std::stod(shown.text) > kLimit) throw std::runtime_error("no meter");
    return yes;
  });
  const double seconds = seconds_since(start);
  EXPECT_GE(admitted, std::min(kLimit, 80 * static_cast<int>(kServers)));
  EXPECT_LE(admitted, kLimit + static_cast<int>(kRate * seconds) + 1);
}

/// The oldest limiter of all: INCR, and EXPIRE at the first.
TEST_F(RateLimitersScenario, FixedWindowByIncr) {
  const int admitted = hammer(60, [&](RespClient& server, const std::string&) {
    const std::int64_t count = sound(server("INCR", "fixed:1")).integer();
    if (count == 1) sound(server("EXPIRE", "fixed:1", "60"));
    if (sound(server("GET", "fixed:1")).integer() < count) {
      throw std::runtime_error("an older count than one's own");
    }
    return count <= kLimit;
  });
  EXPECT_EQ(admitted, kLimit);
}

}  // namespace
}  // namespace pillion::test
