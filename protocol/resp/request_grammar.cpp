#include "protocol/resp/request_grammar.hpp"

#include <limits>

#include "protocol/resp/number.hpp"
#include "protocol/resp/writer.hpp"

namespace pillion::resp::grammar {
namespace {

// What Redis itself can express, checked before any configured bound because the texts differ.
constexpr std::int64_t kRedisMaxCount = std::numeric_limits<std::int32_t>::max();
constexpr std::int64_t kRedisMaxBulk = 512LL * 1024 * 1024;

}  // namespace

std::string_view check_count_line(std::string_view line, const Limits& limits,
                                  std::int64_t& count) {
  if (!parse_integer(line.substr(1), count) || count > kRedisMaxCount) return kInvalidCount;
  if (count > static_cast<std::int64_t>(limits.max_args)) {
    return limits.unauthenticated ? "unauthenticated multibulk length" : kInvalidCount;
  }
  return {};
}

std::string_view check_length_line(std::string_view line, const Limits& limits,
                                   std::int64_t& length) {
  if (!parse_integer(line.substr(1), length) || length < 0) return kInvalidLength;
  if (length > static_cast<std::int64_t>(limits.max_bulk)) {
    return limits.unauthenticated && length <= kRedisMaxBulk ? "unauthenticated bulk length"
                                                             : kInvalidLength;
  }
  return {};
}

std::string error_line(std::string_view reason) {
  std::string text = "ERR Protocol error: ";
  text += reason;
  std::string line;
  append_error(line, text);
  return line;
}

std::string expected_dollar_line(char got) {
  std::string reason = "expected '$', got '";
  reason += got;
  reason += '\'';
  return error_line(reason);
}

}  // namespace pillion::resp::grammar
