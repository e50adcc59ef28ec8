#include "proxy/control/topology/command_table.hpp"

#include <gtest/gtest.h>

#include <variant>

#include "protocol/command/table.hpp"

namespace pillion::control {
namespace {

std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}

std::string array(const std::vector<std::string>& elements) {
  std::string out = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& element : elements) out += element;
  return out;
}

std::string flags(const std::vector<std::string>& words) {
  std::vector<std::string> lines;
  for (const std::string& word : words) lines.push_back("+" + word + "\r\n");
  return array(lines);
}

/// One command as Redis 6 tells it.
std::string entry(std::string_view name, int arity, const std::vector<std::string>& words,
                  int first, int last, int step) {
  const auto number = [](int n) { return ":" + std::to_string(n) + "\r\n"; };
  return array({bulk(name), number(arity), flags(words), number(first), number(last), number(step),
                flags({"@all"})});
}

state::LearnedCommands learn(const std::string& bytes) {
  ReplyReader reader(4 << 20);
  reader.feed(bytes);
  const auto next = reader.next();
  const auto* reply = std::get_if<HiredisReply>(&next);
  EXPECT_NE(reply, nullptr);
  return reply == nullptr ? state::LearnedCommands() : learned_commands(reply->view());
}

TEST(LearnedCommandTable, KeepsWhatOurTableDoesNotHave) {
  const auto learned = learn(array({
      entry("get", 2, {"readonly", "fast"}, 1, 1, 1),
      entry("JSON.SET", -4, {"write", "denyoom"}, 1, 1, 1),
      entry("ft.search", -3, {"readonly", "movablekeys"}, 0, 0, 0),
      entry("q.pop", -2, {"write", "blocking", "noscript", "pubsub", "admin"}, 1, -2, 1),
  }));
  EXPECT_EQ(learned.size(), 3U);
  EXPECT_EQ(learned.find("get"), nullptr);
  ASSERT_NE(learned.find("json.set"), nullptr);
  EXPECT_EQ(*learned.find("json.set"),
            (state::LearnedCommand{"JSON.SET", -4, state::kLearnedWrite, 1, 1, 1}));
  ASSERT_NE(learned.find("FT.SEARCH"), nullptr);
  EXPECT_EQ(learned.find("FT.SEARCH")->flags, state::kLearnedReadonly | state::kLearnedMovableKeys);
  ASSERT_NE(learned.find("Q.POP"), nullptr);
  EXPECT_EQ(learned.find("Q.POP")->flags, state::kLearnedWrite | state::kLearnedBlocking |
                                              state::kLearnedNoScript | state::kLearnedPubsub |
                                              state::kLearnedAdmin);
  EXPECT_EQ(learned.find("Q.POP")->last_key, -2);
}

TEST(LearnedCommandTable, NoticesSubcommands) {
  const std::string sub = entry("x.config|set", 3, {"write"}, 0, 0, 0);
  std::string container =
      array({bulk("x.config"), ":-2\r\n", flags({"readonly"}), ":0\r\n", ":0\r\n", ":0\r\n",
             flags({}), flags({}), array({}), array({sub})});
  std::string plain = array({bulk("x.get"), ":2\r\n", flags({"readonly"}), ":1\r\n", ":1\r\n",
                             ":1\r\n", flags({}), flags({}), array({}), array({})});
  const auto learned = learn(array({container, plain}));
  ASSERT_NE(learned.find("x.config"), nullptr);
  EXPECT_TRUE(learned.find("x.config")->is(state::kLearnedContainer));
  ASSERT_NE(learned.find("x.get"), nullptr);
  EXPECT_FALSE(learned.find("x.get")->is(state::kLearnedContainer));
}

TEST(LearnedCommandTable, LeavesOutWhatItCannotRead) {
  const auto learned = learn(array({
      ":1\r\n",
      "$-1\r\n",
      "*-1\r\n",
      array({}),
      array({bulk("x.short"), ":1\r\n"}),
      array({bulk("x.flags"), ":1\r\n", bulk("readonly"), ":1\r\n", ":1\r\n", ":1\r\n"}),
      array({":5\r\n", ":1\r\n", flags({}), ":1\r\n", ":1\r\n", ":1\r\n"}),
      entry("x.good", 2, {"readonly"}, 1, 1, 1),
  }));
  EXPECT_EQ(learned.size(), 1U);
  EXPECT_NE(learned.find("X.GOOD"), nullptr);
}

TEST(LearnedCommandTable, ARefusalTeachesNothing) {
  EXPECT_EQ(learn("-NOPERM this user has no permissions to run the 'command' command\r\n").size(),
            0U);
  EXPECT_EQ(learn(array({})).size(), 0U);
}

}  // namespace
}  // namespace pillion::control
