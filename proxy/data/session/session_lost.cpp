// Commands whose lane was lost: asked once more where that is safe, answered by an error otherwise.
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/resp/writer.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {

/// What the upstream says to anybody for a while, it says to the client as well.
bool Session::passes_soon(const Failure& failure) {
  if (failure.kind != FailureKind::kRefused) return false;
  for (const std::string_view passing : {"BUSY ", "LOADING ", "MASTERDOWN "}) {
    if (failure.detail.starts_with(passing)) return true;
  }
  return false;
}

std::string Session::failure_text(const Failure& failure, bool unknown_outcome) const {
  if (passes_soon(failure)) return std::string(failure.detail);
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

void Session::fail_slot(std::uint64_t sequence, Slot& slot, std::string_view text, DoneBy by) {
  std::string error;
  resp::append_error(error, text);
  const std::uint32_t commands = slot.unanswered;
  context_.counters.requests_failed.add(commands);
  for (std::uint32_t i = 0; i < commands; ++i) append_reply(slot, slots_.is_front(sequence), error);
  awaiting_ = awaiting_ && slot.action == SlotAction::kNone;
  answered(sequence, slot, commands, state::now(), by);
}

/// A write behind a lost read may have been executed, and must not be seen by a read that came
/// before it (I10).
bool Session::others_write(const Slot* slot) const {
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    const Slot& other = slots_[i];
    if (other.state == Slot::State::kUpstream && other.command_class == CommandClass::kWrite &&
        &other != slot) {
      return true;
    }
  }
  return false;
}

/// What was lost may be asked for elsewhere: reads once, within the budget, and what was never
/// sent.
bool Session::may_ask_again(const LostRun& run, const Slot& slot, const Failure& failure,
                            state::Nanos now) const {
  // It was read to be tracked: the client is closed.
  if (tracking_.on) return false;
  // The run must be all that its slot waits for on a lane: replies of a slot stay in order.
  if (slot.pinned || run.reply_begun || run.requests.empty() ||
      slot.unanswered - slot.errands != run.unanswered || !movable(slot.action)) {
    return false;
  }
  if (now - slot.started >= context_.command_timeout) return false;
  if (!run.sent && !context_.director.alone()) return true;
  if (others_write(&slot)) return false;
  if (run.command_class != CommandClass::kRead || slot.lost_once) return false;
  // Asked once more only where there is time left: the client's deadline counts from its first
  // asking. A replica's deadline is a short one.
  if (failure.kind == FailureKind::kTimeout) return slot.beside;
  return failure.kind == FailureKind::kClosed || failure.kind == FailureKind::kProtocol ||
         slot.beside;
}

void Session::on_lost(const LostRun& run, const Failure& failure, state::Nanos now) {
  if (Errand* const errand = find_errand(run.to)) {
    on_errand_lost(*errand, run, failure, now);
    return;
  }
  Slot* slot = slots_.find(run.to.slot);
  if (slot == nullptr || slot->state != Slot::State::kUpstream) return;
  if (run.reply_begun) {
    // Half a reply is with the client: there is no way to take it back.
    aborted_ = state::DisconnectReason::kUpstreamLost;
    return;
  }
  if (may_ask_again(run, *slot, failure, now) &&
      (!run.sent || context_.director.retries().take(now))) {
    slot->lost_once = true;
    lost_to_errands(run, *slot, failure, now);
    return;
  }
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
    if (tracking_.asked) {
      on_tracking_reply(false);
    } else {
      node_refused();
    }
    awaiting_ = false;
    if (slot->action == SlotAction::kExec) (void)take_executed();
  }
  answered(run.to.slot, *slot, slot->unanswered - kept, now,
           unknown ? DoneBy::kPrimary : DoneBy::kNobody);
}

}  // namespace pillion::data::session
