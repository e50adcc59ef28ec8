// Subscriptions in front of a cluster: shard channels follow their slot, the others the bus, and
// who is subscribed need not know that anything moved.
#include <atomic>
#include <thread>

#include "tests/integration/topology_fixture.hpp"
#include "tests/support/cluster_client.hpp"
#include "tests/support/cluster_servers.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

constexpr std::uint32_t kSlot = 42;  // node 0's at first

class ClusterSubscriptions : public ::testing::Test {
 protected:
  explicit ClusterSubscriptions(ClusterServers::Options options = without_replicas())
      : cluster(std::move(options)) {}
  static ClusterServers::Options without_replicas() {
    ClusterServers::Options options;
    options.replicas_each = 0;
    return options;
  }
  void start(const Settings& settings = swift()) {
    pillion = std::make_unique<PillionProcess>(cluster.url(), settings);
    RespClient client = pillion->client();
    ASSERT_TRUE(eventually([&] { return client("SET", key_in_slot(kSlot, "k"), "v").is_ok(); }))
        << pillion->log();
  }

  ClusterServers cluster;
  std::unique_ptr<PillionProcess> pillion;
};

/// Publishes 0, 1, 2 ... through `port` until it is told to stop.
class Stream {
 public:
  Stream(std::uint16_t port, std::string channel)
      : channel_(std::move(channel)), thread_([this, port] { run(RespClient::tcp(port)); }) {}
  ~Stream() { stop(); }
  void stop() {
    stopped_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int next() const { return next_; }
  const std::string& trouble() const { return trouble_; }  // after stop()

 private:
  void run(RespClient client) {
    while (!stopped_) {
      const Value reply = client("SPUBLISH", channel_, std::to_string(next_));
      ++next_;
      if (reply.is_error()) trouble_ = reply.text;
      std::this_thread::sleep_for(2ms);
    }
  }

  const std::string channel_;
  std::atomic<bool> stopped_{false};
  std::atomic<int> next_{0};
  std::string trouble_;
  std::thread thread_;
};

TEST_F(ClusterSubscriptions, ShardChannelsFollowTheirSlotWhileMessagesFlow) {
  start();
  const std::string channel = key_in_slot(kSlot, "channel");
  const std::string quiet = key_in_slot(kSlot, "quiet");
  const std::string elsewhere = key_in_slot(16'000, "elsewhere");
  RespClient subscriber = pillion->client3();
  subscriber("SSUBSCRIBE", channel);
  subscriber("SSUBSCRIBE", quiet);
  subscriber("SSUBSCRIBE", elsewhere);
  Stream stream(pillion->port(), channel);
  std::vector<std::pair<int, int>> settled;  // numbers that must all arrive
  for (const std::size_t target : {1U, 2U, 0U}) {
    const int from = stream.next();
    std::this_thread::sleep_for(300ms);
    settled.emplace_back(from, stream.next() - 1);
    cluster.move_slots(kSlot, kSlot, target);
    std::this_thread::sleep_for(1s);
  }
  const int from = stream.next();
  std::this_thread::sleep_for(300ms);
  stream.stop();
  settled.emplace_back(from, stream.next() - 1);
  EXPECT_EQ(stream.trouble(), "");

  std::vector<bool> heard(static_cast<std::size_t>(stream.next()));
  int latest = -1;
  while (const auto message = subscriber.try_read(200ms)) {
    ASSERT_EQ(message->items.at(0), "smessage") << "what moved is not the client's affair";
    ASSERT_EQ(message->items.at(1), channel);
    const int number = std::stoi(message->items.at(2).text);
    ASSERT_GT(number, latest) << "in their order, and once";
    latest = number;
    heard[static_cast<std::size_t>(number)] = true;
  }
  for (const auto& [first, last] : settled) {
    for (int i = first; i <= last; ++i) ASSERT_TRUE(heard[static_cast<std::size_t>(i)]) << i;
  }
  RespClient publisher = pillion->client();
  EXPECT_EQ(publisher("SPUBLISH", quiet, "still here"), 1);
  EXPECT_EQ(subscriber.read().items.at(2), "still here");
  EXPECT_EQ(publisher("SPUBLISH", elsewhere, "never moved"), 1);
  EXPECT_EQ(subscriber.read().items.at(2), "never moved");
  EXPECT_EQ(subscriber("SUNSUBSCRIBE", quiet).items.at(2), 2);
}

TEST_F(ClusterSubscriptions, SubscribingWhereTheSlotWasIsDoneWhereItIs) {
  start(swift({"upstream.topology_refresh=60s"}));
  const std::string channel = key_in_slot(kSlot, "channel");
  RespClient subscriber = pillion->client();
  cluster.move_slots(kSlot, kSlot, 1);
  const Moment asked = Clock::now();
  EXPECT_EQ(subscriber("SSUBSCRIBE", channel).texts(),
            (std::vector<std::string>{"ssubscribe", channel, "1"}));
  EXPECT_LT(Clock::now() - asked, within(1s));
  cluster.node(1)("SPUBLISH", channel, "x");
  EXPECT_EQ(subscriber.read().texts(), (std::vector<std::string>{"smessage", channel, "x"}));
}

TEST_F(ClusterSubscriptions, AreCountedWhicheverNodeIsAsked) {
  start();
  const std::string channel = key_in_slot(16'000, "channel");
  std::vector<RespClient> subscribers;
  for (int i = 0; i < 3; ++i) {
    subscribers.push_back(pillion->client3());
    subscribers.back()("SUBSCRIBE", "news");
    subscribers.back()("SSUBSCRIBE", channel);
  }
  RespClient publisher = pillion->client();
  EXPECT_EQ(publisher("PUBLISH", "news", "x"), 3);
  EXPECT_EQ(publisher("SPUBLISH", channel, "x"), 3);
  EXPECT_EQ(publisher("PUBSUB", "NUMSUB", "news", "nobody").texts(),
            (std::vector<std::string>{"news", "3", "nobody", "0"}));
  EXPECT_EQ(publisher("PUBSUB", "SHARDNUMSUB", channel).texts(),
            (std::vector<std::string>{channel, "3"}));
  RespClient straight = cluster.node(1).client();
  straight("SUBSCRIBE", "news");
  EXPECT_EQ(publisher("PUBSUB", "NUMSUB", "news").texts(), (std::vector<std::string>{"news", "4"}));
}

TEST_F(ClusterSubscriptions, AllShardChannelsAreLeftAtOnceWhereverTheyAre) {
  start();
  RespClient subscriber = pillion->client3();
  std::vector<std::string> channels;
  for (const std::uint32_t slot : {1U, 7'000U, 16'000U}) {
    channels.push_back(key_in_slot(slot, "channel"));
    subscriber("SSUBSCRIBE", channels.back());
  }
  subscriber.send("SUNSUBSCRIBE");
  for (int left = 2; left >= 0; --left) {
    const Value got = subscriber.read();
    EXPECT_EQ(got.items.at(0), "sunsubscribe");
    EXPECT_EQ(got.items.at(2), left);
  }
  RespClient publisher = pillion->client();
  for (const std::string& channel : channels) {
    EXPECT_EQ(publisher("SPUBLISH", channel, "x"), 0);
  }
  EXPECT_TRUE(publisher("PUBSUB", "SHARDCHANNELS").items.empty());
  EXPECT_FALSE(subscriber.try_read(30ms).has_value());
}

class ClusterSubscriptionsFailover : public ClusterSubscriptions {
 protected:
  ClusterSubscriptionsFailover() : ClusterSubscriptions(ClusterServers::Options{}) {}
};

TEST_F(ClusterSubscriptionsFailover, SurviveTheDeathOfTheirNodes) {
  start();
  const std::string channel = key_in_slot(kSlot, "channel");
  RespClient sharded = pillion->client();
  sharded("SSUBSCRIBE", channel);
  std::vector<RespClient> everywhere;
  for (int i = 0; i < 2; ++i) everywhere.push_back(pillion->client());
  for (RespClient& each : everywhere) each("SUBSCRIBE", "news");
  ASSERT_TRUE(cluster.wait_until_settled());
  cluster.node(0).kill9();
  ASSERT_TRUE(eventually(
      [&] {
        const auto owner = cluster.owner_of(kSlot);
        return owner && *owner != 0 && cluster.ok();
      },
      30s, 5ms));
  const Moment agreed = Clock::now();
  const std::size_t owner = cluster.owner_of(kSlot).value();
  bool heard = false;
  for (int i = 0; !heard && Clock::now() - agreed < 5s; ++i) {
    cluster.node(owner)("SPUBLISH", channel, std::to_string(i));
    cluster.node(owner)("PUBLISH", "news", std::to_string(i));
    heard = sharded.try_read(5ms).has_value();
  }
  EXPECT_TRUE(heard);
  EXPECT_LE(Clock::now() - agreed, within(1s));
  for (RespClient& each : everywhere) EXPECT_TRUE(each.try_read(kPatience).has_value());
  RespClient publisher = pillion->client();
  EXPECT_EQ(publisher("SPUBLISH", channel, "through"), 1);
}

}  // namespace
}  // namespace pillion::test
