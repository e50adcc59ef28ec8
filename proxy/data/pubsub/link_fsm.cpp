#include "proxy/data/pubsub/link_fsm.hpp"

#include <algorithm>
#include <utility>

#include "protocol/resp/writer.hpp"
#include "proxy/data/pubsub/wire.hpp"

namespace pillion::data::pubsub {
namespace {

std::string_view error_text(std::string_view frame) {
  return frame.substr(1, frame.size() - 3);
}

}  // namespace

LinkFsm::LinkFsm(LinkOptions options, LinkSink& sink, Census& census, state::Counters& counters)
    : options_(std::move(options)),
      sink_(sink),
      census_(census),
      counters_(counters),
      events_(options_.workers),
      hears_(options_.workers) {}

LinkFsm::Action LinkFsm::start(state::Nanos now) {
  status_ = Status::kConnecting;
  deadline_ = now + options_.connect_timeout;
  return Action::kConnect;
}

LinkFsm::Action LinkFsm::on_connected(state::Nanos now, state::EndpointId to) {
  status_ = Status::kHandshake;
  endpoint_ = to;
  last_bytes_at_ = now;
  handshake_ =
      std::make_unique<upstream::Handshake>(upstream::ChannelKey{*options_.identity, 0, 3});
  out_ = handshake_->request();
  return Action::kWrite;
}

void LinkFsm::written(std::size_t n) {
  written_ += n;
  if (written_ < out_.size()) return;
  written_ = 0;
  out_.clear();
}

std::string LinkFsm::unavailable() const {
  return "ERR upstream " + options_.upstream + " unavailable: " + reason_;
}

// What the upstream says.

LinkFsm::Action LinkFsm::on_bytes(std::string_view bytes, state::Nanos now, std::uint64_t random) {
  last_bytes_at_ = now;
  if (status_ == Status::kHandshake) {
    std::size_t used = 0;
    const auto result = handshake_->feed(bytes, used);
    bytes.remove_prefix(used);
    if (result == upstream::Handshake::Result::kMore) return Action::kNone;
    if (result == upstream::Handshake::Result::kRefused)
      return on_failed(std::string(handshake_->refusal()), now, random);
    go_live(now);
  }
  if (status_ != Status::kLive) return Action::kNone;
  while (!bytes.empty()) {
    std::size_t used = 0;
    const auto scanned = scanner_.feed(bytes, used);
    const std::string_view piece = bytes.substr(0, used);
    bytes.remove_prefix(used);
    if (scanned == resp::FrameScanner::Status::kError)
      return on_failed("malformed reply", now, random);
    if (scanned == resp::FrameScanner::Status::kMore) {
      if (scanner_.announced_bytes() > options_.max_frame)
        return on_failed("a message is too large", now, random);
      partial_.append(piece);
      break;
    }
    bool trusted = true;
    if (partial_.empty()) {
      trusted = on_frame(piece, now);
    } else {
      partial_.append(piece);
      trusted = on_frame(std::exchange(partial_, {}), now);
    }
    if (!trusted) return on_failed(std::string(reason_), now, random);
  }
  update_idle(now);
  return unwritten().empty() ? Action::kNone : Action::kWrite;
}

bool LinkFsm::distrust(std::string_view reason) {
  reason_ = reason;
  return false;
}

bool LinkFsm::on_frame(std::string_view frame, state::Nanos now) {
  return frame.front() == '>' ? on_push(frame, now) : on_reply(frame, now);
}

bool LinkFsm::on_push(std::string_view frame, state::Nanos now) {
  const Push push = parse_push(frame);
  switch (push.type) {
    case Push::Type::kMessage:
      add_message(frame, push);
      return true;
    case Push::Type::kSubscribed:
    case Push::Type::kUnsubscribed:
      return on_confirmation(push, now);
    case Push::Type::kOther:
      return true;
    case Push::Type::kMalformed:
      break;
  }
  return distrust("malformed push");
}

void LinkFsm::add_message(std::string_view frame, const Push& push) {
  counters_.pubsub_messages_in.add();
  const bool joins = run_open_ && batch_->runs.back().kind == push.kind &&
                     batch_->name(batch_->runs.back()) == push.name;
  if (!joins) {
    const auto found = names_.find(NameView{push.kind, push.name});
    if (found == names_.end() || !found->second.wanted()) return;
    if (!batch_) batch_ = std::make_shared<Batch>();
    for (const auto& [worker, members] : found->second.counts) hears_[worker] = 1;
    Run run;
    run.kind = push.kind;
    run.begin = batch_->resp3.size();
    run.name_begin = run.begin + static_cast<std::size_t>(push.name.data() - frame.data());
    run.name_length = push.name.size();
    batch_->runs.push_back(run);
    run_open_ = true;
  }
  batch_->resp3.append(frame);
  batch_->resp2.push_back('*');
  batch_->resp2.append(frame.substr(1));
  Run& run = batch_->runs.back();
  run.end = batch_->resp3.size();
  ++run.count;
}

bool LinkFsm::on_reply(std::string_view frame, state::Nanos now) {
  if (operations_.empty()) return distrust("a reply that nobody asked for");
  if (operations_.front().type == Operation::Type::kPing) {
    const Operation ping = std::move(operations_.front());
    operations_.pop_front();
    for (const Item& item : ping.items) finish(item.asker, {});
    return true;
  }
  if (frame.front() != '-' || operations_.front().next != 0)
    return distrust("a reply instead of a confirmation");
  const Operation operation = std::move(operations_.front());
  operations_.pop_front();
  on_refusal(operation, error_text(frame), now);
  return true;
}

void LinkFsm::finish(const AskerPtr& asker, std::string_view error) {
  if (!asker) return;
  if (asker->error.empty()) asker->error = error;
  if (--asker->left == 0) settle(asker->worker, asker->ticket, std::move(asker->error));
}

void LinkFsm::settle(std::uint32_t worker, Ticket ticket, std::string error) {
  Event event;
  event.ticket = ticket;
  event.error = std::move(error);
  add_event(worker, std::move(event));
}

void LinkFsm::add_event(std::uint32_t worker, Event event) {
  event.position = batch_ ? static_cast<std::uint32_t>(batch_->runs.size()) : 0;
  events_[worker].push_back(std::move(event));
  run_open_ = false;
}

void LinkFsm::end_batch() {
  if (sink_.takes_deliveries()) hand_out();
}

void LinkFsm::hand_out() {
  const std::shared_ptr<const Batch> batch = std::exchange(batch_, nullptr);
  run_open_ = false;
  for (std::uint32_t worker = 0; worker < options_.workers; ++worker) {
    const bool hears = std::exchange(hears_[worker], std::uint8_t{0}) != 0;
    if (!hears && events_[worker].empty()) continue;
    sink_.on_delivery(worker, {hears ? batch : nullptr, std::exchange(events_[worker], {})});
  }
}

void LinkFsm::update_idle(state::Nanos now) {
  if (!names_.empty()) {
    idle_since_ = -1;
  } else if (idle_since_ < 0) {
    idle_since_ = now;
  }
}

// How it ends.

LinkFsm::Action LinkFsm::on_failed(std::string_view reason, state::Nanos now,
                                   std::uint64_t random) {
  if (status_ == Status::kBackoff || status_ == Status::kDown) return Action::kNone;
  worked_ = status_ == Status::kLive && now - live_since_ >= options_.proven_after;
  if (worked_) attempt_ = 0;
  lose(reason);
  deadline_ = worked_ ? now : now + net::backoff_delay(options_.backoff, attempt_++, random);
  if (hopeless()) give_up_names();
  update_idle(now);
  sink_.on_doubt(state::RefreshReason::kUnreachable);
  return Action::kClose;
}

LinkFsm::Action LinkFsm::on_relocated(state::Nanos now) {
  if (status_ == Status::kDown) return Action::kNone;
  if (status_ != Status::kBackoff) lose("its node is not the primary any more");
  worked_ = true;
  attempt_ = 0;
  deadline_ = now;
  update_idle(now);
  return Action::kClose;
}

void LinkFsm::lose(std::string_view reason) {
  reason_ = reason;
  status_ = Status::kBackoff;
  out_.clear();
  written_ = 0;
  partial_.clear();
  scanner_ = {};
  release_connection();
}

void LinkFsm::retire() {
  RingQueue<Operation> lost = std::exchange(operations_, {});
  for (std::size_t i = 0; i < lost.size(); ++i) {
    for (std::size_t at = lost[i].next; at < lost[i].items.size(); ++at) {
      finish(lost[i].items[at].asker, {});
    }
  }
  for (auto& [key, name] : names_) {
    for (const AskerPtr& asker : std::exchange(name.waiting, {})) finish(asker, {});
  }
  for (const AskerPtr& asker : std::exchange(fences_, {})) finish(asker, {});
  hand_out();
}

void LinkFsm::close() {
  for (auto& [key, name] : names_) set_subscribed(name, false);
  operations_.clear();
  names_.clear();
  fences_.clear();
  status_ = Status::kDown;
}

LinkFsm::Action LinkFsm::on_tick(state::Nanos now, std::uint64_t random) {
  switch (status_) {
    case Status::kDown:
      return Action::kNone;
    case Status::kConnecting:
    case Status::kHandshake:
      return now < deadline_ ? Action::kNone : on_failed("connect timed out", now, random);
    case Status::kBackoff:
      return now < deadline_ ? Action::kNone : start(now);
    case Status::kLive:
      break;
  }
  if (!operations_.empty() &&
      now - std::max(operations_.front().sent_at, last_bytes_at_) > options_.reply_timeout)
    return on_failed("no reply to a probe or a subscription", now, random);
  retry_due(now);
  if (operations_.empty() && now - last_bytes_at_ >= options_.probe_after) ping(nullptr, now);
  update_idle(now);
  return unwritten().empty() ? Action::kNone : Action::kWrite;
}

}  // namespace pillion::data::pubsub
