// From a client's bytes to what is done with each command.
#include "proxy/data/session/session.hpp"

#include <algorithm>
#include <utility>

#include "config/units.hpp"
#include "protocol/command/keys.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/request/learned_spec.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::session {
namespace {

using state::Invariant;

}  // namespace

Session::Session(SessionContext& context, const Requester& name, ClientState state)
    : context_(context), name_(name), state_(std::move(state)) {
  state_.identity = context_.identity;
  state_.database = context_.database;
  eligible_ = context_.cache_enabled;
}

Session::~Session() {
  leave();
}

void Session::leave() {
  if (std::exchange(left_, true)) return;
  // Replies on the shared lane find nobody and are dropped in order. Lanes of our own end with us:
  // a client blocked in BLPOP must not take an element after it left.
  leave_subscriptions();
  context_.all_clients.scripts.fetch_sub(scripts_out_, std::memory_order_relaxed);
  if (held_) context_.all_clients.pause.let_go();
  if (monitor_) context_.all_clients.monitors.fetch_sub(1, std::memory_order_relaxed);
  for (const ClientPlace& source : redirect_sources_)
    context_.neighbours.tell_target_left(source, requester(0));
  drop_lease();
  end_tracking();
  drop_spare();
  for (const Aside& aside : asides_) {
    if (aside.own) aside.lane->close();
  }
  for (const auto& errand : std::exchange(errands_, {})) {
    if (errand->alone && errand->lane)
      context_.lanes.give_back(errand->lane, upstream::LaneCondition::kSpent, now_);
  }
  for (const Paused& paused : paused_) paused.lane->resume();
}

bool Session::wants_input() const {
  return !blocked_ && !awaiting_ && !congested_ && !closing_ && !aborted_ &&
         output_bytes() < context_.output_limit / 4;
}

std::size_t Session::process(std::string_view bytes, state::Nanos now) {
  now_ = now;
  blocked_ = false;
  congested_ = false;
  pause_ = context_.all_clients.pause.mode(now);
  // What a client may send before it has said who it is, is Redis's own little (RELIABILITY A2.1).
  parser_.set_limits(needs_auth() ? resp::kUnauthenticatedLimits : resp::Limits{});
  std::size_t used = 0;
  while (used < bytes.size() && wants_input()) {
    const std::string_view rest = bytes.substr(used);
    std::size_t n = 0;
    if (large_) {
      n = feed_large(rest);
    } else if (relay_) {
      n = feed_relay(rest);
    } else if (pipeline_full()) {
      blocked_ = true;
    } else {
      n = handle_some(rest);
    }
    used += n;
    if (n == 0 && !large_) break;
  }
  return closing_ || aborted_ ? bytes.size() : used;
}

/// Parses a few commands, then handles them in order. Returns the bytes of those that were handled.
std::size_t Session::handle_some(std::string_view bytes) {
  // Nothing that handling a command sets off may take another session's turn up within it.
  Ahead& ahead = context_.ahead;
  if (ahead.busy) {
    wakeup_ = true;
    return 0;
  }
  ahead.busy = true;
  const std::unique_ptr<bool, void (*)(bool*)> free(&ahead.busy, [](bool* busy) { *busy = false; });
  std::size_t count = 0;
  auto last = resp::RequestParser::Result::kNeedMore;
  const std::size_t parsed = parse_ahead(bytes, count, last);
  std::size_t used = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const Ahead::Item& item = context_.ahead.items[i];
    key_slot_ = item.key_slot;
    last_of_input_ = i + 1 == count && parsed == bytes.size();
    const bool waits =
        handle(*item.spec, item.command, item.hashed ? &item.name : nullptr) == Step::kWait;
    if (!waits) used += item.consumed;
    if (waits || stopped()) {
      // What was parsed behind it is parsed again when its time has come.
      if (waits) blocked_ = !congested_;
      if (waits || used < parsed || last != resp::RequestParser::Result::kCommand)
        parser_.restart();
      return used;
    }
  }
  handle_rest(last);
  return parsed;
}

