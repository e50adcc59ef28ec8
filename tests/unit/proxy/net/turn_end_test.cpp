#include "proxy/net/turn_end.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pillion::net {
namespace {

class TurnEndTest : public ::testing::Test {
 protected:
  class Item : public Flushable {
   public:
    Item(std::string& log, char name) : log_(log), name_(name) {}
    void flush() override { log_ += name_; }

   private:
    std::string& log_;
    char name_;
  };
  std::shared_ptr<Item> item(char name) { return std::make_shared<Item>(log_, name); }
  std::string flushed() { return std::exchange(log_, {}); }

  std::string log_;
  boost::asio::io_context io_;
  TurnEnd turn_end_{io_};
};

TEST_F(TurnEndTest, WhatALookCausedNeedNotWaitForTheTurn) {
  turn_end_.begin();
  turn_end_.add(item('u'));
  turn_end_.add_to_look(item('c'));
  EXPECT_EQ(flushed(), "");
  turn_end_.end_look();
  EXPECT_EQ(flushed(), "c");
  EXPECT_TRUE(turn_end_.waiting());
  turn_end_.add_to_look(item('d'));
  turn_end_.add(item('v'));
  turn_end_.end_look();
  EXPECT_EQ(flushed(), "d");
  EXPECT_TRUE(turn_end_.open());
  turn_end_.end();
  EXPECT_EQ(flushed(), "uv");
  EXPECT_FALSE(turn_end_.waiting());
  EXPECT_FALSE(turn_end_.open());
  EXPECT_EQ(io_.poll(), 0u) << "nothing was posted for it";
}

TEST_F(TurnEndTest, OutsideATurnItFollowsTheHandlersThatAreReady) {
  boost::asio::post(io_, [this] {
    turn_end_.add(item('u'));
    turn_end_.add_to_look(item('c'));
    log_ += '1';
  });
  boost::asio::post(io_, [this] { log_ += '2'; });
  io_.poll();
  EXPECT_EQ(flushed(), "12cu");
}

TEST_F(TurnEndTest, AMomentIsReplacedByTheNext) {
  turn_end_.after(state::kSecond * 3600, [this] { log_ += 'x'; });
  turn_end_.after(0, [this] { log_ += 'y'; });
  io_.run();
  EXPECT_EQ(flushed(), "y");
}

}  // namespace
}  // namespace pillion::net
