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

void Session::fail_slot(std::uint64_t sequence, Slot& slot, std::string_view text) {
  std::string error;
  resp::append_error(error, text);
  const std::uint32_t commands = slot.unanswered;
  context_.counters.requests_failed.add(commands);
  for (std::uint32_t i = 0; i < commands; ++i) append_reply(slot, slots_.is_front(sequence), error);
  awaiting_ = awaiting_ && slot.action == SlotAction::kNone;
  answered(sequence, slot, commands, state::now());
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
      way->submit(parser.command().raw(), run.to, CommandClass::kRead, TimeLimit::kCommand,
                  slot.started);
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
    if (tracking_.asked) on_tracking_reply(false);
    awaiting_ = false;
    if (slot->action == SlotAction::kExec) (void)take_executed();
  }
  answered(run.to.slot, *slot, slot->unanswered - kept, now);
}

}  // namespace pillion::data::session
