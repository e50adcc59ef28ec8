// Commands that several nodes have to answer: their parts are errands, their replies are merged.
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "protocol/command/keys.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/route/scan_cursor.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::session {

/// Several commands for several nodes, one reply.
Session::Step Session::fan_out(const command::Spec& spec, const resp::Command& command,
                               const Outgoing& extra) {
  route::FanOutPlan plan(context_.director.table(), spec, command, keys_scratch_);
  if (plan.parts().empty()) {
    fail_locally(route::kSlotNotServed);
    return Step::kNext;
  }
  const bool blocks = spec.route == command::Route::kBlock;
  // All lanes first: nothing is begun that would have to wait half-way.
  for (const route::Part& part : plan.parts()) {
    if (part.endpoint == state::kNoEndpoint || blocks) continue;
    if (way_to(part.endpoint).lane->congested()) {
      congested_ = true;
      return Step::kWait;
    }
  }
  const bool read = spec.is(command::kReadonly) && spec.effect == command::Effect::kNone;
  request::Effect effect;
  names_scratch_.clear();
  std::vector<std::string_view> keys;
  effect = request::effect_of(spec, command, keys, names_scratch_);
  // I17: primaries answer, and may be ahead of the keys' own replicas; where all that the L1 has
  // comes from primaries, ahead of the L1.
  const bool spread = std::any_of(
      plan.parts().begin(), plan.parts().end(),
      [this](const route::Part& part) { return context_.director.has_replicas(part.shard); });
  const bool past_the_l1 =
      spec.cacheable != 0 && eligible_ && !spread && (extra.outruns || write_filter_.any());
  if (read && (past_the_l1 || context_.director.key_affinity()) &&
      state::holds(state::Invariant::kI17Monotone)) {
    becomes_shown(effect, spec, command);
  }
  if (reads_out_ > 0 && effect.kind != request::EffectKind::kNone &&
      state::holds(state::Invariant::kI10WriteOrder)) {
    return Step::kWait;
  }
  const bool discard = discards_reply();
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.discard = discard;
  slot.effect = effect.kind;
  slot.needs_fence = effect.kind == request::EffectKind::kUnknown;
  slot.keys = effect.keys;
  slot.caching = tracking_.caching;
  slot.command_class = read ? CommandClass::kRead : CommandClass::kWrite;
  slot.unanswered = static_cast<std::uint32_t>(plan.parts().size());
  Outgoing counts;
  if (spec.is(command::kPubsub) && corrects_counts(spec, command, counts))
    slot.action = counts.action;
  if (extra.action == SlotAction::kScriptBody) {
    slot.action = extra.action;
    slot.note = extra.note;
  }
  await_effect(slot, effect.kind, names_scratch_);
  if (spec.name == "SCRIPT|FLUSH") context_.scripts.forget_all();
  slot.fan_out = std::make_unique<route::FanOut>(std::move(plan));
  const std::uint64_t sequence = slots_.back_sequence();
  const auto& parts = slot.fan_out->plan().parts();
  blocking_ = blocking_ || blocks;
  std::vector<Requester> alone;
  for (std::uint32_t i = 0; i < parts.size(); ++i) {
    Errand& errand = new_errand(sequence, slot, slot.fan_out->plan().request(i), parts[i].slot);
    errand.part = i;
    errand.endpoint = parts[i].endpoint;
    if (parts[i].slot == route::kNoSlot) errand.node = parts[i].endpoint;
    if (blocks) {
      errand.alone = true;
      errand.limit = TimeLimit::kNone;
      alone.push_back(requester_of(errand));
      continue;
    }
    if (errand.endpoint != state::kNoEndpoint) {
      const Way& way = way_to(errand.endpoint);
      if (way.lane->accepts_commands()) {
        errand.way = way.id;
        errand.lane = way.lane;
        enter_way(way.id);
        if (errand.caching) announce_caching(*way.lane, now_);
        way.lane->submit(errand.request, requester_of(errand), errand.command_class,
                         TimeLimit::kCommand, now_);
        continue;
      }
    }
    context_.director.on_unreachable();
    postpone_errand(errand, route::kFirstPause, now_);
  }
  for (const Requester& name : alone) {
    if (Errand* const errand = find_errand(name)) send_errand(*errand, now_);
  }
  return Step::kNext;
}

void Session::end_fan_out(std::uint64_t sequence, Slot& slot, std::string_view reply,
                          state::Nanos now) {
  std::string corrected;
  if (slot.action == SlotAction::kScriptBody) {
    // See on_action_reply().
    if (reply.front() == '-') context_.scripts.forget(slot.note);
  } else if (slot.action != SlotAction::kNone) {
    correct_counts(slot, reply, corrected);
  }
  append_reply(slot, slots_.is_front(sequence), corrected.empty() ? reply : corrected);
  context_.counters.requests_upstream.add();
  context_.counters.latency_upstream.observe(now - slot.started);
  answered(sequence, slot, 1, now, slot.reached ? DoneBy::kPrimary : DoneBy::kNobody, Via::kErrand);
}

void Session::scanned(const Slot& slot, std::string_view reply, std::string& own) const {
  const auto endpoint = static_cast<state::EndpointId>(std::stoul(slot.note));
  if (!route::append_scan_reply(own, context_.director.table(), endpoint, reply))
    resp::append_error(own, route::kInvalidCursor);
}

/// One step of a SCAN over all nodes.
Session::Step Session::scan(const command::Spec& spec, const resp::Command& command) {
  const auto step = route::next_scan_step(context_.director.table(), command.arg(1));
  if (!step) {
    fail_locally(route::kInvalidCursor);
    return Step::kNext;
  }
  if (step->endpoint == state::kNoEndpoint) {
    std::string out;
    route::append_scan_end(out);
    reply_locally(out);
    return Step::kNext;
  }
  Outgoing extra;
  extra.action = SlotAction::kScan;
  extra.endpoint = step->endpoint;
  extra.note = std::to_string(step->endpoint);
  route::append_scan_request(extra.request, command, step->node_cursor);
  return forward(spec, command, std::move(extra));
}

}  // namespace pillion::data::session