/// Fills context_.ahead with up to `count` complete commands; returns the bytes they use. `last` is
/// how parsing ended.
std::size_t Session::parse_ahead(std::string_view bytes, std::size_t& count,
                                 resp::RequestParser::Result& last) {
  auto& items = context_.ahead.items;
  const bool prefetch = eligible_ && !lease_;
  const bool in_cluster = context_.director.cluster();
  std::size_t at = 0;
  while (count < items.size() && at < bytes.size()) {
    last = parser_.parse(bytes.substr(at));
    if (last == resp::RequestParser::Result::kNothing) {
      if (count > 0) items[count - 1].consumed += parser_.consumed();
      at += parser_.consumed();
      continue;
    }
    if (last != resp::RequestParser::Result::kCommand) break;
    Ahead::Item& item = items[count++];
    item.consumed = parser_.consumed();
    parser_.swap_command(item.command);
    item.spec = &command::row_of(item.command);
    item.hashed = prefetch &&
                  context_.reader.look_ahead(*item.spec, item.command, state_.database, item.name);
    if (in_cluster) item.key_slot = route::key_slot_of(*item.spec, item.command);
    const bool inline_form = item.command.raw().data() != bytes.data() + at;
    at += item.consumed;
    if (inline_form) break;  // its bytes are the parser's and end with the next command
  }
  return at;
}

/// What stands behind the complete commands.
void Session::handle_rest(resp::RequestParser::Result last) {
  switch (last) {
    case resp::RequestParser::Result::kCommand:
    case resp::RequestParser::Result::kNothing:
    case resp::RequestParser::Result::kNeedMore:
      return;
    case resp::RequestParser::Result::kLarge:
      if (begin_large(parser_.command()) == Step::kWait) blocked_ = true;
      return;
    case resp::RequestParser::Result::kError:
      context_.counters.protocol_errors_client.add();
      protocol_error(parser_.error_text());
      return;
    case resp::RequestParser::Result::kCrossProtocol:
      aborted_ = state::DisconnectReason::kCrossProtocol;
      return;
  }
}

void Session::protocol_error(std::string_view text) {
  reply_locally(text);
  begin_close(state::DisconnectReason::kProtocolError);
}

Session::Step Session::handle(const command::Spec& spec, const resp::Command& command,
                              const cache::NameHash* name) {
  state_.last_command_at = now_;
  state_.last_command = &spec;
  if (pause_ != Pause::Mode::kNone && held_by_pause(spec, command)) return Step::kWait;
  if (doom_) return handle_doomed(spec);
  if (on_link_) return Step::kWait;
  const bool unknown = spec.name.empty() && !transaction_.open;
  const Step step = unknown ? handle_unknown(spec, command) : handle_known(spec, command, name);
  // It meant this one; but for a transaction, which it means as a whole, and what asks about it.
  if (step == Step::kNext && tracking_.caching && !transaction_.unbound &&
      !spec.name.starts_with("CLIENT|"))
    tracking_.caching = false;
  return step;
}

/// A name that the table does not have: our own command, one the upstream has told us about, or
/// nobody's.
Session::Step Session::handle_unknown(const command::Spec& spec, const resp::Command& command) {
  const bool named = context_.pillion != nullptr && !context_.pillion->name.empty();
  if (named && equals_ignoring_case(command.name(), context_.pillion->name))
    return handle_pillion(command);
  const auto learned = context_.learned != nullptr ? context_.learned->load() : nullptr;
  const state::LearnedCommand* found = learned ? learned->find(command.name()) : nullptr;
  return handle_known(found != nullptr ? request::spec_of(*found) : spec, command, nullptr);
}

Session::Step Session::handle_known(const command::Spec& spec, const resp::Command& command,
                                    const cache::NameHash* name) {
  if (state_.protocol == 2 && !subscriptions_.empty() && refused_while_subscribed(spec, command))
    return Step::kNext;
  if (transaction_.unbound) return handle_unbound(spec, command);
  const bool pinned = lease_ && (spec.cacheable == 0 || state::holds(Invariant::kI15Pinned));
  if (pinned) return handle_leased(spec, command);
  return handle_normal(spec, command, name);
}

