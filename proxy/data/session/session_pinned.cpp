// Lanes of a session's own: transactions, blocking commands, scripts, large requests, relays.
#include <algorithm>
#include <utility>

#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {

bool Session::acquire_lease() {
  if (lease_) return true;
  if (spare_ && spare_->accepts_commands()) {
    lease_ = std::move(spare_);
  } else {
    drop_spare();
    lease_ = context_.lanes.lease(channel_key(), now_);
  }
  lease_dirty_ = false;
  if (!lease_) {
    fail_locally("ERR upstream connection limit reached");
    return false;
  }
  if (lease_->accepts_commands()) return true;
  // It failed before it was handed out (a name that does not resolve): nobody will tell us again.
  fail_locally(failure_text(lease_->last_failure(), false));
  drop_lease();
  return false;
}

void Session::settle_lease(state::Nanos now) {
  blocking_ = false;
  if (!lease_ || in_multi_ || watching_ || relay_ || large_ || on_lane_ > 0) return;
  if (lease_dirty_ || !lease_->accepts_commands()) {
    drop_lease();
    return;
  }
  spare_ = std::move(lease_);
  lease_ = nullptr;
  spare_since_ = now;
}

void Session::drop_lease() {
  if (!lease_) return;
  // First forgotten, then ended: what is outstanding on it comes back as lost.
  const auto way = std::exchange(lease_, nullptr);
  in_multi_ = false;
  watching_ = false;
  relay_ = false;
  lease_dirty_ = false;
  transaction_names_.clear();
  transaction_effect_ = request::EffectKind::kNone;
  transaction_database_.reset();
  context_.lanes.give_back(way, false, now_);
}

void Session::drop_spare() {
  if (spare_) context_.lanes.give_back(std::exchange(spare_, nullptr), true, now_);
}

Session::Step Session::handle_doomed(const command::Spec& spec) {
  if (spec.name == "EXEC" || spec.name == "DISCARD") doomed_ = false;
  if (spec.name == "QUIT" || spec.name == "RESET") {
    doomed_ = false;
    if (spec.name == "RESET") {
      if (!slots_.empty()) return Step::kWait;
      reset();
      return Step::kNext;
    }
    std::string out;
    resp::append_simple(out, "OK");
    reply_locally(out);
    begin_close(state::DisconnectReason::kQuit);
    return Step::kNext;
  }
  fail_locally("ERR upstream " + context_.upstream_name +
               " was lost: the transaction is gone, nothing of it was done");
  return Step::kNext;
}

Session::Step Session::handle_lost_lease(const command::Spec& spec, const resp::Command& command) {
  const bool open = in_multi_ || watching_;
  doomed_ = in_multi_ || (watching_ && spec.name == "MULTI");
  drop_lease();
  if (doomed_) return handle_doomed(spec);  // EXEC and DISCARD end it at once
  if (!open || spec.name == "QUIT" || spec.name == "RESET") {
    return slots_.empty() ? handle_normal(spec, command, nullptr) : Step::kWait;
  }
  fail_locally("ERR upstream " + context_.upstream_name +
               " was lost: the transaction is gone, nothing of it was done");
  return Step::kNext;
}

