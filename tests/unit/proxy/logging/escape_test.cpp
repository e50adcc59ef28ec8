#include "proxy/logging/escape.hpp"

#include <gtest/gtest.h>

namespace pillion::logging {
namespace {

std::string text(std::string_view message) {
  std::string out;
  append_text(out, message);
  return out;
}

std::string json(std::string_view message) {
  std::string out;
  append_json(out, message);
  return out;
}

TEST(Escape, TextKeepsOneMessageOnOneLine) {
  EXPECT_EQ(text("a\r\nb\tc"), "a\\r\\nb\\tc");
  EXPECT_EQ(text(std::string_view("\x1b[2J\0\x7f", 6)), "\\x1b[2J\\x00\\x7f");
}

TEST(Escape, TextLeavesUtf8Alone) {
  EXPECT_EQ(text("grüße \"x\""), "grüße \"x\"");
}

TEST(Escape, JsonQuotesAndControls) {
  EXPECT_EQ(json("say \"hi\" \\ \n"), R"(say \"hi\" \\ \n)");
  EXPECT_EQ(json(std::string_view("\0\x1f", 2)), R"(\u0000\u001f)");
}

TEST(Escape, JsonKeepsWellFormedUtf8) {
  EXPECT_EQ(json("é € 😀"), "é € 😀");
}

TEST(Escape, JsonReplacesWhatIsNotUtf8) {
  EXPECT_EQ(json("\xff"), "\\ufffd");
  EXPECT_EQ(json("\xc0\xaf"), "\\ufffd\\ufffd");             // overlong
  EXPECT_EQ(json("\xed\xa0\x80"), "\\ufffd\\ufffd\\ufffd");  // surrogate
  EXPECT_EQ(json("\xe2\x82"), "\\ufffd\\ufffd");             // cut off
  EXPECT_EQ(json("\xf4\x90\x80\x80x"), "\\ufffd\\ufffd\\ufffd\\ufffdx");
}

}  // namespace
}  // namespace pillion::logging
