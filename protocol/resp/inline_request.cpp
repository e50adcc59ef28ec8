#include "protocol/resp/inline_request.hpp"

#include "protocol/resp/writer.hpp"

namespace pillion::resp {
namespace {

constexpr std::size_t kCrLf = 2;

// isspace() of the C locale, which is what Redis uses between words and behind a closing quote.
bool is_blank(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

// What ends an unquoted word. Narrower than is_blank(): vertical tab and form feed are part of it.
bool ends_word(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Each reader takes the bytes behind the opening quote, eats up to and including the closing one,
// and fails when there is none or when something other than a blank follows it.
bool closed_well(std::string_view& rest) {
  rest.remove_prefix(1);
  return rest.empty() || is_blank(rest.front());
}

bool read_double_quoted(std::string_view& rest, std::string& word) {
  while (!rest.empty()) {
    if (rest[0] == '"') return closed_well(rest);
    if (rest[0] != '\\' || rest.size() == 1) {
      word += rest[0];
      rest.remove_prefix(1);
    } else if (rest.size() >= 4 && rest[1] == 'x' && hex_value(rest[2]) >= 0 &&
               hex_value(rest[3]) >= 0) {
      word += static_cast<char>(hex_value(rest[2]) * 16 + hex_value(rest[3]));
      rest.remove_prefix(4);
    } else {
      word += unescaped(rest[1]);
      rest.remove_prefix(2);
    }
  }
  return false;
}

bool read_single_quoted(std::string_view& rest, std::string& word) {
  while (!rest.empty()) {
    if (rest[0] == '\'') return closed_well(rest);
    if (rest[0] == '\\' && rest.size() > 1 && rest[1] == '\'') rest.remove_prefix(1);
    word += rest[0];
    rest.remove_prefix(1);
  }
  return false;
}

// A word may change into quotes midway (ab"c d") but ends where they close.
bool read_word(std::string_view& rest, std::string& word) {
  while (!rest.empty() && !ends_word(rest[0])) {
    const char c = rest[0];
    rest.remove_prefix(1);
    if (c == '"') return read_double_quoted(rest, word);
    if (c == '\'') return read_single_quoted(rest, word);
    word += c;
  }
  return true;
}

}  // namespace

bool encode_inline(std::string_view line, std::string& out, std::vector<InlineWord>& words) {
  out.clear();
  words.clear();
  std::string word;
  for (;;) {
    while (!line.empty() && is_blank(line.front())) line.remove_prefix(1);
    if (line.empty()) break;
    word.clear();
    if (!read_word(line, word)) return false;
    append_bulk(out, word);
    words.push_back({static_cast<std::uint32_t>(out.size() - kCrLf - word.size()),
                     static_cast<std::uint32_t>(word.size())});
  }
  // The header comes first but needs the count, so the words are moved behind it.
  std::string header;
  append_array_header(header, words.size());
  out.insert(0, header);
  for (InlineWord& moved : words) moved.offset += static_cast<std::uint32_t>(header.size());
  return true;
}

}  // namespace pillion::resp
