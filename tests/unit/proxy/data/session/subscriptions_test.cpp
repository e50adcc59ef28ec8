#include "proxy/data/session/subscriptions.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pillion::data::session {
namespace {

using pubsub::Kind;

TEST(Subscriptions, ChannelsAndPatternsCountTogetherAndShardsApart) {
  Subscriptions all;
  EXPECT_TRUE(all.add(Kind::kChannel, "a"));
  EXPECT_FALSE(all.add(Kind::kChannel, "a"));
  EXPECT_TRUE(all.add(Kind::kPattern, "a"));
  EXPECT_TRUE(all.add(Kind::kShard, "a"));
  EXPECT_EQ(all.size(), 3u);
  EXPECT_EQ(all.size(Kind::kChannel), 1u);
  EXPECT_EQ(all.reported(Kind::kChannel), 2u);
  EXPECT_EQ(all.reported(Kind::kPattern), 2u);
  EXPECT_EQ(all.reported(Kind::kShard), 1u);
  EXPECT_TRUE(all.remove(Kind::kPattern, "a"));
  EXPECT_FALSE(all.remove(Kind::kPattern, "a"));
  EXPECT_TRUE(all.contains(Kind::kChannel, "a"));
  all.clear();
  EXPECT_TRUE(all.empty());
}

TEST(Subscriptions, ConfirmationsAreWordedForEachProtocol) {
  const auto confirmed = [](int protocol, bool subscribed, Kind kind, const std::string* name) {
    std::string out;
    const std::string_view view = name != nullptr ? *name : std::string_view();
    append_confirmation(out, protocol, subscribed, kind, name != nullptr ? &view : nullptr, 2);
    return out;
  };
  const std::string name = "n";
  EXPECT_EQ(confirmed(2, true, Kind::kChannel, &name),
            "*3\r\n$9\r\nsubscribe\r\n$1\r\nn\r\n:2\r\n");
  EXPECT_EQ(confirmed(3, true, Kind::kPattern, &name),
            ">3\r\n$10\r\npsubscribe\r\n$1\r\nn\r\n:2\r\n");
  EXPECT_EQ(confirmed(2, true, Kind::kShard, &name),
            "*3\r\n$10\r\nssubscribe\r\n$1\r\nn\r\n:2\r\n");
  EXPECT_EQ(confirmed(2, false, Kind::kChannel, nullptr),
            "*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:2\r\n");
  EXPECT_EQ(confirmed(3, false, Kind::kPattern, nullptr),
            ">3\r\n$12\r\npunsubscribe\r\n_\r\n:2\r\n");
  EXPECT_EQ(confirmed(3, false, Kind::kShard, &name),
            ">3\r\n$12\r\nsunsubscribe\r\n$1\r\nn\r\n:2\r\n");
}

}  // namespace
}  // namespace pillion::data::session
