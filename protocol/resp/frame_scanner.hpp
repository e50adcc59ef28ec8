// Upstream bytes -> where one reply ends. RESP2 and RESP3, iterative, builds no tree.
//
// feed() consumes bytes of the current frame only and never looks at one twice, so a caller can
// pass a large reply on as it arrives. Attributes ('|') belong to the frame they precede.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/resp/limits.hpp"

namespace pillion::resp {

class FrameScanner {
 public:
  enum class Status : std::uint8_t { kMore, kFrame, kError };

  /// Consumes bytes up to and including the end of the current frame. On kFrame the scanner is
  /// ready for the next one; on kMore every byte given was consumed; kError is final.
  Status feed(std::string_view bytes, std::size_t& consumed);

  /// Bytes of the frame being scanned that were consumed so far; 0 between frames.
  std::uint64_t frame_bytes() const { return frame_bytes_; }

  /// A lower bound of the current frame's total size: consumed bytes plus what an open bulk still
  /// announces. Tells a large reply from its header.
  std::uint64_t announced_bytes() const;

  /// First byte of the frame being scanned or last completed ('$', '>', '-', ...), behind any
  /// attribute.
  char type() const { return type_; }

 private:
  std::uint64_t frame_bytes_ = 0;
  char type_ = 0;
};

}  // namespace pillion::resp
