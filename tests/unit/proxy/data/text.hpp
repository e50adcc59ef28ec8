// Requests as people write them: "SET a 1|GET a".
#pragma once

#include <string>
#include <string_view>

#include "protocol/resp/request_parser.hpp"
#include "protocol/resp/writer.hpp"

namespace pillion::data {

/// Canonical encoding of commands separated by '|'; '' stands for the empty argument.
inline std::string requests(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('|'));
    lines.remove_prefix(line.size() < lines.size() ? line.size() + 1 : line.size());
    std::string arguments;
    std::size_t count = 0;
    for (std::size_t at = 0; at < line.size(); ++count) {
      const std::string_view word = line.substr(at, line.find(' ', at) - at);
      resp::append_bulk(arguments, word == "''" ? std::string_view{} : word);
      at += word.size() + 1;
    }
    out += "*" + std::to_string(count) + "\r\n" + arguments;
  }
  return out;
}

/// The other way round; what is no request is shown as it is behind "?".
inline std::string spoken(std::string_view bytes) {
  std::string out;
  resp::RequestParser parser;
  while (!bytes.empty()) {
    if (!out.empty()) out += '|';
    if (parser.parse(bytes) != resp::RequestParser::Result::kCommand)
      return out + "?" + std::string(bytes);
    for (std::size_t i = 0; i < parser.command().argc(); ++i) {
      if (i > 0) out += ' ';
      out += parser.command().arg(i);
    }
    bytes.remove_prefix(parser.consumed());
  }
  return out;
}

inline std::string bulk(std::string_view bytes) {
  std::string out;
  resp::append_bulk(out, bytes);
  return out;
}

}  // namespace pillion::data
