// Subscriptions survive what Sentinel does to the primary.
#include <functional>
#include <thread>

#include "tests/integration/topology_fixture.hpp"
#include "tests/support/scale.hpp"
#include "tests/support/sentinel_set.hpp"

namespace pillion::test {
namespace {

class SentinelSubscriptions : public ::testing::Test {
 protected:
  /// After a promotion messages of the new primary arrive again within a second.
  void expect_messages_after(const std::function<void()>& harm, Millis promised = 1s) {
    PillionProcess pillion(set.url(), swift());
    RespClient client = pillion.client();
    ASSERT_TRUE(eventually([&] { return client("SET", "k", "v").is_ok(); })) << pillion.log();
    std::vector<RespClient> subscribers;
    for (int i = 0; i < 3; ++i) subscribers.push_back(pillion.client());
    subscribers[0]("SUBSCRIBE", "news");
    subscribers[1]("PSUBSCRIBE", "n*");
    subscribers[2]("SSUBSCRIBE", "news");
    ASSERT_TRUE(set.wait_until_whole());
    harm();
    const auto promotion = set.wait_for_promotion(0);
    RespClient straight = set.server(promotion.server).client();
    for (RespClient& subscriber : subscribers) {
      bool heard = false;
      while (!heard && Clock::now() - promotion.at < 10s) {
        straight("PUBLISH", "news", "x");
        straight("SPUBLISH", "news", "x");
        heard = subscriber.try_read(5ms).has_value();
      }
      EXPECT_TRUE(heard);
      EXPECT_LE(Clock::now() - promotion.at, within(promised));
    }
    // All settled at the new primary, and nothing is counted twice.
    RespClient publisher = pillion.client();
    EXPECT_TRUE(eventually([&] { return publisher("PUBLISH", "news", "y") == 2; }, 5s));
    EXPECT_EQ(publisher("PUBSUB", "NUMSUB", "news").texts(),
              (std::vector<std::string>{"news", "1"}));
    EXPECT_TRUE(eventually([&] {
      return straight("PUBSUB", "NUMSUB", "news").texts() ==
             (std::vector<std::string>{"news", "1"});
    })) << "the subscription is at the new primary itself";
  }

  SentinelSet set;
};

TEST_F(SentinelSubscriptions, MessagesComeAgainAfterTheDeathOfThePrimary) {
  expect_messages_after([&] { set.server(0).kill9(); });
}

TEST_F(SentinelSubscriptions, MessagesComeAgainAfterAnOrderedFailover) {
  expect_messages_after(
      [&] {
        ASSERT_TRUE(set.sentinel(0).ask({"SENTINEL", "FAILOVER", SentinelSet::kMaster})->is_ok());
        // The old primary answers all the while: it is left when a majority says so, and the
        // sentinels tell each other every two seconds.
      },
      3s);
}

TEST_F(SentinelSubscriptions, MessagesComeAgainWhenThePrimaryHangs) {
  expect_messages_after([&] { set.server(0).pause(); });
  set.server(0).resume();
}

}  // namespace
}  // namespace pillion::test
