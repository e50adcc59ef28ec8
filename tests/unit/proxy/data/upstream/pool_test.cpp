// The pool over real sockets of this process: which connection a command is put on.
#include "proxy/data/upstream/pool.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/unit/proxy/data/text.hpp"
#include "tests/unit/proxy/data/upstream/recording_sink.hpp"

namespace pillion::data::upstream {
namespace {

class PoolTest : public ::testing::Test {
 protected:
  PoolTest() {
    char name[] = "/tmp/pillion-pool-XXXXXX";
    directory_ = ::mkdtemp(name);
    path_ = directory_ + "/s";
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
    EXPECT_EQ(::bind(listener_, static_cast<const sockaddr*>(static_cast<const void*>(&address)),
                     sizeof address),
              0);
    EXPECT_EQ(::listen(listener_, 16), 0);
    state::TopologySnapshot snapshot;
    snapshot.primary.unix_path = path_;
    topology_.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  }
  ~PoolTest() override {
    pool_.close_all();
    io_.restart();
    io_.poll();
    for (const int fd : accepted_) ::close(fd);
    if (listener_ >= 0) ::close(listener_);
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }

  /// Until nothing is left to do at once; what the kernel hands over by then has been handled.
  /// The upstream tells a connection its id, and leaves all else to the test.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(1));
      for (int fd = 0; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) accepted_.push_back(fd);
      for (const int fd : accepted_) {
        char bytes[256];
        const ssize_t n = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (n <= 0) continue;
        const std::string said = spoken({bytes, static_cast<std::size_t>(n)});
        heard_[fd] += said;
        if (said.starts_with("CLIENT ID")) answer(fd, ":" + std::to_string(1000 + fd) + "\r\n");
      }
    }
  }
  static void answer(int fd, const std::string& bytes) {
    EXPECT_EQ(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
  }
  /// Which of the upstream's sockets heard a PING, and its text.
  std::pair<int, std::string> pinged() const {
    constexpr std::string_view kPing = "PING ";
    for (const auto& [fd, said] : heard_) {
      const std::size_t at = said.find(kPing);
      if (at != std::string::npos) return {fd, said.substr(at + kPing.size())};
    }
    return {-1, ""};
  }
  static Connection& as_connection(const std::shared_ptr<Lane>& lane) {
    return static_cast<Connection&>(*lane);
  }

  std::string directory_;
  std::string path_;
  int listener_ = -1;
  std::vector<int> accepted_;
  std::map<int, std::string> heard_;
  boost::asio::io_context io_;
  RecordingSink sink_;
  net::TurnEnd turn_end_{io_};
  net::BusyPoll busy_poll_{false};
  state::Counters counters_;
  state::Published<state::TopologySnapshot> topology_;
  UpstreamContext context_{io_,       sink_,     turn_end_,      busy_poll_,
                           counters_, topology_, state::kSecond, {}};
  Pool pool_{context_, {2, 2, 0}};
};

TEST_F(PoolTest, ADeadConnectionIsNotTheLeastBusyOne) {
  const state::Nanos now = state::now();
  const auto first = pool_.pick({}, now);
  const auto second = pool_.pick({}, now);
  ASSERT_NE(first, second);
  settle();
  ASSERT_EQ(accepted_.size(), 2u);
  ASSERT_EQ(as_connection(first).status(), ConnectionFsm::Status::kLive);
  second->submit("*1\r\n$4\r\nPING\r\n", {1, 1, 1}, CommandClass::kRead, TimeLimit::kCommand, now);
  ::close(accepted_.front());
  accepted_.erase(accepted_.begin());
  settle();
  const auto& dead = as_connection(first).status() == ConnectionFsm::Status::kLive ? second : first;
  const auto& alive = dead == first ? second : first;
  ASSERT_EQ(as_connection(dead).status(), ConnectionFsm::Status::kBackoff);
  alive->submit("*1\r\n$4\r\nPING\r\n", {1, 1, 2}, CommandClass::kRead, TimeLimit::kCommand, now);
  EXPECT_EQ(pool_.pick({}, now), alive) << "commands on the dead one would fail for nothing";
}

TEST_F(PoolTest, LeasesAreLimitedAndReusedOnlyAfterTheirCheck) {
  const state::Nanos now = state::now();
  const auto lease = pool_.lease({}, now);
  const auto other = pool_.lease({}, now);
  ASSERT_NE(lease, nullptr);
  ASSERT_NE(other, nullptr);
  EXPECT_EQ(pool_.lease({}, now), nullptr) << "the limit";
  settle();
  pool_.give_back(lease, LaneCondition::kSuspect, now);
  EXPECT_EQ(pool_.lease({}, now), nullptr) << "its check is not answered";
  settle();
  const auto [fd, nonce] = pinged();
  ASSERT_NE(fd, -1);
  EXPECT_TRUE(nonce.starts_with(kOwnPing)) << nonce;
  answer(fd, bulk(nonce));
  settle();
  EXPECT_EQ(pool_.lease({}, now), lease);
  pool_.give_back(lease, LaneCondition::kSpent, now);
  EXPECT_FALSE(lease->accepts_commands()) << "what is not clean is closed";
}

TEST_F(PoolTest, ALeaseKnowsItsIdAtTheUpstream) {
  const auto lease = pool_.lease({}, state::now());
  EXPECT_EQ(lease->client_id(), 0u) << "nobody has said it yet";
  settle();
  ASSERT_EQ(accepted_.size(), 1u);
  EXPECT_EQ(lease->client_id(), static_cast<std::uint64_t>(1000 + accepted_.front()));
  (void)pool_.pick({}, state::now());
  settle();
  ASSERT_EQ(accepted_.size(), 2u);
  EXPECT_EQ(heard_[accepted_.back()], "") << "a shared one is not asked";
}

TEST_F(PoolTest, ACleanLeaseIsReadyAtOnce) {
  const state::Nanos now = state::now();
  const auto lease = pool_.lease({}, now);
  settle();
  pool_.give_back(lease, LaneCondition::kClean, now);
  EXPECT_EQ(pool_.lease({}, now), lease);
  settle();
  EXPECT_EQ(pinged().first, -1) << "nobody can have forged anything on it";
}

TEST_F(PoolTest, WhatIsUnansweredIsNeverTheNextClients) {
  const state::Nanos now = state::now();
  const auto lease = pool_.lease({}, now);
  settle();
  lease->submit("*1\r\n$4\r\nPING\r\n", {1, 1, 1}, CommandClass::kRead, TimeLimit::kCommand, now);
  pool_.give_back(lease, LaneCondition::kClean, now);
  EXPECT_FALSE(lease->accepts_commands());
  EXPECT_NE(pool_.lease({}, now), lease);
}

class WarmPool : public PoolTest {
 protected:
  std::uint64_t dedicated() const { return counters_.upstream_dedicated.get(); }

