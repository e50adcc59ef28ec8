// What an epoll set of real sockets tells, one turn at a time.
#include "proxy/net/readiness.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace pillion::net {
namespace {

class ReadinessTest : public ::testing::Test {
 protected:
  ReadinessTest() {
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_), 0);
    set_.start();
  }
  ~ReadinessTest() override {
    set_.stop();
    ::close(ends_[0]);
    if (ends_[1] >= 0) ::close(ends_[1]);
  }

  void watch(const Readiness::Interest& in) { ASSERT_TRUE(set_.add(ends_[0], 9, in)); }
  void peer_says(std::string_view text) {
    ASSERT_EQ(::send(ends_[1], text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// The peer will say no more, but still listens.
  void peer_ends() { ASSERT_EQ(::shutdown(ends_[1], SHUT_WR), 0); }

  /// The next turn: "r", "w", "b" for what the socket is; "" when there is none.
  std::string turn() {
    seen_.clear();
    io_.restart();
    io_.run_one_for(std::chrono::milliseconds(20));
    std::string all;
    for (const Readiness::Event& event : seen_) {
      EXPECT_EQ(event.token, 9u);
      if (event.readable) all += 'r';
      if (event.writable) all += 'w';
      if (event.broken) all += 'b';
    }
    return all;
  }

  boost::asio::io_context io_;
  std::vector<Readiness::Event> seen_;
  std::vector<std::size_t> looks_;  // how many events each has found
  std::size_t most_looks_ = 0;
  std::function<void()> on_look_;
  Readiness set_{io_, [this](std::span<const Readiness::Event> events) {
                   seen_.assign(events.begin(), events.end());
                   looks_.push_back(events.size());
                   if (on_look_) on_look_();
                   return looks_.size() < most_looks_;
                 }};
  int ends_[2] = {-1, -1};
};

TEST_F(ReadinessTest, TellsWhatIsAskedFor) {
  watch({.read = true});
  EXPECT_EQ(turn(), "");
  peer_says("x");
  EXPECT_EQ(turn(), "r");
  EXPECT_EQ(turn(), "r") << "until it is read";
  set_.change(ends_[0], 9, {.read = true, .write = true});
  EXPECT_EQ(turn(), "rw");
  set_.change(ends_[0], 9, {});
  EXPECT_EQ(turn(), "");
}

TEST_F(ReadinessTest, TheEndOfThePeerIsSomethingToRead) {
  watch({.read = true});
  peer_ends();
  EXPECT_EQ(turn(), "r");
}

TEST_F(ReadinessTest, TheEndIsToldWithoutReadingWhereItIsWaitedFor) {
  watch({.end = true});
  EXPECT_EQ(turn(), "");
  peer_says("more to read, which nobody wants now");
  EXPECT_EQ(turn(), "");
  peer_ends();
  EXPECT_EQ(turn(), "b");
}

TEST_F(ReadinessTest, TheEndIsNotToldWhereItIsNotWaitedFor) {
  watch({});
  peer_ends();
  EXPECT_EQ(turn(), "") << "what came before it is still to be handled";
  set_.change(ends_[0], 9, {.end = true});
  EXPECT_EQ(turn(), "b") << "it is not missed for having come early";
}

TEST_F(ReadinessTest, ASocketClosedBothWaysIsBrokenWhateverIsWaitedFor) {
  watch({});
  ::close(ends_[1]);
  ends_[1] = -1;
  EXPECT_EQ(turn(), "b");
}

TEST_F(ReadinessTest, LooksAgainAsLongAsItIsTold) {
  watch({.read = true});
  peer_says("x");
  most_looks_ = 3;
  on_look_ = [this] {
    char c = 0;
    if (looks_.size() != 2) return;
    ASSERT_EQ(::recv(ends_[0], &c, 1, 0), 1);
  };
  EXPECT_EQ(turn(), "");
  EXPECT_EQ(looks_, (std::vector<std::size_t>{1, 1, 0})) << "all in one turn";
  EXPECT_EQ(turn(), "") << "a turn begins with an event";
  EXPECT_EQ(looks_.size(), 3u);
}

TEST_F(ReadinessTest, ADescriptorThatIsNoneIsRefused) {
  EXPECT_FALSE(set_.add(-1, 9, {.read = true}));
}

}  // namespace
}  // namespace pillion::net
