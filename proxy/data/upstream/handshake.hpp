// What a fresh upstream connection says before it carries commands: AUTH or HELLO 3, SELECT.
// Sans-I/O: bytes to send, then replies in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/resp/frame_scanner.hpp"
#include "proxy/data/upstream/identity.hpp"

namespace pillion::data::upstream {

class Handshake {
 public:
  enum class Result : std::uint8_t { kMore, kDone, kRefused };

  explicit Handshake(const ChannelKey& key);

  /// All of it at once; empty when there is nothing to say.
  const std::string& request() const { return request_; }

  /// Consumes bytes of the handshake's replies. kDone leaves later bytes unconsumed.
  Result feed(std::string_view bytes, std::size_t& consumed);

  /// The first error reply, without '-' and CRLF. Never contains our credentials.
  const std::string& refusal() const { return refusal_; }

 private:
  std::string request_;
  std::uint32_t replies_left_ = 0;
  resp::FrameScanner scanner_;
  std::string frame_;
  std::string refusal_;
};

}  // namespace pillion::data::upstream
