// What every target shares: the input's layout and a way to fail.
//
// An input is one byte that chooses how the rest is split, one that chooses limits, and the bytes
// themselves: so that libFuzzer can change the splits without changing the bytes.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

namespace pillion::fuzz {

/// Both the fuzzer and the replay see an abort as a failure.
inline void require(bool holds) {
  if (!holds) std::abort();
}

/// A heap block of exactly the given bytes, so that the address sanitizer sees reads behind it.
using Block = std::vector<char>;

inline Block block_of(std::string_view bytes) {
  return {bytes.begin(), bytes.end()};
}
inline std::string_view view(const Block& block) {
  return {block.data(), block.size()};
}

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size)
      : split_(size > 0 ? data[0] : 0), limits_(size > 1 ? data[1] : 0) {
    for (std::size_t i = 2; i < size; ++i) bytes_.push_back(static_cast<char>(data[i]));
  }

  std::string_view bytes() const { return view(bytes_); }
  bool tight_limits() const { return limits_ % 2 == 1; }

  /// Ends of deliveries, ascending, the last one the size: byte by byte, or pieces of a pseudo
  /// random size.
  std::vector<std::size_t> cuts() const {
    std::vector<std::size_t> ends;
    std::uint32_t state = split_ * 2654435761U + 1;
    for (std::size_t at = 0; at < bytes_.size();) {
      state = state * 1664525U + 1013904223U;
      at += split_ == 0 ? 1 : 1 + (state >> 24) % (2U + split_ % 32U);
      ends.push_back(std::min(at, bytes_.size()));
    }
    return ends;
  }

 private:
  std::uint32_t split_;
  std::uint32_t limits_;
  Block bytes_;
};

}  // namespace pillion::fuzz
