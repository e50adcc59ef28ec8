// Reads through the L1: what they wait for, what fill links bring, and what is read past the L1
// after all.
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/command/keys.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/downgrade.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::session {
namespace {

using state::Invariant;

// Replies read aside on dedicated lanes by one session at a time.
constexpr std::ptrdiff_t kMaxAsides = 4;

}  // namespace

bool Session::read_conflicts(const command::Spec& spec, const resp::Command& command) {
  if (!write_filter_.any() || !state::holds(Invariant::kI10ReadOrder)) return false;
  keys_scratch_.clear();
  if (command::keys_of(spec, command, keys_scratch_) == command::KeySet::kUnknown) return true;
  return std::any_of(keys_scratch_.begin(), keys_scratch_.end(), [this](std::string_view key) {
    return write_filter_.may_contain(cache::hash_name(key));
  });
}

Session::Step Session::read(const command::Spec& spec, const resp::Command& command,
                            const cache::NameHash* name) {
  if (tracking_.on && state::holds(Invariant::kI15Pinned)) return forward(spec, command);
  if (!eligible_) {
    const auto reason =
        context_.cache_enabled ? state::BypassReason::kIdentity : state::BypassReason::kDisabled;
    context_.counters.cache_bypasses[static_cast<std::size_t>(reason)].add();
    return forward(spec, command);
  }
  if (!command::arity_ok(spec, command.argc())) return forward(spec, command);
  if (read_conflicts(spec, command)) {
    context_.counters.cache_bypasses[static_cast<std::size_t>(state::BypassReason::kProgramOrder)]
        .add();
    return forward(spec, command);
  }
  if (state_.reply_mode != ReplyMode::kOn) {
    context_.counters.cache_bypasses[static_cast<std::size_t>(state::BypassReason::kPinned)].add();
    return forward(spec, command);
  }
  const bool direct = slots_.empty();
  std::string parked;
  const request::HitTarget target{direct ? &out_ : nullptr, &parked};
  const request::Read request{spec,     command, state_.database, state_.protocol, now_,
                              waiter(), name};
  request::ReadResult result;
  if (const auto flight = awaited_read(spec, command, name)) {
    const auto along = context_.reader.read_along(request, *flight);
    if (!along) return Step::kWait;
    result = *along;
  } else {
    result = context_.reader.read(request, target);
  }
  if (context_.all_clients.monitors.load(std::memory_order_relaxed) != 0 &&
      result.outcome != request::ReadOutcome::kUpstream) {
    show_to_monitors(command);
  }
  switch (result.outcome) {
    case request::ReadOutcome::kHit:
      context_.counters.requests_l1.add();
      if (!direct) park(new_slot(Slot::State::kReady), parked);
      return Step::kNext;
    case request::ReadOutcome::kUpstream:
      return forward(spec, command, {.outruns = result.outruns});
    case request::ReadOutcome::kWaiting:
    case request::ReadOutcome::kTooLarge:
      break;
  }
  const std::uint64_t sequence = slots_.next_sequence();
  Slot& slot = new_slot(Slot::State::kFetch);
  slot.shape = result.shape;
  slot.command_class = CommandClass::kRead;
  slot.fetch = true;
  slot.flight = result.flight;
  ++reads_out_;
  keys_scratch_.clear();
  (void)command::keys_of(spec, command, keys_scratch_);  // of a cacheable command they are known
  for (const std::string_view key : keys_scratch_) {
    slot.names.push_back(cache::hash_name(key));
    read_filter_.add(slot.names.back());
  }
  if (result.outcome == request::ReadOutcome::kTooLarge)
    read_aside(sequence, slot, command.raw(), true);
  return Step::kNext;
}

/// I17: the latest read of one of the command's keys that the client still waits for. What is asked
/// for now must not be older, which only the very same answer is known not to be. Its flight; 0
/// when it has none; nothing when there is no such read. `only`: its only key, where that was
/// hashed before.
std::optional<cache::FlightId> Session::awaited_read(const command::Spec& spec,
                                                     const resp::Command& command,
                                                     const cache::NameHash* only) {
  if (reads_out_ == 0 || !state::holds(Invariant::kI17Monotone)) return std::nullopt;
  if (only != nullptr && !read_filter_.may_contain(*only)) return std::nullopt;
  keys_scratch_.clear();
  (void)command::keys_of(spec, command, keys_scratch_);
  names_scratch_.clear();
  for (const std::string_view key : keys_scratch_) {
    const cache::NameHash name = cache::hash_name(key);
    if (read_filter_.may_contain(name)) names_scratch_.push_back(name);
  }
  if (names_scratch_.empty()) return std::nullopt;
  for (std::size_t i = slots_.size(); i-- > 0;) {
    const Slot& slot = slots_[i];
    if (!slot.fetch || slot.state == Slot::State::kReady) continue;
    const bool shared = std::any_of(slot.names.begin(), slot.names.end(), [&](auto name) {
      return std::find(names_scratch_.begin(), names_scratch_.end(), name) != names_scratch_.end();
    });
    if (shared) return slot.state == Slot::State::kFetch ? slot.flight : 0;
  }
  return std::nullopt;
}

/// What a fill link was asked for is asked for past the L1, which must show nothing older of it
/// then.
void Session::will_read_past(Slot& slot) {
  slot.effect = request::EffectKind::kShown;
  slot.keys = static_cast<std::uint32_t>(slot.names.size());
  await_effect(slot, slot.effect, std::exchange(slot.names, {}));
}

void Session::on_fetched(std::uint64_t sequence, const fill::FetchResult& result,
                         state::Nanos now) {
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr) return;
  if (slot->on_link != cache::LinkTable::kNoLink) {
    on_link_answered(sequence, *slot, result, now);
    return;
  }
  if (slot->state != Slot::State::kFetch) return;
  if (result.outcome != fill::FetchOutcome::kReply &&
      result.outcome != fill::FetchOutcome::kTooLarge)
    will_read_past(*slot);
  if (result.outcome == fill::FetchOutcome::kRefused ||
      (result.outcome == fill::FetchOutcome::kLost && !context_.director.alone())) {
    fetch_elsewhere(sequence, *slot, result, now);
    return;
  }
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
  const state::EndpointId endpoint = context_.director.simple()
                                         ? context_.director.primary()
                                         : context_.director.destination(request).endpoint;
  if (endpoint == state::kNoEndpoint) {
    fail_slot(sequence, slot, route::kSlotNotServed, DoneBy::kNobody);
    return;
  }
  const upstream::ChannelKey key = channel_key(endpoint);
  if (alone && own < kMaxAsides) way = context_.lanes.lease(key, now);
  const bool dedicated = way != nullptr;
  if (!way) way = context_.lanes.pick(key, now);
  if (!way->accepts_commands()) {
    const std::string text = failure_text(way->last_failure(), false);
    if (dedicated) context_.lanes.give_back(way, upstream::LaneCondition::kSpent, now);
    fail_slot(sequence, slot, text, DoneBy::kNobody);
    return;
  }
  way->submit(request, requester(sequence), slot.command_class, TimeLimit::kCommand, slot.started);
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
    context_.lanes.give_back(
        way, reusable ? upstream::LaneCondition::kClean : upstream::LaneCondition::kSpent,
        state::now());
    return;
  }
}

}  // namespace pillion::data::session
