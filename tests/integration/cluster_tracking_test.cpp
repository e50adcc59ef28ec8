// CLIENT TRACKING in front of a cluster: an application's own cache stays true whichever node has
// its keys, and is told to forget, or loses its connection, when nobody could keep it true.
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "tests/integration/topology_fixture.hpp"
#include "tests/support/cluster_client.hpp"
#include "tests/support/cluster_servers.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

using Texts = std::vector<std::string>;

/// Three primaries; slots 100, 6,000 and 16,000 are one's each.
class ClusterTracking : public ::testing::Test {
 protected:
  ClusterTracking() : cluster(options()), pillion(cluster.url(), swift()) {
    RespClient client = pillion.client();
    EXPECT_TRUE(eventually([&] {
      return client("MSET", one_, "1", two_, "2", three_, "3").is_ok();
    })) << pillion.log();
  }
  static ClusterServers::Options options() {
    ClusterServers::Options options;
    options.replicas_each = 0;
    return options;
  }

  RespClient tracker(const std::vector<std::string_view>& options = {}) {
    RespClient client = pillion.client3();
    turn_on(client, options);
    return client;
  }
  static void turn_on(RespClient& client, const std::vector<std::string_view>& options) {
    std::vector<std::string_view> command = {"CLIENT", "TRACKING", "ON"};
    command.insert(command.end(), options.begin(), options.end());
    const Value reply = client.command(command);
    EXPECT_TRUE(reply.is_ok()) << reply;
  }
  /// The keys of the next push; "*" for all of them.
  static Texts invalidated(RespClient& client) {
    const Value push = client.read();
    EXPECT_TRUE(push.is_push()) << push;
    if (push.items.size() != 2 || push.items[0].text != "invalidate") return {push.text, "?"};
    return push.items[1].is_null() ? Texts{"*"} : push.items[1].texts();
  }
  static bool silent(RespClient& client) { return !client.try_read(60ms).has_value(); }