Session::Step Session::handle_normal(const command::Spec& spec, const resp::Command& command,
                                     const cache::NameHash* name) {
  if (spec.cacheable != 0) return read(spec, command, name);
  if (!command::arity_ok(spec, command.argc())) {
    if (spec.route != command::Route::kLocal)
      return forward(spec, command);  // upstream words the error
    std::string out;
    append_wrong_arity(out, config::lower_case(spec.name));
    reply_locally(out);
    return Step::kNext;
  }
  if (emulates(spec)) return answer_as_cluster(spec, command);
  switch (spec.route) {
    case command::Route::kForward:
    case command::Route::kCacheable:
      return forward_with_care(spec, command);
    case command::Route::kLocal:
      return handle_local(spec, command);
    case command::Route::kTransaction:
      // Without a transaction EXEC, DISCARD and UNWATCH change nothing: the upstream says so.
      if (spec.name != "MULTI" && spec.name != "WATCH") return forward(spec, command);
      if (spec.name == "MULTI" && context_.director.cluster())
        return begin_in_cluster(spec, command);
      [[fallthrough]];
    case command::Route::kScript:
    case command::Route::kBlock:
      if (!slots_.empty()) return Step::kWait;
      if (spec.route == command::Route::kScript && link_for_script(spec) != nullptr)
        return forward_script(spec, command);
      // WAIT: every primary waits for its own replicas.
      if (context_.director.cluster() && route::split_of(spec) != route::Split::kNone)
        return forward(spec, command);
      if (!acquire_lease_for(spec, command)) return Step::kNext;
      return handle_leased(spec, command);
    case command::Route::kSubscribe:
      return handle_subscribe(spec, command);
    case command::Route::kDisposable:
      if (!slots_.empty()) return Step::kWait;
      if (!acquire_lease_for(spec, command, LeaseOf::kFresh)) return Step::kNext;
      lease_dirty_ = true;
      return forward(spec, command);
    case command::Route::kRelay:
      if (!slots_.empty()) return Step::kWait;
      return start_relay(spec, command);
    case command::Route::kDenied:
      break;
  }
  fail_locally("ERR this command is not passed on by Pillion");
  return Step::kNext;
}

/// A command for the shared lane whose reply or whose meaning is partly ours.
Session::Step Session::forward_with_care(const command::Spec& spec, const resp::Command& command) {
  const std::string_view name = spec.name;
  if (name == "INFO") {
    if (lease_ == nullptr || !transaction_.open) return forward(spec, command, info_reply(command));
  } else if (name == "SCRIPT|LOAD") {
    return forward_script_body(spec, command, command.arg(2));
  } else if (name == "SCRIPT|FLUSH") {
    context_.scripts.forget_all();
  } else if (spec.is(command::kPubsub) && !transaction_.open) {
    if (waits_for_subscriptions()) return Step::kWait;
    Outgoing extra;
    if (corrects_counts(spec, command, extra)) return forward(spec, command, std::move(extra));
  }
  return forward(spec, command);
}

/// A read whose answer nothing older may follow: its keys, where they are known, become those of
/// the effect.
void Session::becomes_shown(request::Effect& effect, const command::Spec& spec,
                            const resp::Command& command) {
  keys_scratch_.clear();
  if (command::keys_of(spec, command, keys_scratch_) != command::KeySet::kExact) return;
  for (const std::string_view key : keys_scratch_) names_scratch_.push_back(cache::hash_name(key));
  effect = {request::EffectKind::kShown, static_cast<std::uint32_t>(keys_scratch_.size())};
}

