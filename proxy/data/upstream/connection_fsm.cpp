#include "proxy/data/upstream/connection_fsm.hpp"

namespace pillion::data::upstream {

ConnectionFsm::Action ConnectionFsm::start(state::Nanos now) {
  status_ = Status::kConnecting;
  deadline_ = now + options_.connect_timeout;
  return Action::kConnect;
}

ConnectionFsm::Action ConnectionFsm::on_connected(state::Nanos now) {
  handshake_.emplace(options_.key, options_.identify);
  if (handshake_->request().empty()) {
    status_ = Status::kLive;
    live_since_ = now;
    return Action::kGoLive;
  }
  status_ = Status::kHandshake;
  return Action::kSendHandshake;
}

ConnectionFsm::Action ConnectionFsm::on_handshake_bytes(std::string_view bytes,
                                                        std::size_t& consumed, state::Nanos now,
                                                        std::uint64_t random) {
  switch (handshake_->feed(bytes, consumed)) {
    case Handshake::Result::kMore:
      return Action::kNone;
    case Handshake::Result::kDone:
      status_ = Status::kLive;
      live_since_ = now;
      return Action::kGoLive;
    case Handshake::Result::kRefused:
      break;
  }
  return on_failed(FailureKind::kRefused, handshake_->refusal(), now, random);
}

ConnectionFsm::Action ConnectionFsm::on_failed(FailureKind kind, std::string_view detail,
                                               state::Nanos now, std::uint64_t random) {
  if (status_ == Status::kBackoff || status_ == Status::kClosed) return Action::kNone;
  // The first retry after a connection that worked for a while is immediate: it was a blip until
  // proven otherwise. One that ends as soon as it is made is no better than one that is refused.
  const bool worked = status_ == Status::kLive && now - live_since_ >= options_.proven_after;
  if (worked) attempt_ = 0;
  failure_kind_ = kind;
  last_error_ = detail;
  if (!options_.reconnect) {
    status_ = Status::kClosed;
    return Action::kFail;
  }
  status_ = Status::kBackoff;
  deadline_ = worked ? now : now + net::backoff_delay(options_.backoff, attempt_++, random);
  return Action::kFail;
}

ConnectionFsm::Action ConnectionFsm::on_tick(state::Nanos now, std::uint64_t random) {
  switch (status_) {
    case Status::kConnecting:
    case Status::kHandshake:
      if (now < deadline_) return Action::kNone;
      return on_failed(FailureKind::kConnect, "connect timed out", now, random);
    case Status::kBackoff:
      return now < deadline_ ? Action::kNone : start(now);
    case Status::kIdle:
    case Status::kLive:
    case Status::kClosed:
      return Action::kNone;
  }
  return Action::kNone;
}

}  // namespace pillion::data::upstream
