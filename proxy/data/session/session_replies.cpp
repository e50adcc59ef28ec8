// From replies to a client's output, in the order of its requests.
#include <algorithm>
#include <utility>

#include "protocol/resp/reply_cursor.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::session {

bool Session::discards_reply() {
  switch (state_.reply_mode) {
    case ReplyMode::kOn:
      return false;
    case ReplyMode::kOff:
      return true;
    case ReplyMode::kSkipNext:
      state_.reply_mode = ReplyMode::kOn;
      return true;
  }
  return false;
}

Slot& Session::new_slot(Slot::State state) {
  return prepare(slots_.push(), state);
}

Slot& Session::prepare(Slot& slot, Slot::State state) const {
  slot.state = state;
  slot.protocol = state_.protocol;
  slot.started = now_;
  return slot;
}

/// For bytes that leave when all before them has left.
Slot& Session::slot_at_the_end() {
  Slot& last = slots_.back();
  return last.state == Slot::State::kReady && !last.meshed ? last : new_slot(Slot::State::kReady);
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
  park(slot_at_the_end(), bytes);
}

void Session::fail_locally(std::string_view text) {
  context_.counters.requests_failed.add();
  std::string out;
  resp::append_error(out, text);
  reply_locally(out);
}

void Session::append_reply(Slot& slot, bool front, std::string_view bytes) {
  if (slot.discard) return;
  // What is parked of it stands before this.
  if (front && slot.state == Slot::State::kUpstream && slot.errands == 0 && slot.parked.empty() &&
      !slot.held_back()) {
    out_.append(bytes);
  } else {
    park(slot, bytes);
  }
}

/// One more command of the slot whose keys, or all, count as being written until it is answered
/// (I10).
void Session::await_effect(Slot& slot, request::EffectKind kind,
                           const std::vector<cache::NameHash>& names) {
  if (kind == request::EffectKind::kNone) return;
  ++writes_out_;
  if (!request::names_keys(kind)) return write_filter_.add_all();
  for (const cache::NameHash name : names) {
    slot.names.push_back(name);
    write_filter_.add(name);
  }
}

void Session::apply_effect(Slot& slot, std::uint32_t commands, DoneBy by, state::Nanos now) {
  if (slot.effect == request::EffectKind::kNone) return;
  const bool ahead = by == DoneBy::kPrimary && context_.director.key_affinity();
  for (std::uint32_t i = 0; i < commands * slot.keys && slot.named < slot.names.size(); ++i) {
    const cache::NameHash name = slot.names[slot.named++];
    // A token for what nobody did would keep replicas from being read, for nothing, for as long as
    // there is no primary to be in step with.
    if (by == DoneBy::kNobody) continue;
    if (slot.effect == request::EffectKind::kShown) {
      context_.invalidator.on_read_past(name, ahead, now);
    } else {
      context_.invalidator.on_own_write(name, now, context_.counters);
    }
  }
  if (slot.effect == request::EffectKind::kEverything && by != DoneBy::kNobody)
    context_.invalidator.on_own_flush(now, context_.counters);
  if (slot.effect == request::EffectKind::kUnknown && by == DoneBy::kNobody)
    slot.needs_fence = false;
  writes_out_ -= commands;
  if (writes_out_ == 0) write_filter_.clear();
}

void Session::on_replies(std::uint64_t sequence, const Replies& replies, state::Nanos now) {
  if (Errand* const errand = find_errand(requester(sequence))) {
    finish_errand(*errand, replies.bytes, now);
    return;
  }
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kUpstream) return;
  fence_if_woken(*slot, now);
  if (slot->action != SlotAction::kNone) {
    if (on_action_reply(sequence, *slot, replies.bytes) == Answer::kGoesOn) return;
  } else if (slot->meshed) {
    append_meshed(sequence, *slot, replies);
  } else {
    append_reply(*slot, slots_.is_front(sequence), replies.bytes);
  }
  const std::uint32_t frames = replies.count();
  context_.counters.requests_upstream.add(frames);
  context_.counters.latency_upstream.observe(now - slot->started, frames);
  answered(sequence, *slot, frames, now, answering(*slot));
}

/// Who was woken by another's write goes on to read what that one wrote before: nothing older may
/// be in the L1 by then (I16). Who found its data there at once was not told anything new.
void Session::fence_if_woken(Slot& slot, state::Nanos now) const {
  constexpr state::Nanos kWaited = state::kMillisecond;
  if (slot.blocking && context_.cache_enabled && now - slot.started >= kWaited)
    slot.needs_fence = true;
}

