#include "proxy/data/upstream/handshake.hpp"

#include "protocol/resp/writer.hpp"

namespace pillion::data::upstream {
namespace {

// No handshake reply is larger; a peer that sends more is no Redis.
constexpr std::size_t kMaxReply = 64 * 1024;

}  // namespace

Handshake::Handshake(const ChannelKey& key) {
  const std::string_view user = key.identity.acl_user();
  const std::string& password = key.identity.password;
  if (key.protocol == 3) {
    if (password.empty()) {
      resp::append_request(request_, {"HELLO", "3"});
    } else {
      resp::append_request(request_, {"HELLO", "3", "AUTH", user, password});
    }
    ++replies_left_;
  } else if (!password.empty()) {
    // The one-argument form is all that servers before 6.0 understand.
    if (key.identity.user.empty()) {
      resp::append_request(request_, {"AUTH", password});
    } else {
      resp::append_request(request_, {"AUTH", user, password});
    }
    ++replies_left_;
  }
  if (key.database != 0) {
    resp::append_request(request_, {"SELECT", std::to_string(key.database)});
    ++replies_left_;
  }
}

Handshake::Result Handshake::feed(std::string_view bytes, std::size_t& consumed) {
  consumed = 0;
  while (replies_left_ > 0 && consumed < bytes.size()) {
    std::size_t n = 0;
    const auto status = scanner_.feed(bytes.substr(consumed), n);
    frame_.append(bytes.substr(consumed, n));
    consumed += n;
    if (status == resp::FrameScanner::Status::kError || frame_.size() > kMaxReply) {
      refusal_ = "ERR not a RESP reply to the handshake";
      return Result::kRefused;
    }
    if (status == resp::FrameScanner::Status::kMore) return Result::kMore;
    if (frame_.front() == '-') {
      refusal_ = frame_.substr(1, frame_.size() - 3);
      return Result::kRefused;
    }
    frame_.clear();
    --replies_left_;
  }
  return replies_left_ == 0 ? Result::kDone : Result::kMore;
}

}  // namespace pillion::data::upstream
