#include "config/yaml_text.hpp"

#include <gtest/gtest.h>

#include <string>

namespace pillion::config {
namespace {

TEST(YamlText, TextOfEveryLengthPasses) {
  for (const std::string_view text :
       {"", "plain\ttext\r\n", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x9a\xb2", "\xef\xbb\xbfx",
        "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"}) {
    EXPECT_EQ(find_foreign_byte(text), std::nullopt) << text;
  }
}

TEST(YamlText, TheFirstForeignByteIsFound) {
  EXPECT_EQ(find_foreign_byte("ab\x04"), 2U);
  EXPECT_EQ(find_foreign_byte(std::string_view("a\0b", 3)), 1U);
  EXPECT_EQ(find_foreign_byte("\x7f"), 0U);
  EXPECT_EQ(find_foreign_byte("\xc3\xa9\xff"), 2U);
}

TEST(YamlText, MalformedSequences) {
  for (const std::string_view text :
       {"\x80", "\xc3", "\xc3(", "\xe2\x82", "\xe2(\xac", "\xf0\x9f\x9a", "\xc0\xaf",
        "\xe0\x80\xaf", "\xf0\x80\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80"}) {
    EXPECT_EQ(find_foreign_byte(text), 0U);
  }
}

}  // namespace
}  // namespace pillion::config
