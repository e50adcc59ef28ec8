// Subscriptions: one at the upstream for any number of clients, and nobody can tell.
#include <algorithm>
#include <tuple>

#include "tests/integration/observers.hpp"
#include "tests/support/crew.hpp"

namespace pillion::test {
namespace {

/// Protocol and number of workers.
class Subscriptions : public ThroughPillion,
                      public ::testing::WithParamInterface<std::tuple<int, int>> {
 protected:
  Subscriptions()
      : ThroughPillion({"workers=" + std::to_string(std::get<1>(GetParam()))},
                       {"--client-output-buffer-limit", "pubsub", "0", "0", "0"}) {}
  RespClient client() { return pillion.client_speaking(std::get<0>(GetParam())); }
  RespClient direct() {
    RespClient result = redis.client();
    if (std::get<0>(GetParam()) == 3) result.hello3();
    return result;
  }
};

INSTANTIATE_TEST_SUITE_P(Speaking, Subscriptions,
                         ::testing::Combine(::testing::Values(2, 3), ::testing::Values(1, 2)),
                         [](const auto& chosen) {
                           return "RESP" + std::to_string(std::get<0>(chosen.param)) + "On" +
                                  std::to_string(std::get<1>(chosen.param)) + "Workers";
                         });

TEST_P(Subscriptions, ManyClientsAreOneSubscriberUpstream) {
  std::vector<RespClient> crowd;
  for (int i = 0; i < 12; ++i) {
    crowd.push_back(client());
    EXPECT_EQ(crowd.back()("SUBSCRIBE", "news").texts(), (Texts{"subscribe", "news", "1"}));
    EXPECT_EQ(crowd.back()("PSUBSCRIBE", "w*").texts(), (Texts{"psubscribe", "w*", "2"}));
    EXPECT_EQ(crowd.back()("SSUBSCRIBE", "shard").texts(), (Texts{"ssubscribe", "shard", "1"}));
  }
  EXPECT_EQ(subscribers(redis, "news"), 1);
  EXPECT_EQ(redis("PUBSUB", "NUMPAT"), 1);
  EXPECT_EQ(redis("PUBSUB", "SHARDNUMSUB", "shard").items.at(1), 1);

  RespClient asker = client();
  EXPECT_EQ(asker("PUBSUB", "NUMSUB", "news", "none").texts(), (Texts{"news", "12", "none", "0"}));
  EXPECT_EQ(asker("PUBSUB", "SHARDNUMSUB", "shard").texts(), (Texts{"shard", "12"}));
  EXPECT_EQ(asker("PUBSUB", "NUMPAT"), 1) << "distinct patterns, not their subscribers";
  EXPECT_EQ(asker("PUBSUB", "CHANNELS").texts(), Texts{"news"});
  EXPECT_EQ(asker("PUBLISH", "news", "to all"), 12);
  EXPECT_EQ(asker("PUBLISH", "weather", "rain"), 12);
  EXPECT_EQ(asker("SPUBLISH", "shard", "there"), 12);
  EXPECT_EQ(asker("PUBLISH", "nobody", "listens"), 0);
  for (auto& one : crowd) {
    EXPECT_EQ(one.read().texts(), (Texts{"message", "news", "to all"}));
    EXPECT_EQ(one.read().texts(), (Texts{"pmessage", "w*", "weather", "rain"}));
    EXPECT_EQ(one.read().texts(), (Texts{"smessage", "shard", "there"}));
  }

  while (crowd.size() > 1) crowd.pop_back();
  EXPECT_TRUE(eventually([&] { return asker("PUBLISH", "news", "left") == 1; }));
  EXPECT_EQ(subscribers(redis, "news"), 1);
  crowd.clear();
  EXPECT_TRUE(eventually([&] {
    return subscribers(redis, "news") == 0 && redis("PUBSUB", "NUMPAT") == 0 &&
           redis("PUBSUB", "SHARDNUMSUB", "shard").items.at(1) == 0;
  })) << "the last one to leave ends the subscription";
}

TEST_P(Subscriptions, EveryReplyHasTheBytesOfRedis) {
  RespClient through = client();
  RespClient straight = direct();
  for (const std::vector<std::string_view>& step : std::vector<std::vector<std::string_view>>{
           {"UNSUBSCRIBE"},
           {"PUNSUBSCRIBE", "never"},
           {"SUNSUBSCRIBE"},
           {"SUBSCRIBE", "one"},
           {"SUBSCRIBE", "one"},
           {"PSUBSCRIBE", "t*"},
           {"SSUBSCRIBE", "shard"},
           {"PING"},
           {"PING", "hello"},
           {"UNSUBSCRIBE", "never"},
           {"GET", "missing"},
           {"SUBSCRIBE"},
           {"nosuchcommand"},
           {"ECHO"},
           {"PUNSUBSCRIBE"},
           {"SUNSUBSCRIBE"},
           {"UNSUBSCRIBE"},
           {"PING"},
           {"GET", "missing"},
           {"SUBSCRIBE", "again"},
           {"RESET"},
           {"PING"},
           {"GET", "missing"},
       }) {
    EXPECT_EQ(through.raw(step), straight.raw(step)) << step[0] << " " << step.back();
  }
}

TEST_P(Subscriptions, SeveralNamesAreConfirmedInTheirOrder) {
  RespClient through = client();
  RespClient straight = direct();
  for (RespClient* one : {&through, &straight}) {
    one->send("SUBSCRIBE", "c", "a", "b", "a");
    one->send("UNSUBSCRIBE", "b", "x", "a");
    one->send("PING", "end");
  }
  for (int i = 0; i < 8; ++i) EXPECT_EQ(through.read_raw(), straight.read_raw()) << i;
}

TEST_P(Subscriptions, MessagesHaveTheBytesOfRedisAndTheirOrder) {
  RespClient through = client();
  RespClient straight = direct();
  for (RespClient* one : {&through, &straight}) {
    (*one)("SUBSCRIBE", "numbers");
    (*one)("PSUBSCRIBE", "num*");
  }
  RespClient publisher = client();
  const std::string binary("\0\r\n$5\r\n\xff", 8);
  for (int i = 0; i < 500; ++i) {
    publisher.send("PUBLISH", "numbers", std::to_string(i) + (i % 7 == 0 ? binary : ""));
  }
  for (int i = 0; i < 500; ++i) EXPECT_EQ(publisher.read(), 4);
  for (int i = 0; i < 1000; ++i) ASSERT_EQ(through.read_raw(), straight.read_raw()) << i;
}

TEST_P(Subscriptions, PublisherSeesItsOwnMessageOnlyWhenItSubscribed) {
  if (std::get<0>(GetParam()) == 2) {
    RespClient through = client();
    through("SUBSCRIBE", "c");
    EXPECT_TRUE(through("PUBLISH", "c", "m").starts_with("ERR Can't execute 'publish'"));
    return;
  }
  RespClient through = client();
  through("SUBSCRIBE", "c");
  through.send("PUBLISH", "c", "m");
  Texts kinds;
  for (int i = 0; i < 2; ++i) {
    const Value value = through.read();
    kinds.push_back(value.is_push() ? value.items.at(2).text : "count " + value.text);
  }
  std::sort(kinds.begin(), kinds.end());
  EXPECT_EQ(kinds, (Texts{"count 1", "m"}));
}

TEST_P(Subscriptions, SubscribeAndPublishOfOneClientKeepTheirOrder) {
  RespClient listener = client();
  RespClient publisher = client();
  for (int i = 0; i < 100; ++i) {
    const std::string channel = "channel" + std::to_string(i);
    ASSERT_EQ(listener("SUBSCRIBE", channel).items.at(2), i + 1);
    ASSERT_EQ(publisher("PUBLISH", channel, "m"), 1) << "the confirmation comes when it holds";
    ASSERT_EQ(listener.read().items.at(1), channel);
  }
}

TEST_P(Subscriptions, KeyspaceEventsArriveBesideCachedReads) {
  redis("CONFIG", "SET", "notify-keyspace-events", "KEA");
  RespClient listener = client();
  listener("PSUBSCRIBE", "__keyspace@0__:k");
  RespClient other = client();
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(other("SET", "k", std::to_string(i)).is_ok());
    ASSERT_EQ(listener.read().texts(),
              (Texts{"pmessage", "__keyspace@0__:k", "__keyspace@0__:k", "set"}));
    ASSERT_EQ(other("GET", "k"), std::to_string(i));
  }
}

TEST_P(Subscriptions, SubscriptionsComeBackWithTheUpstream) {
  std::vector<RespClient> crowd;
  for (int i = 0; i < 6; ++i) {
    crowd.push_back(client());
    crowd.back()("SUBSCRIBE", "news");
    crowd.back()("PSUBSCRIBE", "w*");
    crowd.back()("SSUBSCRIBE", "shard");
  }
  redis.restart();
  ASSERT_TRUE(eventually([&] {
    return subscribers(redis, "news") == 1 && redis("PUBSUB", "NUMPAT") == 1 &&
           redis("PUBSUB", "SHARDNUMSUB", "shard").items.at(1) == 1;
  })) << pillion.log();
  redis("PUBLISH", "news", "after");
  redis("PUBLISH", "weather", "after");
  redis("SPUBLISH", "shard", "after");
  for (auto& one : crowd) {
    EXPECT_EQ(one.read().texts(), (Texts{"message", "news", "after"}));
    EXPECT_EQ(one.read().texts(), (Texts{"pmessage", "w*", "weather", "after"}));
    EXPECT_EQ(one.read().texts(), (Texts{"smessage", "shard", "after"}));
  }
}

TEST_P(Subscriptions, SubscriptionsComeBackWhenTheirConnectionIsKilled) {
  RespClient listener = client();
  listener("SUBSCRIBE", "a", "b");
  listener.read();
  for (int round = 0; round < 3; ++round) {
    ASSERT_EQ(redis("CLIENT", "KILL", "TYPE", "pubsub"), 1);
    ASSERT_TRUE(eventually([&] { return subscribers(redis, "b") == 1; }));
    redis("PUBLISH", "b", std::to_string(round));
    EXPECT_EQ(listener.read().texts(), (Texts{"message", "b", std::to_string(round)}));
  }
  EXPECT_GE(pillion.metric("pillion_pubsub_reconnects_total"), 3);
}

TEST_P(Subscriptions, UnsubscribingWhileTheUpstreamIsAwayHolds) {
  RespClient listener = client();
  listener("SUBSCRIBE", "kept", "left");
  listener.read();
  redis.kill9();
  EXPECT_EQ(listener("UNSUBSCRIBE", "left").texts(), (Texts{"unsubscribe", "left", "1"}));
  redis.restart();
  ASSERT_TRUE(eventually([&] { return subscribers(redis, "kept") == 1; }));
  EXPECT_EQ(subscribers(redis, "left"), 0);
}

TEST_P(Subscriptions, SubscribeWhileTheUpstreamIsDownIsAnError) {
  RespClient early = client();
  early("SUBSCRIBE", "first");
  RespClient late = client();
  redis.kill9();
  const Value refused = late("SUBSCRIBE", "second");
  EXPECT_TRUE(refused.is_error()) << refused;
  EXPECT_TRUE(refused.starts_with("ERR upstream ")) << refused;
  redis.restart();
  ASSERT_TRUE(pillion.wait_for_upstream());
  ASSERT_TRUE(eventually([&] { return late("SUBSCRIBE", "second").text.empty(); }))
      << "the client is connected and may try again";
  ASSERT_TRUE(eventually([&] { return subscribers(redis, "first") == 1; }));
  EXPECT_EQ(redis("PUBLISH", "first", "m"), 1);
  EXPECT_EQ(early.read().texts(), (Texts{"message", "first", "m"}));
}

TEST_P(Subscriptions, ChurnLeavesNothingBehind) {
  constexpr int kThreads = 4;
  Crew crew;
  for (int thread = 0; thread < kThreads; ++thread) {
    crew.start([this, thread] {
      for (int i = 0; i < 60; ++i) {
        RespClient one = client();
        const std::string channel = "c" + std::to_string((i + thread) % 3);
        one("SUBSCRIBE", channel);
        one.send("PSUBSCRIBE", "p*");
        if (i % 3 == 0) continue;  // leaves without a word
        while (one.read().items.at(0).text != "psubscribe") {
        }
        if (i % 3 == 1) one.send("UNSUBSCRIBE", channel);
        while (i % 3 == 1 && one.read().items.at(0).text != "unsubscribe") {
        }
      }
    });
  }
  RespClient publisher = client();
  for (int i = 0; i < 300; ++i) publisher("PUBLISH", "c" + std::to_string(i % 3), "m");
  crew.join();
  EXPECT_TRUE(eventually(
      [&] { return redis("PUBSUB", "CHANNELS").items.empty() && redis("PUBSUB", "NUMPAT") == 0; }));
  EXPECT_EQ(pillion.metric("pillion_pubsub_subscriptions"), 0);
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(publisher("PUBLISH", "c" + std::to_string(i), "to nobody"), 0);
}

class SubscribersInResp3 : public ThroughPillion {};

TEST_F(SubscribersInResp3, MayGoOnTalking) {
  RespClient subscriber = pillion.client3();
  EXPECT_TRUE(subscriber("SUBSCRIBE", "news").is_push());
  EXPECT_TRUE(subscriber("SET", "k", "v").is_ok());
  EXPECT_EQ(subscriber("GET", "k"), "v");
  RespClient publisher = pillion.client();
  for (int i = 0; i < 100; ++i) publisher("PUBLISH", "news", std::to_string(i));
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(subscriber.read().texts(),
              (std::vector<std::string>{"message", "news", std::to_string(i)}));
  }
}

