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
#include <memory>
#include <string>
#include <vector>

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
    ::close(listener_);
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }

  /// Until nothing is left to do at once; what the kernel hands over by then has been handled.
  void settle() {
    for (int i = 0; i < 20; ++i) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(1));
      for (int fd = 0; (fd = ::accept(listener_, nullptr, nullptr)) >= 0;) accepted_.push_back(fd);
    }
  }
  static Connection& as_connection(const std::shared_ptr<Lane>& lane) {
    return static_cast<Connection&>(*lane);
  }

  std::string directory_;
  std::string path_;
  int listener_ = -1;
  std::vector<int> accepted_;
  boost::asio::io_context io_;
  RecordingSink sink_;
  net::TurnEnd turn_end_{io_};
  state::Counters counters_;
  state::Published<state::TopologySnapshot> topology_;
  UpstreamContext context_{io_, sink_, turn_end_, counters_, topology_, state::kSecond, {}};
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
  std::string seen;
  for (const int fd : accepted_) {
    char bytes[256];
    const ssize_t n = ::recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (n <= 0) continue;
    seen.assign(bytes, static_cast<std::size_t>(n));
    const std::string echo = seen.substr(seen.rfind("$"));  // "PING" and a nonce: the nonce
    ASSERT_EQ(::send(fd, echo.data(), echo.size(), 0), static_cast<ssize_t>(echo.size()));
  }
  EXPECT_NE(seen.find("PING"), std::string::npos);
  settle();
  EXPECT_EQ(pool_.lease({}, now), lease);
  pool_.give_back(lease, LaneCondition::kSpent, now);
  EXPECT_FALSE(lease->accepts_commands()) << "what is not clean is closed";
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
