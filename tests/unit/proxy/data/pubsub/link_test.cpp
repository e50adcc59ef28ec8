// A link over a real socket of this process: connects, subscribes, reads, comes back.
#include "proxy/data/pubsub/link.hpp"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "tests/unit/proxy/data/pubsub/link_fixture.hpp"

namespace pillion::data::pubsub {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SocketLinkTest : public ::testing::Test {
 protected:
  SocketLinkTest() {
    char name[] = "/tmp/pillion-link-XXXXXX";
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
    LinkOptions options;
    options.identity = std::make_shared<const upstream::Identity>();
    options.upstream = "redis:6379";
    options.max_gathered = 1000;
    link_ = make(options, state::kNoEndpoint);
  }
  ~SocketLinkTest() override {
    link_->close();
    settle();
    if (peer_ >= 0) ::close(peer_);
    ::close(listener_);
    ::unlink(path_.c_str());
    ::rmdir(directory_.c_str());
  }

  std::shared_ptr<LinkPort> make(const LinkOptions& options, state::EndpointId node) {
    return socket_links(io_, turn_end_, topology_)(
        std::make_unique<LinkFsm>(options, sink_, census_, counters_), node);
  }
  void know_the_upstream() {
    state::TopologySnapshot snapshot;
    snapshot.primary.unix_path = path_;
    topology_.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  }

  /// Until nothing is left to do at once.
  void settle() {
    for (int i = 0; i < 10; ++i) {
      io_.restart();
      io_.run_for(std::chrono::milliseconds(1));
      if (const int fd = ::accept(listener_, nullptr, nullptr); fd >= 0) {
        if (peer_ >= 0) ::close(peer_);
        peer_ = fd;
      }
    }
  }
  std::string heard() {
    char bytes[4096];
    const ssize_t n = ::recv(peer_, bytes, sizeof bytes, MSG_DONTWAIT);
    return n > 0 ? spoken({bytes, static_cast<std::size_t>(n)}) : "";
  }
  void say(std::string_view bytes) {
    ASSERT_EQ(::send(peer_, bytes.data(), bytes.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(bytes.size()));
    settle();
  }
  void subscribe(Ticket ticket, const std::string& name) {
    const std::vector<std::string> names = {name};
    link_->fsm().subscribe(0, ticket, Kind::kChannel, names, state::now());
    link_->flush_later();
    settle();
  }

  std::string directory_;
  std::string path_;
  int listener_ = -1;
  int peer_ = -1;
  boost::asio::io_context io_;
  net::TurnEnd turn_end_{io_};
  state::Published<state::TopologySnapshot> topology_;
  RecordingLinkSink sink_;
  Census census_;
  state::Counters counters_;
  std::shared_ptr<LinkPort> link_;
};

TEST_F(SocketLinkTest, CarriesASubscription) {
  know_the_upstream();
  link_->start(state::now());
  subscribe(1, "a");
  EXPECT_EQ(heard(), "HELLO 3");
  say(kHello);
  EXPECT_EQ(heard(), "SUBSCRIBE a");
  say(confirm("subscribe", "a") + message("a", "1"));
  EXPECT_THAT(sink_.told(), ElementsAre("0: settled 1", "0: run a*1"));
}

TEST_F(SocketLinkTest, ComesBack) {
  know_the_upstream();
  link_->start(state::now());
  subscribe(1, "a");
  say(kHello);
  say(confirm("subscribe", "a"));
  EXPECT_EQ(heard(), "HELLO 3|SUBSCRIBE a");
  ::close(std::exchange(peer_, -1));
  settle();
  EXPECT_EQ(link_->fsm().reason(), "connection closed by the upstream");
  link_->on_tick(state::now() + state::kSecond);
  settle();
  ASSERT_GE(peer_, 0);
  EXPECT_EQ(heard(), "HELLO 3");
  say(kHello);
  EXPECT_EQ(heard(), "SUBSCRIBE a");
  say(confirm("subscribe", "a") + message("a", "1"));
  EXPECT_THAT(sink_.told(), ElementsAre("0: settled 1", "0: run a*1"));
}

TEST_F(SocketLinkTest, AnUpstreamWithoutAnAddressIsUnavailable) {
  link_->start(state::now());
  subscribe(1, "a");
  link_->fsm().end_batch();
  EXPECT_THAT(
      sink_.told(),
      ElementsAre("0: settled 1 ERR upstream redis:6379 unavailable: name not resolved yet"));
}

TEST_F(SocketLinkTest, StopsReadingWhileItIsFull) {
  know_the_upstream();
  link_->start(state::now());
  subscribe(1, "a");
  say(kHello);
  say(confirm("subscribe", "a"));
  (void)sink_.told();
  sink_.takes_ = false;
  const std::string large = message("a", std::string(2000, 'x'));
  say(large);
  EXPECT_TRUE(link_->fsm().full());
  say(message("a", "late"));
  EXPECT_EQ(counters_.pubsub_messages_in.get(), 1u) << "the second one is still in the socket";
  sink_.takes_ = true;
  link_->fsm().end_batch();
  link_->resume();
  settle();
  EXPECT_THAT(sink_.told(), ElementsAre("0: run a*1", "0: run a*1"));
}

TEST_F(SocketLinkTest, DoesNothingAfterItsEnd) {
  know_the_upstream();
  link_->start(state::now());
  subscribe(1, "a");
  say(kHello);
  link_->close();
  settle();
  link_->on_tick(state::now() + 100 * state::kSecond);
  settle();
  EXPECT_THAT(sink_.told(), IsEmpty());
  char byte = 0;
  (void)heard();
  EXPECT_EQ(::recv(peer_, &byte, 1, MSG_DONTWAIT), 0) << "the socket is closed";
}

TEST_F(SocketLinkTest, IsConnectedToTheNodeItBelongsTo) {
  state::TopologySnapshot snapshot;
  snapshot.kind = state::TopologyKind::kCluster;
  snapshot.primary.id = 1;
  state::Node node;
  node.endpoint.id = 7;
  node.endpoint.unix_path = path_;
  snapshot.nodes.push_back(node);
  topology_.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  LinkOptions options;
  options.identity = std::make_shared<const upstream::Identity>();
  link_ = make(options, 7);
  EXPECT_EQ(link_->endpoint(), state::kNoEndpoint);
  link_->start(state::now());
  settle();
  EXPECT_EQ(link_->endpoint(), 7);
  EXPECT_EQ(heard(), "HELLO 3");
  snapshot.nodes.clear();
  topology_.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  link_->relocate(state::now());
  link_->on_tick(state::now() + state::kMillisecond);
  settle();
  EXPECT_EQ(link_->fsm().reason(), "the upstream has this node no longer");
}

TEST_F(SocketLinkTest, RelocatesToThePrimaryOfTheLatestSnapshot) {
  state::TopologySnapshot snapshot;
  snapshot.primary.unix_path = path_ + ".gone";
  snapshot.primary.id = 1;
  topology_.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  link_->start(state::now());
  settle();
  EXPECT_EQ(link_->endpoint(), 1);
  snapshot.primary.unix_path = path_;
  snapshot.primary.id = 2;
  topology_.publish(std::make_shared<const state::TopologySnapshot>(snapshot));
  link_->relocate(state::now());
  link_->on_tick(state::now());
  settle();
  EXPECT_EQ(link_->endpoint(), 2);
  EXPECT_EQ(heard(), "HELLO 3");
}

}  // namespace
}  // namespace pillion::data::pubsub