class SubscriberLimits : public ThroughPillion {
 protected:
  explicit SubscriberLimits(Settings settings = {"listen.subscriber_limit=1MiB"})
      : ThroughPillion(std::move(settings)) {}

  static constexpr int kMessages = 400;
  /// 40 MB in all: more than the kernel keeps for a peer that does not read.
  const std::string message = std::string(100'000, 'm');
};

TEST_F(SubscriberLimits, WhoDoesNotReadIsClosedAndAlone) {
  RespClient slow = pillion.client();
  slow("SUBSCRIBE", "news");
  RespClient quick = pillion.client();
  quick("SUBSCRIBE", "news");
  RespClient publisher = pillion.client();
  for (int i = 0; i < kMessages; ++i) {
    publisher("PUBLISH", "news", message);
    ASSERT_EQ(quick.read().items.at(2), message);
  }
  EXPECT_TRUE(eventually([&] { return subscribers(publisher, "news") == 1; }));
  EXPECT_LT(slow.read_to_end().size(), kMessages * message.size());
  EXPECT_EQ(redis("PUBLISH", "news", "last"), 1);
  EXPECT_EQ(quick.read().items.at(2), "last");
}

class SubscriberSoftLimit : public SubscriberLimits {
 protected:
  SubscriberSoftLimit()
      : SubscriberLimits({"listen.subscriber_limit=64MiB", "listen.subscriber_soft_limit=64KiB",
                          "listen.subscriber_soft_time=1s"}) {}
};

TEST_F(SubscriberSoftLimit, WhoStaysBehindIsClosedInTheEndAndWhoCatchesUpIsNot) {
  RespClient slow = pillion.client();
  slow("SUBSCRIBE", "news");
  RespClient late = pillion.client();
  late("SUBSCRIBE", "news");
  RespClient publisher = pillion.client();
  const Moment start = Clock::now();
  for (int i = 0; i < kMessages; ++i) publisher("PUBLISH", "news", message);
  for (int i = 0; i < kMessages; ++i) ASSERT_EQ(late.read().items.at(2), message);
  EXPECT_TRUE(eventually([&] { return pillion.metric("pillion_pubsub_subscriptions") == 1; }))
      << "nothing more is published, and the time is over all the same";
  EXPECT_GE(seconds_since(start), 1.0);
  EXPECT_LT(slow.read_to_end().size(), kMessages * message.size());
  std::this_thread::sleep_for(1s);
  EXPECT_EQ(redis("PUBLISH", "news", "last"), 1);
  EXPECT_EQ(late.read().items.at(2), "last");
}

class SubscribersOfOtherUsers : public ThroughPillion {
 protected:
  SubscribersOfOtherUsers()
      : ThroughPillion({"workers=2"}, {"--user", "bob", "on", ">secret", "~*", "resetchannels",
                                       "&alerts:*", "+@all", "--user", "mute", "on", ">secret",
                                       "~*", "resetchannels", "+@all"}) {}

