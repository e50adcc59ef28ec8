#include "proxy/control/topology/role_reply.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/control/topology/reply_text.hpp"

namespace pillion::control {
namespace {

RoleReply parse(const std::string& bytes) {
  const HiredisReply reply = read_reply(bytes);
  return parse_role(reply.view());
}

std::string replica(const std::string& host, const std::string& port) {
  return array({bulk(host), bulk(port), bulk("582")});
}

TEST(RoleReply, OfAPrimary) {
  const RoleReply told = parse(array(
      {bulk("master"), number(582), array({replica("127.0.0.1", "17002"), replica("r", "1")})}));
  EXPECT_EQ(told.role, "master");
  EXPECT_EQ(told.offset, 582);
  EXPECT_EQ(told.replicas, (std::vector<RoleReply::Replica>{{"127.0.0.1", 17002}, {"r", 1}}));
  EXPECT_EQ(told.link, "");
}

TEST(RoleReply, OfAReplica) {
  const RoleReply told = parse(
      array({bulk("slave"), bulk("127.0.0.1"), number(17001), bulk("connected"), number(581)}));
  EXPECT_EQ(told.role, "slave");
  EXPECT_EQ(told.offset, 581);
  EXPECT_EQ(told.link, "connected");
  EXPECT_EQ(told.primary_host, "127.0.0.1");
  EXPECT_EQ(told.primary_port, 17001);
  EXPECT_TRUE(told.replicas.empty());
}

TEST(RoleReply, WhatIsNoneHasNoRole) {
  EXPECT_EQ(parse("-NOPERM no\r\n").role, "");
  EXPECT_EQ(parse("+OK\r\n").role, "");
  EXPECT_EQ(parse("*0\r\n").role, "");
  EXPECT_EQ(parse("*-1\r\n").role, "");
  EXPECT_EQ(parse(array({bulk("sentinel"), array({bulk("mymaster")})})).role, "sentinel");
}

TEST(RoleReply, ReplicasThatCannotBeReachedAreLeftOut) {
  const RoleReply told = parse(
      array({bulk("master"), number(1),
             array({replica("", "1"), replica("h", "0"), replica("h", "70000"), replica("h", "x"),
                    replica("h", "7000x"), bulk("h"), replica("h", "7")})}));
  EXPECT_EQ(told.replicas, (std::vector<RoleReply::Replica>{{"h", 7}}));
}

}  // namespace
}  // namespace pillion::control
