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

std::string text(std::string_view bytes) {
  return "$" + std::to_string(bytes.size()) + "\r\n" + std::string(bytes) + "\r\n";
}

TEST(ReplicationOf, APrimary) {
  const std::string frame = text(
      "# Replication\r\nrole:master\r\nconnected_slaves:1\r\n"
      "slave0:ip=127.0.0.1,port=7001,state=online,offset=14,lag=0\r\n"
      "master_replid:8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb\r\nmaster_repl_offset:42\r\n");
  const auto found = replication_of(frame);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->primary);
  EXPECT_FALSE(found->replica);
  EXPECT_EQ(found->history, "8371b4fb1155b71f4a04d3e1bc3e18c4a990aeeb");
  EXPECT_EQ(found->offset, 42);
}

TEST(ReplicationOf, AReplicaSaysWhatItHasApplied) {
  const std::string info =
      "txt:role:slave\r\nmaster_link_status:up\r\nmaster_sync_in_progress:0\r\n"
      "slave_read_repl_offset:50\r\nslave_repl_offset:41\r\nmaster_replid:abc\r\n"
      "master_repl_offset:41\r\n";
  const std::string frame = "=" + std::to_string(info.size()) + "\r\n" + info + "\r\n";
  const auto found = replication_of(frame);
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->replica);
  EXPECT_TRUE(found->connected);
  EXPECT_EQ(found->offset, 41);
  EXPECT_EQ(found->history, "abc");
}

TEST(ReplicationOf, AReplicaWithoutItsPrimary) {
  const std::string rest = "slave_repl_offset:41\r\nmaster_replid:abc\r\n";
  const auto down = replication_of(text("role:slave\r\nmaster_link_status:down\r\n" + rest));
  ASSERT_TRUE(down);
  EXPECT_FALSE(down->connected);
  const auto syncing = replication_of(
      text("role:slave\r\nmaster_link_status:up\r\nmaster_sync_in_progress:1\r\n" + rest));
  ASSERT_TRUE(syncing);
  EXPECT_FALSE(syncing->connected);
}

TEST(ReplicationOf, NothingElse) {
  for (const std::string& frame :
       {std::string("-NOPERM no\r\n"), std::string("$-1\r\n"), text(""), text("role:sentinel\r\n"),
        text("role:master\r\n"), text("role:master\r\nmaster_repl_offset:x\r\n"),
        text("role:slave\r\nmaster_repl_offset:7\r\n")}) {
    EXPECT_FALSE(replication_of(frame)) << frame;
  }
}

TEST(ClusterIsOk, OnlyWhenItSaysSo) {
  EXPECT_TRUE(cluster_is_ok(text("cluster_enabled:1\r\ncluster_state:ok\r\n")));
  EXPECT_FALSE(cluster_is_ok(text("cluster_state:fail\r\n")));
  EXPECT_FALSE(cluster_is_ok(text("")));
  EXPECT_FALSE(cluster_is_ok("-ERR This instance has cluster support disabled\r\n"));
}

// Redis 7.0: a primary with one replica, and another primary.
constexpr std::string_view kSlots =
    "*2\r\n"
    "*4\r\n:0\r\n:5\r\n"
    "*4\r\n$9\r\n127.0.0.1\r\n:7000\r\n$1\r\na\r\n*2\r\n$8\r\nhostname\r\n$1\r\nh\r\n"
    "*4\r\n$9\r\n127.0.0.1\r\n:7003\r\n$1\r\nr\r\n*0\r\n"
    "*3\r\n:10\r\n:16383\r\n"
    "*3\r\n_\r\n:7001\r\n$1\r\nb\r\n";

TEST(SlotsOf, ThoseItOwnsOrReplicates) {
  const auto a = slots_of(kSlots, "a", false);
  ASSERT_TRUE(a);
  EXPECT_EQ(a->count(), 6u);
  EXPECT_TRUE(a->test(0) && a->test(5));
  EXPECT_EQ(slots_of(kSlots, "b", false)->count(), 16374u);
  EXPECT_EQ(slots_of(kSlots, "r", true)->count(), 6u);
  EXPECT_EQ(slots_of(kSlots, "r", false)->count(), 0u) << "a replica owns nothing";
  EXPECT_EQ(slots_of(kSlots, "a", true)->count(), 0u) << "a primary replicates nothing";
  EXPECT_EQ(slots_of(kSlots, "", false)->count(), 0u);
  EXPECT_EQ(slots_of("*0\r\n", "a", false)->count(), 0u);
}

TEST(SlotsOf, NothingThatIsMalformed) {
  for (std::size_t size = 0; size < kSlots.size(); ++size)
    EXPECT_FALSE(slots_of(kSlots.substr(0, size), "a", false)) << size;
  EXPECT_FALSE(slots_of("-ERR no\r\n", "a", false));
  EXPECT_FALSE(slots_of("*1\r\n*3\r\n:0\r\n:16384\r\n*3\r\n_\r\n:1\r\n$1\r\na\r\n", "a", false));
  EXPECT_FALSE(slots_of("*1\r\n*3\r\n:5\r\n:4\r\n*3\r\n_\r\n:1\r\n$1\r\na\r\n", "a", false));
}

TEST(LeavingSlots, AreThoseOfTheNodeItselfThatGo) {
  const SlotSet slots = leaving_slots_of(
      text("aa 10.0.0.1:7000@17000 master - 0 0 1 connected 0-100 [9->-bb]\n"
           "bb 10.0.0.2:7000@17000 myself,master - 0 0 2 connected 101-16383 [101->-aa] [7-<-aa] "
           "[16383->-aa] [99999->-aa]\n"));
  EXPECT_EQ(slots.count(), 2u);
  EXPECT_TRUE(slots.test(101));
  EXPECT_TRUE(slots.test(16383));
  EXPECT_TRUE(leaving_slots_of("-ERR no cluster\r\n").none());
}

}  // namespace
}  // namespace pillion::data::fill
