// Read buffers of one size, recycled within a worker: a busy session borrows one, an idle session
// holds none.
#pragma once

#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace pillion::net {

class BufferPool {
 public:
  static constexpr std::size_t kSize = 16 * 1024;
  using Buffer = std::unique_ptr<char[]>;

  Buffer take() {
    if (free_.empty()) return Buffer(new char[kSize]);
    Buffer buffer = std::move(free_.back());
    free_.pop_back();
    return buffer;
  }

  /// Keeps a few for the next burst, frees the rest.
  void give(Buffer buffer) {
    if (free_.size() < kKept) free_.push_back(std::move(buffer));
  }

 private:
  static constexpr std::size_t kKept = 64;
  std::vector<Buffer> free_;
};

}  // namespace pillion::net
