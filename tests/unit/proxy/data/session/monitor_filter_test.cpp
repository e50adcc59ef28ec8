#include "proxy/data/session/monitor_filter.hpp"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/byte_splitter.hpp"
#include "tests/unit/protocol/command/parsed.hpp"

namespace pillion::data::session {
namespace {

using command::Parsed;
using command::words;
using Role = state::OwnConnections::Role;

/// A line as Redis writes it: who, then the quoted arguments.
std::string line(const std::string& who, const std::string& arguments) {
  return "+1700000000.000001 [0 " + who + "] " + arguments + "\r\n";
}

class MonitorFilterTest : public ::testing::Test {
 protected:
  std::string filtered(const std::string& bytes) {
    MonitorFilter filter(own_);
    std::string out;
    filter.feed(bytes, out);
    return out;
  }
  bool shown(const std::string& who, const std::string& arguments) {
    const std::string one = line(who, arguments);
    const std::string out = filtered(one);
    EXPECT_TRUE(out.empty() || out == one) << out;
    return !out.empty();
  }

  state::OwnConnections own_;
  state::OwnConnections::Entry lane_{own_, "127.0.0.1:5000", Role::kLane};
  state::OwnConnections::Entry lane6_{own_, "[::1]:5000", Role::kLane};
  state::OwnConnections::Entry link_{own_, "127.0.0.1:6000", Role::kInternal};
};

TEST_F(MonitorFilterTest, OthersAreShownWhateverTheySay) {
  EXPECT_TRUE(shown("10.0.0.1:5000", R"("GET" "k")"));
  EXPECT_TRUE(shown("10.0.0.1:5000", R"("CLIENT" "LIST")"));
  EXPECT_TRUE(shown("lua", R"("get" "k")"));
  EXPECT_TRUE(shown("unix:/run/redis.sock", R"("SELECT" "3")"));
  EXPECT_EQ(filtered("+OK\r\n"), "+OK\r\n") << "the answer to MONITOR itself";
}

TEST_F(MonitorFilterTest, AClientsCommandIsShownWhereALaneSaysIt) {
  EXPECT_TRUE(shown("127.0.0.1:5000", R"("SET" "k" "v")"));
  EXPECT_TRUE(shown("127.0.0.1:5000", R"("ping")"));
  EXPECT_TRUE(shown("127.0.0.1:5000", R"("PING" "me")"));
  EXPECT_TRUE(shown("127.0.0.1:5000", R"("SET" "CLIENT" "SELECT")"));
}

TEST_F(MonitorFilterTest, WhatALaneSaysForUsIsLeftOut) {
  for (const char* own :
       {R"("CLIENT" "ID")", R"("client" "kill" "id" "9")", R"("SELECT" "3")", R"("HELLO" "3")",
        R"-("auth" "(redacted)")-", R"("PING" "pillion-123")"}) {
    EXPECT_FALSE(shown("127.0.0.1:5000", own)) << own;
    EXPECT_FALSE(shown("[::1]:5000", own)) << own;
  }
}

TEST_F(MonitorFilterTest, AnIPv6AddressMayHaveBracketsOfItsOwn) {
  EXPECT_TRUE(shown("[::1]:5000", R"("GET" "k")"));
  EXPECT_TRUE(shown("[::1]:5001", R"("CLIENT" "ID")")) << "somebody else's";
}

TEST_F(MonitorFilterTest, WhatLinksSayIsNobodysBusiness) {
  EXPECT_FALSE(shown("127.0.0.1:6000", R"("GET" "k")"));
  EXPECT_FALSE(shown("127.0.0.1:6000", R"("ping")"));
}

TEST_F(MonitorFilterTest, KeysThatLookLikeAddressesFoolNobody) {
  EXPECT_TRUE(shown("10.0.0.1:1", R"("SET" " [0 127.0.0.1:6000] " "x")"));
  EXPECT_TRUE(shown("10.0.0.1:1", R"("PING" "[0 127.0.0.1:6000] pillion-1")"));
}

TEST_F(MonitorFilterTest, EverySplitGivesWholeLines) {
  const std::string seen = line("10.0.0.1:1", R"("GET" "a")");
  const std::string also = line("127.0.0.1:5000", R"("GET" "b")");
  const std::string bytes = "+OK\r\n" + line("127.0.0.1:6000", R"("ping")") + seen +
                            line("127.0.0.1:5000", R"("CLIENT" "ID")") + also;
  test::for_each_split(bytes, [&](const test::Cuts& cuts) {
    MonitorFilter filter(own_);
    std::string out;
    std::size_t at = 0;
    for (const std::size_t end : cuts) {
      filter.feed(std::string_view(bytes).substr(at, end - at), out);
      EXPECT_TRUE(out.empty() || out.back() == '\n') << out;
      at = end;
    }
    EXPECT_EQ(out, "+OK\r\n" + seen + also);
  });
}

TEST(MonitorLine, LooksLikeRedissOwn) {
  const Parsed get(words("get k"));
  EXPECT_EQ(monitor_line(get.command(), 3, "127.0.0.1:9", 1'700'000'000'000'042),
            "+1700000000.000042 [3 127.0.0.1:9] \"get\" \"k\"\r\n");
}

TEST(MonitorLine, QuotesWhatIsNotPlain) {
  const Parsed set({"SET", "a\"b\\c", std::string("\r\n\t\a\b\0\xff ~", 9)});
  EXPECT_EQ(monitor_line(set.command(), 0, "u:0", 0),
            "+0.000000 [0 u:0] \"SET\" \"a\\\"b\\\\c\" \"\\r\\n\\t\\a\\b\\x00\\xff ~\"\r\n");
}

TEST(MonitorLine, KeepsCredentialsToItself) {
  const auto said = [](const char* text) {
    const std::string whole = monitor_line(Parsed(words(text)).command(), 0, "u:0", 0);
    return whole.substr(whole.find("] ") + 2);
  };
  EXPECT_EQ(said("AUTH secret"), "\"AUTH\" \"(redacted)\"\r\n");
  EXPECT_EQ(said("auth bob secret"), "\"auth\" \"(redacted)\" \"(redacted)\"\r\n");
  EXPECT_EQ(said("HELLO 3 auth bob secret SETNAME me"),
            "\"HELLO\" \"3\" \"auth\" \"(redacted)\" \"(redacted)\" \"SETNAME\" \"me\"\r\n");
  EXPECT_EQ(said("GET auth x y"), "\"GET\" \"auth\" \"x\" \"y\"\r\n");
}

}  // namespace
}  // namespace pillion::data::session
