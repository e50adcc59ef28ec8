// A leaderboard that everybody looks at and everybody changes.
#include <algorithm>
#include <map>
#include <random>

#include "tests/scenarios/application.hpp"

namespace pillion::test {
namespace {

class LeaderboardsScenario : public Application {};

using Scores = std::map<std::string, int>;

/// Highest first; Redis breaks ties of a reversed range by the later name.
std::vector<std::pair<std::string, int>> ranking(const Scores& scores) {
  std::vector<std::pair<std::string, int>> all(scores.begin(), scores.end());
  std::sort(all.begin(), all.end(), [](const auto& one, const auto& other) {
    return std::pair(one.second, one.first) > std::pair(other.second, other.first);
  });
  return all;
}

/// Names and scores of a reply of either protocol.
std::vector<std::pair<std::string, int>> rows(const Value& reply) {
  std::vector<std::pair<std::string, int>> result;
  for (std::size_t i = 0; i < reply.items.size(); ++i) {
    const Value& item = reply.items[i];
    if (item.items.size() == 2) {
      result.emplace_back(item.items[0].text, std::stoi(item.items[1].text));
    } else if (i + 1 < reply.items.size()) {
      result.emplace_back(item.text, std::stoi(reply.items[++i].text));
    }
  }
  return result;
}

TEST_F(LeaderboardsScenario, EveryLookShowsEveryPointThatWasAcknowledged) {
  std::vector<RespClient> players = connections(6);
  std::mt19937 random(7);
  Scores scores;
  for (int round = 0; round < 400; ++round) {
    const std::string name = "player" + std::to_string(random() % 25);
    const int points = static_cast<int>(random() % 50);
    RespClient& player = players[random() % players.size()];
    const Value total = player("ZINCRBY", "board", std::to_string(points), name);
    scores[name] += points;
    EXPECT_EQ(total.text, std::to_string(scores[name]));

    auto expected = ranking(scores);
    const auto place = std::find_if(expected.begin(), expected.end(),
                                    [&](auto& row) { return row.first == name; }) -
                       expected.begin();
    const std::string card = std::to_string(scores.size());
    expected.resize(std::min<std::size_t>(expected.size(), 10));
    for (RespClient& viewer : players) {
      ASSERT_EQ(rows(viewer("ZRANGE", "board", "0", "9", "REV", "WITHSCORES")), expected) << round;
      ASSERT_EQ(viewer("ZSCORE", "board", name).text, std::to_string(scores[name]));
      ASSERT_EQ(viewer("ZREVRANK", "board", name), static_cast<std::int64_t>(place));
      ASSERT_EQ(viewer("ZCARD", "board").text, card);
    }
    ASSERT_EQ(rows(players[0]("ZREVRANGE", "board", "0", "9", "WITHSCORES")), expected);
  }
  EXPECT_GT(hits(), 1'000U);
}

TEST_F(LeaderboardsScenario, NoPointIsLostWhenAllScoreAtOnce) {
  constexpr int kRounds = 300;
  Crew crew;
  for (std::size_t worker = 0; worker < 6; ++worker) {
    crew.start([&, worker] {
      RespClient player = connection(worker);
      const std::string own = "own" + std::to_string(worker);
      for (int round = 1; round <= kRounds; ++round) {
        sound(player("ZINCRBY", "season", "1", "team"));
        sound(player("ZADD", "season", "GT", std::to_string(round), own));
        if (player("ZSCORE", "season", own).text != std::to_string(round)) {
          throw std::runtime_error("a player's own best is not shown to him");
        }
      }
    });
  }
  crew.join();
  RespClient viewer = connection(1);
  EXPECT_EQ(viewer("ZSCORE", "season", "team").text, std::to_string(6 * kRounds));
  EXPECT_EQ(viewer("ZCOUNT", "season", "-inf", "+inf"), 7);
}

/// The season is closed by renaming the board; a new one begins empty.
TEST_F(LeaderboardsScenario, ClosingASeasonMovesTheBoard) {
  std::vector<RespClient> players = connections(4);
  for (int season = 0; season < 60; ++season) {
    const std::string archive = "archive:" + std::to_string(season);
    sound(players[0]("ZADD", "current", "10", "a", "20", "b"));
    for (RespClient& player : players) {
      EXPECT_EQ(player("ZCARD", "current"), 2);
      EXPECT_EQ(player("ZCARD", archive), 0);
    }
    RespClient& closer = players[static_cast<std::size_t>(season) % players.size()];
    sound(season % 2 == 0 ? closer("RENAME", "current", archive)
                          : closer("ZUNIONSTORE", archive, "1", "current", "WEIGHTS", "1"));
    if (season % 2 == 1) sound(closer("DEL", "current"));
    for (RespClient& player : players) {
      ASSERT_EQ(player("ZCARD", "current"), 0) << season;
      ASSERT_EQ(player("ZCARD", archive), 2) << season;
    }
  }
}

}  // namespace
}  // namespace pillion::test