Session::Step Session::handle_leased(const command::Spec& spec, const resp::Command& command) {
  const std::string_view name = spec.name;
  if (!lease_->accepts_commands()) return handle_lost_lease(spec, command);
  if (name == "QUIT") return handle_local(spec, command);
  if (name == "RESET") {
    if (!slots_.empty()) return Step::kWait;
    reset();
    return Step::kNext;
  }
  if (!command::arity_ok(spec, command.argc())) return forward(spec, command);

  if (in_multi_) {
    if (name == "EXEC") return submit_exec(command);
    if (name == "DISCARD") {
      const Step step = forward(spec, command);
      if (step == Step::kWait) return step;
      in_multi_ = false;
      watching_ = false;
      transaction_names_.clear();
      transaction_effect_ = request::EffectKind::kNone;
      transaction_database_.reset();
      return step;
    }
    if (name == "SELECT") {
      transaction_database_ = parse_database(command.arg(1));
      lease_dirty_ = true;
      return forward(spec, command);
    }
    if (name == "AUTH" || name == "HELLO" || name == "CLIENT|REPLY" ||
        spec.route == command::Route::kRelay) {
      fail_locally("ERR this command is not allowed inside MULTI through Pillion");
      return Step::kNext;
    }
    return forward(spec, command);
  }

  if (name == "MULTI" || name == "WATCH" || name == "UNWATCH") {
    const Step step = forward(spec, command);
    if (step == Step::kWait) return step;
    if (name == "MULTI") in_multi_ = true;
    watching_ = name == "WATCH" || (watching_ && name == "MULTI");
    return step;
  }
  const bool changes_state = name == "AUTH" || name == "HELLO" || name == "SELECT";
  if (changes_state || spec.route == command::Route::kRelay) {
    // Without an open WATCH the lease ends with its last reply, and the command is taken up then.
    if (!slots_.empty() || !watching_) return Step::kWait;
    if (spec.route == command::Route::kRelay) return start_relay(command);
    fail_locally("ERR this command is not allowed between WATCH and EXEC through Pillion");
    return Step::kNext;
  }
  if (spec.route == command::Route::kLocal) return handle_local(spec, command);
  return forward(spec, command);
}

Session::Step Session::submit_exec(const resp::Command& command) {
  if (lease_->congested()) {
    congested_ = true;
    return Step::kWait;
  }
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.action = SlotAction::kExec;
  slot.discard = discards_reply();
  slot.unanswered = 1;
  if (context_.cache_enabled) {
    // Keys beside an unknown effect are covered by the fence; everything covers all.
    slot.effect = transaction_effect_;
    if (slot.effect == request::EffectKind::kUnknown ||
        slot.effect == request::EffectKind::kEverything) {
      write_filter_.add_all();
    }
    if (!transaction_names_.empty()) {
      slot.keys = static_cast<std::uint32_t>(transaction_names_.size());
      for (const cache::NameHash name : transaction_names_) {
        write_names_.push_back(name);
        write_filter_.add(name);
      }
    }
    if (slot.effect != request::EffectKind::kNone) ++writes_out_;
  }
  ++on_lane_;
  in_multi_ = false;
  watching_ = false;
  transaction_names_.clear();
  transaction_effect_ = request::EffectKind::kNone;
  lease_->submit(command.raw(), requester(slots_.back_sequence()), CommandClass::kWrite, true,
                 now_);
  return Step::kNext;
}

Session::Step Session::start_relay(const resp::Command& command) {
  if (!acquire_lease()) return Step::kNext;
  lease_->start_relay(requester(0));
  lease_->append_opaque(command.raw());
  relay_ = true;
  lease_dirty_ = true;
  return Step::kNext;
}

Session::Step Session::unsubscribe_unsubscribed(const command::Spec& spec,
                                                const resp::Command& command) {
  // Nothing is subscribed outside a relay, so this is all there is to say, one line a channel.
  std::string name(spec.name);
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return static_cast<char>(c - 'A' + 'a'); });
  std::string out;
  for (std::size_t i = 1; i < std::max<std::size_t>(command.argc(), 2); ++i) {
    out += state_.protocol == 3 ? ">3\r\n" : "*3\r\n";
    resp::append_bulk(out, name);
    if (i < command.argc()) {
      resp::append_bulk(out, command.arg(i));
    } else {
      resp::append_null(out, state_.protocol);
    }
    resp::append_integer(out, 0);
  }
  reply_locally(out);
  return Step::kNext;
}

