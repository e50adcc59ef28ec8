// The hot paths touch no heap once warm. A binary of its own: it counts every operator new.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>

#include "protocol/resp/downgrade.hpp"
#include "protocol/resp/frame_scanner.hpp"
#include "protocol/resp/request_parser.hpp"

namespace {

std::size_t allocations = 0;

}  // namespace

// Not inlined: g++ 12 would take the pair of malloc and operator delete for a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  ++allocations;
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) throw std::bad_alloc();
  return block;
}

[[gnu::noinline]] void operator delete(void* block) noexcept {
  std::free(block);
}
[[gnu::noinline]] void operator delete(void* block, std::size_t) noexcept {
  std::free(block);
}

namespace pillion::resp {
namespace {

template <class Action>
std::size_t allocations_of(Action&& action) {
  const std::size_t before = allocations;
  action();
  return allocations - before;
}

TEST(Allocation, AParsedCommandCostsNoneAndCopiesNothing) {
  const std::string_view request = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n";
  RequestParser parser;
  ASSERT_EQ(parser.parse(request), RequestParser::Result::kCommand);
  EXPECT_EQ(parser.command().raw().data(), request.data());
  EXPECT_EQ(allocations_of([&] {
              for (int i = 0; i < 100; ++i) parser.parse(request);
              parser.parse(request.substr(0, 9));
              parser.parse(request);
            }),
            0U);
}

// What one huge command needed is given back, or every idle client would keep its worst.
TEST(Allocation, AHugeCommandIsNotRememberedForever) {
  std::string huge = "*100000\r\n";
  for (int i = 0; i < 100000; ++i) huge += "$1\r\na\r\n";
  RequestParser parser;
  ASSERT_EQ(parser.parse(huge), RequestParser::Result::kCommand);
  const std::string_view ping = "*1\r\n$4\r\nPING\r\n";
  EXPECT_GT(allocations_of([&] { parser.parse(ping); }), 0U) << "a fresh, small list";
  EXPECT_EQ(allocations_of([&] { parser.parse(ping); }), 0U);

  const std::string line = "PING " + std::string(60000, 'x') + "\r\n";
  const std::string small = "PING " + std::string(100, 'x') + "\r\n";
  ASSERT_EQ(parser.parse(line), RequestParser::Result::kCommand);
  const std::size_t after_huge = allocations_of([&] { parser.parse(small); });
  EXPECT_GT(after_huge, allocations_of([&] { parser.parse(small); }));
}

TEST(Allocation, ScanningCostsNoneWhateverIsAnnounced) {
  FrameScanner scanner;
  std::size_t consumed = 0;
  EXPECT_EQ(allocations_of([&] {
              scanner.feed("*2147483648\r\n*2147483648\r\n$100000000000\r\nabc", consumed);
            }),
            0U);
}

TEST(Allocation, DowngradingNeedsOnlyItsOutput) {
  std::string out;
  out.reserve(256);
  EXPECT_EQ(allocations_of([&] {
              append_downgraded(out, "%1\r\n+k\r\n*2\r\n,1.5\r\n_\r\n", Shape::kAsIs);
              append_downgraded(out, "*1\r\n*2\r\n+m\r\n,1.5\r\n", Shape::kPairsToFlat);
            }),
            0U);
  EXPECT_EQ(out, "*2\r\n+k\r\n*2\r\n$3\r\n1.5\r\n$-1\r\n*2\r\n+m\r\n$3\r\n1.5\r\n");
}

}  // namespace
}  // namespace pillion::resp
