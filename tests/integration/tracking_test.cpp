// CLIENT TRACKING: an application's own cache stays true through Pillion, beside Pillion's.
#include <optional>
#include <set>

#include "tests/integration/observers.hpp"

namespace pillion::test {
namespace {

class Tracking : public ThroughTwoWorkers {
 protected:
  Tracking() { redis("MSET", "k", "old", "a", "1", "b", "2"); }

  RespClient tracker(const std::vector<std::string_view>& options = {}) {
    RespClient client = pillion.client3();
    turn_on(client, options);
    return client;
  }

  static void turn_on(RespClient& client, const std::vector<std::string_view>& options = {}) {
    std::vector<std::string_view> command = {"CLIENT", "TRACKING", "ON"};
    command.insert(command.end(), options.begin(), options.end());
    const Value reply = client.command(command);
    EXPECT_TRUE(reply.is_ok()) << reply;
  }

  /// The keys of the next push, which must be an invalidation.
  static Texts invalidated(RespClient& client) {
    const Value push = client.read();
    EXPECT_TRUE(push.is_push()) << push;
    if (push.items.size() != 2 || push.items[0].text != "invalidate") return {push.text, "?"};
    return push.items[1].texts();
  }

  static bool silent(RespClient& client) { return !client.try_read(60ms).has_value(); }
};

TEST_F(Tracking, ChangesByAnybodyArriveOnce) {
  RespClient one = tracker();
  RespClient other = pillion.client();
  EXPECT_EQ(one("GET", "k"), "old");
  redis("SET", "k", "direct");
  EXPECT_EQ(invalidated(one), Texts{"k"});
  redis("SET", "k", "again");
  EXPECT_TRUE(silent(one)) << "told once per read";
  EXPECT_EQ(one("GET", "k"), "again");
  other("SET", "k", "through");
  EXPECT_EQ(invalidated(one), Texts{"k"});
  EXPECT_EQ(one("GET", "k"), "through");
  other("DEL", "k");
  EXPECT_EQ(invalidated(one), Texts{"k"});
  EXPECT_TRUE(one("GET", "k").is_null());
  other("EVAL", "return redis.call('SET', KEYS[1], 'scripted')", "1", "k");
  EXPECT_EQ(invalidated(one), Texts{"k"});
}

TEST_F(Tracking, BytesAreThoseOfRedis) {
  RespClient through = pillion.client3();
  RespClient straight = redis.client();
  straight.hello3();
  RespClient writer = redis.client();
  std::string seen;
  std::string expected;
  for (auto [client, bytes] : {std::pair(&through, &seen), std::pair(&straight, &expected)}) {
    for (const std::vector<std::string_view>& step :
         std::vector<std::vector<std::string_view>>{{"CLIENT", "TRACKING", "ON"},
                                                    {"CLIENT", "TRACKINGINFO"},
                                                    {"CLIENT", "GETREDIR"},
                                                    {"GET", "a"},
                                                    {"MGET", "a", "b"},
                                                    {"SET", "a", "mine"}}) {
      *bytes += client->raw(step);
    }
    *bytes += client->read_raw();
    client->send("GET", "b");
    *bytes += client->read_raw();
    writer("FLUSHALL");
    *bytes += client->read_raw();
    for (const std::vector<std::string_view>& step : std::vector<std::vector<std::string_view>>{
             {"CLIENT", "TRACKING", "ON", "BCAST"},
             {"CLIENT", "TRACKING", "OFF"},
             {"CLIENT", "TRACKINGINFO"},
             {"CLIENT", "GETREDIR"},
             {"CLIENT", "CACHING", "YES"},
             {"CLIENT", "TRACKING", "ON", "PREFIX", "a"},
             {"CLIENT", "TRACKING", "ON", "OPTIN", "OPTOUT"},
             {"CLIENT", "TRACKING", "ON", "REDIRECT", "9999"},
             {"CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", "a", "PREFIX", "ab"},
             {"CLIENT", "TRACKING", "ON", "OPTIN"},
             {"CLIENT", "TRACKINGINFO"},
             {"CLIENT", "CACHING", "NO"},
             {"CLIENT", "CACHING", "YES"},
             {"CLIENT", "TRACKING", "OFF"}}) {
      *bytes += client->raw(step);
    }
    writer("MSET", "a", "1", "b", "2");
  }
  EXPECT_EQ(seen, expected);
}

TEST_F(Tracking, BroadcastTellsOfPrefixes) {
  RespClient one = tracker({"BCAST", "PREFIX", "user:", "PREFIX", "job:"});
  RespClient all = tracker({"BCAST"});
  RespClient other = pillion.client();
  other("SET", "user:1", "v");
  EXPECT_EQ(invalidated(one), Texts{"user:1"});
  EXPECT_EQ(invalidated(all), Texts{"user:1"});
  other("SET", "else", "v");
  EXPECT_EQ(invalidated(all), Texts{"else"});
  redis("SET", "job:1", "v");
  EXPECT_EQ(invalidated(one), Texts{"job:1"});
  EXPECT_EQ(invalidated(all), Texts{"job:1"});
  one("SET", "user:2", "mine");
  EXPECT_EQ(invalidated(one), Texts{"user:2"});
}

TEST_F(Tracking, OptInTracksWhatWasAnnounced) {
  RespClient one = tracker({"OPTIN"});
  one("GET", "a");
  EXPECT_TRUE(one("CLIENT", "CACHING", "YES").is_ok());
  one("GET", "b");
  redis("MSET", "a", "x", "b", "x");
  EXPECT_EQ(invalidated(one), Texts{"b"});
  EXPECT_TRUE(silent(one));
}

TEST_F(Tracking, OptOutLeavesOutWhatWasAnnounced) {
  RespClient one = tracker({"OPTOUT"});
  one("GET", "a");
  EXPECT_TRUE(one("CLIENT", "CACHING", "NO").is_ok());
  one("GET", "b");
  redis("MSET", "a", "x", "b", "x");
  EXPECT_EQ(invalidated(one), Texts{"a"});
  EXPECT_TRUE(silent(one));
}

TEST_F(Tracking, CachingInAPipelineMeansTheNextCommand) {
  RespClient one = tracker({"OPTIN"});
  one.pipeline({{"CLIENT", "CACHING", "YES"}, {"GET", "a"}, {"GET", "b"}});
  one.pipeline({{"CLIENT", "CACHING", "YES"}, {"MULTI"}, {"GET", "k"}, {"EXEC"}});
  redis("SET", "b", "x");
  EXPECT_TRUE(silent(one));
  redis("SET", "a", "x");
  EXPECT_EQ(invalidated(one), Texts{"a"});
  redis("SET", "k", "x");
  EXPECT_EQ(invalidated(one), Texts{"k"});
}

TEST_F(Tracking, NoLoopSparesTheWriterItsOwnWrites) {
  RespClient one = tracker({"NOLOOP"});
  one("GET", "k");
  EXPECT_TRUE(one("SET", "k", "mine").is_ok());
  EXPECT_TRUE(silent(one));
  one("GET", "k");
  redis("SET", "k", "theirs");
  EXPECT_EQ(invalidated(one), Texts{"k"});
}

TEST_F(Tracking, BothCachesForgetTogether) {
  RespClient application = tracker();
  std::vector<RespClient> readers;
  for (int i = 0; i < 6; ++i) readers.push_back(pillion.client());
  RespClient writer = pillion.client();
  for (int round = 0; round < 100; ++round) {
    for (auto& reader : readers) reader("GET", "k");
    application("GET", "k");
    const std::string value = std::to_string(round);
    if (round % 2 == 0) {
      ASSERT_TRUE(writer("SET", "k", value).is_ok());
      for (auto& reader : readers) ASSERT_EQ(reader("GET", "k"), value) << "at once";
    } else {
      redis("SET", "k", value);
      for (auto& reader : readers) {
        ASSERT_TRUE(eventually([&] { return reader("GET", "k") == value; }, 1s, 1ms));
      }
    }
    ASSERT_EQ(invalidated(application), Texts{"k"});
    ASSERT_EQ(application("GET", "k"), value) << "what is read after the news is no older";
    redis("SET", "k", "between");
    ASSERT_EQ(invalidated(application), Texts{"k"});
  }
}

TEST_F(Tracking, ServedByTheL1AgainWhenTurnedOff) {
  RespClient one = tracker();
  one("GET", "k");
  EXPECT_TRUE(one("CLIENT", "TRACKING", "OFF").is_ok());
  redis("SET", "k", "new");
  EXPECT_TRUE(silent(one));
  warm(one, "k");
  EXPECT_EQ(one("GET", "k"), "new");
}

/// Version of the protocol that the receiving client speaks.
class TrackingRedirected : public Tracking, public ::testing::WithParamInterface<int> {
 protected:
  RespClient receiver() {
    RespClient client = pillion.client_speaking(GetParam());
    if (GetParam() == 2) client("SUBSCRIBE", "__redis__:invalidate");
    return client;
  }

