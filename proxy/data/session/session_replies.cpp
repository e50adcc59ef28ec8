// From replies to a client's output, in the order of its requests.
#include <algorithm>
#include <utility>

#include "protocol/command/table.hpp"
#include "protocol/resp/downgrade.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::session {
namespace {

// A lane is paused for a client that has so much unread output.
constexpr std::size_t kPauseAt = 1UL << 20;
// While others wait behind a paused reply, its client gets this long to take something.
constexpr state::Nanos kPatience = 500 * state::kMillisecond;
constexpr state::Nanos kSpareLife = state::kSecond;
// Shared bytes instead of copies from here on.
constexpr std::size_t kShareFrom = 16 * 1024;
// Replies read aside on dedicated lanes by one session at a time.
constexpr std::ptrdiff_t kMaxAsides = 4;

}  // namespace

bool Session::discards_reply() {
  switch (state_.reply_mode) {
    case ReplyMode::kOn:
      return false;
    case ReplyMode::kOff:
      return true;
    case ReplyMode::kSkipNext:
    case ReplyMode::kSkipping:
      state_.reply_mode = ReplyMode::kOn;
      return true;
  }
  return false;
}

Slot& Session::new_slot(Slot::State state) {
  Slot slot;
  slot.state = state;
  slot.protocol = state_.protocol;
  slot.started = now_;
  return slots_.push(std::move(slot));
}

/// The slot that the next command of the lane is answered in: the last one when it is of the same
/// kind.
Slot* Session::lane_slot(const request::Effect& effect, CommandClass command_class) {
  const bool discard = discards_reply();
  if (!slots_.empty()) {
    Slot& last = slots_.back();
    const bool uniform =
        effect.kind == request::EffectKind::kNone || effect.kind == request::EffectKind::kKeys;
    if (uniform && last.state == Slot::State::kUpstream && last.action == SlotAction::kNone &&
        !last.aside && !last.retried && last.effect == effect.kind && last.keys == effect.keys &&
        last.discard == discard && last.command_class == command_class && last.started == now_ &&
        last.unanswered > 0) {
      return &last;
    }
  }
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.effect = effect.kind;
  slot.keys = effect.keys;
  slot.discard = discard;
  slot.command_class = command_class;
  return &slot;
}

void Session::park(Slot& slot, std::string_view bytes) {
  slot.parked.append(bytes);
  parked_bytes_ += bytes.size();
}

void Session::reply_locally(std::string_view bytes) {
  context_.counters.requests_local.add();
  if (discards_reply()) return;
  if (slots_.empty()) {
    out_.append(bytes);
    return;
  }
  Slot& last = slots_.back();
  park(last.state == Slot::State::kReady ? last : new_slot(Slot::State::kReady), bytes);
}

void Session::fail_locally(std::string_view text) {
  context_.counters.requests_failed.add();
  std::string out;
  resp::append_error(out, text);
  reply_locally(out);
}

void Session::append_reply(Slot& slot, bool front, std::string_view bytes) {
  if (slot.discard) return;
  if (front && slot.state == Slot::State::kUpstream && !slot.held_back()) {
    out_.append(bytes);
  } else {
    park(slot, bytes);
  }
}

void Session::apply_effect(Slot& slot, std::uint32_t commands) {
  if (slot.effect == request::EffectKind::kNone) return;
  for (std::uint32_t i = 0; i < commands * slot.keys && !write_names_.empty(); ++i) {
    context_.invalidator.on_own_write(write_names_.front(), context_.counters);
    write_names_.pop_front();
  }
  if (slot.effect == request::EffectKind::kEverything)
    context_.invalidator.on_own_flush(context_.counters);
  writes_out_ -= commands;
  if (writes_out_ == 0) write_filter_.clear();
}

void Session::on_replies(std::uint64_t sequence, std::string_view bytes, std::uint32_t frames,
                         state::Nanos now) {
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kUpstream) return;
  if (slot->action != SlotAction::kNone) {
    on_action_reply(*slot, bytes);
  } else {
    append_reply(*slot, slots_.is_front(sequence), bytes);
  }
  context_.counters.requests_upstream.add(frames);
  context_.counters.latency_upstream.observe(now - slot->started, frames);
  answered(sequence, *slot, frames, now);
}

