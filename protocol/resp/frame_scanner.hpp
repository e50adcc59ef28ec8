// Upstream bytes -> where one reply ends. RESP2 and RESP3, iterative, builds no tree.
//
// A stack of counters, of fixed size, stands for the open aggregates: memory never follows what a
// peer announces. Nulls are "$-1", "*-1" and "_". Streamed types ("$?", "*?", ";", ".") are errors,
// as is a push inside another frame: nothing the scanner is used on sends either.
//
// feed() consumes bytes of the current frame only and never looks at one twice, so a caller can
// pass a large reply on as it arrives. Attributes ('|') belong to the frame they precede.
#pragma once

#include <array>
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
  enum class Phase : std::uint8_t {
    kType,    // the next byte is the first of a node
    kLine,    // inside a line that has no number to understand; ends at CR LF
    kNumber,  // inside the digits of "$<n>", "*<n>", ...
    kBody,    // body_left_ bytes of a bulk to come, its CR LF included
    kDead,    // after an error
  };
  enum class Outcome : std::uint8_t { kGoOn, kFrame, kError };

  struct Level {
    std::uint64_t left;  // nodes to come, 2 per pair
    bool attribute;      // its end completes nothing: the value it describes follows
  };

  Outcome begin_node(const char*& p, const char* end);
  Outcome resume_line(const char*& p, const char* end);
  Outcome resume_number(const char*& p, const char* end);
  Outcome resume_body(const char*& p, const char* end);
  Outcome number_known(const char*& p, const char* end, std::uint64_t number);
  Outcome null_known();
  Outcome end_node();

  std::uint64_t frame_bytes_ = 0;
  char type_ = 0;
  char node_type_ = 0;  // first byte of the node whose line is being read
  Phase phase_ = Phase::kType;
  bool after_cr_ = false;        // kLine, kNumber: the last byte was '\r'
  bool negative_ = false;        // kNumber: began with '-', only "-1" is valid
  std::uint8_t digits_ = 0;      // kNumber: how many were read
  std::uint8_t depth_ = 0;       // levels in use
  std::uint64_t number_ = 0;     // kNumber: their value
  std::uint64_t body_left_ = 0;  // kBody
  std::array<Level, kMaxReplyDepth> levels_;
};

}  // namespace pillion::resp
