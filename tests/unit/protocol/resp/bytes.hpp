// Literals with NUL bytes in them, and bytes in a heap block of exactly their size so that the
// address sanitizer sees a read behind the end.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace pillion::resp {

template <std::size_t N>
constexpr std::string_view bytes(const char (&literal)[N]) {
  return {literal, N - 1};
}

class ExactBytes {
 public:
  explicit ExactBytes(std::string_view content) : block_(content.begin(), content.end()) {}
  std::string_view view() const { return {block_.data(), block_.size()}; }

 private:
  std::vector<char> block_;
};

}  // namespace pillion::resp
