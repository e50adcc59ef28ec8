// Commands that travel by themselves: refused where they were sent, lost with a lane, or parts of a
// command that several nodes have to answer.
//
// An errand belongs to a slot and its reply to a place within it: behind the replies that came
// before it was refused, ahead of those that come after. While a slot has errands its replies are
// parked, and nothing of it leaves. An errand whose slot is gone is forgotten; its late reply finds
// nobody.
//
//   waits (send_at) --its time--> under way (lane) --reply--> put into its place
//        ^                              |
//        +----- refused, not sent ------+
//
// Deadline: command_timeout from when the client asked; then the client gets the server's own error
// if there was one.
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/net/backoff.hpp"

namespace pillion::data::session {
namespace {

constexpr std::string_view kAsking = "*1\r\n$6\r\nASKING\r\n";
// A slot's sequence has the low bits of a requester's slot, an errand's number the high ones.
constexpr unsigned kNumberShift = 48;
constexpr state::Nanos kCongestedPause = 20 * state::kMillisecond;

std::uint64_t sequence_of(std::uint64_t slot) {
  return slot & ((std::uint64_t{1} << kNumberShift) - 1);
}

}  // namespace

Session::Errand& Session::new_errand(std::uint64_t sequence, Slot& slot, std::string_view request) {
  auto errand = std::make_unique<Errand>();
  do {
    errand->number = ++next_errand_;
  } while (errand->number == 0 ||
           std::any_of(errands_.begin(), errands_.end(),
                       [&](const auto& other) { return other->number == errand->number; }));
  errand->slot = sequence;
  errand->offset = slot.parked.size();
  errand->request = request;
  errand->command_class = slot.command_class;
  ++slot.errands;
  errands_.push_back(std::move(errand));
  context_.neighbours.want_ticks(requester(0));
  return *errands_.back();
}

Requester Session::requester_of(const Errand& errand) const {
  return requester(errand.slot | (std::uint64_t{errand.number} << kNumberShift));
}

Session::Errand* Session::find_errand(const Requester& to) {
  const std::uint64_t number = to.slot >> kNumberShift;
  if (number == 0) return nullptr;
  for (const auto& errand : errands_) {
    if (errand->number == number && errand->slot == sequence_of(to.slot)) return errand.get();
  }
  return nullptr;
}

void Session::postpone_errand(Errand& errand, state::Nanos pause, state::Nanos now) {
  errand.endpoint = state::kNoEndpoint;
  errand.asking = false;
  errand.send_at = now + pause;
}

void Session::send_errand(Errand& errand, state::Nanos now) {
  Slot* slot = slots_.find(errand.slot);
  if (slot == nullptr) return;
  errand.send_at = 0;
  if (errand.endpoint == state::kNoEndpoint) {
    const route::Destination destination = context_.director.destination(errand.request);
    if (destination.kind == route::DestinationKind::kRefused) {
      std::string error;
      resp::append_error(error, destination.error);
      finish_errand(errand, error, now);
      return;
    }
    errand.endpoint = destination.endpoint;
    if (destination.kind == route::DestinationKind::kUnserved && errand.error.empty())
      errand.error = destination.error;
  }
  std::shared_ptr<upstream::Lane> lane;
  if (errand.endpoint != state::kNoEndpoint) {
    const upstream::ChannelKey key = channel_key(errand.endpoint);
    lane = errand.alone ? context_.lanes.lease(key, now) : context_.lanes.pick(key, now);
    if (!lane) {
      std::string error;
      resp::append_error(error, "ERR upstream connection limit reached");
      finish_errand(errand, error, now);
      return;
    }
  }
  if (!lane || !lane->accepts_commands()) {
    if (lane && errand.error.empty()) errand.error = failure_text(lane->last_failure(), false);
    if (lane && errand.alone) context_.lanes.give_back(lane, upstream::LaneCondition::kSpent, now);
    if (context_.director.alone()) {
      std::string error;
      resp::append_error(error, errand.error);
      finish_errand(errand, error, now);
      return;
    }
    context_.director.on_unreachable();
    postpone_errand(errand, route::pause_before(errand.attempts.pauses++, net::random_bits()), now);
    return;
  }
  if (lane->congested()) {
    if (errand.alone) context_.lanes.give_back(lane, upstream::LaneCondition::kClean, now);
    errand.send_at = now + kCongestedPause;
    return;
  }
  errand.lane = std::move(lane);
  // The answer to ASKING is nobody's; nothing comes between it and the command.
  if (errand.asking)
    errand.lane->submit(kAsking, Requester{}, CommandClass::kRead, TimeLimit::kCommand, now);
  errand.lane->submit(errand.request, requester_of(errand), errand.command_class, errand.limit,
                      now);
}

void Session::forget_errand_lane(Errand& errand, bool clean, state::Nanos now) {
  const auto lane = std::exchange(errand.lane, nullptr);
  if (errand.way != kNoWay) {
    Slot counted;
    counted.way = std::exchange(errand.way, kNoWay);
    leave_way(counted, 1);
  }
  if (!lane) return;
  paused_.erase(std::remove_if(paused_.begin(), paused_.end(),
                               [&](const Paused& paused) { return paused.lane == lane; }),
                paused_.end());
  if (!errand.alone) return;
  const auto condition =
      !clean ? upstream::LaneCondition::kSpent : upstream::LaneCondition::kSuspect;
  context_.lanes.give_back(lane, condition, now);
}

/// `reply`: a whole frame. The errand is gone afterwards.
void Session::finish_errand(Errand& errand, std::string_view reply, state::Nanos now) {
  const auto at = std::find_if(errands_.begin(), errands_.end(),
                               [&](const auto& other) { return other.get() == &errand; });
  const auto place = static_cast<std::size_t>(at - errands_.begin());
  const std::unique_ptr<Errand> own = std::move(*at);
  errands_.erase(at);
  forget_errand_lane(*own, true, now);
  if (own->detour) --detours_;
  wakeup_ = true;
  Slot* slot = slots_.find(own->slot);
  if (slot == nullptr || slot->state != Slot::State::kUpstream) return;
  --slot->errands;
  if (slot->fan_out) {
    slot->fan_out->on_reply(own->part, reply);
    if (slot->fan_out->bytes() > context_.output_limit)
      aborted_ = state::DisconnectReason::kOutputLimit;
    if (!slot->fan_out->done()) return;
    std::string merged;
    const auto fan_out = std::move(slot->fan_out);
    fan_out->append_reply(merged, net::random_bits());
    slot->unanswered = 1;
    end_fan_out(own->slot, *slot, merged, now);
    return;
  }
  // What it erases is next, whatever else of the slot is unanswered.
  slot->names.insert(slot->names.begin() + slot->named, own->names.begin(), own->names.end());
  if (slot->errands == 0 && own->offset == slot->parked.size()) {
    if (slot->action != SlotAction::kNone) {
      slot->endpoint = own->endpoint;
      if (on_action_reply(own->slot, *slot, reply) == Answer::kGoesOn) return;
    } else {
      append_reply(*slot, slots_.is_front(own->slot), reply);
    }
  } else if (!slot->discard) {
    slot->parked.insert(own->offset, reply);
    parked_bytes_ += reply.size();
    for (std::size_t i = 0; i < errands_.size(); ++i) {
      // Of those with the same offset the later commands are further down the list.
      Errand& other = *errands_[i];
      if (other.slot == own->slot &&
          (other.offset > own->offset || (other.offset == own->offset && i >= place)))
        other.offset += reply.size();
    }
  }
  context_.counters.requests_upstream.add();
  context_.counters.latency_upstream.observe(now - slot->started);
  answered(own->slot, *slot, 1, now, Via::kErrand);
}

/// Commands of this client behind one that was refused, which may already have been done: putting
/// it off would turn their order round.
bool Session::others_depend(std::uint64_t sequence, const Slot& slot) const {
  const bool read = slot.command_class == CommandClass::kRead;
  if (slot.unanswered - slot.errands > 1 && !read) return true;
  for (std::uint64_t behind = sequence + 1; behind < slots_.next_sequence(); ++behind) {
    const Slot* other = slots_.find(behind);
    if (other->state != Slot::State::kUpstream || other->unanswered == 0) continue;
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
  const bool movable =
      !slot->pinned && !slot->aside && !slot->begun &&
      (slot->action == SlotAction::kNone || slot->action == SlotAction::kInfo ||
       slot->action == SlotAction::kScriptBody || slot->action == SlotAction::kScript ||
       slot->action == SlotAction::kPublish || slot->action == SlotAction::kShardPublish) &&
      redirect && passes_on(redirect->kind);
  if (!movable) {
    on_replies(to.slot, frame, 1, now);
    return;
  }
  route::Attempts attempts;
  const route::Refusal refusal{*redirect, slot->endpoint, slot->beside,
                               context_.command_timeout - (now - slot->started)};
  const route::Decision decision = context_.director.on_refused(refusal, attempts);
  const bool at_once = decision.next != route::NextTry::kGiveUp && decision.pause == 0;
  if (decision.next == route::NextTry::kGiveUp || (!at_once && others_depend(to.slot, *slot))) {
    on_replies(to.slot, frame, 1, now);
    return;
  }
  leave_way(*slot, 1);
  Errand& errand = new_errand(to.slot, *slot, request);
  errand.detour = true;
  ++detours_;
  errand.attempts = attempts;
  errand.error = frame.substr(1, frame.size() - 3);
  errand.alone = slot->script || slot->blocking;
  errand.limit = slot->blocking ? TimeLimit::kNone
                 : slot->script ? TimeLimit::kScript
                                : TimeLimit::kCommand;
  const auto first = slot->names.begin() + slot->named;
  errand.names.assign(first,
                      first + std::min<std::ptrdiff_t>(slot->keys, slot->names.end() - first));
  slot->names.erase(first, first + static_cast<std::ptrdiff_t>(errand.names.size()));
  errand.endpoint = decision.endpoint;
  errand.asking = decision.asking;
  context_.counters.upstream_retries.add();
  if (at_once) {
    send_errand(errand, now);
  } else {
    postpone_errand(errand, decision.pause, now);
  }
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
  const route::Decision decision = context_.director.on_refused(refusal, errand.attempts);
  if (decision.next == route::NextTry::kGiveUp) {
    finish_errand(errand, frame, now);
    return;
  }
  forget_errand_lane(errand, true, now);
  errand.error = frame.substr(1, frame.size() - 3);
  if (!errand.detour) {
    errand.detour = true;
    ++detours_;
  }
  context_.counters.upstream_retries.add();
  errand.endpoint = decision.endpoint;
  errand.asking = decision.asking;
  if (decision.pause > 0) {
    postpone_errand(errand, decision.pause, now);
  } else {
    send_errand(errand, now);
  }
}

void Session::on_errand_lost(Errand& errand, const LostRun& run, const Failure& failure,
                             state::Nanos now) {
  const Slot* slot = slots_.find(errand.slot);
  forget_errand_lane(errand, false, now);
  errand.reply.clear();
  const bool unknown = errand.command_class == CommandClass::kWrite && run.sent;
  const bool again = slot != nullptr && !unknown && !context_.director.alone() &&
                     now - slot->started < context_.command_timeout &&
                     (!run.sent || context_.director.retries().take(now));
  errand.error = failure_text(failure, unknown);
  if (again) {
    if (!errand.detour) {
      errand.detour = true;
      ++detours_;
    }
    context_.director.on_unreachable();
    postpone_errand(errand, route::pause_before(errand.attempts.pauses++, net::random_bits()), now);
    return;
  }
  if (unknown) context_.counters.writes_outcome_unknown.add();
  context_.counters.requests_failed.add();
  std::string error;
  resp::append_error(error, errand.error);
  finish_errand(errand, error, now);
}

/// What the lost lane still owed this slot is asked for elsewhere, command by command.
void Session::lost_to_errands(const LostRun& run, Slot& slot, const Failure& failure,
                              state::Nanos now) {
  const bool was_aside = std::exchange(slot.aside, false);
  if (was_aside) {
    finish_aside(run.to.slot, false);
    slot.beside = true;  // still counted among the reads
  }
  resp::RequestParser parser;
  std::string_view rest = run.requests;
  std::vector<Errand*> begun;
  for (std::uint32_t i = 0; i < run.answered + run.unanswered; ++i) {
    if (parser.parse(rest) != resp::RequestParser::Result::kCommand) break;
    if (i >= run.answered) {
      if (!was_aside) leave_way(slot, 1);
      Errand& errand = new_errand(run.to.slot, slot, parser.command().raw());
      errand.error = failure_text(failure, false);
      errand.alone = slot.script || slot.blocking;
      errand.detour = true;
      ++detours_;
      const auto first = slot.names.begin() + slot.named;
      errand.names.assign(first,
                          first + std::min<std::ptrdiff_t>(slot.keys, slot.names.end() - first));
      slot.names.erase(first, first + static_cast<std::ptrdiff_t>(errand.names.size()));
      context_.counters.upstream_retries.add();
      begun.push_back(&errand);
    }
    rest.remove_prefix(parser.consumed());
  }
  // The end of one errand may end the slot: none is touched that is gone.
  for (Errand* const errand : begun) {
    const bool here = std::any_of(errands_.begin(), errands_.end(),
                                  [errand](const auto& other) { return other.get() == errand; });
    if (here) send_errand(*errand, now);
  }
}

bool Session::tick_errands(state::Nanos now) {
  if (errands_.empty()) return false;
  std::vector<Requester> due;
  for (const auto& errand : errands_) due.push_back(requester_of(*errand));
  for (const Requester& name : due) {
    Errand* const errand = find_errand(name);
    if (errand == nullptr) continue;
    const Slot* slot = slots_.find(errand->slot);
    const bool late = slot != nullptr && errand->limit == TimeLimit::kCommand &&
                      now - slot->started > context_.command_timeout;
    if (slot == nullptr || late) {
      const bool unknown = errand->lane && errand->command_class == CommandClass::kWrite;
      std::string text = errand->error;
      if (text.empty() || unknown)
        text = failure_text({FailureKind::kTimeout, "no reply in time"}, unknown);
      if (unknown) context_.counters.writes_outcome_unknown.add();
      context_.counters.requests_failed.add();
      std::string error;
      resp::append_error(error, text);
      // Its reply may still come, to nobody.
      if (errand->alone && errand->lane)
        context_.lanes.give_back(std::exchange(errand->lane, nullptr),
                                 upstream::LaneCondition::kSpent, now);
      finish_errand(*errand, error, now);
    } else if (errand->send_at != 0 && now >= errand->send_at) {
      send_errand(*errand, now);
    }
  }
  return true;
}

/// A fill link could not answer, or was lost: the read is asked for on a lane of the same slot.
void Session::fetch_elsewhere(std::uint64_t sequence, Slot& slot, const fill::FetchResult& result,
                              state::Nanos now) {
  slot.state = Slot::State::kUpstream;
  slot.beside = true;  // it is counted among the reads until it is answered
  slot.unanswered = 1;
  Errand& errand = new_errand(sequence, slot, *result.request);
  context_.counters.upstream_retries.add();
  if (result.outcome == fill::FetchOutcome::kRefused) {
    on_errand_refused(errand, *result.frame, now);
  } else {
    send_errand(errand, now);
  }
}

}  // namespace pillion::data::session