  const std::string one_ = key_in_slot(100);
  const std::string two_ = key_in_slot(6'000);
  const std::string three_ = key_in_slot(16'000);
  ClusterServers cluster;
  PillionProcess pillion;
  ClusterClient straight = ClusterClient::of(cluster);
};

TEST_F(ClusterTracking, KeysOfEveryNodeAreTrackedHoweverTheyAreRead) {
  RespClient client = tracker();
  EXPECT_EQ(client("GET", one_), "1");
  EXPECT_EQ(client("MGET", two_, three_).texts(), (Texts{"2", "3"}));
  for (const std::string& key : {one_, two_, three_}) {
    straight("SET", key, "past Pillion");
    EXPECT_EQ(invalidated(client), Texts{key});
    straight("SET", key, "again");
    EXPECT_TRUE(silent(client)) << "told once per read";
  }
  client("MULTI");
  client("GET", two_);
  client("EXEC");
  client("EVAL_RO", "return redis.call('GET', KEYS[1])", "1", three_);
  RespClient other = pillion.client();
  other("MSET", one_, "x", two_, "y", three_, "z");
  const Texts first = invalidated(client);
  const Texts second = invalidated(client);
  EXPECT_EQ((std::set<Texts>{first, second}), (std::set<Texts>{{two_}, {three_}}));
  EXPECT_EQ(client("MGET", one_, two_, three_).texts(), (Texts{"x", "y", "z"}));
  EXPECT_TRUE(client("CLIENT", "TRACKING", "OFF").is_ok());
  straight("SET", one_, "untracked");
  EXPECT_TRUE(silent(client));
}

TEST_F(ClusterTracking, BroadcastComesFromEveryNode) {
  RespClient client = tracker({"BCAST", "NOLOOP"});
  for (const std::string& key : {one_, two_, three_}) {
    straight("SET", key, "x");
    EXPECT_EQ(invalidated(client), Texts{key});
    client("SET", key, "own");
  }
  EXPECT_TRUE(silent(client)) << "of its own writes nothing";
}

TEST_F(ClusterTracking, OptInTracksWhatWasAnnouncedOnWhicheverNode) {
  RespClient client = tracker({"OPTIN"});
  EXPECT_TRUE(client("CLIENT", "CACHING", "YES").is_ok());
  EXPECT_EQ(client("CLIENT", "TRACKINGINFO").at("flags").texts(),
            (Texts{"on", "optin", "caching-yes"}));
  client("GET", two_);
  client("GET", three_);
  client("CLIENT", "CACHING", "YES");
  client("MGET", one_, three_);
  for (const std::string& key : {one_, two_, three_}) {
    straight("SET", key, "x");
    EXPECT_EQ(invalidated(client), Texts{key});
  }
  client("GET", one_);
  client("MGET", two_, three_);
  for (const std::string& key : {one_, two_, three_}) straight("SET", key, "y");
  EXPECT_TRUE(silent(client));
}

TEST_F(ClusterTracking, OptOutLeavesOutWhatWasAnnouncedAndNothingElse) {
  RespClient client = tracker({"OPTOUT"});
  client("CLIENT", "CACHING", "NO");
  client("CLIENT", "TRACKINGINFO");
  client("GET", two_);
  client("GET", one_);
  client("GET", three_);
  straight("SET", two_, "x");
  EXPECT_TRUE(silent(client));
  for (const std::string& key : {one_, three_}) {
    straight("SET", key, "x");
    EXPECT_EQ(invalidated(client), Texts{key});
  }
}

TEST_F(ClusterTracking, ASubscriberIsToldOfEveryNode) {
  RespClient listener = pillion.client();
  const std::string id = listener("CLIENT", "ID").text;
  listener("SUBSCRIBE", "__redis__:invalidate");
  RespClient reader = pillion.client();
  turn_on(reader, {"REDIRECT", id});
  EXPECT_EQ(reader("CLIENT", "TRACKINGINFO").at("redirect"), std::stoll(id));
  reader("MGET", one_, two_, three_);
  for (const std::string& key : {one_, two_, three_}) {
    straight("SET", key, "x");
    const Value message = listener.read();
    EXPECT_EQ(message.items.at(1), "__redis__:invalidate");
    EXPECT_EQ(message.items.at(2).texts(), Texts{key});
  }
  cluster.move_slots(200, 200, 1);
  const Value message = listener.read();
  EXPECT_EQ(message.items.at(1), "__redis__:invalidate");
  EXPECT_TRUE(message.items.at(2).is_null()) << "forget everything";
}

TEST_F(ClusterTracking, WhatMovedIsForgottenAndTrackedWhereItIs) {
  RespClient client = tracker();
  const std::string missing = key_in_slot(100, "missing");
  EXPECT_TRUE(client("GET", missing).is_null());
  cluster.move_slots(100, 100, 1);
  EXPECT_EQ(invalidated(client), Texts{"*"}) << "a key that is not there does not move";
  ASSERT_TRUE(eventually([&] { return silent(client); }));
  EXPECT_EQ(client("GET", one_), "1");
  EXPECT_TRUE(client("GET", missing).is_null());
  straight("SET", missing, "created");
  EXPECT_EQ(invalidated(client), Texts{missing});
  straight("SET", one_, "changed");
  EXPECT_EQ(invalidated(client), Texts{one_});
  EXPECT_EQ(client("MGET", one_, missing, two_).texts(), (Texts{"changed", "created", "2"}));
}

TEST_F(ClusterTracking, ANewOwnerEndsWhoTracksAndNobodyElse) {
  RespClient client = tracker();
  RespClient other = pillion.client();
  const std::size_t added = cluster.add_primary();
  EXPECT_FALSE(client.closed_by_peer(100ms)) << "it owns nothing yet: " << pillion.log();
  cluster.move_slots(100, 100, added);
  EXPECT_EQ(invalidated(client), Texts{"*"});
  EXPECT_TRUE(client.closed_by_peer());
  EXPECT_EQ(other("GET", one_), "1");
  RespClient again = tracker({"BCAST"});
  straight("SET", one_, "x");
  EXPECT_EQ(invalidated(again), Texts{one_});
}

TEST_F(ClusterTracking, ALostNodeEndsWhoTracksAndNobodyElse) {
  RespClient client = tracker();
  RespClient other = pillion.client();
  cluster.node(2).kill9();
  EXPECT_TRUE(client.closed_by_peer());
  EXPECT_EQ(other("GET", one_), "1");
}

/// What an application does with it: keeps what it has read until it is told to forget, and all of
/// it only as long as its connection lives.
TEST_F(ClusterTracking, AnOwnCacheStaysTrueWhileSlotsMove) {
  constexpr std::uint32_t kFirst = 300;
  constexpr std::uint32_t kKeys = 12;
  std::atomic<bool> enough{false};
  std::thread mover([&] {
    for (std::uint64_t round = 0; !enough; ++round) {
      cluster.move_slots(kFirst, kFirst + kKeys - 1, round % 2 == 0 ? 1 : 0);
      std::this_thread::sleep_for(300ms);  // until both nodes know
    }
  });
  const auto stop = [&](void*) {
    enough = true;
    mover.join();
  };
  const std::unique_ptr<void, decltype(stop)> stopping(&mover, stop);
  std::map<std::string, std::string> cached;
  RespClient client = tracker();
  const auto drain = [&](Millis patience) {
    while (const auto push = client.try_read(patience)) {
      if (!push->is_push()) continue;
      if (push->items.at(1).is_null()) cached.clear();
      for (const std::string& key : push->items.at(1).is_null() ? Texts{} : push->items[1].texts())
        cached.erase(key);
    }
  };
  std::uint64_t number = 0;
  for (const std::uint64_t last = scaled(1'000, 100); number < last;) {
    const std::string key = key_in_slot(kFirst + static_cast<std::uint32_t>(number % kKeys),
                                        number % 2 == 0 ? "a" : "b");
    // Read what is not known, absent keys as well; then change it behind Pillion's back.
    client.send("GET", key);
    for (;;) {
      const Value reply = client.read();
      if (!reply.is_push()) {
        if (!reply.is_error()) cached[key] = reply.is_null() ? "" : reply.text;
        break;
      }
      if (reply.items.at(1).is_null()) cached.clear();
      if (!reply.items.at(1).is_null())
        for (const std::string& gone : reply.items[1].texts()) cached.erase(gone);
    }
    const std::string value = std::to_string(++number);
    const bool erased = number % 5 == 0;
    const Value done = erased ? straight("DEL", key) : straight("SET", key, value);
    if (done.is_error()) continue;
    const auto stale = [&] {
      drain(1ms);
      const auto found = cached.find(key);
      return found != cached.end() && found->second != (erased ? "" : value);
    };
    ASSERT_TRUE(eventually([&] { return !stale(); }, 2s, 1ms))
        << key << " is still " << cached[key] << " and not " << value;
  }
}

}  // namespace
}  // namespace pillion::test
