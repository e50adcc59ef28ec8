#include "protocol/cluster/slot.hpp"

#include <array>
#include <cstddef>
#include <cstring>

namespace pillion::cluster {
namespace {

// kTables[n][b]: the remainder of byte b followed by n zero bytes. The remainder of several bytes
// is then the exclusive or of one entry each: loads that do not wait for one another.
constexpr std::size_t kStride = 8;
constexpr auto kTables = [] {
  std::array<std::array<std::uint16_t, 256>, kStride> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte << 8;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
    tables[0][byte] = static_cast<std::uint16_t>(crc & 0xffff);
  }
  for (std::size_t zeros = 1; zeros < kStride; ++zeros) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[zeros - 1][byte];
      tables[zeros][byte] = static_cast<std::uint16_t>((crc << 8 & 0xff00) ^ tables[0][crc >> 8]);
    }
  }
  return tables;
}();

std::uint32_t byte_at(const char* p) {
  return static_cast<unsigned char>(*p);
}

std::uint32_t fold(std::uint32_t crc, const char* p) {
  return std::uint32_t{kTables[7][byte_at(p) ^ crc >> 8]} ^
         kTables[6][byte_at(p + 1) ^ (crc & 0xff)] ^ kTables[5][byte_at(p + 2)] ^
         kTables[4][byte_at(p + 3)] ^ kTables[3][byte_at(p + 4)] ^ kTables[2][byte_at(p + 5)] ^
         kTables[1][byte_at(p + 6)] ^ kTables[0][byte_at(p + 7)];
}

/// Of less than kStride bytes.
std::uint16_t fold_rest(std::uint32_t crc, const char* p, std::size_t left) {
  if (left == 0) return static_cast<std::uint16_t>(crc);
  if (left == 1)
    return static_cast<std::uint16_t>((crc << 8 & 0xff00) ^ kTables[0][byte_at(p) ^ crc >> 8]);
  std::uint32_t tail = std::uint32_t{kTables[left - 1][byte_at(p) ^ crc >> 8]} ^
                       kTables[left - 2][byte_at(p + 1) ^ (crc & 0xff)];
  for (std::size_t i = 2; i < left; ++i) tail ^= kTables[left - 1 - i][byte_at(p + i)];
  return static_cast<std::uint16_t>(tail);
}

/// Some of kStride bytes is a '{'.
bool opens_tag(const char* p) {
  constexpr std::uint64_t kOnes = 0x0101010101010101;
  std::uint64_t word = 0;
  std::memcpy(&word, p, sizeof(word));
  word ^= kOnes * '{';
  return ((word - kOnes) & ~word & kOnes << 7) != 0;
}

}  // namespace

std::uint16_t crc16(std::string_view bytes) {
  const char* p = bytes.data();
  std::size_t left = bytes.size();
  std::uint32_t crc = 0;
  for (; left >= kStride; left -= kStride, p += kStride) crc = fold(crc, p);
  return fold_rest(crc, p, left);
}

std::string_view hashed_part(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open == std::string_view::npos) return key;
  const std::size_t close = key.find('}', open + 1);
  if (close == std::string_view::npos || close == open + 1) return key;
  return key.substr(open + 1, close - open - 1);
}

std::uint16_t slot_of(std::string_view key) {
  // Most keys have no tag: whether one begins is seen while its bytes are folded.
  const char* p = key.data();
  std::size_t left = key.size();
  std::uint32_t crc = 0;
  bool tagged = false;
  for (; left >= kStride; left -= kStride, p += kStride) {
    tagged = tagged || opens_tag(p);
    crc = fold(crc, p);
  }
  for (std::size_t i = 0; i < left; ++i) tagged = tagged || p[i] == '{';
  return (tagged ? crc16(hashed_part(key)) : fold_rest(crc, p, left)) % kSlotCount;
}

}  // namespace pillion::cluster
