#include "proxy/data/upstream/multiplexer.hpp"

#include <algorithm>
#include <utility>

#include "protocol/cluster/redirect.hpp"
#include "protocol/resp/reply_cursor.hpp"
#include "protocol/resp/request_parser.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/upstream/lane.hpp"

namespace pillion::data::upstream {
namespace {

// A reply that is larger is passed on as it arrives.
constexpr std::uint64_t kStreamFrom = 64 * 1024;
// Answered bytes are cut off in steps, not at every reply.
constexpr std::size_t kCompactFrom = 64 * 1024;
constexpr std::size_t kKeepBuffer = 1024 * 1024;
// An invalidation names the keys of one command at the most.
constexpr std::size_t kMaxPush = 64UL * 1024 * 1024;

state::Nanos limit_of(TimeLimit limit, const TimeLimits& limits) {
  switch (limit) {
    case TimeLimit::kScript:
      return limits.script;
    case TimeLimit::kReplica:
      return limits.replica;
    case TimeLimit::kCommand:
    case TimeLimit::kNone:
      break;
  }
  return limits.command;
}

bool refuses(std::string_view begun, std::string_view rest) {
  if (begun.empty()) return cluster::may_redirect(rest);
  std::string head(begun.substr(0, 3));
  head += rest.substr(0, 3);
  return cluster::may_redirect(head);
}

bool tells_of_execution(char type) {
  return type == ':' || type == '$' || type == '_';
}

}  // namespace

void Multiplexer::submit(std::string_view request, const Requester& to, CommandClass command_class,
                         TimeLimit limit, state::Nanos now) {
  bytes_.append(request);
  ++outstanding_;
  if (!pending_.empty()) {
    Run& last = pending_.back();
    if (last.to == to && last.sent_at == now && last.command_class == command_class &&
        last.limit == limit && !last.large && !last.check) {
      ++last.unanswered;
      last.bytes += request.size();
      return;
    }
  }
  Run& run = pending_.push_back();
  run.to = to;
  run.unanswered = 1;
  run.bytes = request.size();
  run.sent_at = now;
  run.command_class = command_class;
  run.limit = limit;
}

void Multiplexer::begin_large(const Requester& to, state::Nanos now) {
  Run& run = pending_.push_back();
  run.to = to;
  run.unanswered = 1;
  run.sent_at = now;
  run.limit = TimeLimit::kNone;
  run.large = true;
  ++outstanding_;
}

void Multiplexer::submit_check(std::uint64_t nonce, state::Nanos now) {
  const std::string text = std::string(kOwnPing) + std::to_string(nonce);
  std::string request;
  resp::append_request(request, {"PING", text});
  check_.clear();
  resp::append_bulk(check_, text);
  submit(request, Requester{}, CommandClass::kWrite, TimeLimit::kCommand, now);
  pending_.back().check = true;
}

void Multiplexer::start_relay(const Requester& to) {
  relaying_ = true;
  relay_to_ = to;
}

void Multiplexer::written(std::size_t n) {
  written_ += n;
  // Bytes of a large or relayed request are not kept for a second try.
  if (relaying_ || (!pending_.empty() && pending_.front().large)) {
    bytes_.erase(0, written_);
    written_ = 0;
    answered_ = 0;
    if (bytes_.empty() && bytes_.capacity() > kKeepBuffer) std::string().swap(bytes_);
  }
}

void Multiplexer::finish_front() {
  if (!pending_.front().large) answered_ += pending_.front().bytes;
  pending_.pop_front();
  if (answered_ == bytes_.size()) {
    answered_ = 0;
    written_ = 0;
    if (bytes_.capacity() > kKeepBuffer) {
      std::string().swap(bytes_);
    } else {
      bytes_.clear();
    }
  } else if (answered_ > kCompactFrom && answered_ * 2 > bytes_.size()) {
    bytes_.erase(0, answered_);
    written_ -= answered_;
    answered_ = 0;
  }
}

/// The canonical bytes of the oldest unanswered command of the front run; empty when they were not
/// kept.
std::string_view Multiplexer::request_of_next(const Run& run) const {
  if (run.large) return {};
  std::string_view rest = std::string_view(bytes_).substr(answered_, run.bytes);
  resp::RequestParser parser;
  for (std::uint32_t i = 0; i <= run.answered; ++i) {
    if (parser.parse(rest) != resp::RequestParser::Result::kCommand) return {};
    if (i == run.answered) return rest.substr(0, parser.consumed());
    rest.remove_prefix(parser.consumed());
  }
  return {};
}

/// `request` is that of a reply which may be a refusal, else empty.
void Multiplexer::deliver(const Requester& to, const Replies& replies, std::string_view request,
                          state::Nanos now) {
  if (request.empty()) {
    sink_.on_replies(to, replies, now);
  } else {
    sink_.on_refused(to, replies.bytes, request);
  }
}

Multiplexer::Status Multiplexer::on_bytes(std::string_view bytes, state::Nanos now) {
  last_bytes_at_ = now;
  Flow flow = Flow::kGoOn;
  if (relaying_ && pending_.empty()) {
    return sink_.on_relay(relay_to_, bytes) == Flow::kPause ? Status::kPause : Status::kOk;
  }
  while (!bytes.empty()) {
    const bool between_replies = partial_.empty() && !streaming_;
    if (in_push_ || (accepts_pushes_ && between_replies && bytes.front() == '>')) {
      if (on_push_bytes(bytes) == Status::kProtocolError) return Status::kProtocolError;
      continue;
    }
    if (pending_.empty()) {
      if (!relaying_) return Status::kProtocolError;
      return sink_.on_relay(relay_to_, bytes) == Flow::kPause ? Status::kPause : Status::kOk;
    }
    Run& run = pending_.front();

    // As many whole replies of this run as are here, delivered together.
    std::size_t end = 0;
    std::uint32_t frames = 0;
    ends_.clear();
    auto status = resp::FrameScanner::Status::kMore;
    std::size_t used = 0;
    while (frames < run.unanswered && end < bytes.size()) {
      if (accepts_pushes_ && frames > 0 && bytes[end] == '>') break;
      // An error goes out by itself: it may be a refusal.
      const bool error = (between_replies || frames > 0) && bytes[end] == '-';
      if (error && frames > 0) break;
      status = scanner_.feed(bytes.substr(end), used);
      if (status != resp::FrameScanner::Status::kFrame) break;
      if (scanner_.type() == '>') return Status::kProtocolError;
      if (frames > 0) ends_.push_back(static_cast<std::uint32_t>(end));
      end += used;
      ++frames;
      // So does the rest of a split reply.
      if (error || absence_is_doubtful_ || streaming_ || !partial_.empty()) break;
    }

    if (frames > 0) {
      const std::string_view whole = bytes.substr(0, end);
      const Requester to = run.to;
      const bool check = run.check;
      if (tells_of_execution(whole.front()) && partial_.empty()) executed_ = run.sent_at;
      std::string request;
      const bool absent =
          absence_is_doubtful_ && (!partial_.empty() || resp::may_say_missing(whole));
      if (!streaming_ && frames == 1 && (absent || refuses(partial_, whole)))
        request = request_of_next(run);
      run.unanswered -= frames;
      run.answered += frames;
      outstanding_ -= frames;
      if (run.unanswered == 0) finish_front();
      if (check) {
        partial_.append(whole);
        if (streaming_ || partial_ != check_) return Status::kProtocolError;
        partial_.clear();
      } else if (streaming_) {
        streaming_ = false;
        flow = sink_.on_fragment(to, whole, true);
      } else if (!partial_.empty()) {
        partial_.append(whole);
        const std::string frame = std::exchange(partial_, {});
        deliver(to, {frame}, request, now);
      } else {
        deliver(to, {whole, ends_}, request, now);
      }
      bytes.remove_prefix(end);
      if (status == resp::FrameScanner::Status::kFrame) continue;
      if (bytes.empty()) break;
    }
    if (status == resp::FrameScanner::Status::kError) return Status::kProtocolError;

    // An incomplete reply is left; the scanner has consumed all of it.
    if (pending_.front().check && scanner_.announced_bytes() > check_.size())
      return Status::kProtocolError;
    if (streaming_) {
      flow = sink_.on_fragment(pending_.front().to, bytes, false);
    } else if (scanner_.announced_bytes() >= kStreamFrom) {
      streaming_ = true;
      if (!partial_.empty()) {
        sink_.on_fragment(pending_.front().to, partial_, false);
        std::string().swap(partial_);
      }
      flow = sink_.on_fragment(pending_.front().to, bytes, false);
    } else {
      partial_.append(bytes);
    }
    break;
  }
  return flow == Flow::kPause ? Status::kPause : Status::kOk;
}

/// Takes the push that `bytes` begin with or go on with.
Multiplexer::Status Multiplexer::on_push_bytes(std::string_view& bytes) {
  std::size_t used = 0;
  const auto status = scanner_.feed(bytes, used);
  const std::string_view piece = bytes.substr(0, used);
  bytes.remove_prefix(used);
  if (status == resp::FrameScanner::Status::kError || partial_.size() + used > kMaxPush)
    return Status::kProtocolError;
  in_push_ = status == resp::FrameScanner::Status::kMore;
  if (partial_.empty() && !in_push_) {
    sink_.on_push(push_to_, piece);
    return Status::kOk;
  }
  partial_.append(piece);
  if (!in_push_) {
    const std::string frame = std::exchange(partial_, {});
    sink_.on_push(push_to_, frame);
  }
  return Status::kOk;
}

void Multiplexer::fail(const Failure& failure) {
  // The sink may stage new commands elsewhere while it is told; nothing comes back to this object.
  RingQueue<Run> lost = std::exchange(pending_, {});
  const std::string bytes = std::exchange(bytes_, {});
  std::size_t offset = answered_;
  const std::size_t written = std::exchange(written_, 0);
  bool reply_begun = std::exchange(streaming_, false);
  const bool relayed = std::exchange(relaying_, false);
  const bool pushed = std::exchange(accepts_pushes_, false);
  in_push_ = false;
  answered_ = 0;
  outstanding_ = 0;
  partial_.clear();
  scanner_ = {};
  for (std::size_t i = 0; i < lost.size(); ++i) {
    const Run& run = lost[i];
    if (run.check) {
      offset += run.bytes;
      continue;
    }
    LostRun report{run.to,
                   run.command_class,
                   run.unanswered,
                   run.answered,
                   run.large || offset < written,
                   reply_begun,
                   {}};
    if (!run.large) report.requests = std::string_view(bytes).substr(offset, run.bytes);
    reply_begun = false;
    if (!run.large) offset += run.bytes;
    sink_.on_lost(report, failure);
  }
  if (relayed) sink_.on_relay_lost(relay_to_);
  if (pushed) sink_.on_relay_lost(push_to_);
}

bool Multiplexer::overdue(state::Nanos now, const TimeLimits& limits) const {
  if (pending_.empty()) return false;
  const Run& run = pending_.front();
  if (run.limit == TimeLimit::kNone) return false;
  const state::Nanos timeout = limit_of(run.limit, limits);
  const bool arriving = streaming_ || !partial_.empty();
  const state::Nanos since = arriving ? std::max(run.sent_at, last_bytes_at_) : run.sent_at;
  return now - since > timeout;
}

}  // namespace pillion::data::upstream
