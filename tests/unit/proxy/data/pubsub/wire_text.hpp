// What a subscription link says and hears, as people write it.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "protocol/resp/writer.hpp"
#include "tests/unit/proxy/data/text.hpp"

namespace pillion::data::pubsub {

inline constexpr std::string_view kHello = "%1\r\n$5\r\nproto\r\n:3\r\n";
inline constexpr std::string_view kPong = "+PONG\r\n";

inline std::string push(std::initializer_list<std::string_view> parts) {
  std::string out = ">" + std::to_string(parts.size()) + "\r\n";
  for (const std::string_view part : parts) resp::append_bulk(out, part);
  return out;
}

/// "subscribe a", "sunsubscribe b": with the count that nobody reads.
inline std::string confirm(std::string_view word, std::string_view name) {
  std::string out = ">3\r\n";
  resp::append_bulk(out, word);
  resp::append_bulk(out, name);
  return out + ":1\r\n";
}

inline std::string message(std::string_view channel, std::string_view text) {
  return push({"message", channel, text});
}

}  // namespace pillion::data::pubsub