  // Longer after the start of the machine than a connection is kept warm.
  const state::Nanos now_ = state::now() + state::kSecond * 60;
};

TEST_F(WarmPool, OneIsKeptReadyBeforeAnybodyWantsIt) {
  Pool pool(context_, {1, 10, 2});
  (void)pool.pick({}, now_);
  EXPECT_EQ(dedicated(), 0u);
  settle();
  pool.on_tick(now_);
  EXPECT_EQ(dedicated(), 1u);
  settle();
  pool.on_tick(now_);
  EXPECT_EQ(dedicated(), 1u);
  const auto lease = pool.lease({}, now_);
  EXPECT_EQ(as_connection(lease).status(), ConnectionFsm::Status::kLive) << "no waiting for it";
  EXPECT_EQ(dedicated(), 3u) << "two more where they are wanted";
  settle();
  const auto second = pool.lease({}, now_);
  EXPECT_EQ(as_connection(second).status(), ConnectionFsm::Status::kLive);
  EXPECT_EQ(dedicated(), 4u);
  pool.close_all();
}

TEST_F(WarmPool, NoneIsOpenedForAnUpstreamThatIsDown) {
  Pool pool(context_, {1, 10, 2});
  ::close(listener_);
  ::unlink(path_.c_str());
  const auto lane = pool.pick({}, now_);
  settle();
  ASSERT_EQ(as_connection(lane).status(), ConnectionFsm::Status::kBackoff);
  pool.on_tick(now_);
  EXPECT_EQ(dedicated(), 0u);
  pool.close_all();
  listener_ = -1;
}

TEST_F(WarmPool, TheLastOnesUnderTheLimitAreForClients) {
  Pool pool(context_, {1, 3, 2});
  (void)pool.pick({}, now_);
  settle();
  pool.on_tick(now_);
  EXPECT_EQ(dedicated(), 1u) << "the limit leaves room for two more";
  settle();
  std::vector<std::shared_ptr<Lane>> leases;
  for (int i = 0; i < 3; ++i) {
    leases.push_back(pool.lease({}, now_));
    ASSERT_NE(leases.back(), nullptr) << i;
    settle();
  }
  EXPECT_EQ(dedicated(), 3u);
  EXPECT_EQ(pool.lease({}, now_), nullptr);
  pool.close_all();
}

TEST_F(WarmPool, NobodyHereNobodyWarm) {
  Pool pool(context_, {1, 10, 2});
  (void)pool.pick({}, now_);
  settle();
  pool.on_tick(now_ + state::kSecond * 11);
  EXPECT_EQ(dedicated(), 0u);
  pool.close_all();
}

TEST_F(PoolTest, ANameThatDoesNotResolveFailsAtOnceWithItsReason) {
  state::TopologySnapshot snapshot;
  snapshot.resolve_error = "Name or service not known";
  topology_.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  const auto lane = pool_.lease({}, state::now());
  ASSERT_NE(lane, nullptr);
  EXPECT_FALSE(lane->accepts_commands());
  EXPECT_EQ(lane->last_failure().detail, "Name or service not known");
}

}  // namespace
}  // namespace pillion::data::upstream
