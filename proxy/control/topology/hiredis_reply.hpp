// Replies to the control plane's own questions, parsed by hiredis.
//
// hiredis 0.14 knows RESP2 only and believes array headers: "*2147483647" makes it reserve
// gigabytes. So ReplyReader gathers bytes, bounds them, and lets hiredis see a reply only once
// the frame scanner has found its end; an announced array then costs no more than bytes received.
// Used by one thread. The only includer of hiredis is hiredis_reply.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "protocol/resp/frame_scanner.hpp"

struct redisReply;
struct redisReader;

namespace pillion::control {

/// A reply or an element of one, not owned: valid while the HiredisReply it came from is.
class ReplyView {
 public:
  explicit ReplyView(const redisReply* reply) : reply_(reply) {}

  bool is_error() const;
  bool is_array() const;
  /// Elements of an array; 0 for anything else.
  std::size_t size() const;
  /// Element i. Precondition: i < size().
  ReplyView operator[](std::size_t i) const;
  /// Text of a bulk, simple or error string; empty for anything else.
  std::string_view text() const;
  /// Of an integer; 0 for anything else.
  std::int64_t integer() const;

 private:
  const redisReply* reply_;
};

/// One reply, owned. Move-only; never empty unless moved from.
class HiredisReply {
 public:
  explicit HiredisReply(redisReply* owned) : reply_(owned) {}

  ReplyView view() const { return ReplyView(reply_.get()); }

  bool is_error() const;
  bool is_array() const;
  /// Elements of an array; 0 for anything else.
  std::size_t size() const;
  /// Text of a bulk, simple or error string; empty for anything else.
  std::string_view text() const;
  /// Text of element i of an array; empty when there is no such text.
  std::string_view text_at(std::size_t i) const;

 private:
  struct Free {
    void operator()(redisReply* reply) const;
  };
  std::unique_ptr<redisReply, Free> reply_;
};

struct NeedMore {};
/// The stream is broken for good: give the connection up.
struct BadReply {
  std::string why;
};

class ReplyReader {
 public:
  /// INFO and ROLE stay far below.
  static constexpr std::size_t kMaxReplyBytes = 1 << 20;

  /// Larger replies than `max_bytes` are refused.
  explicit ReplyReader(std::size_t max_bytes = kMaxReplyBytes);

  void feed(std::string_view bytes);

  /// The next whole reply, or why there is none. After BadReply always BadReply.
  std::variant<HiredisReply, NeedMore, BadReply> next();

 private:
  struct Free {
    void operator()(redisReader* reader) const;
  };
  BadReply broken(std::string why);

  const std::size_t max_bytes_;
  std::unique_ptr<redisReader, Free> reader_;
  resp::FrameScanner scanner_;
  std::string pending_;      // bytes not yet handed to hiredis
  std::size_t scanned_ = 0;  // of pending_
  std::string broken_;
};

}  // namespace pillion::control
