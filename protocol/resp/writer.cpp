#include "protocol/resp/writer.hpp"

#include <charconv>

namespace pillion::resp {
namespace {

// Type byte, sign, 19 digits, CR LF.
constexpr std::size_t kMaxNumberLine = 24;

std::size_t write_number_line(char* out, char type, std::int64_t value) {
  char* p = out;
  *p++ = type;
  p = std::to_chars(p, out + kMaxNumberLine, value).ptr;
  *p++ = '\r';
  *p++ = '\n';
  return static_cast<std::size_t>(p - out);
}

void append_number_line(std::string& out, char type, std::int64_t value) {
  char line[kMaxNumberLine];
  out.append(line, write_number_line(line, type, value));
}

}  // namespace

void append_array_header(std::string& out, std::size_t count) {
  append_number_line(out, '*', static_cast<std::int64_t>(count));
}

void append_map_header(std::string& out, std::size_t pairs, int protocol) {
  const auto count = static_cast<std::int64_t>(pairs);
  if (protocol >= 3) {
    append_number_line(out, '%', count);
  } else {
    append_number_line(out, '*', count * 2);
  }
}

void append_bulk(std::string& out, std::string_view value) {
  append_number_line(out, '$', static_cast<std::int64_t>(value.size()));
  out.append(value);
  out.append("\r\n", 2);
}

void append_simple(std::string& out, std::string_view text) {
  out += '+';
  out.append(text);
  out.append("\r\n", 2);
}

void append_integer(std::string& out, std::int64_t value) {
  append_number_line(out, ':', value);
}

void append_null(std::string& out, int protocol) {
  out.append(protocol >= 3 ? "_\r\n" : "$-1\r\n");
}

void append_error(std::string& out, std::string_view text) {
  out += '-';
  const std::size_t start = out.size();
  out.append(text);
  for (std::size_t i = start; i < out.size(); ++i) {
    if (out[i] == '\r' || out[i] == '\n') out[i] = ' ';
  }
  out.append("\r\n", 2);
}

void append_request(std::string& out, std::initializer_list<std::string_view> args) {
  append_array_header(out, args.size());
  for (const std::string_view arg : args) append_bulk(out, arg);
}

}  // namespace pillion::resp