Session::Step Session::forward(const command::Spec& spec, const resp::Command& command,
                               Outgoing extra) {
  const bool retriable =
      spec.is(command::kReadonly) && spec.effect == command::Effect::kNone && !lease_;
  // Nothing may overtake a command that looks for its server.
  if (detours_ > 0) return Step::kWait;
  Sending sending = this->sending(spec, command, extra, retriable);
  const bool postponed = sending.step == Step::kNext && sending.lane == nullptr && sending.waits;
  if (sending.lane == nullptr && !postponed) return sending.step;
  if (sending.lane != nullptr && !sending.lane->accepts_commands()) {
    fail_locally(failure_text(sending.lane->last_failure(), false));
    return Step::kNext;
  }

  request::Effect effect;
  const bool tracks = context_.cache_enabled || !context_.director.simple();
  if (tracks) {
    names_scratch_.clear();
    const bool arity_ok = command::arity_ok(spec, command.argc());
    if (arity_ok && spec.effect != command::Effect::kNone)
      effect = request::effect_of(spec, command, keys_scratch_, names_scratch_);
    // A read that the L1 could also answer must not be followed by an older answer of the L1.
    const bool newer = spec.cacheable != 0 && eligible_ && (extra.outruns || write_filter_.any());
    // Nor, where that is promised, by an older answer of a replica (I17): whatever but that replica
    // reads a key, for whatever reason, may be ahead of it.
    const bool elsewhere = context_.director.key_affinity() && spec.is(command::kReadonly) &&
                           !sending.beside && state::holds(Invariant::kI17Monotone);
    if (arity_ok && (newer || elsewhere)) becomes_shown(effect, spec, command);
    if (reads_out_ > 0 && effect.kind != request::EffectKind::kNone) {
      const bool waits =
          !request::names_keys(effect.kind) ||
          std::any_of(names_scratch_.begin(), names_scratch_.end(),
                      [this](cache::NameHash name) { return read_filter_.may_contain(name); });
      if (waits && state::holds(Invariant::kI10WriteOrder)) return Step::kWait;
    }
  }

  const bool multi_open = transaction_.open;
  TimeLimit limit = TimeLimit::kCommand;
  if (spec.route == command::Route::kBlock && !multi_open) limit = TimeLimit::kNone;
  if (spec.route == command::Route::kScript && !multi_open) limit = TimeLimit::kScript;
  sending.command_class = retriable ? CommandClass::kRead : CommandClass::kWrite;
  if (retriable) context_.director.retries().on_read();
  sending.script = limit == TimeLimit::kScript;
  Slot* slot = nullptr;
  std::uint64_t sequence = 0;
  const auto put_with_others = [&](const request::Effect& own) {
    const PlaceForReply place = lane_slot(own, sending);
    slot = &place.slot;
    sequence = place.sequence;
  };
  if (multi_open) {
    // Queued now, done by EXEC: the keys are remembered for its reply.
    if (request::names_keys(effect.kind)) {
      transaction_.names.insert(transaction_.names.end(), names_scratch_.begin(),
                                names_scratch_.end());
    }
    transaction_.effect = std::max(transaction_.effect, effect.kind);
    transaction_.writes = transaction_.writes || writes(spec, command);
    ++transaction_.queued;
    put_with_others({});
  } else {
    if (extra.action == SlotAction::kNone && !postponed && !tracking_.caching) {
      put_with_others(effect);
    } else {
      const bool discard = discards_reply();
      slot = &new_slot(Slot::State::kUpstream);
      sequence = slots_.back_sequence();
      slot->action = extra.action;
      slot->note = std::move(extra.note);
      describe(*slot, effect, sending, discard);
      slot->caching = tracking_.caching;
    }
    if (sending.script) count_script();
    await_effect(*slot, effect.kind, names_scratch_);
  }
  slot->pinned = slot->pinned || multi_open || transaction_.watching ||
                 (tracking_.on && !tracking_.of_cluster);
  if (sending.beside) {
    limit = TimeLimit::kReplica;
    if (slot->unanswered == 0) slot->rotations = context_.director.rotations();
    ++reads_out_;
    keys_scratch_.clear();
    if (command::keys_of(spec, command, keys_scratch_) == command::KeySet::kUnknown)
      read_filter_.add_all();
    for (const std::string_view key : keys_scratch_) read_filter_.add(cache::hash_name(key));
  }
  ++slot->commands;
  ++slot->unanswered;
  const std::string_view request = extra.request.empty() ? command.raw() : extra.request;
  if (postponed) {
    Errand& errand = new_errand(sequence, *slot, request);
    errand.node = extra.endpoint;
    context_.director.on_unreachable();
    postpone_errand(errand, route::kFirstPause, now_);
    return Step::kNext;
  }
  enter_way(sending.way);
  // Scripts, and modules, may write what they like into a reply.
  lease_suspect_ = lease_suspect_ || spec.route == command::Route::kScript ||
                   spec.effect == command::Effect::kUnknown;
  if (limit == TimeLimit::kNone) {
    blocking_ = true;
    slot->blocking = true;
  }
  if (tracking_.caching && spec.name.starts_with("CLIENT|")) {
    announce_for_now(*sending.lane, request, sequence);
    return Step::kNext;
  }
  if (std::exchange(tracking_.caching, false)) announce_caching(*sending.lane, now_);
  sending.lane->submit(request, requester(sequence), sending.command_class, limit, now_);
  if (spare_) expect_soon();
  return Step::kNext;
}

void Session::release_memory() {
  if (!slots_.empty()) return;
  slots_.release_memory();
  out_.release_memory();
  std::vector<std::string_view>().swap(keys_scratch_);
  std::vector<cache::NameHash>().swap(names_scratch_);
  std::vector<cache::NameHash>().swap(transaction_.names);
}

}  // namespace pillion::data::session