Flow Session::on_fragment(std::uint64_t sequence, std::string_view bytes, bool last,
                          state::Nanos now) {
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kUpstream) return Flow::kGoOn;
  append_reply(*slot, slots_.is_front(sequence), bytes);
  if (slot->held_back() && !slot->fence_asked) {
    // The reply has begun, so the command was executed: the fences need not wait for its end, and
    // must not, for its end may wait for the output.
    slot->fence_asked = true;
    context_.counters.fences.add();
    context_.fences.start_fence(requester(sequence));
  }
  if (last) {
    // So large a reply of EXEC is an array: it was done.
    if (slot->action == SlotAction::kExec && transaction_database_) {
      state_.database = *std::exchange(transaction_database_, std::nullopt);
    }
    context_.counters.requests_upstream.add();
    context_.counters.latency_upstream.observe(now - slot->started);
    answered(sequence, *slot, 1, now);
    return Flow::kGoOn;
  }
  return output_flow(sequence);
}

std::shared_ptr<upstream::Lane> Session::lane_of(std::uint64_t sequence) const {
  for (const Aside& aside : asides_) {
    if (aside.slot == sequence) return aside.lane;
  }
  return lease_ ? lease_ : shared_;
}

/// What has to leave before more of this reply is of use. Parked replies must not count for the
/// front one: they wait for it.
std::size_t Session::bytes_ahead(std::uint64_t sequence) const {
  return slots_.empty() || slots_.is_front(sequence) ? out_.size() : output_bytes();
}

Flow Session::output_flow(std::uint64_t sequence) {
  if (bytes_ahead(sequence) < kPauseAt) return Flow::kGoOn;
  const auto from = lane_of(sequence);
  // Others wait for this reply to end: memory is spent first, up to the limit.
  if (!from || (from->others_wait() && output_bytes() < context_.output_limit)) return Flow::kGoOn;
  pause(sequence, from);
  return Flow::kPause;
}

void Session::pause(std::uint64_t sequence, const std::shared_ptr<upstream::Lane>& lane) {
  const bool known = std::any_of(paused_.begin(), paused_.end(),
                                 [&](const Paused& paused) { return paused.lane == lane; });
  if (!known) paused_.push_back({sequence, lane});
}

