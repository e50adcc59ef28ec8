// Replies as a server writes them, read for a parser under test.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proxy/control/topology/hiredis_reply.hpp"

namespace pillion::control {

inline std::string bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}
inline std::string number(long long value) {
  return ":" + std::to_string(value) + "\r\n";
}
inline std::string array(const std::vector<std::string>& elements) {
  std::string text = "*" + std::to_string(elements.size()) + "\r\n";
  for (const std::string& element : elements) text += element;
  return text;
}

inline HiredisReply read_reply(const std::string& bytes) {
  ReplyReader reader;
  reader.feed(bytes);
  return std::move(std::get<HiredisReply>(reader.next()));
}

}  // namespace pillion::control
