// Pipelines that go to several servers by turns: replies leave command by command, whoever answers
// when, and in whatever pieces.
#include <random>

#include "tests/unit/proxy/data/session/cluster_fixture.hpp"

namespace pillion::data::session {
namespace {

class SessionMesh : public SpreadFixture {
 protected:
  SessionMesh() { three_primaries(); }
};

TEST_F(SessionMesh, RepliesLeaveByTurns) {
  say("GET b|GET c|GET {b}2|GET {b}3|GET {c}2|PING");
  EXPECT_EQ(sent_to(0), "GET b|GET {b}2|GET {b}3");
  EXPECT_EQ(sent_to(1), "GET c|GET {c}2");
  reply_from(0, bulk("b") + bulk("b2"));
  EXPECT_EQ(heard(), bulk("b"));
  reply_from(1, bulk("c") + bulk("c2"));
  EXPECT_EQ(heard(), bulk("c") + bulk("b2"));
  reply_from(0, bulk("b3"));
  EXPECT_EQ(heard(), bulk("b3") + bulk("c2") + "+PONG\r\n");
  expect_at_rest();
}

TEST_F(SessionMesh, OneServersCommandsAreOneRun) {
  say("GET b|GET c|GET {b}2|GET {c}2|GET {b}3");
  (void)sent_to(0);
  lose(0);
  EXPECT_EQ(counters_.upstream_retries.get(), 3u) << "all three of them";
  EXPECT_EQ(sent_to(0), "GET b|GET {b}2|GET {b}3");
  reply_from(1, bulk("c") + bulk("c2"));
  reply_from(0, bulk("b") + bulk("b2") + bulk("b3"));
  EXPECT_EQ(heard(), bulk("b") + bulk("c") + bulk("b2") + bulk("c2") + bulk("b3"));
  expect_at_rest();
}

TEST_F(SessionMesh, WhatOneServerSaidIsWithheldForAMomentForTheOthers) {
  say("GET b|GET c");
  EXPECT_EQ(session_->withheld_until(now_), Withheld::kNever) << "there is nothing to withhold";
  now_ += 40 * state::kMicrosecond;
  reply_from(0, bulk("b"));
  EXPECT_EQ(session_->withheld_until(now_), now_ + 250 * state::kMicrosecond) << "at least";
  now_ += 960 * state::kMicrosecond;
  EXPECT_EQ(session_->withheld_until(now_), now_ + 4 * state::kMillisecond)
      << "servers that take longer are waited for longer";
  now_ += state::kSecond;
  EXPECT_EQ(session_->withheld_until(now_), now_ + 5 * state::kMillisecond) << "at most";
  reply_from(1, bulk("c"));
  EXPECT_EQ(session_->withheld_until(now_), 0) << "all is there";
  EXPECT_EQ(heard(), bulk("b") + bulk("c"));
  expect_at_rest();
}

TEST_F(SessionMesh, NothingLargeIsWithheldNorWhatOneServerSaysAlone) {
  const std::string large = bulk(std::string(20'000, 'x'));
  say("GET b|GET c");
  reply_from(0, large);
  EXPECT_EQ(session_->withheld_until(now_), 0);
  reply_from(1, bulk("c"));
  EXPECT_EQ(heard(), large + bulk("c"));
  say("GET b|GET {b}2");
  reply_from(0, bulk("b"));
  EXPECT_EQ(session_->withheld_until(now_), 0) << "the rest may take its time";
  reply_from(0, bulk("b2"));
  EXPECT_EQ(heard(), bulk("b") + bulk("b2"));
  expect_at_rest();
}

TEST_F(SessionMesh, LostWritesAreToldOfInTheirPlaces) {
  say("SET b 1|SET c 1|SET {b}2 1|SET {c}2 1");
  (void)sent_to(0);
  (void)sent_to(1);
  reply_from(0, "+OK\r\n");
  reply_from(1, "+OK\r\n");
  lose(0);
  reply_from(1, "+OK\r\n");
  const std::string unknown =
      "-ERR upstream redis:6379 lost: connection closed by the upstream; the outcome of this "
      "command is unknown\r\n";
  EXPECT_EQ(heard(), "+OK\r\n+OK\r\n" + unknown + "+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionMesh, WhatIsRefusedKeepsItsPlace) {
  say("GET b|GET c|GET {b}2|GET {c}2");
  (void)sent_to(0);
  reply_from(0, bulk("b") + moved_to(2));
  reply_from(1, bulk("c") + bulk("c2"));
  EXPECT_EQ(heard(), bulk("b") + bulk("c"));
  EXPECT_EQ(sent_to(2), "GET {b}2");
  reply_from(2, bulk("b2"));
  EXPECT_EQ(heard(), bulk("b2") + bulk("c2"));
  expect_at_rest();
}

TEST_F(SessionMesh, ALargeReplyStreamsWhenItIsNext) {
  const std::string large = bulk(std::string(200'000, 'x'));
  say("GET b|GET c|GET {b}2");
  reply_from(1, large.substr(0, 70'000));
  EXPECT_EQ(heard(), "") << "not its turn";
  reply_from(0, bulk("b"));
  EXPECT_EQ(heard(), bulk("b") + large.substr(0, 70'000));
  reply_from(1, large.substr(70'000, 70'000));
  EXPECT_EQ(heard(), large.substr(70'000, 70'000)) << "it is not gathered";
  reply_from(0, bulk("b2"));
  EXPECT_EQ(heard(), "") << "nothing is put into it";
  reply_from(1, large.substr(140'000));
  EXPECT_EQ(heard(), large.substr(140'000) + bulk("b2"));
  expect_at_rest();
}

TEST_F(SessionMesh, PublishedMessagesAreNotPutIntoAReplyThatStreams) {
  const std::string large = bulk(std::string(100'000, 'x'));
  say("GET b|GET c");
  reply_from(0, bulk("b"));
  reply_from(1, large.substr(0, 70'000));
  (void)heard();
  session_->on_redirected_push(">1\r\n+x\r\n");
  EXPECT_EQ(heard(), "");
  reply_from(1, large.substr(70'000));
  EXPECT_EQ(heard(), large.substr(70'000));
}

TEST_F(SessionMesh, LocalRepliesStandBehindIt) {
  say("GET b|GET c");
  reply_from(1, bulk("c"));
  say("PING");
  EXPECT_EQ(heard(), "");
  reply_from(0, bulk("b"));
  EXPECT_EQ(heard(), bulk("b") + bulk("c") + "+PONG\r\n");
  expect_at_rest();
}

TEST_F(SessionMesh, WhatIsSaidLaterIsAnotherPipelines) {
  say("GET b|GET c");
  now_ += state::kMillisecond;
  say("GET {b}2|GET {c}2");
  reply_from(1, bulk("c") + bulk("c2"));
  EXPECT_EQ(heard(), "");
  reply_from(0, bulk("b") + bulk("b2"));
  EXPECT_EQ(heard(), bulk("b") + bulk("c") + bulk("b2") + bulk("c2"));
  expect_at_rest();
}

TEST_F(SessionMesh, RepliesTurnedOffStayOff) {
  say("CLIENT REPLY OFF|GET b|GET c|GET {b}2|CLIENT REPLY ON");
  reply_from(1, bulk("c"));
  reply_from(0, bulk("b") + bulk("b2"));
  EXPECT_EQ(heard(), "+OK\r\n");
  expect_at_rest();
}

TEST_F(SessionMesh, EveryReplyFindsItsCommand) {
  std::mt19937 random(7);
  const auto draw = [&](std::size_t below) { return random() % below; };
  for (int round = 0; round < 300; ++round) {
    std::string expected;
    std::array<std::string, 3> answers;  // of the servers, what they still have to say
    std::string said;
    std::string got;
    std::map<std::string, std::string> values;  // what each name is answered with
    std::set<std::string> refused;              // a server may refuse it first
    const std::size_t commands = 1 + draw(40);
    for (std::size_t i = 0; i < commands; ++i) {
      const std::string name = "{" + std::string(kKeys[draw(3)]) + "}" + std::to_string(i);
      said += (i == 0 ? "" : "|") + (draw(4) == 0 ? "SET " + name + " 1" : "GET " + name);
      const std::size_t padding = draw(30) == 0 ? 70'000 + draw(50'000) : draw(50);
      values[name] = bulk(name + std::string(padding, 'x'));
      expected += values[name];
    }
    const auto listen = [&] {
      for (EndpointId server = 0; server < 3; ++server) {
        std::string sent = sent_to(server);
        while (!sent.empty()) {
          const std::string command = sent.substr(0, sent.find('|'));
          sent.erase(0, command.size() + 1);
          const std::string name = command.substr(4, command.find(' ', 4) - 4);
          const bool moves = draw(20) == 0 && refused.insert(name).second;
          answers[server] +=
              moves ? moved_to(static_cast<EndpointId>((server + 1) % 3)) : values.at(name);
        }
      }
    };
    say(said);
    listen();
    for (int step = 0; got.size() < expected.size() && step < 10'000; ++step) {
      const auto server = static_cast<EndpointId>(draw(3));
      std::string& answer = answers[server];
      if (answer.empty()) continue;
      const std::size_t piece =
          std::min(answer.size(), draw(2) == 0 ? 1 + draw(100) : draw(90'000));
      reply_from(server, answer.substr(0, piece));
      answer.erase(0, piece);
      listen();
      if (draw(3) == 0) got += heard();
      ASSERT_EQ(expected.compare(0, got.size(), got), 0) << said << "\nround " << round;
    }
    got += heard();
    ASSERT_TRUE(got == expected) << said << "\nround " << round << "\n" << got.substr(0, 2000);
    expect_at_rest();
    now_ += state::kMillisecond;
  }
}

}  // namespace
}  // namespace pillion::data::session
