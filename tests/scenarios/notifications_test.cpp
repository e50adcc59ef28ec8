// Notifications: every subscriber gets every message once, in order, and finds the data they tell
// of.
#include <atomic>
#include <map>

#include "tests/scenarios/application.hpp"

namespace pillion::test {
namespace {

class NotificationsScenario : public Application {
 protected:
  struct Message {
    std::string channel;
    std::string text;
  };

  /// A message in the form of either protocol, by channel or pattern.
  static Message message(const Value& reply) {
    const std::string kind = reply.items.at(0).text;
    if (kind == "message") return {reply.items.at(1).text, reply.items.at(2).text};
    if (kind == "pmessage") return {reply.items.at(2).text, reply.items.at(3).text};
    throw std::runtime_error("no message but: " + kind);
  }

  static void subscribe(RespClient& client, const std::string& command,
                        const std::vector<std::string>& channels) {
    std::vector<std::string_view> words = {command};
    words.insert(words.end(), channels.begin(), channels.end());
    client.send_raw(encode(words));
    for (std::size_t i = 0; i < channels.size(); ++i) {
      if (client.read().items.at(2).integer() != static_cast<std::int64_t>(i) + 1) {
        throw std::runtime_error("a subscription is not counted");
      }
    }
  }
};

TEST_F(NotificationsScenario, EverySubscriberGetsEveryMessageInOrder) {
  constexpr std::size_t kSubscribers = 6;
  constexpr std::size_t kPublishers = 3;
  constexpr int kMessages = 1'000;
  std::atomic<std::size_t> ready{0};
  Crew crew;
  for (std::size_t number = 0; number < kSubscribers; ++number) {
    crew.start([&, number] {
      RespClient subscriber = connection(number);
      if (number % 3 == 2) {
        subscribe(subscriber, "PSUBSCRIBE", {"news:*"});
      } else {
        subscribe(subscriber, "SUBSCRIBE", {"news:0", "news:1", "news:2"});
      }
      ++ready;
      std::map<std::string, int> next;
      for (std::size_t i = 0; i < kPublishers * kMessages; ++i) {
        const Message got = message(subscriber.read(20s));
        if (got.text != std::to_string(next[got.channel]++)) {
          throw std::runtime_error("subscriber " + std::to_string(number) + ": " + got.channel +
                                   " brought " + got.text + " out of turn");
        }
      }
    });
  }
  ASSERT_TRUE(eventually([&] { return ready == kSubscribers; }));
  for (std::size_t number = 0; number < kPublishers; ++number) {
    crew.start([&, number] {
      RespClient publisher = connection(number);
      const std::string channel = "news:" + std::to_string(number);
      for (int i = 0; i < kMessages; ++i) {
        if (sound(publisher("PUBLISH", channel, std::to_string(i))).integer() < 1) {
          throw std::runtime_error("nobody was there to hear it");
        }
      }
    });
  }
  crew.join();
}

/// The change is acknowledged before it is told of: whoever hears of it reads it.
TEST_F(NotificationsScenario, WhoIsNotifiedReadsWhatItWasNotifiedOf) {
  constexpr int kChanges = 500;
  RespClient listener = connection(1);
  RespClient second_listener = connection(2);
  subscribe(listener, "SUBSCRIBE", {"changed"});
  subscribe(second_listener, "PSUBSCRIBE", {"chang*"});
  Crew crew;
  crew.start([&] {
    RespClient writer = connection(0);
    for (int i = 1; i <= kChanges; ++i) {
      const std::string value = std::to_string(i);
      sound(writer("SET", "config", value));
      sound(writer("PUBLISH", "changed", value));
    }
  });
  for (RespClient* mine : {&listener, &second_listener}) {
    crew.start([&, mine] {
      RespClient reader = connection(3);
      for (int i = 1; i <= kChanges; ++i) {
        const std::int64_t told = std::stoll(message(mine->read()).text);
        const Value seen = sound(reader("GET", "config"));
        if (told != i || seen.is_null() || seen.integer() < told) {
          throw std::runtime_error("told of " + std::to_string(told) + ", read " + seen.text);
        }
      }
    });
  }
  crew.join();
}

TEST_F(NotificationsScenario, LeavingAChannelEndsItsMessagesAndOnlyThem) {
  RespClient subscriber = connection(1);
  RespClient other = connection(0);
  RespClient publisher = connection(2);
  subscribe(subscriber, "SUBSCRIBE", {"a", "b"});
  subscribe(other, "SUBSCRIBE", {"a"});
  for (int round = 0; round < 50; ++round) {
    const std::string text = std::to_string(round);
    sound(publisher("PUBLISH", "a", text));
    EXPECT_EQ(message(subscriber.read()).text, text);
    EXPECT_EQ(message(other.read()).text, text);
    EXPECT_EQ(subscriber("UNSUBSCRIBE", "a").items.at(2), 1);
    sound(publisher("PUBLISH", "a", "not for it"));
    EXPECT_EQ(message(other.read()).text, "not for it");
    sound(publisher("PUBLISH", "b", text));
    EXPECT_EQ(message(subscriber.read()).channel, "b");
    EXPECT_EQ(subscriber("SUBSCRIBE", "a").items.at(2), 2);
  }
}

/// Lines of a chat: kept in a list, told by a message, read by whoever comes later.
TEST_F(NotificationsScenario, HistoryAndMessagesAgree) {
  RespClient member = connection(1);
  subscribe(member, "SUBSCRIBE", {"room"});
  RespClient writer = connection(0);
  RespClient late = connection(3);
  for (int line = 1; line <= 200; ++line) {
    const std::string text = "line " + std::to_string(line);
    const auto replies = writer.pipeline({{"MULTI"},
                                          {"RPUSH", "history", text},
                                          {"LTRIM", "history", "-50", "-1"},
                                          {"PUBLISH", "room", text},
                                          {"EXEC"}});
    sound(replies[4]);
    EXPECT_EQ(message(member.read()).text, text);
    const Value history = late("LRANGE", "history", "0", "-1");
    ASSERT_EQ(history.items.size(), std::min<std::size_t>(static_cast<std::size_t>(line), 50));
    ASSERT_EQ(history.items.back(), text);
    ASSERT_EQ(late("LINDEX", "history", "-1"), text);
  }
}

}  // namespace
}  // namespace pillion::test
