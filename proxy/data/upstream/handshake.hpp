// What a fresh upstream connection says before it carries commands: AUTH or HELLO 3, SELECT,
// READONLY to a replica of a cluster, and CLIENT ID where its name at the upstream will be needed
// (CLIENT UNBLOCK).
//
// SELECT goes ahead of AUTH as well as behind it: a client may be in a database whose user could
// not have selected it, and a default user may be allowed nothing. One of the two has to succeed.
// Sans-I/O: bytes to send, then replies in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/frame_scanner.hpp"
#include "proxy/data/upstream/identity.hpp"

namespace pillion::data::upstream {

class Handshake {
 public:
  enum class Result : std::uint8_t { kMore, kDone, kRefused };

  /// `identify`: ask for the connection's client id. That an upstream refuses to tell it is no
  /// refusal of the connection.
  explicit Handshake(const ChannelKey& key, bool identify = false);

  /// All of it at once; empty when there is nothing to say.
  const std::string& request() const { return request_; }

  /// Consumes bytes of the handshake's replies. kDone leaves later bytes unconsumed.
  Result feed(std::string_view bytes, std::size_t& consumed);

  /// The first error reply, without '-' and CRLF. Never contains our credentials.
  const std::string& refusal() const { return refusal_; }

  /// After kDone; 0: not asked or not told.
  std::uint64_t client_id() const { return client_id_; }

 private:
  std::string request_;
  enum class Expected : std::uint8_t {
    kAccepted,      // an error is a refusal
    kFirstSelect,   // may fail
    kSecondSelect,  // may fail if the first did not
    kClientId,
  };
  bool on_reply(Expected expected);  // false: refused

  std::vector<Expected> expected_;
  std::size_t answered_ = 0;
  bool selected_ = false;
  resp::FrameScanner scanner_;
  std::string frame_;
  std::string refusal_;
  std::uint64_t client_id_ = 0;
};

}  // namespace pillion::data::upstream
