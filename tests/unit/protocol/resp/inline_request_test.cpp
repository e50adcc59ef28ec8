#include "protocol/resp/inline_request.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "protocol/resp/writer.hpp"
#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::resp {
namespace {

struct Case {
  std::string_view line;
  std::string_view encoded;  // empty: unbalanced quotes
};

// What redis-server 7.0.15 makes of each line, asked through ECHO and PING.
const std::vector<Case> kCases = {
    {"", "*0\r\n"},
    {" \t\v\f\r ", "*0\r\n"},
    {"PING", "*1\r\n$4\r\nPING\r\n"},
    {"\vPING  ", "*1\r\n$4\r\nPING\r\n"},
    {"SET  k\tv", "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"},
    {"a\rb", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
    {"a\vb\fc", "*1\r\n$5\r\na\vb\fc\r\n"},
    {"''", "*1\r\n$0\r\n\r\n"},
    {"\"\" x", "*2\r\n$0\r\n\r\n$1\r\nx\r\n"},
    {"a\"b c\"", "*1\r\n$4\r\nab c\r\n"},
    {"a'b' c", "*2\r\n$2\r\nab\r\n$1\r\nc\r\n"},
    {R"("\x41\n\r\t\b\a\q\"\x4")", "*1\r\n$10\r\nA\n\r\t\b\aq\"x4\r\n"},
    {R"("\xfF\x00")", bytes("*1\r\n$2\r\n\xff\0\r\n")},
    {R"('a\'b\n"')", "*1\r\n$6\r\na'b\\n\"\r\n"},
    {R"(a\x41)", "*1\r\n$5\r\na\\x41\r\n"},
    {"\"a\"\vb", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"},
    {"\"a\"b", ""},
    {"'a'b", ""},
    {"\"\"''", ""},
    {"\"a", ""},
    {"'a", ""},
    {"\"a\\", ""},
    {"'a\\'", ""},
    {"x\"", ""},
};

TEST(EncodeInline, QuotesLikeRedis) {
  for (const Case& c : kCases) {
    const ExactBytes block(c.line);
    std::string out = "replaced";
    std::vector<InlineWord> words(1);
    ASSERT_EQ(encode_inline(block.view(), out, words), !c.encoded.empty()) << c.line;
    if (c.encoded.empty()) continue;
    EXPECT_EQ(out, c.encoded) << c.line;
    EXPECT_EQ(words.size(), static_cast<std::size_t>(c.encoded[1] - '0')) << c.line;
    std::string again = "*" + std::to_string(words.size()) + "\r\n";
    for (const InlineWord& word : words) append_bulk(again, out.substr(word.offset, word.length));
    EXPECT_EQ(again, c.encoded) << c.line;
  }
}

}  // namespace
}  // namespace pillion::resp