std::size_t Session::feed_relay(std::string_view bytes) {
  if (lease_ && lease_->congested()) {
    congested_ = true;
    return 0;
  }
  switch (parser_.parse(bytes)) {
    case resp::RequestParser::Result::kCommand: {
      const resp::Command& command = parser_.command();
      const std::string_view name = command::find(command.name()).name;
      if (name == "RESET") {
        reset();
      } else if (name == "QUIT") {
        std::string out;
        resp::append_simple(out, "OK");
        reply_locally(out);
        begin_close(state::DisconnectReason::kQuit);
      } else if (lease_) {
        lease_->append_opaque(command.raw());
      }
      return parser_.consumed();
    }
    case resp::RequestParser::Result::kNothing:
      return parser_.consumed();
    case resp::RequestParser::Result::kNeedMore:
      return 0;
    case resp::RequestParser::Result::kLarge:
      protocol_error("-ERR command is too large while subscribed\r\n");
      return bytes.size();
    case resp::RequestParser::Result::kError:
      context_.counters.protocol_errors_client.add();
      protocol_error(parser_.error_text());
      return bytes.size();
    case resp::RequestParser::Result::kCrossProtocol:
      aborted_ = state::DisconnectReason::kCrossProtocol;
      return bytes.size();
  }
  return bytes.size();
}

Session::Step Session::begin_large(const resp::Command& command) {
  if (!slots_.empty()) return Step::kWait;
  const command::Spec* spec =
      command.argc() > 0 ? &command::find(command.name()) : &command::unknown();
  const bool streams =
      spec->route == command::Route::kForward || spec->route == command::Route::kCacheable ||
      spec->route == command::Route::kScript || spec->route == command::Route::kBlock;
  if (!streams || spec->is(command::kContainer)) {
    protocol_error("-ERR this command is too large\r\n");
    return Step::kNext;
  }
  large_.emplace();
  if (!acquire_lease()) return Step::kNext;  // the error is said; the command is swallowed
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.discard = discards_reply();
  slot.unanswered = 1;
  large_unanswered_ = true;
  ++on_lane_;
  lease_->begin_large(requester(slots_.back_sequence()), now_);
  if (!context_.cache_enabled || spec->effect == command::Effect::kNone) return Step::kNext;

  // Only a key that is already here is known; anything else is a fence.
  const bool one_key = spec->effect == command::Effect::kKeys &&
                       spec->key_rule == command::KeyRule::kRange && spec->first_key == 1 &&
                       spec->last_key == 1 && command.argc() > 1;
  const auto effect = one_key ? request::EffectKind::kKeys : request::EffectKind::kUnknown;
  if (in_multi_) {
    transaction_effect_ = std::max(transaction_effect_, effect);
    if (one_key) transaction_names_.push_back(cache::hash_name(command.arg(1)));
    return Step::kNext;
  }
  slot.effect = effect;
  ++writes_out_;
  write_filter_.add_all();
  if (one_key) {
    slot.keys = 1;
    write_names_.push_back(cache::hash_name(command.arg(1)));
  }
  return Step::kNext;
}

std::size_t Session::feed_large(std::string_view bytes) {
  const bool alive = lease_ && large_unanswered_ && lease_->accepts_commands();
  if (alive && lease_->congested()) {
    congested_ = true;
    return 0;
  }
  std::size_t used = 0;
  const auto status = large_->feed(bytes, used);
  if (status == resp::LargeRequest::Status::kError) {
    // Half a command is on its way: the lane must end before anything completes it.
    const std::string text(large_->error_text());
    large_.reset();
    drop_lease();
    context_.counters.protocol_errors_client.add();
    protocol_error(text);
    return bytes.size();
  }
  if (alive) lease_->append_opaque(bytes.substr(0, used));
  if (status == resp::LargeRequest::Status::kDone) {
    large_.reset();
    // Answered or lost before its end: the upstream may still wait for the rest, which was
    // swallowed.
    if (lease_ && !alive) lease_->close();
    if (slots_.empty()) settle_lease(now_);
  }
  return used;
}

}  // namespace pillion::data::session
