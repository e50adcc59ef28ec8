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

#include "protocol/command/keys.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/net/backoff.hpp"
#include "proxy/state/invariant.hpp"

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

Errand& Session::new_errand(std::uint64_t sequence, Slot& slot, std::string_view request) {
  return new_errand(
      sequence, slot, request,
      context_.director.cluster() ? context_.director.destination(request).slot : route::kNoSlot);
}

Errand& Session::new_errand(std::uint64_t sequence, Slot& slot, std::string_view request,
                            std::uint16_t key_slot) {
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
  errand->key_slot = key_slot;
  errand->caching = slot.caching;
  ++slot.errands;
  errands_.push_back(std::move(errand));
  context_.neighbours.want_ticks(requester(0));
  return *errands_.back();
}

/// What the next command of the slot was, is the errand's from here.
void Session::take_over(Errand& errand, Slot& slot) const {
  errand.alone = (slot.script || slot.blocking) && !tracks_in_cluster();
  errand.limit = slot.blocking ? TimeLimit::kNone
                 : slot.script ? TimeLimit::kScript
                               : TimeLimit::kCommand;
  const auto first = slot.names.begin() + slot.named;
  errand.names.assign(first, first + std::min<std::ptrdiff_t>(slot.keys, slot.names.end() - first));
  slot.names.erase(first, first + static_cast<std::ptrdiff_t>(errand.names.size()));
}

/// The command of the slot that was answered just now leaves its lane, to be asked elsewhere.
Errand& Session::set_out(std::uint64_t sequence, Slot& slot, std::string_view request) {
  leave_way(slot.way, 1);
  Errand& errand = new_errand(sequence, slot, request);
  make_detour(errand);
  take_over(errand, slot);
  return errand;
}

Requester Session::requester_of(const Errand& errand) const {
  return requester(errand.slot | (std::uint64_t{errand.number} << kNumberShift));
}

Errand* Session::find_errand(const Requester& to) {
  const std::uint64_t number = to.slot >> kNumberShift;
  if (number == 0) return nullptr;
  for (const auto& errand : errands_) {
    if (errand->number == number && errand->slot == sequence_of(to.slot)) return errand.get();
  }
  return nullptr;
}

void Session::make_detour(Errand& errand) {
  if (!std::exchange(errand.detour, true)) ++detours_;
}

void Session::postpone_errand(Errand& errand, state::Nanos pause, state::Nanos now) {
  make_detour(errand);
  errand.endpoint = state::kNoEndpoint;
  errand.of_replica = false;
  errand.asking = false;
  errand.send_at = now + pause;
}

void Session::send_errand(Errand& errand, state::Nanos now) {
  Slot* slot = slots_.find(errand.slot);
  if (slot == nullptr) return;
  if (errand.endpoint == state::kNoEndpoint && errand.node != state::kNoEndpoint) {
    // A cursor means something to its own node only.
    errand.endpoint = slot->fan_out ? context_.director.heir_of(errand.node) : errand.node;
  } else if (errand.endpoint == state::kNoEndpoint) {
    const route::Destination destination = context_.director.destination(errand.request);
    if (destination.kind == route::DestinationKind::kRefused) {
      fail_errand(errand, destination.error, now);
      return;
    }
    errand.endpoint = destination.endpoint;
    if (destination.kind == route::DestinationKind::kUnserved && errand.error.empty())
      errand.error = destination.error;
  }
  std::shared_ptr<upstream::Lane> lane;
  WayId way = kNoWay;
  if (errand.endpoint != state::kNoEndpoint && errand.alone) {
    // Where shared connections cannot be made, more attempts make a storm.
    lane = context_.lanes.pick(channel_key(errand.endpoint), now);
  } else if (errand.endpoint != state::kNoEndpoint) {
    // Behind what of this client is on its way there already.
    now_ = now;
    const Way& found = way_to(errand.endpoint);
    lane = found.lane;
    way = found.id;
  }
  if (errand.command_class == CommandClass::kRead && errand.node == state::kNoEndpoint &&
      !errand.alone && !tracking_.on && (!lane || !lane->accepts_commands())) {
    // A replica may have proved in the meantime to have what must be seen of it.
    const auto from = context_.director.read_from(errand.request, now);
    if (from.endpoint != state::kNoEndpoint) {
      const Way& found = way_to(from.endpoint);
      if (found.lane->accepts_commands()) {
        errand.endpoint = from.endpoint;
        errand.of_replica = true;
        errand.rotations = context_.director.rotations();
        errand.asking = false;
        lane = found.lane;
        way = found.id;
      }
    }
  }
  if (!lane || !lane->accepts_commands()) {
    put_off_unreachable(errand, lane.get(), now);
    return;
  }
  // I10: in the order in which they were asked.
  if (waits_behind(errand, errand.alone ? nullptr : lane.get())) {
    make_detour(errand);
    errand.send_at = now;
    return;
  }
  if (errand.alone) {
    lane = context_.lanes.lease(channel_key(errand.endpoint), now);
    if (!lane) {
      fail_errand(errand, "ERR upstream connection limit reached", now);
      return;
    }
    if (!lane->accepts_commands()) {
      put_off_unreachable(errand, lane.get(), now);
      context_.lanes.give_back(lane, upstream::LaneCondition::kSpent, now);
      return;
    }
  }
  if (lane->congested()) {
    if (errand.alone) context_.lanes.give_back(lane, upstream::LaneCondition::kClean, now);
    make_detour(errand);
    errand.send_at = now + kCongestedPause;
    return;
  }
  errand.send_at = 0;
  errand.lane = std::move(lane);
  if (errand.alone) {
    make_detour(errand);
  } else {
    errand.way = way;
    enter_way(way);
  }
  // WAIT counts from the latest write of its own connection: see wait_for_replicas().
  if (errand.alone && slot->fan_out) {
    std::string ping;
    resp::append_request(ping, {"PING", std::string(upstream::kOwnPing) + "wait"});
    errand.lane->submit(ping, Requester{}, CommandClass::kWrite, TimeLimit::kCommand, now);
  }
  // The answer to ASKING is nobody's; nothing comes between it and the command.
  if (errand.caching) announce_caching(*errand.lane, now);
  if (errand.asking)
    errand.lane->submit(kAsking, Requester{}, CommandClass::kRead, TimeLimit::kCommand, now);
  errand.lane->submit(errand.request, requester_of(errand), errand.command_class, errand.limit,
                      now);
}