  RespClient bob() {
    RespClient result = pillion.client();
    EXPECT_TRUE(result("AUTH", "bob", "secret").is_ok());
    return result;
  }
};

TEST_F(SubscribersOfOtherUsers, WithoutTheRightTheyGetRedissWords) {
  RespClient straight = redis.client();
  straight("AUTH", "bob", "secret");
  RespClient through = bob();
  RespClient ours = pillion.client();
  ours("SUBSCRIBE", "news");
  ours("PSUBSCRIBE", "*");
  for (const std::vector<std::string_view>& step : std::vector<std::vector<std::string_view>>{
           {"SUBSCRIBE", "news"},
           {"SUBSCRIBE", "alerts:1", "news"},
           {"PSUBSCRIBE", "*"},
           {"SSUBSCRIBE", "news"},
           {"PUBLISH", "news", "m"},
           {"PSUBSCRIBE", "alerts:*"},
           {"SUBSCRIBE", "alerts:1"},
       }) {
    EXPECT_EQ(through.raw(step), straight.raw(step)) << step[0] << " " << step[1];
  }
  RespClient mute = pillion.client();
  mute("AUTH", "mute", "secret");
  EXPECT_TRUE(mute("SUBSCRIBE", "alerts:1").starts_with("NOPERM"));
  redis("PUBLISH", "news", "for ours");
  EXPECT_EQ(ours.read().texts(), (Texts{"message", "news", "for ours"}));
  EXPECT_EQ(ours.read().texts(), (Texts{"pmessage", "*", "news", "for ours"}));
  EXPECT_FALSE(through.try_read(50ms).has_value());
}

TEST_F(SubscribersOfOtherUsers, EachUserHasASubscriptionOfItsOwn) {
  RespClient one = bob();
  RespClient two = bob();
  RespClient ours = pillion.client();
  for (RespClient* client : {&one, &two, &ours}) (*client)("SUBSCRIBE", "alerts:1");
  EXPECT_EQ(subscribers(redis, "alerts:1"), 2);
  RespClient publisher = pillion.client();
  EXPECT_EQ(subscribers(publisher, "alerts:1"), 3);
  EXPECT_EQ(publisher("PUBLISH", "alerts:1", "m"), 3);
  for (RespClient* client : {&one, &two, &ours}) EXPECT_EQ(client->read().items.at(2), "m");
}

}  // namespace
}  // namespace pillion::test