Flow Session::on_fragment(std::uint64_t sequence, std::string_view bytes, bool last,
                          state::Nanos now) {
  if (Errand* const errand = find_errand(requester(sequence))) {
    // Its place is within others' replies, or it has to be merged: gathered, up to a limit.
    errand->reply.append(bytes);
    if (errand->reply.size() > context_.output_limit)
      aborted_ = state::DisconnectReason::kOutputLimit;
    if (last) finish_errand(*errand, std::exchange(errand->reply, {}), now);
    return Flow::kGoOn;
  }
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kUpstream) return Flow::kGoOn;
  const bool rewritten =
      slot->action == SlotAction::kExec && !executed_.empty() && !executed_.front().empty();
  if (rewritten) {
    // Parts of it are ours to say, so it is gathered.
    slot->note.append(bytes);
    if (slot->note.size() > context_.output_limit) aborted_ = state::DisconnectReason::kOutputLimit;
    if (last) on_action_reply(sequence, *slot, std::exchange(slot->note, {}));
  } else {
    append_piece(sequence, *slot, bytes, last);
    // It cannot be paused for: what it waits for may stand behind it on the same lane.
    if (slot->errands > 0 && output_bytes() > context_.output_limit)
      aborted_ = state::DisconnectReason::kOutputLimit;
    if (last && slot->action == SlotAction::kExec) (void)take_executed();
  }
  if (slot->held_back() && !slot->fence_asked) {
    // The reply has begun, so the command was executed: the fences need not wait for its end, and
    // must not, for its end may wait for the output.
    slot->fence_asked = true;
    context_.counters.fences.add();
    context_.fences.start_fence(requester(sequence), slot->on_link);
  }
  if (last) {
    context_.counters.requests_upstream.add();
    context_.counters.latency_upstream.observe(now - slot->started);
    answered(sequence, *slot, 1, now, answering(*slot));
    return Flow::kGoOn;
  }
  return output_flow(sequence);
}

std::shared_ptr<upstream::Lane> Session::lane_of(std::uint64_t sequence) const {
  for (const Aside& aside : asides_) {
    if (aside.slot == sequence) return aside.lane;
  }
  if (lease_) return lease_;
  const Slot* slot = slots_.find(sequence);
  const Way* const way = slot != nullptr ? ways_.find(slot->way) : nullptr;
  return way != nullptr ? way->lane : nullptr;
}

void Session::pause(std::uint64_t sequence, const std::shared_ptr<upstream::Lane>& lane) {
  const bool known = std::any_of(paused_.begin(), paused_.end(),
                                 [&](const Paused& paused) { return paused.lane == lane; });
  if (!known) paused_.push_back({sequence, lane});
}

