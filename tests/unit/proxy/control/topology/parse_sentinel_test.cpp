#include "proxy/control/topology/parse_sentinel.hpp"

#include <gtest/gtest.h>

#include "tests/unit/proxy/control/topology/reply_text.hpp"

namespace pillion::control {
namespace {

std::optional<config::HostPort> primary(const std::string& bytes) {
  const HiredisReply reply = read_reply(bytes);
  return parse_primary(reply.view());
}

/// As Redis 7.0 lists a replica; some of its fields.
std::string peer(const std::string& ip, const std::string& port, const std::string& id) {
  return array({bulk("name"), bulk(ip + ":" + port), bulk("ip"), bulk(ip), bulk("port"), bulk(port),
                bulk("runid"), bulk(id), bulk("flags"), bulk("slave"), bulk("link-refcount"),
                bulk("1")});
}

std::optional<config::HostPort> nominee(const std::string& channel, const std::string& text) {
  const HiredisReply reply = read_reply(array({bulk("message"), bulk(channel), bulk(text)}));
  return parse_nominee(reply.view());
}

bool event(const std::string& channel, const std::string& text,
           const std::string& kind = "message") {
  const HiredisReply reply = read_reply(array({bulk(kind), bulk(channel), bulk(text)}));
  return is_event_of(reply.view(), "mymaster");
}

TEST(ParseSentinel, Primary) {
  EXPECT_EQ(primary(array({bulk("127.0.0.1"), bulk("17001")})),
            (config::HostPort{"127.0.0.1", 17001}));
  EXPECT_EQ(primary(array({bulk("redis-0.data"), bulk("6379")})),
            (config::HostPort{"redis-0.data", 6379}));
  EXPECT_EQ(primary("*-1\r\n"), std::nullopt);
  EXPECT_EQ(primary("-NOAUTH\r\n"), std::nullopt);
  EXPECT_EQ(primary(array({bulk("h"), bulk("0")})), std::nullopt);
  EXPECT_EQ(primary(array({bulk(""), bulk("1")})), std::nullopt);
  EXPECT_EQ(primary(array({bulk("h")})), std::nullopt);
}

TEST(ParseSentinel, Peers) {
  const HiredisReply reply = read_reply(
      array({peer("127.0.0.1", "17002", "aa"), peer("::1", "17003", ""), peer("", "1", "b"),
             peer("h", "no", "c"), bulk("odd"), array({bulk("ip")})}));
  EXPECT_EQ(parse_peers(reply.view()),
            (std::vector<SentinelPeer>{{{"127.0.0.1", 17002}, "aa"}, {{"::1", 17003}, ""}}));
  const HiredisReply refused = read_reply("-ERR No such master with that name\r\n");
  EXPECT_TRUE(parse_peers(refused.view()).empty());
}

TEST(ParseSentinel, EventsOfThePrimary) {
  EXPECT_TRUE(event("+switch-master", "mymaster 127.0.0.1 6379 127.0.0.1 6380"));
  EXPECT_TRUE(event("+sdown", "master mymaster 127.0.0.1 6379"));
  EXPECT_TRUE(event("+slave", "slave 127.0.0.1:7 127.0.0.1 7 @ mymaster 127.0.0.1 6379"));
  EXPECT_FALSE(event("+switch-master", "mymaster2 127.0.0.1 6379 127.0.0.1 6380"));
  EXPECT_FALSE(event("+sdown", "master other 127.0.0.1 6379"));
  EXPECT_FALSE(event("+switch-master", "mymaster", "subscribe"));
}

TEST(ParseSentinel, EventsThatNameANewPrimary) {
  const config::HostPort named{"127.0.0.1", 6380};
  const std::string slave = "slave 127.0.0.1:6380 127.0.0.1 6380 @ mymaster 127.0.0.1 6379";
  EXPECT_EQ(nominee("+selected-slave", slave), named);
  EXPECT_EQ(nominee("+promoted-slave", slave), named);
  EXPECT_EQ(nominee("+switch-master", "mymaster 127.0.0.1 6379 127.0.0.1 6380"), named);
  EXPECT_EQ(nominee("+slave", slave), std::nullopt) << "only one of them";
  EXPECT_EQ(nominee("+sdown", "master mymaster 127.0.0.1 6379"), std::nullopt);
  EXPECT_EQ(nominee("+switch-master", "mymaster 127.0.0.1 6379 127.0.0.1"), std::nullopt);
  EXPECT_EQ(nominee("+selected-slave", "slave x 127.0.0.1 63800000 @ mymaster h 1"), std::nullopt);
  EXPECT_EQ(nominee("+selected-slave", "slave x 127.0.0.1 0 @ mymaster h 1"), std::nullopt);
  EXPECT_EQ(nominee("+selected-slave", ""), std::nullopt);
}

}  // namespace
}  // namespace pillion::control
