#include "protocol/resp/writer.hpp"

#include <gtest/gtest.h>
#include <hiredis/hiredis.h>

#include <limits>
#include <vector>

#include "tests/unit/protocol/resp/bytes.hpp"

namespace pillion::resp {
namespace {

std::string by_hiredis(const std::vector<std::string_view>& args) {
  std::vector<const char*> texts;
  std::vector<std::size_t> sizes;
  for (const std::string_view arg : args) {
    texts.push_back(arg.data());
    sizes.push_back(arg.size());
  }
  char* encoded = nullptr;
  const int size = static_cast<int>(
      redisFormatCommandArgv(&encoded, static_cast<int>(args.size()), texts.data(), sizes.data()));
  const std::string result(encoded, static_cast<std::size_t>(size));
  redisFreeCommand(encoded);
  return result;
}

TEST(Writer, RequestsEqualThoseOfHiredis) {
  const std::string big(100'000, 'x');
  for (const auto& args : std::vector<std::vector<std::string_view>>{
           {"PING"},
           {"GET", ""},
           {"SET", "key", bytes("a\r\n\0b")},
           {"SET", "key", big},
           {"MGET", "0", "01", "012", "0123456789", "0123456789ab", "x", "y", "z", "w", "v"}}) {
    std::string out = "before";
    append_array_header(out, args.size());
    for (const std::string_view arg : args) append_bulk(out, arg);
    EXPECT_EQ(out, "before" + by_hiredis(args));
  }
  std::string out;
  append_request(out, {"HSET", "h", "f", "v"});
  EXPECT_EQ(out, by_hiredis({"HSET", "h", "f", "v"}));
}

TEST(Writer, RepliesOfBothProtocols) {
  std::string out;
  append_simple(out, "OK");
  append_integer(out, std::numeric_limits<std::int64_t>::min());
  append_null(out, 2);
  append_null(out, 3);
  append_map_header(out, 7, 2);
  append_map_header(out, 7, 3);
  append_array_header(out, 0);
  EXPECT_EQ(out, "+OK\r\n:-9223372036854775808\r\n$-1\r\n_\r\n*14\r\n%7\r\n*0\r\n");
}

// A line end inside an error would let whoever chose its text forge the replies behind it.
TEST(Writer, AnErrorIsOneLine) {
  std::string out = "+a\r\n";
  append_error(out, "ERR bad\r\n+OK\n\r");
  EXPECT_EQ(out, "+a\r\n-ERR bad  +OK  \r\n");
}

}  // namespace
}  // namespace pillion::resp
