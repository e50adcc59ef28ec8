// Commands that are about the session itself: who it is, how it speaks, which database it means.
#include <string>
#include <utility>

#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {

Session::Step Session::handle_local(const command::Spec& spec, const resp::Command& command) {
  const std::string_view name = spec.name;
  if (name == "QUIT") {
    std::string out;
    resp::append_simple(out, "OK");
    reply_locally(out);
    begin_close(state::DisconnectReason::kQuit);
    return Step::kNext;
  }
  const bool changes_state =
      name == "AUTH" || name == "HELLO" || name == "SELECT" || name == "RESET";
  if (changes_state && !slots_.empty()) return Step::kWait;
  if (name == "RESET") {
    reset();
    return Step::kNext;
  }
  if (name == "AUTH") {
    if (command.argc() > 3) {
      fail_locally("ERR syntax error");
      return Step::kNext;
    }
    upstream::Identity identity;
    identity.user = command.argc() == 3 ? command.arg(1) : std::string_view();
    identity.password = command.arg(command.argc() - 1);
    return authenticate(command.raw(), std::move(identity), SlotAction::kAuth);
  }
  const auto upstream = context_.topology.load();
  if (name == "HELLO") {
    Hello hello = parse_hello(command);
    if (!hello.error.empty()) {
      fail_locally(hello.error);
      return Step::kNext;
    }
    pending_protocol_ = hello.protocol;
    pending_name_ = std::move(hello.name);
    if (hello.authenticate) {
      std::string request;
      resp::append_request(request, {"AUTH", hello.user, hello.password});
      return authenticate(request, {std::move(hello.user), std::move(hello.password)},
                          SlotAction::kHello);
    }
    if (needs_auth()) {
      fail_locally(
          "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO "
          "<proto> AUTH "
          "<user> <pass> option can be used to authenticate the client and select the RESP "
          "protocol version at "
          "the same time");
      return Step::kNext;
    }
    if (upstream->redis_version.empty()) {
      fail_locally(failure_text({FailureKind::kConnect, upstream->error}, false));
      return Step::kNext;
    }
    drop_spare();  // it speaks the protocol of before
    if (pending_protocol_ != 0) state_.protocol = pending_protocol_;
    if (pending_name_) state_.name = *std::exchange(pending_name_, std::nullopt);
    std::string out;
    append_hello(out, state_, *upstream);
    reply_locally(out);
    return Step::kNext;
  }
  if (needs_auth()) {
    fail_locally("NOAUTH Authentication required.");
    return Step::kNext;
  }
  if (name == "SELECT") return select(command);
  if (name == "CLIENT|REPLY") return handle_client_reply(command);
  std::string out;
  if (name == "PING") {
    answer_ping(out, command);
  } else if (name == "ECHO") {
    answer_echo(out, command);
  } else if (!answer_client(out, command, state_, now_)) {
    return forward(spec, command);
  }
  reply_locally(out);
  return Step::kNext;
}

Session::Step Session::handle_client_reply(const resp::Command& command) {
  const std::string_view mode = command.arg(2);
  if (equals_ignoring_case(mode, "ON")) {
    state_.reply_mode = ReplyMode::kOn;
    std::string out;
    resp::append_simple(out, "OK");
    reply_locally(out);
  } else if (equals_ignoring_case(mode, "OFF")) {
    state_.reply_mode = ReplyMode::kOff;
  } else if (equals_ignoring_case(mode, "SKIP")) {
    if (state_.reply_mode != ReplyMode::kOff) state_.reply_mode = ReplyMode::kSkipNext;
  } else {
    fail_locally("ERR syntax error");
  }
  return Step::kNext;
}

Session::Step Session::authenticate(std::string_view request, upstream::Identity identity,
                                    SlotAction action) {
  // The upstream decides, on a connection that nobody shares and that ends with the answer (INV-3).
  auto way = context_.lanes.lease(upstream::ChannelKey{}, now_);
  if (!way) {
    fail_locally("ERR upstream connection limit reached");
    return Step::kNext;
  }
  if (!way->accepts_commands()) {
    fail_locally(failure_text(way->last_failure(), false));
    context_.lanes.give_back(way, false, now_);
    return Step::kNext;
  }
  pending_identity_ = std::move(identity);
  const std::uint64_t sequence = slots_.next_sequence();
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.action = action;
  slot.discard = discards_reply();
  slot.aside = true;
  slot.unanswered = 1;
  ++reads_out_;
  way->submit(request, requester(sequence), CommandClass::kWrite, true, now_);
  asides_.push_back({sequence, std::move(way), true});
  awaiting_ = true;  // what follows depends on the answer
  return Step::kNext;
}

Session::Step Session::select(const resp::Command& command) {
  const auto database = parse_database(command.arg(1));
  // What is no number changes nothing on a shared connection: the upstream words the error.
  if (!database) return forward(command::find("SELECT"), command);
  if (*database == state_.database) {
    std::string out;
    resp::append_simple(out, "OK");
    reply_locally(out);
    return Step::kNext;
  }
  // Asked on a lane of that very database: there it changes nothing, and the upstream has decided.
  shared_ = context_.lanes.pick({state_.identity, *database, state_.protocol}, now_);
  if (!shared_->accepts_commands()) {
    const Failure failure = shared_->last_failure();
    fail_locally(failure.kind == FailureKind::kRefused ? std::string(failure.detail)
                                                       : failure_text(failure, false));
    shared_ = nullptr;
    return Step::kNext;
  }
  pending_database_ = *database;
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.action = SlotAction::kSelect;
  slot.discard = discards_reply();
  slot.unanswered = 1;
  ++on_lane_;
  shared_->submit(command.raw(), requester(slots_.back_sequence()), CommandClass::kRead, true,
                  now_);
  awaiting_ = true;
  return Step::kNext;
}

void Session::reset() {
  drop_lease();
  drop_spare();
  doomed_ = false;
  state_.identity = context_.identity;
  state_.database = context_.database;
  state_.authenticated = false;
  state_.protocol = 2;
  state_.reply_mode = ReplyMode::kOn;
  state_.no_evict = false;
  state_.no_touch = false;
  state_.name.clear();
  eligible_ = context_.cache_enabled;
  shared_ = nullptr;
  std::string out;
  resp::append_simple(out, "RESET");
  reply_locally(out);
}

}  // namespace pillion::data::session
