// What the control plane learns of commands that only the upstream knows.
#include <gtest/gtest.h>

#include "tests/component/control/control_plane_fixture.hpp"
#include "tests/component/control/scripted_server.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {
namespace {

std::string info(const std::string& run_id) {
  const std::string text =
      "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrun_id:" + run_id + "\r\n";
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

std::string table(const std::string& name) {
  return "*1\r\n*7\r\n$" + std::to_string(name.size()) + "\r\n" + name +
         "\r\n:-2\r\n*1\r\n+write\r\n:1\r\n:1\r\n:1\r\n*0\r\n";
}

class Learning : public ControlPlaneTest {
 protected:
  void start_learning(std::uint16_t port) {
    upstream_at("127.0.0.1", port);
    plane = std::make_unique<control::ControlPlane>(options, data_plane, topology, traffic, refresh,
                                                    &learned);
    plane->start();
  }
  void serve(ScriptedServer& server, const std::string& run_id, const std::string& command) const {
    server.answer("AUTH", "+OK\r\n");
    server.answer("INFO", info(run_id));
    server.answer("PING", "+PONG\r\n");
    server.answer("ROLE", "*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
    server.answer("COMMAND", command);
  }
  bool knows(const std::string& name) const { return learned.load()->find(name) != nullptr; }
};

TEST_F(Learning, ARealServersTableHasNothingNew) {
  RedisServer redis;
  start_learning(redis.port());
  ASSERT_TRUE(becomes_up());
  EXPECT_TRUE(eventually([&] { return redis.calls("command") >= 1; }));
  EXPECT_EQ(learned.load()->size(), 0U) << "the table lacks a command of this redis-server";
}

TEST_F(Learning, ModuleCommandsArePublished) {
  ScriptedServer server;
  serve(server, "one", table("json.set"));
  start_learning(server.port());
  EXPECT_TRUE(eventually([&] { return knows("JSON.SET"); }));
  EXPECT_EQ(learned.load()->find("json.set")->flags, state::kLearnedWrite);
}

TEST_F(Learning, AnotherRunIsAskedAgain) {
  ScriptedServer server;
  serve(server, "one", table("json.set"));
  start_learning(server.port());
  ASSERT_TRUE(eventually([&] { return knows("JSON.SET"); }));
  serve(server, "two", table("ft.add"));
  server.drop_connections();
  EXPECT_TRUE(eventually([&] { return knows("FT.ADD"); }));
  EXPECT_FALSE(knows("JSON.SET"));
}

TEST_F(Learning, TheSameRunIsNot) {
  ScriptedServer server;
  serve(server, "one", table("json.set"));
  start_learning(server.port());
  ASSERT_TRUE(eventually([&] { return knows("JSON.SET"); }));
  const int infos = server.asked("INFO");
  server.drop_connections();
  ASSERT_TRUE(eventually([&] { return server.asked("INFO") > infos; }));
  ASSERT_TRUE(becomes_up());
  EXPECT_EQ(server.asked("COMMAND"), 1);
}

TEST_F(Learning, ARefusalForgets) {
  ScriptedServer server;
  serve(server, "one", table("json.set"));
  start_learning(server.port());
  ASSERT_TRUE(eventually([&] { return knows("JSON.SET"); }));
  serve(server, "two", "-NOPERM no permission\r\n");
  server.drop_connections();
  EXPECT_TRUE(eventually([&] { return learned.load()->size() == 0; }));
  EXPECT_TRUE(becomes_up());
}

TEST_F(Learning, AnAnswerThatCannotBeReadIsNoOutage) {
  ScriptedServer server;
  // More than is read at all.
  serve(server, "one", "$5000000\r\nab");
  start_learning(server.port());
  EXPECT_TRUE(eventually([&] { return server.asked("COMMAND") >= 1; }));
  const int pings = server.asked("PING");
  EXPECT_TRUE(eventually([&] { return server.asked("PING") >= pings + 3; }));
  EXPECT_TRUE(snapshot()->up);
  EXPECT_EQ(learned.load()->size(), 0U);
}

TEST_F(Learning, WithCredentials) {
  ScriptedServer server;
  serve(server, "one", table("json.set"));
  options.upstream.password = "hunter2";
  start_learning(server.port());
  EXPECT_TRUE(eventually([&] { return knows("JSON.SET"); }));
  EXPECT_EQ(server.asked("AUTH"), 2) << "on the health check's connection and on its own";
}

}  // namespace
}  // namespace pillion::test
