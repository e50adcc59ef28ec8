#include "protocol/resp/number.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::resp {
namespace {

TEST(ParseInteger, AcceptsTheWholeRange) {
  for (const std::int64_t expected :
       {std::int64_t{0}, std::int64_t{1}, std::int64_t{-1}, std::int64_t{10}, std::int64_t{-90},
        std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    std::int64_t value = 42;
    EXPECT_TRUE(parse_integer(std::to_string(expected), value)) << expected;
    EXPECT_EQ(value, expected);
  }
}

TEST(ParseInteger, IsAsStrictAsRedis) {
  for (const std::string_view text :
       {"", "-", "+1", " 1", "1 ", "01", "-0", "-01", "00", "1a", "a", "--1", "0x10", "1.0",
        "9223372036854775808", "-9223372036854775809", "18446744073709551616",
        "99999999999999999999999999"}) {
    std::int64_t value = 0;
    EXPECT_FALSE(parse_integer(text, value)) << text;
  }
}

TEST(ReadShortNumber, ReadsOneCompleteLine) {
  for (const std::string_view line : {"0\r\n", "7\r\n", "10\r\n", "99999999\r\n"}) {
    const ExactBytes block(line);
    const char* const begin = block.view().data();
    std::uint32_t value = 0;
    ASSERT_EQ(read_short_number(begin, begin + line.size(), value), begin + line.size()) << line;
    EXPECT_EQ(std::to_string(value) + "\r\n", line);
  }
}

TEST(ReadShortNumber, LeavesTheRestToTheCarefulPath) {
  for (const std::string_view line : {"", "1", "1\r", "\r\n", "01\r\n", "-1\r\n", "1x\r\n", "1\n\r",
                                      "100000000\r\n", "123456789012345678901234567890"}) {
    const ExactBytes block(line);
    const char* const begin = block.view().data();
    std::uint32_t value = 0;
    EXPECT_EQ(read_short_number(begin, begin + line.size(), value), nullptr) << line;
  }
}

}  // namespace
}  // namespace pillion::resp
