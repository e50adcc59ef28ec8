// Commands that a server refuses because of where they were sent, or when: which of them set out
// again as errands, and what the others are told.
#include <string>
#include <utility>

#include "protocol/resp/reply_cursor.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {

/// Commands whose answer means the same whoever gives it.
bool Session::movable(SlotAction action) {
  switch (action) {
    case SlotAction::kNone:
    case SlotAction::kInfo:
    case SlotAction::kScriptBody:
    case SlotAction::kScript:
    case SlotAction::kPublish:
    case SlotAction::kNumSub:
    case SlotAction::kShardPublish:
    case SlotAction::kShardNumSub:
      return true;
    default:
      return false;
  }
}

/// Commands of this client behind one that was refused, which may already have been done: putting
/// it off would turn their order round.
bool Session::others_depend(std::uint64_t sequence, const Slot& slot) const {
  const bool read = slot.command_class == CommandClass::kRead;
  if (slot.unanswered - slot.errands > 1 && !read) return true;
  // Of a mesh any other may have commands behind it.
  for (std::uint64_t behind = sequence - slot.place; behind < slots_.next_sequence(); ++behind) {
    const Slot* other = slots_.find(behind);
    if (behind == sequence || other->state != Slot::State::kUpstream || other->unanswered == 0)
      continue;
    if (!read || other->command_class == CommandClass::kWrite) return true;
  }
  return false;
}

void Session::on_refused(const Requester& to, std::string_view frame, std::string_view request,
                         state::Nanos now) {
  if (Errand* errand = find_errand(to)) {
    on_errand_refused(*errand, frame, now);
    return;
  }
  Slot* slot = slots_.find(to.slot);
  if (slot == nullptr || slot->state != Slot::State::kUpstream) return;
  const auto redirect = cluster::parse_redirect(frame);
  if (!redirect && slot->beside && !slot->begun && context_.director.cluster() &&
      resp::may_say_missing(frame)) {
    // I4-C: the key may be where its slot is going, of which a replica knows nothing.
    send_errand(set_out(to.slot, *slot, request), now);
    return;
  }
  if (!redirect || !passes_on(redirect->kind)) {
    on_replies(to.slot, {frame}, now);
    return;
  }
  // ASKING and CLIENT CACHING both mean the very next command: together they cannot be had.
  const bool apart = slot->caching && redirect->kind == cluster::RedirectKind::kAsk;
  const bool moves =
      !apart && !slot->pinned && !slot->aside && !slot->begun && movable(slot->action);
  route::Attempts attempts;
  const route::Refusal refusal{*redirect, slot->endpoint, slot->beside,
                               context_.command_timeout - (now - slot->started)};
  const route::Decision decision = context_.director.on_refused(refusal, attempts, now);
  const bool at_once = decision.next != route::NextTry::kGiveUp && decision.pause == 0;
  if (!moves || decision.next == route::NextTry::kGiveUp ||
      (!at_once && others_depend(to.slot, *slot))) {
    std::string error;
    resp::append_error(error, told_of(*redirect, frame, slot->action));
    on_replies(to.slot, {error}, now);
    return;
  }
  Errand& errand = set_out(to.slot, *slot, request);
  errand.attempts = attempts;
  errand.error = told_of(*redirect, frame);
  errand.endpoint = decision.endpoint;
  errand.asking = decision.asking;
  on_sent_elsewhere(decision.endpoint);
  context_.counters.upstream_retries.add();
  if (at_once) {
    send_errand(errand, now);
  } else {
    postpone_errand(errand, decision.pause, now);
  }
}

/// The text of an error for a refusal that nothing better came of. To a client there is one server:
/// where a slot went is no address for it. EXEC was not executed, nor was what it would have done.
std::string Session::told_of(const cluster::Redirect& redirect, std::string_view frame,
                             SlotAction action) {
  if (redirect.kind != cluster::RedirectKind::kMoved &&
      redirect.kind != cluster::RedirectKind::kAsk)
    return std::string(frame.substr(1, frame.size() - 3));
  const std::string what =
      "hash slot " + std::to_string(redirect.slot) + " is moving from one node to another";
  return action == SlotAction::kExec ? "EXECABORT Transaction discarded: " + what
                                     : "TRYAGAIN " + what;
}

/// Whether such an error is about where or when, for this upstream, or simply the answer.
bool Session::passes_on(cluster::RedirectKind kind) const {
  switch (kind) {
    case cluster::RedirectKind::kLoading:
      return true;
    case cluster::RedirectKind::kMasterDown:
    case cluster::RedirectKind::kReadonly:
      return !context_.director.alone();
    case cluster::RedirectKind::kMoved:
    case cluster::RedirectKind::kAsk:
    case cluster::RedirectKind::kTryAgain:
    case cluster::RedirectKind::kClusterDown:
      break;
  }
  return context_.director.cluster();
}

void Session::on_errand_refused(Errand& errand, std::string_view frame, state::Nanos now) {
  const Slot* slot = slots_.find(errand.slot);
  const auto redirect = cluster::parse_redirect(frame);
  if (slot == nullptr || !redirect || !passes_on(redirect->kind)) {
    finish_errand(errand, frame, now);
    return;
  }
  const route::Refusal refusal{*redirect, errand.endpoint, false,
                               context_.command_timeout - (now - slot->started)};
  const route::Decision decision = context_.director.on_refused(refusal, errand.attempts, now);
  const bool put_off =
      (decision.pause > 0 && overtaken(errand)) || (decision.asking && errand.caching);
  if (decision.next == route::NextTry::kGiveUp || put_off) {
    // Of a write that is only the server's word: a script may say so of what it has half done.
    const bool read = errand.command_class == CommandClass::kRead;
    fail_errand(errand, told_of(*redirect, frame), now, read ? DoneBy::kNobody : DoneBy::kPrimary);
    return;
  }
  forget_errand_lane(errand, true, now);
  errand.error = told_of(*redirect, frame);
  make_detour(errand);
  context_.counters.upstream_retries.add();
  errand.endpoint = decision.endpoint;
  errand.of_replica = false;
  errand.asking = decision.asking;
  on_sent_elsewhere(decision.endpoint);
  if (decision.pause > 0) {
    postpone_errand(errand, decision.pause, now);
  } else {
    send_errand(errand, now);
  }
}

}  // namespace pillion::data::session
