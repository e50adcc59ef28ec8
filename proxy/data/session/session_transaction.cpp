// MULTI, EXEC, DISCARD and WATCH: what is queued means something at EXEC only, here as upstream.
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {

/// What the commands of a transaction are told whose connection cannot carry it any more.
Session::Doom Session::doom_of(const Failure& failure) const {
  if (passes_soon(failure)) return {std::string(failure.detail), true};
  return {"ERR upstream " + context_.upstream_name +
              " was lost: the transaction is gone, nothing of it was done",
          false};
}

Session::Step Session::handle_doomed(const command::Spec& spec) {
  const Doom doom = *doom_;
  const bool exec = spec.name == "EXEC";
  const bool discard = spec.name == "DISCARD";
  if (spec.name == "RESET" && !slots_.empty()) return Step::kWait;
  if (exec || discard || spec.name == "QUIT" || spec.name == "RESET") doom_.reset();
  if (spec.name == "RESET") {
    reset();
  } else if (spec.name == "QUIT") {
    quit();
  } else if (doom.refused && exec) {
    // The upstream refused all that was queued, in words of its own: EXEC says what it says then.
    fail_locally("EXECABORT Transaction discarded because of previous errors.");
  } else if (doom.refused && discard) {
    std::string out;
    resp::append_simple(out, "OK");
    reply_locally(out);
  } else {
    fail_locally(doom.text);
  }
  return Step::kNext;
}

Session::Step Session::handle_lost_lease(const command::Spec& spec, const resp::Command& command) {
  const bool open = transaction_.open || transaction_.watching;
  const Doom doom = doom_of(lease_->last_failure());
  if (transaction_.open || (transaction_.watching && spec.name == "MULTI")) doom_ = doom;
  drop_lease();
  if (doom_) return handle_doomed(spec);  // EXEC and DISCARD end it at once
  if (!open || spec.name == "QUIT" || spec.name == "RESET") {
    return slots_.empty() ? handle_normal(spec, command, nullptr) : Step::kWait;
  }
  fail_locally(doom.text);
  return Step::kNext;
}

/// Commands whose effect at EXEC would be on a connection that is not the client's.
bool Session::must_not_be_queued(const command::Spec& spec) const {
  const std::string_view name = spec.name;
  if (name == "CLIENT|TRACKING" || name == "CLIENT|REPLY") return true;
  // On a connection that tracks for the client they mean just that.
  if (name == "CLIENT|GETREDIR" || name == "CLIENT|TRACKINGINFO")
    return tracking_.redirection.client != 0;
  const bool of_others = name == "CLIENT|LIST" || name == "CLIENT|KILL" || name == "CLIENT|UNBLOCK";
  return of_others || spec.route == command::Route::kRelay ||
         spec.route == command::Route::kSubscribe;
}

/// Commands that change or show the session itself, or what Pillion answers or keeps for all. The
/// upstream is told those that change its connection too; a place in EXEC's array is kept by a PING
/// for the others.
bool Session::changes_session(const command::Spec& spec, bool& upstream_too) const {
  upstream_too = false;
  if (emulates(spec)) return true;
  const std::string_view name = spec.name;
  upstream_too = name == "SELECT" || name == "AUTH" || name == "HELLO" || name == "SCRIPT|FLUSH" ||
                 name == "CLIENT|NO-EVICT";  // it wants a permission
  return upstream_too || (name.starts_with("CLIENT|") && upstream_knows(spec) &&
                          spec.route == command::Route::kLocal && name != "CLIENT|CACHING" &&
                          name != "CLIENT|GETREDIR" && name != "CLIENT|TRACKINGINFO");
}

Session::Step Session::handle_in_multi(const command::Spec& spec, const resp::Command& command) {
  const std::string_view name = spec.name;
  if (name == "EXEC" && !transaction_.refused) return submit_exec(command);
  if (name == "EXEC" || name == "DISCARD") {
    Outgoing extra;
    if (name == "EXEC") {
      extra.action = SlotAction::kAborted;
      resp::append_request(extra.request, {"DISCARD"});
    }
    transaction_.open = false;  // the reply is DISCARD's, not QUEUED
    const Step step = forward(command::find("DISCARD"), command, std::move(extra));
    if (step == Step::kWait) {
      transaction_.open = true;
      return step;
    }
    transaction_.end();
    return step;
  }
  if (must_not_be_queued(spec)) {
    transaction_.refused = true;
    fail_locally("ERR this command is not allowed inside MULTI through Pillion");
    return Step::kNext;
  }
  // These two are answered at once, by an error that does not abort the transaction.
  if (name == "MULTI" || name == "WATCH") {
    const Step step = forward(spec, command);
    if (step == Step::kNext) --transaction_.queued;
    return step;
  }
  bool upstream_too = false;
  if (changes_session(spec, upstream_too)) {
    Outgoing extra;
    // A pause that is over when it begins asks for the permission.
    if (name == "CLIENT|PAUSE" || name == "CLIENT|UNPAUSE") {
      resp::append_request(extra.request, {"CLIENT", "PAUSE", "0", "WRITE"});
    } else if (!upstream_too) {
      resp::append_request(extra.request, {"PING"});
    }
    const std::uint32_t position = transaction_.queued;
    const Step step = forward(spec, command, std::move(extra));
    if (step == Step::kWait) return step;
    transaction_.changes.push_back({position, std::string(command.raw())});
    lease_dirty_ = lease_dirty_ || upstream_too;
    return step;
  }
  if (spec.route == command::Route::kScript) return forward_script(spec, command);
  lease_dirty_ = lease_dirty_ || spec.route == command::Route::kDisposable;
  return forward(spec, command);
}

/// MULTI in front of a cluster. Where one node owns all there is, that is the transaction's.
Session::Step Session::begin_in_cluster(const command::Spec& spec, const resp::Command& command) {
  const state::EndpointId owner = context_.director.only_owner();
  if (owner != state::kNoEndpoint) {
    if (!slots_.empty()) return Step::kWait;
    return acquire_lease(owner) ? handle_leased(spec, command) : Step::kNext;
  }
  transaction_.open = true;
  transaction_.unbound = true;
  transaction_.multi = command.raw();
  std::string out;
  resp::append_simple(out, "OK");
  reply_locally(out);
  return Step::kNext;
}

/// What is said between MULTI and the first key.
Session::Step Session::handle_unbound(const command::Spec& spec, const resp::Command& command) {
  constexpr std::size_t kMostKept = 64UL * 1024;
  const std::string_view name = spec.name;
  if (name == "QUIT" || name == "RESET") return handle_local(spec, command);
  if (!command::arity_ok(spec, command.argc()) || spec.name.empty() || must_not_be_queued(spec)) {
    return bind_for(spec, command, context_.director.primary(), route::kNoSlot);
  }
  const bool nothing_yet = transaction_.queued_so_far.empty();
  if (name == "DISCARD" || (name == "EXEC" && (nothing_yet || transaction_.refused))) {
    std::string out;
    if (name == "DISCARD") {
      resp::append_simple(out, "OK");
    } else if (transaction_.refused) {
      resp::append_error(out, "EXECABORT Transaction discarded because of previous errors.");
    } else {
      resp::append_array_header(out, 0);
    }
    transaction_.end();
    reply_locally(out);
    return Step::kNext;
  }
  if (name == "MULTI" || name == "WATCH") {
    fail_locally(name == "MULTI" ? "ERR MULTI calls can not be nested"
                                 : "ERR WATCH inside MULTI is not allowed");
    return Step::kNext;
  }
  const route::Destination destination =
      context_.director.destination(spec, command, route::Sender::kPinned, keys_scratch_);
  if (!destination.error.empty()) {
    transaction_.refused = true;
    fail_locally(destination.error);
    return Step::kNext;
  }
  if (destination.slot != route::kNoSlot)
    return bind_for(spec, command, destination.endpoint, destination.slot);
  bool upstream_too = false;
  // What Pillion answers as a cluster says nothing about which node it will be.
  const bool changes = changes_session(spec, upstream_too) && !emulates(spec);
  if (name == "EXEC" || changes ||
      transaction_.queued_so_far.size() + command.raw().size() > kMostKept) {
    return bind_for(spec, command, context_.director.primary(), route::kNoSlot);
  }
  transaction_.queued_so_far += command.raw();
  transaction_.writes = transaction_.writes || writes(spec, command);
  std::string out;
  resp::append_simple(out, "QUEUED");
  reply_locally(out);
  return Step::kNext;
}

Session::Step Session::bind_for(const command::Spec& spec, const resp::Command& command,
                                state::EndpointId endpoint, std::uint16_t slot) {
  if (!slots_.empty()) return Step::kWait;
  return bind(endpoint, slot) ? handle_leased(spec, command) : Step::kNext;
}

/// The transaction's node is known: it hears what Pillion has answered for it. False: there is no
/// connection to it, the client was told. Precondition: nothing is unanswered.
bool Session::bind(state::EndpointId endpoint, std::uint16_t slot) {
  if (!acquire_lease(endpoint)) {
    transaction_.refused = true;
    return false;
  }
  const bool refused = transaction_.refused;
  const std::string multi = std::exchange(transaction_.multi, {});
  const std::string queued = std::exchange(transaction_.queued_so_far, {});
  transaction_.end();
  const ReplyMode mode = std::exchange(state_.reply_mode, ReplyMode::kOff);
  for (const std::string_view said : {std::string_view(multi), std::string_view(queued)}) {
    resp::RequestParser parser;
    std::string_view rest = said;
    while (!rest.empty() && parser.parse(rest) == resp::RequestParser::Result::kCommand) {
      (void)handle_leased(command::row_of(parser.command()), parser.command());
      rest.remove_prefix(parser.consumed());
    }
  }
  state_.reply_mode = mode;
  transaction_.slot = slot;
  transaction_.refused = transaction_.refused || refused;
  return true;
}

/// In front of a cluster: whether a command's keys are not in the slot of the transaction, which
/// the first key decides.
bool Session::of_another_slot(const command::Spec& spec, const resp::Command& command) {
  if (!context_.director.cluster()) return false;
  const route::Destination destination =
      context_.director.destination(spec, command, route::Sender::kPinned, keys_scratch_);
  if (destination.kind == route::DestinationKind::kRefused) return true;
  if (destination.slot == route::kNoSlot) return false;
  if (transaction_.slot == route::kNoSlot) {
    // Bound without a slot: it has a node, and only keys of that node can be had.
    if (destination.endpoint != leased_from_) return true;
    transaction_.slot = destination.slot;
  }
  return destination.slot != transaction_.slot;
}

Session::Step Session::submit_exec(const resp::Command& command) {
  if (lease_->congested()) {
    congested_ = true;
    return Step::kWait;
  }
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.action = SlotAction::kExec;
  slot.script = true;
  count_script();
  slot.discard = discards_reply();
  slot.unanswered = 1;
  if (context_.cache_enabled) {
    // Keys beside an unknown effect are covered by the fence; everything covers all.
    slot.effect = transaction_.effect;
    slot.needs_fence = slot.effect == request::EffectKind::kUnknown;
    if (slot.effect == request::EffectKind::kUnknown ||
        slot.effect == request::EffectKind::kEverything) {
      write_filter_.add_all();
    }
    if (!transaction_.names.empty()) {
      slot.keys = static_cast<std::uint32_t>(transaction_.names.size());
      for (const cache::NameHash name : transaction_.names) {
        slot.names.push_back(name);
        write_filter_.add(name);
      }
    }
    if (slot.effect != request::EffectKind::kNone) ++writes_out_;
  }
  ++on_lane_;
  // What follows must find the session as these leave it.
  awaiting_ = awaiting_ || !transaction_.changes.empty();
  executed_.push_back(std::exchange(transaction_.changes, {}));
  transaction_.end();
  lease_->submit(command.raw(), requester(slots_.back_sequence()), CommandClass::kWrite,
                 TimeLimit::kScript, now_);
  return Step::kNext;
}

/// What was sent behind the MULTI is done at once and not by an EXEC, so nobody erases what it
/// writes: fences are as good.
void Session::on_multi_refused(std::uint64_t sequence) {
  if (context_.cache_enabled) {
    for (std::uint64_t behind = sequence + 1; Slot* slot = slots_.find(behind); ++behind) {
      if (slot->state == Slot::State::kUpstream) slot->needs_fence = true;
    }
  }
  if (transaction_.open) transaction_.end();
}

QueuedChanges Session::take_executed() {
  if (executed_.empty()) return {};
  QueuedChanges changes = std::move(executed_.front());
  executed_.pop_front();
  if (!changes.empty()) awaiting_ = false;
  return changes;
}

/// What was queued about the session holds from here. Gives the reply when it is ours to give.
std::string Session::apply_queued_change(const resp::Command& command, std::string_view reply) {
  std::string own;
  const command::Spec& spec = command::row_of(command);
  const std::string_view name = command::find(command.name()).name;
  const bool ok = reply.front() != '-';
  if (emulates(spec)) return ok ? cluster_answer(spec, command) : own;
  if (name == "SCRIPT") {
    if (ok) context_.scripts.forget_all();
  } else if (name == "SELECT") {
    const auto database = parse_database(command.arg(1));
    if (ok && database) state_.database = *database;
  } else if (name == "AUTH") {
    expect_auth(command);
    if (ok) on_identity_reply();
  } else if (name == "HELLO") {
    const bool well_formed = expect_hello(parse_hello(command));
    if (ok && well_formed) {
      on_identity_reply();
      append_own_hello(own);
    }
  } else if (!ok) {
    return own;
  } else if (equals_ignoring_case(command.arg(1), "PAUSE")) {
    pause_clients(command, own);
  } else if (equals_ignoring_case(command.arg(1), "UNPAUSE")) {
    context_.all_clients.pause.end();
  } else if (equals_ignoring_case(command.arg(1), "INFO")) {
    append_text(own, client_line(state_, activity(), now_) + "\n", state_.protocol);
  } else {
    answer_client(own, command, state_);
  }
  return own;
}

}  // namespace pillion::data::session