void Session::resume_lanes_with_waiters() {
  std::vector<std::shared_ptr<upstream::Lane>> ready;
  for (std::size_t i = 0; i < paused_.size();) {
    if (!paused_[i].lane->others_wait()) {
      ++i;
      continue;
    }
    ready.push_back(std::move(paused_[i].lane));
    paused_.erase(paused_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (const auto& lane : ready) lane->resume();
}

void Session::resume_paused() {
  for (std::size_t i = 0; i < paused_.size();) {
    if (bytes_ahead(paused_[i].slot) >= kPauseAt / 2) {
      ++i;
      continue;
    }
    const auto lane = std::move(paused_[i].lane);
    paused_.erase(paused_.begin() + static_cast<std::ptrdiff_t>(i));
    lane->resume();
  }
}

void Session::answered(std::uint64_t sequence, Slot& slot, std::uint32_t commands,
                       state::Nanos now) {
  apply_effect(slot, commands);
  slot.unanswered -= std::min(commands, slot.unanswered);
  if (slot.aside) {
    --reads_out_;
    if (reads_out_ == 0) read_filter_.clear();
    finish_aside(sequence, true);
  } else {
    on_lane_ -= commands;
  }
  if (slot.unanswered > 0) return;
  large_unanswered_ = false;
  slot.state = slot.held_back() ? Slot::State::kFence : Slot::State::kReady;
  if (slot.state == Slot::State::kFence && !slot.fence_asked) {
    slot.fence_asked = true;
    context_.counters.fences.add();
    context_.fences.start_fence(
        requester(sequence));  // may come back at once: the slot may be gone
  }
  release_ready();
  if (slots_.empty()) settle_lease(now);
}

void Session::on_fenced(std::uint64_t sequence) {
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || !slot->fence_asked) return;
  slot->fence_acked = true;
  if (slot->state == Slot::State::kFence) slot->state = Slot::State::kReady;
  release_ready();
  if (slots_.empty()) settle_lease(state::now());
}

void Session::release_ready() {
  wakeup_ = true;
  while (!slots_.empty()) {
    Slot& front = slots_.front();
    if (!front.parked.empty() && !front.held_back()) {
      parked_bytes_ -= front.parked.size();
      if (front.parked.size() >= kShareFrom) {
        auto owned = std::make_shared<const std::string>(std::move(front.parked));
        const std::string_view view = *owned;
        out_.append_shared(view, std::move(owned));
      } else {
        out_.append(front.parked);
      }
      front.parked.clear();
    }
    if (front.state != Slot::State::kReady) break;
    slots_.pop();
  }
  // Another reply may be the front now.
  if (!paused_.empty()) resume_paused();
}

void Session::on_action_reply(Slot& slot, std::string_view reply) {
  const bool ok = reply.front() == '+';
  const bool front = &slot == &slots_.front();
  switch (slot.action) {
    case SlotAction::kNone:
      return;
    case SlotAction::kExec:
      // The queued SELECT happened only if EXEC gave an array.
      if (transaction_database_ && reply.front() == '*' && reply.substr(0, 3) != "*-1") {
        state_.database = *transaction_database_;
      }
      transaction_database_.reset();
      append_reply(slot, front, reply);
      return;
    case SlotAction::kSelect:
      awaiting_ = false;
      if (ok) {
        state_.database = pending_database_;
        drop_spare();
      }
      append_reply(slot, front, reply);
      return;
    case SlotAction::kAuth:
    case SlotAction::kHello:
      break;
  }
  awaiting_ = false;
  if (!ok) {
    append_reply(slot, front, reply);
    return;
  }
  drop_spare();
  state_.identity = std::move(pending_identity_);
  state_.authenticated = true;
  // The upstream has just confirmed who this is; the L1 holds what the link's user may read (I14).
  const bool same_user = state_.identity.acl_user() == context_.identity.acl_user();
  eligible_ =
      context_.cache_enabled && (same_user || !state::holds(state::Invariant::kI14Identity));
  if (slot.action == SlotAction::kAuth) {
    append_reply(slot, front, reply);
    return;
  }
  if (pending_protocol_ != 0) state_.protocol = pending_protocol_;
  if (pending_name_) state_.name = *std::exchange(pending_name_, std::nullopt);
  std::string out;
  append_hello(out, state_, *context_.topology.load());
  append_reply(slot, front, out);
}

void Session::on_fetched(std::uint64_t sequence, const fill::FetchResult& result,
                         state::Nanos now) {
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kFetch) return;
  if (result.outcome != fill::FetchOutcome::kReply) {
    read_aside(sequence, *slot, *result.request, result.outcome == fill::FetchOutcome::kTooLarge);
    return;
  }
  const std::string& frame = *result.frame;
  const bool front = slots_.is_front(sequence);
  const bool as_it_is = slot->protocol == 3 || result.plain;
  if (front && as_it_is && frame.size() >= kShareFrom) {
    out_.append_shared(frame, result.frame);
  } else if (as_it_is) {
    if (front) {
      out_.append(frame);
    } else {
      park(*slot, frame);
    }
  } else if (front) {
    resp::append_downgraded(out_.tail(), frame, slot->shape);
  } else {
    const std::size_t before = slot->parked.size();
    resp::append_downgraded(slot->parked, frame, slot->shape);
    parked_bytes_ += slot->parked.size() - before;
  }
  context_.counters.requests_upstream.add();
  context_.counters.latency_upstream.observe(now - slot->started);
  slot->state = Slot::State::kReady;
  --reads_out_;
  if (reads_out_ == 0) read_filter_.clear();
  release_ready();
  if (slots_.empty()) settle_lease(now);
}

