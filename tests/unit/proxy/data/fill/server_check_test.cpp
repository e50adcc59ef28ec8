#include "proxy/data/fill/server_check.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "tests/unit/proxy/data/fill/recorded_command_info.hpp"

namespace pillion::data::fill {
namespace {

constexpr std::array<std::string_view, 6> kNames = {"GET", "HGETALL", "NOSUCH",
                                                    "SET", "BLPOP",   "SRANDMEMBER"};

TEST(AllowedCommands, ARealServersVerdict) {
  // GET and HGETALL read; the third is unknown, the others write, block or are random.
  EXPECT_EQ(allowed_commands(kRecordedCommandInfo, kNames), 0b000011u);
}

TEST(AllowedCommands, NothingIsAllowedOnATruncatedReply) {
  for (std::size_t size = 0; size < kRecordedCommandInfo.size(); ++size) {
    EXPECT_EQ(allowed_commands(kRecordedCommandInfo.substr(0, size), kNames), 0u) << size;
  }
}

TEST(AllowedCommands, TheNamesMustBeThoseAskedFor) {
  constexpr std::array<std::string_view, 6> other = {"MGET", "HGETALL", "NOSUCH",
                                                     "SET",  "BLPOP",   "SRANDMEMBER"};
  EXPECT_EQ(allowed_commands(kRecordedCommandInfo, other), 0u);
  EXPECT_EQ(allowed_commands(kRecordedCommandInfo, std::span(kNames).subspan(1)), 0u);
}

std::uint64_t verdict(std::string_view reply) {
  constexpr std::array<std::string_view, 1> get = {"GET"};
  return allowed_commands(reply, get);
}

TEST(AllowedCommands, OldServersSayLess) {
  EXPECT_EQ(
      verdict("*1\r\n*6\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"), 1u);
}

TEST(AllowedCommands, VetoesOfFlagsAndTips) {
  EXPECT_EQ(verdict("*1\r\n*3\r\n$3\r\nget\r\n:2\r\n*1\r\n+fast\r\n"), 0u)
      << "not said to be readonly";
  EXPECT_EQ(verdict("*1\r\n*3\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+write\r\n"), 0u);
  EXPECT_EQ(verdict("*1\r\n*3\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+blocking\r\n"), 0u);
  const std::string upto =
      "*1\r\n*8\r\n$3\r\nget\r\n:2\r\n~1\r\n+readonly\r\n:1\r\n:1\r\n:1\r\n~0\r\n";
  EXPECT_EQ(verdict(upto + "~0\r\n"), 1u);
  EXPECT_EQ(verdict(upto + "~1\r\n$10\r\ndont_cache\r\n"), 0u);
  EXPECT_EQ(verdict(upto + "~1\r\n$24\r\nnondeterministic_output\r\n"), 0u);
  EXPECT_EQ(verdict(upto + "~1\r\n$23\r\nnondeterministic_output\r\n"), 0u);
  EXPECT_EQ(verdict(upto + "~1\r\n$29\r\nnondeterministic_output_order\r\n"), 1u)
      << "only the order differs";
}

TEST(AllowedCommands, HostileFramesAllowNothing) {
  for (const char* frame :
       {"", "-ERR unknown command\r\n", "+OK\r\n", "*-1\r\n", "_\r\n", "*1\r\n", "*1\r\n*0\r\n",
        "*1\r\n*2\r\n$3\r\nget\r\n:2\r\n", "*1\r\n*3\r\n:3\r\n:2\r\n*1\r\n+readonly\r\n",
        "*1\r\n*3\r\n$3\r\nget\r\n:2\r\n+readonly\r\n",
        "*1\r\n*3\r\n$3\r\nget\r\n:2\r\n*1000000000\r\n+readonly\r\n",
        "*1\r\n*3\r\n$3\r\nget\r\n*1\r\n:2\r\n*1\r\n+readonly\r\n", "*9223372036854775807\r\n",
        "%1\r\n+a\r\n+b\r\n"}) {
    EXPECT_EQ(verdict(frame), 0u) << frame;
  }
}

TEST(RoleOf, FirstElement) {
  EXPECT_EQ(role_of("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n"), "master");
  EXPECT_EQ(role_of("*5\r\n$5\r\nslave\r\n$9\r\n127.0.0.1\r\n:1\r\n$9\r\nconnected\r\n:0\r\n"),
            "slave");
  EXPECT_EQ(role_of("*2\r\n$8\r\nsentinel\r\n*0\r\n"), "sentinel");
  for (const char* frame : {"", "-NOPERM no\r\n", "*0\r\n", "*-1\r\n", "_\r\n", "+master\r\n"}) {
    EXPECT_EQ(role_of(frame), "") << frame;
  }
}

}  // namespace
}  // namespace pillion::data::fill