/// `lane`: of those that were tried, the last; none, where nobody owns the keys.
void Session::put_off_unreachable(Errand& errand, const upstream::Lane* lane, state::Nanos now) {
  if (lane != nullptr && errand.error.empty())
    errand.error = failure_text(lane->last_failure(), false);
  if (context_.director.alone()) {
    fail_errand(errand, errand.error, now);
    return;
  }
  context_.director.on_unreachable();
  postpone_errand(errand, route::pause_before(errand.attempts.pauses++, net::random_bits()), now);
}

void Session::forget_errand_lane(Errand& errand, bool clean, state::Nanos now) {
  const auto lane = std::exchange(errand.lane, nullptr);
  if (errand.way != kNoWay) leave_way(std::exchange(errand.way, kNoWay), 1);
  if (!lane) return;
  paused_.erase(std::remove_if(paused_.begin(), paused_.end(),
                               [&](const Paused& paused) { return paused.lane == lane; }),
                paused_.end());
  if (!errand.alone) return;
  const auto condition =
      !clean ? upstream::LaneCondition::kSpent : upstream::LaneCondition::kSuspect;
  context_.lanes.give_back(lane, condition, now);
}

void Session::finish_errand(Errand& errand, std::string_view reply, state::Nanos now) {
  // I17: its keys may belong to another replica since it was sent.
  const bool own = errand.of_replica && errand.rotations == context_.director.rotations();
  end_errand(errand, reply, now, own ? DoneBy::kReplica : DoneBy::kPrimary, true);
}

/// With a text of our own: nobody else will answer it.
void Session::fail_errand(Errand& errand, std::string_view text, state::Nanos now, DoneBy by,
                          bool clean) {
  std::string error;
  resp::append_error(error, text);
  end_errand(errand, error, now, by, clean);
}

