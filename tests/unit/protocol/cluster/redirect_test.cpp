#include "protocol/cluster/redirect.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::cluster {
namespace {

TEST(Redirect, ReadsWhereACommandGoes) {
  struct Case {
    std::string_view frame;
    RedirectKind kind;
    std::uint16_t slot;
    std::string_view host;
    std::uint16_t port;
  };
  constexpr Case kCases[] = {
      {"-MOVED 3999 127.0.0.1:6381\r\n", RedirectKind::kMoved, 3999, "127.0.0.1", 6381},
      {"-ASK 16383 10.0.0.7:65535\r\n", RedirectKind::kAsk, 16383, "10.0.0.7", 65535},
      {"-MOVED 0 ::1:7000\r\n", RedirectKind::kMoved, 0, "::1", 7000},
      {"-MOVED 0 [fe80::1%eth0]:7000\r\n", RedirectKind::kMoved, 0, "fe80::1%eth0", 7000},
      {"-MOVED 5 :7001\r\n", RedirectKind::kMoved, 5, "", 7001},
      {"-ASK 5 ?:7001\r\n", RedirectKind::kAsk, 5, "?", 7001},
      {"-ASK 5 redis-0.redis.svc:7001\r\n", RedirectKind::kAsk, 5, "redis-0.redis.svc", 7001},
  };
  for (const Case& c : kCases) {
    const auto redirect = parse_redirect(c.frame);
    ASSERT_TRUE(redirect) << c.frame;
    EXPECT_EQ(redirect->kind, c.kind) << c.frame;
    EXPECT_EQ(redirect->slot, c.slot) << c.frame;
    EXPECT_EQ(redirect->host, c.host) << c.frame;
    EXPECT_EQ(redirect->port, c.port) << c.frame;
  }
}

TEST(Redirect, ReadsWhatAsksForPatience) {
  struct Case {
    std::string_view frame;
    RedirectKind kind;
  };
  constexpr Case kCases[] = {
      {"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", RedirectKind::kTryAgain},
      {"-CLUSTERDOWN Hash slot not served\r\n", RedirectKind::kClusterDown},
      {"-CLUSTERDOWN\r\n", RedirectKind::kClusterDown},
      {"-LOADING Redis is loading the dataset in memory\r\n", RedirectKind::kLoading},
      {"-MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.\r\n",
       RedirectKind::kMasterDown},
      {"-READONLY You can't write against a read only replica.\r\n", RedirectKind::kReadonly},
  };
  for (const Case& c : kCases) {
    const auto redirect = parse_redirect(c.frame);
    ASSERT_TRUE(redirect) << c.frame;
    EXPECT_EQ(redirect->kind, c.kind) << c.frame;
  }
}

TEST(Redirect, OtherRepliesAreNone) {
  for (const std::string_view frame : {"+OK\r\n",
                                       "$5\r\n-ASK \r\n",
                                       "-ERR MOVED 1 a:1\r\n",
                                       "-moved 1 a:1\r\n",
                                       "-MOVED\r\n",
                                       "-MOVED \r\n",
                                       "-MOVED 1\r\n",
                                       "-MOVED 1 \r\n",
                                       "-MOVED 1 a\r\n",
                                       "-MOVED 1 a:\r\n",
                                       "-MOVED 1 a:b\r\n",
                                       "-MOVED 1 a:0\r\n",
                                       "-MOVED 1 a:65536\r\n",
                                       "-MOVED 16384 a:1\r\n",
                                       "-MOVED -1 a:1\r\n",
                                       "-MOVED +1 a:1\r\n",
                                       "-MOVED 1 a:1 b\r\n",
                                       "-MOVED  1 a:1\r\n",
                                       "-MOVED 99999999999 a:1\r\n",
                                       "-MOVED 1 a:1",
                                       "-MOVED 1 a:1\r",
                                       "-MOVEDX 1 a:1\r\n",
                                       "-LOADINGS x\r\n",
                                       "-MISCONF x\r\n",
                                       "-NOAUTH x\r\n",
                                       "-",
                                       "-A",
                                       ""}) {
    EXPECT_FALSE(parse_redirect(frame)) << frame;
  }
}

TEST(Redirect, FirstBytesRuleOutNearlyEverything) {
  for (const std::string_view frame :
       {"+OK\r\n", ":1\r\n", "$-1\r\n", "-ERR x\r\n", "-WRONGTYPE x\r\n", "-NOSCRIPT x\r\n",
        "-NOAUTH x\r\n", "-MISCONF x\r\n", "-EXECABORT x\r\n", "-CROSSSLOT x\r\n", "-BUSY x\r\n"}) {
    EXPECT_FALSE(may_redirect(frame)) << frame;
  }
  for (const std::string_view word :
       {"-MOVED", "-ASK", "-TRYAGAIN", "-CLUSTERDOWN", "-LOADING", "-MASTERDOWN", "-READONLY"}) {
    for (std::size_t length = 3; length <= word.size(); ++length) {
      EXPECT_TRUE(may_redirect(word.substr(0, length))) << word;
    }
  }
}

TEST(Redirect, ReadsNothingBehindTheFrame) {
  const std::string whole = "-ASK 16383 10.0.0.7:65535\r\n";
  for (std::size_t length = 0; length <= whole.size(); ++length) {
    const resp::ExactBytes exact(std::string_view(whole).substr(0, length));
    EXPECT_EQ(parse_redirect(exact.view()).has_value(), length == whole.size()) << length;
  }
}

}  // namespace
}  // namespace pillion::cluster
