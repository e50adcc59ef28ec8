// What the session answers by itself, held against what redis-server 7.0.15 said (recorded).
#include "proxy/data/session/local_commands.hpp"

#include <gtest/gtest.h>

#include <string>

#include "protocol/command/table.hpp"
#include "tests/unit/protocol/command/parsed.hpp"
#include "tests/unit/proxy/data/session/session_fixture.hpp"

namespace pillion::data::session {
namespace {

using command::Parsed;
using command::words;

struct Said {
  const char* request;
  const char* reply;
};

class LocalErrors : public SessionFixture {};

TEST_F(LocalErrors, AreRedissOwnWords) {
  const std::string option(200, 'x');
  const Said recorded[] = {
      {"HELLO 4", "-NOPROTO unsupported protocol version\r\n"},
      {"HELLO 1", "-NOPROTO unsupported protocol version\r\n"},
      {"HELLO abc", "-ERR Protocol version is not an integer or out of range\r\n"},
      {"HELLO 03", "-ERR Protocol version is not an integer or out of range\r\n"},
      {"HELLO -0", "-ERR Protocol version is not an integer or out of range\r\n"},
      {"HELLO 3x", "-ERR Protocol version is not an integer or out of range\r\n"},
      {"HELLO 9999999999999999999", "-ERR Protocol version is not an integer or out of range\r\n"},
      {"HELLO 3 AUTH", "-ERR Syntax error in HELLO option 'AUTH'\r\n"},
      {"HELLO 3 AUTH a", "-ERR Syntax error in HELLO option 'AUTH'\r\n"},
      {"HELLO 3 SETNAME", "-ERR Syntax error in HELLO option 'SETNAME'\r\n"},
      {"HELLO 3 SETNAME a\nb",
       "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"},
      {"HELLO 3 FOO", "-ERR Syntax error in HELLO option 'FOO'\r\n"},
      {"CLIENT SETNAME a\nb",
       "-ERR Client names cannot contain spaces, newlines or special characters.\r\n"},
      {"CLIENT SETNAME x", "+OK\r\n"},
      {"CLIENT GETNAME", "$1\r\nx\r\n"},
      {"CLIENT SETNAME ''", "+OK\r\n"},
      {"CLIENT GETNAME", "$-1\r\n"},
      {"CLIENT NO-EVICT", "-ERR wrong number of arguments for 'client|no-evict' command\r\n"},
      {"CLIENT REPLY maybe", "-ERR syntax error\r\n"},
      {"CLIENT REPLY", "-ERR wrong number of arguments for 'client|reply' command\r\n"},
      {"CLIENT ID x", "-ERR wrong number of arguments for 'client|id' command\r\n"},
      {"PING a b", "-ERR wrong number of arguments for 'ping' command\r\n"},
      {"PING a", "$1\r\na\r\n"},
      {"PING", "+PONG\r\n"},
      {"ping", "+PONG\r\n"},
      {"ECHO", "-ERR wrong number of arguments for 'echo' command\r\n"},
      {"ECHO a b", "-ERR wrong number of arguments for 'echo' command\r\n"},
      {"ECHO ''", "$0\r\n\r\n"},
      {"SELECT", "-ERR wrong number of arguments for 'select' command\r\n"},
      {"SELECT 1 2", "-ERR wrong number of arguments for 'select' command\r\n"},
      {"SELECT 0", "+OK\r\n"},
      {"AUTH", "-ERR wrong number of arguments for 'auth' command\r\n"},
      {"AUTH a b c", "-ERR syntax error\r\n"},
      {"RESET x", "-ERR wrong number of arguments for 'reset' command\r\n"},
      {"RESET", "+RESET\r\n"},
  };
  for (const Said& said : recorded) {
    say(said.request);
    EXPECT_EQ(heard(), said.reply) << said.request;
  }
  say("HELLO 2 " + option);
  EXPECT_EQ(heard(), "-ERR Syntax error in HELLO option '" + option.substr(0, 128) + "'\r\n");
  EXPECT_TRUE(lanes_.shared_.empty()) << "none of it concerns the upstream";
}

TEST_F(LocalErrors, WhatOnlyTheUpstreamCanWordGoesThere) {
  for (const char* request : {"SELECT a", "SELECT 01", "SELECT -1"}) {
    say(request);
    EXPECT_EQ(shared().sent(), request);
    answer(shared(), "-ERR in its own words\r\n");
    EXPECT_EQ(heard(), "-ERR in its own words\r\n");
  }
}

TEST_F(LocalErrors, OfAHelloThatAuthenticatesDoNotKeepItFromThat) {
  say("HELLO 3 SETNAME a\nb AUTH bob secret");
  EXPECT_EQ(leased().sent(), "AUTH bob secret")
      << "Redis looks at the name when it knows who it is";
  answer(leased(), "+OK\r\n");
  EXPECT_EQ(heard(),
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(session_->state().identity.user, "bob");
  EXPECT_EQ(session_->state().protocol, 2) << "the rest of it was not done";
  say("HELLO 3 AUTH eve wrong SETNAME a\nb");
  answer(leased(), "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(heard(), "-WRONGPASS invalid username-password pair or user is disabled.\r\n");
  EXPECT_EQ(session_->state().identity.user, "bob");
}

TEST_F(LocalErrors, OfSyntaxAreFoundBeforeAnybodyIsAsked) {
  for (const char* request : {"HELLO 3 AUTH bob secret FOO", "HELLO 3 AUTH bob secret SETNAME",
                              "HELLO 3 AUTH bob secret AUTH bob", "HELLO 4 AUTH bob secret"}) {
    say(request);
    EXPECT_TRUE(heard().starts_with('-')) << request;
    EXPECT_TRUE(lanes_.leased_.empty()) << request;
  }
  EXPECT_FALSE(session_->state().authenticated);
}

constexpr const char* kHello2 =
    "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:2\r\n$"
    "2\r\nid\r\n:3\r\n"
    "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";
constexpr const char* kHello3 =
    "%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n$5\r\nproto\r\n:3\r\n$"
    "2\r\nid\r\n:3\r\n"
    "$4\r\nmode\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n";

TEST(LocalHello, RepliesAsRedisDoesInBothProtocols) {
  state::TopologySnapshot upstream;
  upstream.redis_version = "7.0.15";
  ClientState state;
  state.id = 3;
  std::string out;
  append_hello(out, state, upstream);
  EXPECT_EQ(out, kHello2);
  state.protocol = 3;
  out.clear();
  append_hello(out, state, upstream);
  EXPECT_EQ(out, kHello3);
  upstream.role = "slave";
  upstream.mode = "cluster";
  out.clear();
  append_hello(out, state, upstream);
  EXPECT_NE(out.find("$7\r\nreplica\r\n"), std::string::npos);
  EXPECT_NE(out.find("$7\r\ncluster\r\n"), std::string::npos);
  out.clear();
  append_hello(out, state, upstream, "sentinel");
  EXPECT_NE(out.find("$8\r\nsentinel\r\n"), std::string::npos) << "what was asked for";
}

TEST(LocalHello, UnderstandsItsOptionsInAnyOrder) {
  const Parsed parsed(words("HELLO 3 setname me auth bob secret"));
  const Hello hello = parse_hello(parsed.command());
  EXPECT_EQ(hello.error, "");
  EXPECT_EQ(hello.protocol, 3);
  EXPECT_TRUE(hello.authenticate);
  EXPECT_EQ(hello.user, "bob");
  EXPECT_EQ(hello.password, "secret");
  EXPECT_EQ(hello.name, "me");
  EXPECT_EQ(parse_hello(Parsed({"HELLO"}).command()).protocol, 0);
}

TEST(LocalText, IsVerbatimInResp3) {
  std::string out;
  append_text(out, "two\nlines", 3);
  EXPECT_EQ(out, "=13\r\ntxt:two\nlines\r\n");
  out.clear();
  append_text(out, "two\nlines", 2);
  EXPECT_EQ(out, "$9\r\ntwo\nlines\r\n");
}

TEST(LocalPing, LooksLikeAMessageToWhoIsSubscribed) {
  const auto answered = [](const char* line) {
    std::string out;
    answer_subscribed_ping(out, Parsed(words(line)).command());
    return out;
  };
  EXPECT_EQ(answered("PING"), "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
  EXPECT_EQ(answered("PING x"), "*2\r\n$4\r\npong\r\n$1\r\nx\r\n");
  EXPECT_EQ(answered("PING x y"), "-ERR wrong number of arguments for 'ping' command\r\n");
}

TEST(LocalPause, KnowsWhatMayReachReplicas) {
  for (const char* name : {"SET", "BLPOP", "FLUSHALL", "PUBLISH", "SPUBLISH", "PFCOUNT", "EVAL",
                           "EVALSHA", "FCALL", "NEVER.HEARD.OF"}) {
    EXPECT_TRUE(may_replicate(command::find(name))) << name;
  }
  for (const char* name : {"GET", "PING", "EVAL_RO", "EVALSHA_RO", "FCALL_RO", "SUBSCRIBE", "MULTI",
                           "WAIT", "XREAD"}) {
    EXPECT_FALSE(may_replicate(command::find(name))) << name;
  }
}

TEST(LocalClient, SetinfoIsKeptAndShown) {
  ClientState state;
  std::string out;
  EXPECT_TRUE(
      answer_client(out, Parsed(words("CLIENT SETINFO lib-name redis-py")).command(), state));
  EXPECT_TRUE(answer_client(out, Parsed(words("CLIENT SETINFO LIB-VER 5.0")).command(), state));
  EXPECT_TRUE(answer_client(out, Parsed({"CLIENT", "SETINFO", "lib-ver", "5 0"}).command(), state));
  EXPECT_TRUE(answer_client(out, Parsed(words("CLIENT SETINFO foo bar")).command(), state));
  EXPECT_EQ(out,
            "+OK\r\n+OK\r\n-ERR lib-ver cannot contain spaces, newlines or special characters.\r\n"
            "-ERR Unrecognized option 'foo'\r\n");
  EXPECT_EQ(state.library_name, "redis-py");
  EXPECT_EQ(state.library_version, "5.0");
}

TEST(LocalClient, OthersAreNotOurs) {
  ClientState state;
  std::string out;
  EXPECT_FALSE(answer_client(out, Parsed(words("CLIENT LIST")).command(), state));
  EXPECT_FALSE(answer_client(out, Parsed(words("CLIENT KILL 1.2.3.4:5")).command(), state));
  EXPECT_EQ(out, "");
}

TEST(LocalSelect, ReadsDatabasesAsRedisDoes) {
  EXPECT_EQ(parse_database("0"), 0u);
  EXPECT_EQ(parse_database("15"), 15u);
  for (const char* text : {"", "01", "+1", "-1", "1 ", " 1", "1x", "9999999999"}) {
    EXPECT_EQ(parse_database(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace pillion::data::session