/// `reply`: a whole frame; not `clean`: of our own, the lane may still owe one. The errand is gone
/// afterwards.
void Session::end_errand(Errand& errand, std::string_view reply, state::Nanos now, DoneBy by,
                         bool clean) {
  const auto at = std::find_if(errands_.begin(), errands_.end(),
                               [&](const auto& other) { return other.get() == &errand; });
  const auto place = static_cast<std::size_t>(at - errands_.begin());
  const std::unique_ptr<Errand> own = std::move(*at);
  errands_.erase(at);
  forget_errand_lane(*own, clean, now);
  if (own->detour) --detours_;
  wakeup_ = true;
  Slot* slot = slots_.find(own->slot);
  if (slot == nullptr || slot->state != Slot::State::kUpstream) return;
  --slot->errands;
  if (slot->fan_out) {
    slot->reached = slot->reached || by != DoneBy::kNobody;
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
  if (clean && by != DoneBy::kNobody) fence_if_woken(*slot, now);
  if (slot->beside && by == DoneBy::kPrimary && context_.director.key_affinity())
    note_read_elsewhere(*own, now);
  // What it erases is next, whatever else of the slot is unanswered.
  slot->names.insert(slot->names.begin() + slot->named, own->names.begin(), own->names.end());
  // What is parked leaves first: an answer behind it is parked as well.
  if (slot->errands == 0 && slot->parked.empty()) {
    if (slot->action != SlotAction::kNone) {
      slot->endpoint = own->endpoint;
      if (on_action_reply(own->slot, *slot, reply, Via::kErrand) == Answer::kGoesOn) return;
    } else {
      append_reply(*slot, slots_.is_front(own->slot), reply);
    }
  } else if (!slot->discard) {
    slot->parked.insert(own->offset, reply);
    slot->ends.resize(slot->passed);  // nothing has been counted behind it
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
  answered(own->slot, *slot, 1, now, by, Via::kErrand);
}

/// What a replica could not answer was read from another server, and is newer than that replica may
/// be (I17).
void Session::note_read_elsewhere(const Errand& errand, state::Nanos now) {
  for (const cache::NameHash name : errand.own_names())
    context_.invalidator.on_read_elsewhere(name, now);
}

/// Their order matters: they may name the same key, and one of them writes; or they read the same
/// one, and the later answer must not be the older one (I17).
bool Session::depend(const Errand& one, const Errand& other) const {
  if (one.key_slot != other.key_slot) return false;
  if (one.slot == other.slot) {
    const Slot* slot = slots_.find(one.slot);
    if (slot != nullptr && slot->fan_out) return false;  // parts of one command
  }
  return either_writes(one, other) ||
         (share_a_key(one, other) && state::holds(state::Invariant::kI17Monotone));
}

/// A later one that depends on this one is under way: it may be done where this one was refused.
/// Of reads that is no reason to give one up.
bool Session::overtaken(const Errand& errand) const {
  bool later = false;
  for (const auto& other : errands_) {
    if (later && other->lane && either_writes(errand, *other) && depend(errand, *other))
      return true;
    later = later || other.get() == &errand;
  }
  return false;
}

/// An earlier one that this one depends on has not been sent yet, or is under way elsewhere, where
/// it may be refused once more.
bool Session::waits_behind(const Errand& errand, const upstream::Lane* lane) const {
  for (const auto& other : errands_) {
    if (other.get() == &errand) return false;
    const bool elsewhere = other->lane && other->lane.get() != lane;
    if ((other->send_at != 0 || elsewhere) && depend(errand, *other)) return true;
  }
  return false;
}

void Session::on_errand_lost(Errand& errand, const LostRun& run, const Failure& failure,
                             state::Nanos now) {
  const Slot* slot = slots_.find(errand.slot);
  forget_errand_lane(errand, false, now);
  errand.reply.clear();
  const bool unknown = errand.command_class == CommandClass::kWrite && run.sent;
  const bool again = slot != nullptr && !unknown && !context_.director.alone() &&
                     now - slot->started < context_.command_timeout &&
                     (!run.sent || (!others_write(slot) && context_.director.retries().take(now)));
  errand.error = failure_text(failure, unknown);
  if (again) {
    context_.director.on_unreachable();
    postpone_errand(errand, route::pause_before(errand.attempts.pauses++, net::random_bits()), now);
    return;
  }
  if (unknown) context_.counters.writes_outcome_unknown.add();
  context_.counters.requests_failed.add();
  fail_errand(errand, errand.error, now, unknown ? DoneBy::kPrimary : DoneBy::kNobody);
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
      if (!was_aside) leave_way(slot.way, 1);
      Errand& errand = new_errand(run.to.slot, slot, parser.command().raw());
      errand.error = failure_text(failure, false);
      take_over(errand, slot);
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
  std::vector<Requester> names;
  for (const auto& errand : errands_) names.push_back(requester_of(*errand));
  for (const Requester& name : names) {
    Errand* const errand = find_errand(name);
    if (errand == nullptr) continue;
    const Slot* slot = slots_.find(errand->slot);
    const bool ours = errand->limit == TimeLimit::kCommand || !errand->lane;
    const bool late = slot != nullptr && ours && now - slot->started > context_.command_timeout;
    if (slot == nullptr || late) {
      const bool unknown = errand->lane && errand->command_class == CommandClass::kWrite;
      std::string text = errand->error;
      if (text.empty() || unknown)
        text = failure_text({FailureKind::kTimeout, "no reply in time"}, unknown);
      if (unknown) context_.counters.writes_outcome_unknown.add();
      context_.counters.requests_failed.add();
      // Its reply may still come, to nobody.
      fail_errand(*errand, text, now, unknown ? DoneBy::kPrimary : DoneBy::kNobody, false);
      continue;
    }
    if (errand->send_at != 0 && now >= errand->send_at) send_errand(*errand, now);
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
  const auto refusal = result.outcome == fill::FetchOutcome::kRefused
                           ? cluster::parse_redirect(*result.frame)
                           : std::nullopt;
  // The link may have been a replica's, whose state says nothing of its primary.
  const bool of_node = refusal && (refusal->kind == cluster::RedirectKind::kLoading ||
                                   refusal->kind == cluster::RedirectKind::kMasterDown);
  if (result.outcome == fill::FetchOutcome::kRefused && !(of_node && !context_.director.alone())) {
    on_errand_refused(errand, *result.frame, now);
  } else {
    send_errand(errand, now);
  }
}

}  // namespace pillion::data::session