  Texts told(RespClient& client) {
    if (GetParam() == 3) return invalidated(client);
    const Value message = client.read();
    if (message.items.size() != 3 || message.items[1].text != "__redis__:invalidate") return {"?"};
    return message.items[2].texts();
  }
};
INSTANTIATE_TEST_SUITE_P(Speaking, TrackingRedirected, ::testing::Values(2, 3), protocol_name);

TEST_P(TrackingRedirected, AnotherClientIsToldOnAnyWorker) {
  for (int i = 0; i < 6; ++i) {
    RespClient listener = pillion.client_speaking(GetParam());
    const std::string id = id_of(listener);
    if (GetParam() == 2) listener("SUBSCRIBE", "__redis__:invalidate");
    RespClient reader = pillion.client();
    turn_on(reader, {"REDIRECT", id});
    EXPECT_EQ(reader("CLIENT", "GETREDIR"), std::stoll(id));
    EXPECT_EQ(reader("CLIENT", "TRACKINGINFO").at("redirect"), std::stoll(id));
    reader("GET", "k");
    redis("SET", "k", "direct");
    EXPECT_EQ(told(listener), Texts{"k"});
    EXPECT_EQ(reader("GET", "k"), "direct");
    RespClient other = pillion.client();
    other("SET", "k", "through");
    EXPECT_EQ(told(listener), Texts{"k"});
    EXPECT_EQ(reader("GET", "k"), "through");
    EXPECT_EQ(row_of(other, id_of(reader))["redir"], id);
    EXPECT_TRUE(silent(listener));
  }
}

TEST_P(TrackingRedirected, ReaderHearsWhenItsReceiverLeft) {
  RespClient reader = pillion.client3();
  std::string id;
  {
    RespClient listener = pillion.client_speaking(GetParam());
    id = id_of(listener);
    if (GetParam() == 2) listener("SUBSCRIBE", "__redis__:invalidate");
    turn_on(reader, {"REDIRECT", id});
    reader("GET", "k");
  }
  std::optional<Value> push;
  ASSERT_TRUE(eventually([&] {
    redis("SET", "k", "new");
    push = reader.try_read(20ms);
    if (!push) reader("GET", "k");  // the receiver was still there
    return push.has_value();
  }));
  ASSERT_TRUE(push->is_push()) << *push;
  EXPECT_EQ(push->items.at(0), "tracking-redir-broken");
  EXPECT_EQ(push->items.at(1), std::stoll(id)) << "the id that the client knows";
  const Texts flags = reader("CLIENT", "TRACKINGINFO").at("flags").texts();
  EXPECT_EQ(flags, (Texts{"on", "broken_redirect"}));
  RespClient asker = pillion.client();
  EXPECT_EQ(row_of(asker, id_of(reader))["flags"], "tR");
  EXPECT_EQ(reader("GET", "k"), "new");
}

TEST_F(Tracking, ALostConnectionEndsTheClientSoThatItForgets) {
  std::set<std::string> before;
  for (auto& row : redis.tracking_clients()) before.insert(row["id"]);
  RespClient one = tracker();
  one("GET", "k");
  RespClient other = pillion.client();
  int killed = 0;
  for (auto& row : redis.tracking_clients()) {
    if (before.count(row["id"]) != 0) continue;
    redis.kill_clients({row});
    ++killed;
  }
  ASSERT_EQ(killed, 1);
  EXPECT_TRUE(one.closed_by_peer());
  EXPECT_EQ(other("GET", "k"), "old") << "nobody else notices";
}

TEST_F(Tracking, ARestartOfTheUpstreamEndsTheTrackingClient) {
  RespClient one = tracker({"BCAST"});
  RespClient other = pillion.client();
  redis.restart();
  EXPECT_TRUE(one.closed_by_peer());
  ASSERT_TRUE(pillion.wait_for_upstream());
  // Each worker's connection comes back by itself.
  EXPECT_TRUE(eventually([&] { return other("SET", "k", "v").is_ok(); }));
  RespClient again = tracker();
  EXPECT_EQ(again("GET", "k"), "v");
  redis("SET", "k", "w");
  EXPECT_EQ(invalidated(again), Texts{"k"});
}

TEST_F(Tracking, TransactionsAndScriptsReadTracked) {
  RespClient one = tracker();
  one("MULTI");
  one("GET", "a");
  one("EXEC");
  one("EVAL_RO", "return redis.call('GET', KEYS[1])", "1", "b");
  redis("SET", "a", "x");
  EXPECT_EQ(invalidated(one), Texts{"a"});
  redis("SET", "b", "x");
  EXPECT_EQ(invalidated(one), Texts{"b"});
  EXPECT_TRUE(one("WATCH", "a").is_ok());
  one("GET", "a");
  redis("SET", "a", "y");
  EXPECT_EQ(invalidated(one), Texts{"a"});
  one("MULTI");
  one("SET", "a", "z");
  EXPECT_TRUE(one("EXEC").is_null());
}

TEST_F(Tracking, DatabasesAndResetAreThoseOfRedis) {
  RespClient one = tracker();
  EXPECT_TRUE(one("SELECT", "3").is_ok());
  EXPECT_TRUE(one("GET", "k").is_null());
  RespClient other = pillion.client();
  other("SELECT", "3");
  other("SET", "k", "three");
  EXPECT_EQ(invalidated(one), Texts{"k"});
  EXPECT_EQ(one("GET", "k"), "three");
  EXPECT_EQ(one("RESET"), "RESET");
  redis("SET", "k", "zero");
  other("SET", "k", "x");
  EXPECT_TRUE(silent(one));
  EXPECT_EQ(one("GET", "k"), "zero");
}

}  // namespace
}  // namespace pillion::test