/// Sends a read that has a slot upstream, beside the session's lane: too large for a fill link, or
/// the link was lost.
void Session::read_aside(std::uint64_t sequence, Slot& slot, std::string_view request, bool alone) {
  const state::Nanos now = state::now();
  slot.state = Slot::State::kUpstream;
  slot.aside = true;
  slot.unanswered = 1;
  std::shared_ptr<upstream::Lane> way;
  const auto own =
      std::count_if(asides_.begin(), asides_.end(), [](const Aside& aside) { return aside.own; });
  if (alone && own < kMaxAsides) way = context_.lanes.lease(channel_key(), now);
  const bool dedicated = way != nullptr;
  if (!way) way = context_.lanes.pick(channel_key(), now);
  if (!way->accepts_commands()) {
    const std::string text = failure_text(way->last_failure(), false);
    if (dedicated) context_.lanes.give_back(way, false, now);
    fail_slot(sequence, slot, text);
    return;
  }
  way->submit(request, requester(sequence), CommandClass::kRead, true, slot.started);
  asides_.push_back({sequence, std::move(way), dedicated});
}

void Session::finish_aside(std::uint64_t sequence, bool clean) {
  for (auto it = asides_.begin(); it != asides_.end(); ++it) {
    if (it->slot != sequence) continue;
    const auto way = std::move(it->lane);
    const bool own = it->own;
    asides_.erase(it);
    if (!own) return;
    paused_.erase(std::remove_if(paused_.begin(), paused_.end(),
                                 [&](const Paused& paused) { return paused.lane == way; }),
                  paused_.end());
    // The connection an AUTH was tried on is somebody now: nobody else gets it.
    const Slot* slot = slots_.find(sequence);
    const bool reusable = clean && slot != nullptr && slot->action == SlotAction::kNone;
    context_.lanes.give_back(way, reusable, state::now());
    return;
  }
}

void Session::fail_slot(std::uint64_t sequence, Slot& slot, std::string_view text) {
  std::string error;
  resp::append_error(error, text);
  const std::uint32_t commands = slot.unanswered;
  context_.counters.requests_failed.add(commands);
  for (std::uint32_t i = 0; i < commands; ++i) append_reply(slot, slots_.is_front(sequence), error);
  awaiting_ = awaiting_ && slot.action == SlotAction::kNone;
  if (slot.action == SlotAction::kExec) transaction_database_.reset();
  answered(sequence, slot, commands, state::now());
}

std::string Session::failure_text(const Failure& failure, bool unknown_outcome) const {
  std::string text = "ERR upstream " + context_.upstream_name;
  switch (failure.kind) {
    case FailureKind::kConnect:
      text += " unavailable: ";
      break;
    case FailureKind::kRefused:
      text += " refused the connection: ";
      break;
    case FailureKind::kTimeout:
      text += " timed out: ";
      break;
    case FailureKind::kClosed:
      text += " lost: ";
      break;
    case FailureKind::kProtocol:
      text += " broke the protocol: ";
      break;
    case FailureKind::kLimit:
      text += " not asked: ";
      break;
  }
  text += failure.detail;
  if (unknown_outcome) text += "; the outcome of this command is unknown";
  return text;
}

bool Session::resend(const LostRun& run, Slot& slot, state::Nanos now) {
  // A write behind it may have been executed, and must not be seen by a read that came before it
  // (I10).
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& other = slots_[i];
    if (other.state == Slot::State::kUpstream && other.command_class == CommandClass::kWrite &&
        &other != &slot) {
      return false;
    }
  }
  // The run must be all that its slot waits for: replies of a slot stay in order.
  if (run.command_class != CommandClass::kRead || slot.retried || run.reply_begun ||
      run.requests.empty() || slot.unanswered != run.unanswered) {
    return false;
  }
  // All of a session's commands stay on one lane: what was sent again earlier has chosen it.
  const bool chosen = !slot.aside && shared_ && shared_->accepts_commands();
  const auto way = chosen ? shared_ : context_.lanes.pick(channel_key(), now);
  if (!way->accepts_commands()) return false;
  slot.retried = true;
  if (slot.aside) {
    finish_aside(run.to.slot, false);
    asides_.push_back({run.to.slot, way, false});
  } else {
    shared_ = way;
  }
  resp::RequestParser parser;
  std::string_view rest = run.requests;
  for (std::uint32_t i = 0; i < run.answered + run.unanswered; ++i) {
    if (parser.parse(rest) != resp::RequestParser::Result::kCommand) return false;
    if (i >= run.answered) {
      way->submit(parser.command().raw(), run.to, CommandClass::kRead, true, slot.started);
      context_.counters.upstream_retries.add();
    }
    rest.remove_prefix(parser.consumed());
  }
  return true;
}

