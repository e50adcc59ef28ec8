#include "proxy/data/upstream/handshake.hpp"

#include <charconv>

#include "protocol/resp/writer.hpp"

namespace pillion::data::upstream {
namespace {

// No handshake reply is larger; a peer that sends more is no Redis.
constexpr std::size_t kMaxReply = 64 * 1024;

}  // namespace

Handshake::Handshake(const ChannelKey& key, bool identify) {
  const std::string_view user = key.identity.acl_user();
  const std::string& password = key.identity.password;
  const std::string database = std::to_string(key.database);
  if (key.database != 0 && !password.empty()) {
    resp::append_request(request_, {"SELECT", database});
    expected_.push_back(Expected::kFirstSelect);
  }
  if (key.protocol == 3) {
    if (password.empty()) {
      resp::append_request(request_, {"HELLO", "3"});
    } else {
      resp::append_request(request_, {"HELLO", "3", "AUTH", user, password});
    }
    expected_.push_back(Expected::kAccepted);
  } else if (!password.empty()) {
    // The one-argument form is all that servers before 6.0 understand.
    if (key.identity.user.empty()) {
      resp::append_request(request_, {"AUTH", password});
    } else {
      resp::append_request(request_, {"AUTH", user, password});
    }
    expected_.push_back(Expected::kAccepted);
  }
  if (key.database != 0) {
    resp::append_request(request_, {"SELECT", database});
    expected_.push_back(Expected::kSecondSelect);
  }
  if (key.readonly) {
    resp::append_request(request_, {"READONLY"});
    expected_.push_back(Expected::kAccepted);
  }
  if (identify) {
    resp::append_request(request_, {"CLIENT", "ID"});
    expected_.push_back(Expected::kClientId);
  }
}

Handshake::Result Handshake::feed(std::string_view bytes, std::size_t& consumed) {
  consumed = 0;
  while (answered_ < expected_.size() && consumed < bytes.size()) {
    std::size_t n = 0;
    const auto status = scanner_.feed(bytes.substr(consumed), n);
    frame_.append(bytes.substr(consumed, n));
    consumed += n;
    if (status == resp::FrameScanner::Status::kError || frame_.size() > kMaxReply) {
      refusal_ = "ERR not a RESP reply to the handshake";
      return Result::kRefused;
    }
    if (status == resp::FrameScanner::Status::kMore) return Result::kMore;
    if (!on_reply(expected_[answered_])) {
      refusal_ = frame_.substr(1, frame_.size() - 3);
      return Result::kRefused;
    }
    frame_.clear();
    ++answered_;
  }
  return answered_ == expected_.size() ? Result::kDone : Result::kMore;
}

bool Handshake::on_reply(Expected expected) {
  const bool ok = frame_.front() != '-';
  switch (expected) {
    case Expected::kAccepted:
      return ok;
    case Expected::kFirstSelect:
      selected_ = ok;
      return true;
    case Expected::kSecondSelect:
      return ok || selected_;
    case Expected::kClientId:
      if (frame_.front() == ':')
        std::from_chars(frame_.data() + 1, frame_.data() + frame_.size(), client_id_);
      return true;
  }
  return true;
}

}  // namespace pillion::data::upstream