void Session::answered(std::uint64_t sequence, Slot& slot, std::uint32_t commands, state::Nanos now,
                       DoneBy by, Via via) {
  apply_effect(slot, commands, by, now);
  if (slot.script) {
    scripts_out_ -= commands;
    context_.all_clients.scripts.fetch_sub(commands, std::memory_order_relaxed);
  }
  slot.unanswered -= std::min(commands, slot.unanswered);
  const bool on_link = slot.on_link != cache::LinkTable::kNoLink;
  if (on_link) on_link_ = false;
  // I17: its keys may belong to another replica since it was sent.
  if (slot.beside && via == Via::kLane && slot.rotations != context_.director.rotations())
    context_.invalidator.on_unknown_write(now);
  if (slot.aside || slot.beside) {
    reads_out_ -= std::min(reads_out_, slot.aside ? 1U : commands);
    if (reads_out_ == 0) read_filter_.clear();
  }
  if (slot.aside) {
    finish_aside(sequence, true);
  } else if (via == Via::kLane) {
    leave_way(slot.way, commands);
  }
  if (slot.unanswered > 0) {
    // What waited for its last errand may leave.
    if (slot.meshed || (slots_.is_front(sequence) && !slot.parked.empty())) {
      release_ready();
    } else {
      put_held_pushes();
    }
    return;
  }
  large_unanswered_ = false;
  slot.state = slot.held_back() ? Slot::State::kFence : Slot::State::kReady;
  if (slot.state == Slot::State::kFence && !slot.fence_asked) {
    slot.fence_asked = true;
    context_.counters.fences.add();
    // May come back at once: the slot may be gone.
    context_.fences.start_fence(requester(sequence), slot.on_link);
  }
  release_ready();
  if (slots_.empty()) settle_lease(now);
  if (slots_.empty() && (spare_ || on_link)) expect_soon();
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
    if (front.meshed) {
      if (!release_meshed()) break;
      slots_.pop();
      continue;
    }
    if (!front.parked.empty() && front.errands == 0 && !front.held_back()) {
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
  if (!held_pushes_.empty()) put_held_pushes();
  // Another reply may be the front now.
  if (!paused_.empty()) resume_paused();
}

Session::Answer Session::on_action_reply(std::uint64_t sequence, Slot& slot, std::string_view reply,
                                         Via via) {
  const bool ok = reply.front() != '-';
  std::string own;  // what the client is told instead of `reply`
  switch (slot.action) {
    case SlotAction::kNone:
      break;
    case SlotAction::kMulti:
      if (!ok) on_multi_refused(sequence);
      break;
    case SlotAction::kExec:
      if (const QueuedChanges changes = take_executed(); !changes.empty()) {
        own = apply_changes(changes, reply, [this](const auto& command, std::string_view element) {
          return apply_queued_change(command, element);
        });
      }
      break;
    case SlotAction::kAborted:
      own = "-EXECABORT Transaction discarded because of previous errors.\r\n";
      break;
    case SlotAction::kSelect:
      awaiting_ = false;
      if (ok) {
        state_.database = pending_.database;
        ways_.clear();  // nothing of ours is on them: SELECT waited for that
        drop_spare();
        show_note_to_monitors(slot);
      }
      break;
    case SlotAction::kAuth:
    case SlotAction::kHello:
      if (ok && another_node_to_tell(sequence, slot)) return Answer::kGoesOn;
      awaiting_ = false;
      if (!ok) {
        node_refused();
        break;
      }
      on_identity_reply();
      if (!pending_.error.empty()) {
        resp::append_error(own, std::exchange(pending_.error, {}));
      } else if (slot.action == SlotAction::kHello) {
        append_own_hello(own);
      }
      break;
    case SlotAction::kMonitor:
      on_monitor_reply(ok);
      break;
    case SlotAction::kInfo:
      own = with_own_section(slot.note, reply);
      break;
    case SlotAction::kPublish:
    case SlotAction::kShardPublish:
    case SlotAction::kNumSub:
    case SlotAction::kShardNumSub:
      correct_counts(slot, reply, own);
      break;
    case SlotAction::kScriptBody:
      // An error may mean that it does not compile, and then the upstream does not know it either.
      if (!ok) context_.scripts.forget(slot.note);
      break;
    case SlotAction::kScript:
      if (heal_script(sequence, slot, reply)) return Answer::kGoesOn;
      break;
    case SlotAction::kPermission:
      if (!ok) {
        awaiting_ = false;
        own = refusal_of(slot.note, reply);
        break;
      }
      if (via == Via::kLane) leave_way(slot.way, 1);
      slot.unanswered = 0;
      on_permission(sequence, slot);
      return Answer::kGoesOn;
    case SlotAction::kReceiverId:
      on_receiver_id(sequence, slot, reply);
      return Answer::kGoesOn;
    case SlotAction::kTracking:
      if (ok && another_node_to_tell(sequence, slot)) return Answer::kGoesOn;
      on_tracking_reply(ok);
      break;
    case SlotAction::kTrackingInfo:
      own = with_own_redirection(slot.endpoint, reply);
      break;
    case SlotAction::kScan:
      scanned(slot, reply, own);
      break;
  }
  append_reply(slot, &slot == &slots_.front(), own.empty() ? reply : own);
  return Answer::kComplete;
}

void Session::on_identity_reply() {
  drop_spare();
  ways_.clear();
  if (pending_.identity) {
    state_.identity = *std::exchange(pending_.identity, std::nullopt);
    state_.authenticated = true;
    // The upstream has just confirmed who this is; the L1 holds what the link's user may read
    // (I14).
    const bool same_user = state_.identity.acl_user() == context_.identity.acl_user();
    eligible_ =
        context_.cache_enabled && (same_user || !state::holds(state::Invariant::kI14Identity));
  }
  if (pending_.protocol != 0) state_.protocol = std::exchange(pending_.protocol, 0);
  if (pending_.name) state_.name = *std::exchange(pending_.name, std::nullopt);
}

/// INFO's text with what Pillion has to say; `reply` as it is where it is no text.
std::string Session::with_own_section(std::string_view section, std::string_view reply) const {
  resp::ReplyCursor cursor(reply);
  resp::Node node{};
  if (!cursor.next(node) || node.null || (node.type != '$' && node.type != '=')) return {};
  std::string text(node.text);
  if (node.type == '=') text.erase(0, std::string_view("txt:").size());
  // Who is held back here waits as much as who blocks there.
  constexpr std::string_view kBlocked = "blocked_clients:";
  const std::size_t at = text.find(kBlocked);
  if (const std::uint64_t held = context_.all_clients.pause.held();
      at != std::string::npos && held > 0) {
    const std::size_t digits = at + kBlocked.size();
    const std::size_t end = text.find('\r', digits);
    const std::uint64_t blocked = std::stoull("0" + text.substr(digits, end - digits));
    text.replace(digits, end - digits, std::to_string(blocked + held));
  }
  if (context_.cluster_face != nullptr) route::show_cluster_in_info(text);
  if (!section.empty()) {
    if (!text.empty()) text += "\r\n";
    text += section;
  }
  std::string out;
  append_text(out, text, node.type == '=' ? 3 : 2);
  return out;
}

}  // namespace pillion::data::session
