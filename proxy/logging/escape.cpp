#include "proxy/logging/escape.hpp"

#include <cstddef>

namespace pillion::logging {
namespace {

constexpr std::string_view kHex = "0123456789abcdef";

unsigned char byte_at(std::string_view text, std::size_t i) {
  return static_cast<unsigned char>(text[i]);
}

bool is_control(unsigned char byte) {
  return byte < 0x20 || byte == 0x7f;
}

char short_escape(unsigned char byte) {
  switch (byte) {
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

/// Length of the well-formed UTF-8 sequence at `i`; 0 when there is none. Overlong forms,
/// surrogates and code points past U+10FFFF are malformed (RFC 3629).
std::size_t sequence_length(std::string_view text, std::size_t i) {
  const unsigned char lead = byte_at(text, i);
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  unsigned char low = 0x80;
  unsigned char high = 0xbf;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    if (lead == 0xe0) low = 0xa0;
    if (lead == 0xed) high = 0x9f;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    if (lead == 0xf0) low = 0x90;
    if (lead == 0xf4) high = 0x8f;
  }
  if (length == 0 || i + length > text.size()) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    const unsigned char next = byte_at(text, i + k);
    if (next < low || next > high) return 0;
    low = 0x80;
    high = 0xbf;
  }
  return length;
}

}  // namespace

void append_text(std::string& out, std::string_view message) {
  for (std::size_t i = 0; i < message.size(); ++i) {
    const unsigned char byte = byte_at(message, i);
    if (!is_control(byte)) {
      out += message[i];
    } else if (const char letter = short_escape(byte)) {
      out += '\\';
      out += letter;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
}

void append_json(std::string& out, std::string_view message) {
  std::size_t i = 0;
  while (i < message.size()) {
    const unsigned char byte = byte_at(message, i);
    const std::size_t length = sequence_length(message, i);
    if (length == 0) {
      out += "\\ufffd";
      ++i;
      continue;
    }
    if (byte == '"' || byte == '\\') {
      out += '\\';
      out += message[i];
    } else if (!is_control(byte)) {
      out.append(message, i, length);
    } else if (const char letter = short_escape(byte)) {
      out += '\\';
      out += letter;
    } else {
      out += "\\u00";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
    i += length;
  }
}

}  // namespace pillion::logging
