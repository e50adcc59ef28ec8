#include "config/yaml_text.hpp"

#include <cstdint>

namespace pillion::config {
namespace {

// Length of the well-formed UTF-8 sequence that text begins with; 0 when there is none.
std::size_t sequence_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return 1;
  std::size_t length = 0;
  std::uint32_t point = 0;
  std::uint32_t least = 0;
  if ((lead & 0xe0U) == 0xc0) {
    length = 2;
    point = lead & 0x1fU;
    least = 0x80;
  } else if ((lead & 0xf0U) == 0xe0) {
    length = 3;
    point = lead & 0x0fU;
    least = 0x800;
  } else if ((lead & 0xf8U) == 0xf0) {
    length = 4;
    point = lead & 0x07U;
    least = 0x10000;
  }
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0U) != 0x80) return 0;
    point = (point << 6U) | (byte & 0x3fU);
  }
  const bool surrogate = point >= 0xd800 && point <= 0xdfff;
  return point < least || point > 0x10ffff || surrogate ? 0 : length;
}

bool is_control(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
}

}  // namespace

std::optional<std::size_t> find_foreign_byte(std::string_view text) {
  std::size_t offset = 0;
  while (offset < text.size()) {
    const auto length = sequence_length(text.substr(offset));
    if (length == 0 || is_control(text[offset])) return offset;
    offset += length;
  }
  return std::nullopt;
}

}  // namespace pillion::config
