// Names and their addresses, with the resolver of this machine.
#include "proxy/control/topology/address_book.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "tests/support/clock.hpp"

namespace pillion::test {
namespace {

using control::AddressBook;
using testing::ElementsAre;

class AddressBookTest : public testing::Test {
 protected:
  /// Lets the book work until it has told of so many changes, or for a while.
  bool told_within(std::size_t changes, Millis patience = kPatience) {
    const Moment deadline = Clock::now() + patience;
    while (told.size() < changes && Clock::now() < deadline) {
      io.restart();
      io.run_for(10ms);
    }
    return told.size() >= changes;
  }

  boost::asio::io_context io;
  std::vector<std::string> told;
  AddressBook book{io, 30 * state::kSecond,
                   [this](const std::string& host) { told.push_back(host); }};
};

TEST_F(AddressBookTest, AnAddressNeedsNoResolver) {
  EXPECT_THAT(book.want("127.0.0.1").list, ElementsAre("127.0.0.1"));
  EXPECT_THAT(book.want("::1").list, ElementsAre("::1"));
  const state::Endpoint place = book.endpoint("name", "10.0.0.1", 7);
  EXPECT_EQ(place.name, "name");
  EXPECT_EQ(place.port, 7);
  EXPECT_THAT(place.addresses, ElementsAre("10.0.0.1"));
  book.refresh("127.0.0.1");
  EXPECT_FALSE(told_within(1, 50ms));
}

TEST_F(AddressBookTest, ANameIsResolvedOnceItIsWanted) {
  const AddressBook::Addresses& known = book.want("localhost");
  EXPECT_TRUE(known.list.empty());
  EXPECT_TRUE(known.pending);
  EXPECT_EQ(known.error, "'localhost' is not resolved yet");
  ASSERT_TRUE(told_within(1));
  EXPECT_THAT(told, ElementsAre("localhost"));
  EXPECT_FALSE(known.list.empty());
  EXPECT_FALSE(known.pending);
  EXPECT_EQ(known.error, "");
}

TEST_F(AddressBookTest, OneThatCannotBeResolvedSaysWhyAndIsTriedAgain) {
  const AddressBook::Addresses& known = book.want("no-such-host.invalid");
  ASSERT_TRUE(told_within(1));
  EXPECT_TRUE(known.list.empty());
  EXPECT_FALSE(known.pending);
  EXPECT_THAT(known.error, testing::StartsWith("cannot resolve 'no-such-host.invalid'"));
  EXPECT_FALSE(told_within(2, 50ms)) << "the same error again is no change";
}

TEST_F(AddressBookTest, WhatNobodyWantsIsForgotten) {
  book.want("localhost");
  book.keep({"127.0.0.1"});
  EXPECT_FALSE(told_within(1, 300ms));
  book.want("localhost");
  EXPECT_TRUE(told_within(1));
}

}  // namespace
}  // namespace pillion::test
