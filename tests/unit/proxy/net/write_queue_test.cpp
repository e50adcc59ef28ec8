#include "proxy/net/write_queue.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/unit/proxy/net/socket_pair.hpp"

namespace pillion::net {
namespace {

struct Shared {
  explicit Shared(std::string text) : owner(std::make_shared<const std::string>(std::move(text))) {}
  void append_to(WriteQueue& queue) { queue.append_shared(*owner, owner); }
  std::shared_ptr<const std::string> owner;
};

TEST(WriteQueue, WritesPiecesInTheOrderTheyWereAppended) {
  WriteQueue queue;
  Shared large("<shared>");
  Shared other("<other>");
  queue.append("a");
  large.append_to(queue);
  queue.append("b");
  queue.tail() += "c";
  other.append_to(queue);
  large.append_to(queue);
  queue.append("d");
  EXPECT_EQ(queue.size(), 4u + 8 + 7 + 8);
  EXPECT_EQ(drained(queue), "a<shared>bc<other><shared>d");
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.size(), 0u);
}

TEST(WriteQueue, LetsGoOfSharedBytesOnceTheyWereWritten) {
  WriteQueue queue;
  Shared large("<shared>");
  large.append_to(queue);
  EXPECT_EQ(large.owner.use_count(), 2);
  (void)drained(queue);
  EXPECT_EQ(large.owner.use_count(), 1);
}

TEST(WriteQueue, GoesOnWhereAFullSocketStopped) {
  WriteQueue queue;
  std::string expected;
  const auto add = [&](std::string text, bool shared) {
    expected += text;
    if (shared) {
      Shared(std::move(text)).append_to(queue);
    } else {
      queue.append(text);
    }
  };
  for (int i = 0; i < 40; ++i)
    add(std::string(i % 3 == 0 ? 1 : 50'000, static_cast<char>('a' + i % 26)), i % 2 == 0);
  SocketPair pair;
  std::string got;
  int stops = 0;
  while (!queue.empty()) {
    ErrorCode ec;
    const std::size_t before = queue.size();
    const std::size_t written = queue.write_some(pair.native_handle(), ec);
    ASSERT_FALSE(ec);
    EXPECT_EQ(queue.size(), before - written);
    if (!queue.empty()) ++stops;
    // More is appended while some waits, in both ways.
    if (stops == 1) add("<late>", false);
    if (stops == 2) add("<later>", true);
    got += pair.arrived();
  }
  EXPECT_GE(stops, 2) << "the socket took everything at once: nothing was tried";
  EXPECT_EQ(got.size(), expected.size());
  EXPECT_TRUE(got == expected);
}

TEST(WriteQueue, AFullSocketIsNoError) {
  WriteQueue queue;
  queue.append(std::string(4 << 20, 'x'));
  SocketPair pair;
  ErrorCode ec;
  EXPECT_GT(queue.write_some(pair.native_handle(), ec), 0u);
  EXPECT_EQ(queue.write_some(pair.native_handle(), ec), 0u);
  EXPECT_FALSE(ec);
}

TEST(WriteQueue, AReaderThatLeftIsAnError) {
  WriteQueue queue;
  queue.append("x");
  SocketPair pair;
  pair.hang_up();
  ErrorCode ec;
  EXPECT_EQ(queue.write_some(pair.native_handle(), ec), 0u);
  EXPECT_TRUE(ec) << "and no signal";
}

TEST(WriteQueue, GivesMemoryBackWhenIdle) {
  WriteQueue queue;
  queue.append(std::string(1000, 'x'));
  queue.release_memory();
  EXPECT_EQ(queue.size(), 1000u) << "not while something waits";
  (void)drained(queue);
  EXPECT_GE(queue.capacity(), 1000u) << "kept for the next reply";
  queue.release_memory();
  EXPECT_LT(queue.capacity(), 100u);
}

TEST(WriteQueue, AHugeReplyDoesNotStayInTheTail) {
  WriteQueue queue;
  queue.append(std::string(1 << 20, 'x'));
  (void)drained(queue);
  EXPECT_LT(queue.capacity(), 100u);
}

TEST(WriteQueue, AReaderAlwaysALittleBehindDoesNotMakeItGrow) {
  WriteQueue queue;
  SocketPair pair;
  const std::string piece(100'000, 'x');
  queue.append(std::string(600'000, 'x'));
  for (int i = 0; i < 200; ++i) {
    ErrorCode ec;
    queue.append(piece);
    while (queue.size() > 600'000) {
      queue.write_some(pair.native_handle(), ec);
      (void)pair.arrived();
    }
    ASSERT_FALSE(queue.empty());
  }
  EXPECT_LT(queue.capacity(), 4u << 20);
}

}  // namespace
}  // namespace pillion::net