void Session::on_lost(const LostRun& run, const Failure& failure, state::Nanos now) {
  Slot* slot = slots_.find(run.to.slot);
  if (slot == nullptr || slot->state != Slot::State::kUpstream) return;
  if (run.reply_begun) {
    // Half a reply is with the client: there is no way to take it back.
    aborted_ = state::DisconnectReason::kUpstreamLost;
    return;
  }
  // Asked once more only where there is time left: the client's deadline counts from its first
  // asking.
  const bool in_time =
      failure.kind == FailureKind::kClosed || failure.kind == FailureKind::kProtocol;
  if (in_time && resend(run, *slot, now)) return;
  if (slot->aside) finish_aside(run.to.slot, false);
  const bool refused_state =
      slot->action == SlotAction::kSelect && failure.kind == FailureKind::kRefused;
  const bool unknown = run.command_class == CommandClass::kWrite && run.sent;
  if (unknown) context_.counters.writes_outcome_unknown.add(run.unanswered);
  // A slot may span several runs: only this run's commands are lost.
  const std::uint32_t kept = slot->unanswered - std::min(run.unanswered, slot->unanswered);
  std::string error;
  resp::append_error(error,
                     refused_state ? std::string(failure.detail) : failure_text(failure, unknown));
  context_.counters.requests_failed.add(run.unanswered);
  for (std::uint32_t i = 0; i < run.unanswered; ++i) {
    append_reply(*slot, slots_.is_front(run.to.slot), error);
  }
  if (slot->action != SlotAction::kNone) {
    awaiting_ = false;
    transaction_database_.reset();
  }
  answered(run.to.slot, *slot, slot->unanswered - kept, now);
}

Flow Session::on_relay(std::string_view bytes) {
  out_.append(bytes);
  if (out_.size() < kPauseAt) return Flow::kGoOn;
  // The upstream's own limits for subscribers decide from here on.
  pause(0, lease_);
  return Flow::kPause;
}

void Session::on_relay_lost() {
  if (relay_) aborted_ = state::DisconnectReason::kUpstreamLost;
}

void Session::on_output_progress(state::Nanos now) {
  output_progress_at_ = now;
  resume_paused();
}

bool Session::on_tick(state::Nanos now) {
  bool watch = false;
  if (reads_out_ > 0) {
    watch = true;
    // I11: a follower has a deadline of its own; what comes later finds no slot that waits for it.
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      if (slot.state != Slot::State::kFetch || now - slot.started <= context_.command_timeout)
        continue;
      const std::string text =
          "ERR upstream " + context_.upstream_name + " timed out: no reply within " +
          std::to_string(context_.command_timeout / state::kMillisecond) + " ms";
      context_.counters.requests_failed.add();
      std::string error;
      resp::append_error(error, text);
      park(slot, error);
      slot.state = Slot::State::kReady;
      if (--reads_out_ == 0) read_filter_.clear();
    }
    release_ready();
    if (slots_.empty()) settle_lease(now);
  }
  if (!out_.empty()) {
    watch = true;
    const bool over = output_bytes() >= context_.output_limit;
    const state::Nanos still = now - output_progress_at_;
    const bool others = std::any_of(paused_.begin(), paused_.end(), [](const Paused& paused) {
      return paused.lane->others_wait();
    });
    // Who waits behind a paused reply may have come after it paused: memory is spent for them
    // first.
    if (others && !over) resume_lanes_with_waiters();
    // Replies that could not be paused for went on piling up.
    const bool far_over = output_bytes() > 2 * context_.output_limit;
    if (far_over || (over && others && still > kPatience)) {
      aborted_ = state::DisconnectReason::kOutputLimit;
    } else if ((over || !paused_.empty()) && still > context_.output_stall_timeout) {
      aborted_ = state::DisconnectReason::kOutputStalled;
    }
  }
  if (spare_) {
    watch = true;
    if (now - spare_since_ > kSpareLife) {
      now_ = now;
      drop_spare();
    }
  }
  return watch;
}

}  // namespace pillion::data::session
