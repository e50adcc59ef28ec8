// Caches that are emptied by SCAN and DEL, or by a set of what belongs to a tag.
#include "tests/scenarios/application.hpp"

namespace pillion::test {
namespace {

class PatternInvalidationScenario : public Application {
 protected:
  /// Deletes what matches as cache libraries do; returns how many keys.
  static int delete_matching(RespClient& client, const std::string& pattern) {
    int deleted = 0;
    std::string cursor = "0";
    do {
      const Value page = sound(client("SCAN", cursor, "MATCH", pattern, "COUNT", "100"));
      cursor = page.items.at(0).text;
      const std::vector<std::string> keys = page.items.at(1).texts();
      if (keys.empty()) continue;
      std::vector<std::string_view> command = {deleted % 2 == 0 ? "DEL" : "UNLINK"};
      command.insert(command.end(), keys.begin(), keys.end());
      deleted += static_cast<int>(sound(client.command(command)).integer());
    } while (cursor != "0");
    return deleted;
  }
};

TEST_F(PatternInvalidationScenario, NothingThatMatchedIsServedAfterwards) {
  constexpr int kProducts = 300;
  std::vector<RespClient> servers = connections(4);
  const auto product = [](int i) { return "product:" + std::to_string(i); };
  for (int round = 0; round < 6; ++round) {
    const std::string price = std::to_string(100 + round);
    for (int i = 0; i < kProducts; ++i) {
      sound(servers[0]("SET", product(i), price, "EX", "300"));
      sound(servers[0]("SET", "other:" + std::to_string(i), price));
    }
    for (RespClient& server : servers) {
      for (int i = 0; i < kProducts; ++i) EXPECT_EQ(server("GET", product(i)), price);
    }
    RespClient& editor = servers[static_cast<std::size_t>(round) % servers.size()];
    EXPECT_EQ(delete_matching(editor, "product:*"), kProducts);
    for (RespClient& server : servers) {
      for (int i = 0; i < kProducts; ++i) {
        ASSERT_TRUE(server("GET", product(i)).is_null()) << product(i) << ", round " << round;
      }
      EXPECT_EQ(server("GET", "other:7"), price);
    }
  }
  EXPECT_GT(hits(), 1'000U);
}

TEST_F(PatternInvalidationScenario, ATagTakesItsPagesWithIt) {
  const Script drop(
      "local pages = redis.call('SMEMBERS', KEYS[1]); for _, page in ipairs(pages) do "
      "redis.call('DEL', page) end redis.call('DEL', KEYS[1]); return #pages");
  std::vector<RespClient> servers = connections(4);
  for (int round = 0; round < 40; ++round) {
    for (int i = 0; i < 10; ++i) {
      const std::string page = "page:" + std::to_string(i);
      servers[0].pipeline({{"MULTI"}, {"SET", page, "html"}, {"SADD", "tag:news", page}, {"EXEC"}});
    }
    for (RespClient& server : servers) {
      EXPECT_EQ(server("SCARD", "tag:news"), 10);
      for (int i = 0; i < 10; ++i) EXPECT_EQ(server("GET", "page:" + std::to_string(i)), "html");
    }
    // The script writes keys that it does not declare.
    EXPECT_EQ(drop(servers[static_cast<std::size_t>(round) % 4], "1", "tag:news"), 10);
    for (RespClient& server : servers) {
      EXPECT_EQ(server("SCARD", "tag:news"), 0);
      for (int i = 0; i < 10; ++i) {
        ASSERT_TRUE(server("GET", "page:" + std::to_string(i)).is_null()) << round;
      }
    }
  }
}

/// A version in the key's name: one INCR makes all older pages unreachable.
TEST_F(PatternInvalidationScenario, AVersionInTheKeyIsNeverReadStale) {
  std::vector<RespClient> servers = connections(4);
  sound(servers[0]("SET", "version", "1"));
  for (int version = 1; version <= 200; ++version) {
    for (RespClient& server : servers) {
      ASSERT_EQ(server("GET", "version").text, std::to_string(version));
      ASSERT_EQ(server("GET", "version").text, std::to_string(version));
    }
    sound(servers[static_cast<std::size_t>(version) % 4]("INCR", "version"));
  }
}

}  // namespace
}  // namespace pillion::test
