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
    quit();
    return Step::kNext;
  }
  const bool changes_state =
      name == "AUTH" || name == "HELLO" || name == "SELECT" || name == "RESET";
  if (changes_state && !slots_.empty()) return Step::kWait;
  const bool shown = !spec.is(command::kAdmin) && name != "QUIT" && name != "SELECT" &&
                     (name != "PING" || context_.all_clients.scripts.load() == 0);
  if (shown && context_.all_clients.monitors.load(std::memory_order_relaxed) != 0)
    show_to_monitors(command);
  if (name == "RESET") {
    reset();
    return Step::kNext;
  }
  // Subscriptions are made as somebody, and stay so.
  constexpr std::string_view kSubscribed =
      "ERR another user is not possible while subscribed through Pillion";
  if (name == "AUTH") {
    if (!subscriptions_.empty()) {
      fail_locally(kSubscribed);
      return Step::kNext;
    }
    if (command.argc() > 3) {
      fail_locally("ERR syntax error");
      return Step::kNext;
    }
    expect_auth(command);
    if (tracks_in_cluster()) return tell_nodes(command.raw(), SlotAction::kAuth);
    return authenticate(command.raw(), SlotAction::kAuth);
  }
  const auto upstream = context_.topology.load();
  if (name == "HELLO") {
    Hello hello = parse_hello(command);
    if (hello.authenticate && !subscriptions_.empty()) {
      fail_locally(kSubscribed);
      return Step::kNext;
    }
    if (tracks_in_cluster() && hello.error.empty()) {
      expect_hello(std::move(hello));
      return tell_nodes(command.raw(), SlotAction::kHello);
    }
    if (hello.authenticate) {
      std::string request;
      resp::append_request(request, {"AUTH", hello.user, hello.password});
      expect_hello(std::move(hello));
      return authenticate(request, SlotAction::kHello);
    }
    if (!hello.error.empty()) {
      fail_locally(hello.error);
      return Step::kNext;
    }
    expect_hello(std::move(hello));
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
    on_identity_reply();
    std::string out;
    append_own_hello(out);
    reply_locally(out);
    return Step::kNext;
  }
  if (needs_auth()) {
    fail_locally("NOAUTH Authentication required.");
    return Step::kNext;
  }
  if (name == "SELECT") return select(command);
  if (name.starts_with("CLIENT|")) return handle_client(spec, command);
  // While a script runs only the upstream knows whether it would answer.
  if (context_.all_clients.scripts.load(std::memory_order_relaxed) != 0 && name == "PING" &&
      (state_.protocol == 3 || subscriptions_.empty())) {
    return forward(spec, command);
  }
  std::string out;
  if (name == "ECHO") {
    answer_echo(out, command);
  } else if (state_.protocol == 2 && !subscriptions_.empty()) {
    answer_subscribed_ping(out, command);
  } else {
    answer_ping(out, command);
  }
  reply_locally(out);
  return Step::kNext;
}

void Session::quit() {
  std::string out;
  resp::append_simple(out, "OK");
  reply_locally(out);
  begin_close(state::DisconnectReason::kQuit);
}

/// Who the session is when AUTH succeeds.
void Session::expect_auth(const resp::Command& command) {
  pending_.protocol = 0;
  pending_.name.reset();
  pending_.error.clear();
  pending_.identity.emplace();
  if (command.argc() == 3) pending_.identity->user = command.arg(1);
  pending_.identity->password = command.arg(command.argc() - 1);
}

/// What the session is when HELLO succeeds; false: HELLO itself is malformed, though it may
/// authenticate.
bool Session::expect_hello(Hello hello) {
  const bool well_formed = hello.error.empty();
  pending_.error = std::move(hello.error);
  pending_.protocol = well_formed ? hello.protocol : 0;
  pending_.name.reset();
  if (well_formed) pending_.name = std::move(hello.name);
  pending_.identity.reset();
  if (hello.authenticate)
    pending_.identity = upstream::Identity{std::move(hello.user), std::move(hello.password)};
  return well_formed;
}

Session::Step Session::authenticate(std::string_view request, SlotAction action) {
  // The upstream decides, on a connection that nobody shares and that ends with the answer (INV-3).
  upstream::ChannelKey nobody;
  nobody.endpoint = context_.director.primary();
  auto way = context_.lanes.lease(nobody, now_);
  if (!way) {
    fail_locally("ERR upstream connection limit reached");
    return Step::kNext;
  }
  if (!way->accepts_commands()) {
    fail_locally(failure_text(way->last_failure(), false));
    context_.lanes.give_back(way, upstream::LaneCondition::kSpent, now_);
    return Step::kNext;
  }
  const std::uint64_t sequence = slots_.next_sequence();
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.action = action;
  slot.discard = discards_reply();
  slot.aside = true;
  slot.unanswered = 1;
  ++reads_out_;
  way->submit(request, requester(sequence), CommandClass::kWrite, TimeLimit::kCommand, now_);
  asides_.push_back({sequence, std::move(way), true});
  awaiting_ = true;  // what follows depends on the answer
  return Step::kNext;
}

Session::Step Session::select(const resp::Command& command) {
  const auto database = parse_database(command.arg(1));
  // What is no number changes nothing on a shared connection: the upstream words the error.
  if (!database) return forward(command::find("SELECT"), command);
  const bool monitored = context_.all_clients.monitors.load(std::memory_order_relaxed) != 0;
  if (*database == state_.database) {
    if (monitored) show_to_monitors(command);
    std::string out;
    resp::append_simple(out, "OK");
    reply_locally(out);
    return Step::kNext;
  }
  if (context_.director.cluster()) {
    fail_locally(route::kNoSelect);
    return Step::kNext;
  }
  // Asked on a lane of that very database: there it changes nothing, and the upstream has decided.
  upstream::ChannelKey key = channel_key(context_.director.primary());
  key.database = *database;
  auto way = context_.lanes.pick(key, now_);
  if (!way->accepts_commands()) {
    const Failure failure = way->last_failure();
    fail_locally(failure.kind == FailureKind::kRefused ? std::string(failure.detail)
                                                       : failure_text(failure, false));
    return Step::kNext;
  }
  pending_.database = *database;
  const std::uint64_t sequence = slots_.next_sequence();
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.action = SlotAction::kSelect;
  if (monitored) slot.note = command.raw();
  slot.discard = discards_reply();
  slot.aside = true;
  slot.unanswered = 1;
  ++reads_out_;
  way->submit(command.raw(), requester(sequence), CommandClass::kRead, TimeLimit::kCommand, now_);
  asides_.push_back({sequence, std::move(way), false});
  awaiting_ = true;
  return Step::kNext;
}

void Session::append_own_hello(std::string& out) const {
  append_hello(out, state_, *context_.topology.load(),
               context_.cluster_face != nullptr ? "cluster" : "");
}

/// INFO's reply gets a section of ours where its reader may look for one.
Session::Outgoing Session::info_reply(const resp::Command& command) const {
  bool wanted = command.argc() == 1;
  for (std::size_t i = 1; i < command.argc(); ++i) {
    for (const std::string_view section : {"ALL", "EVERYTHING", "DEFAULT", "PILLION"})
      wanted = wanted || equals_ignoring_case(command.arg(i), section);
  }
  Outgoing extra;
  extra.action = SlotAction::kInfo;
  if (wanted && context_.pillion != nullptr) extra.note = pillion_section(*context_.pillion, now_);
  return extra;
}

void Session::reset() {
  end_tracking();
  leave_subscriptions();
  if (monitor_) {
    monitor_ = nullptr;
    context_.all_clients.monitors.fetch_sub(1, std::memory_order_relaxed);
  }
  drop_lease();
  drop_spare();
  ways_.clear();
  doom_.reset();
  state_.identity = context_.identity;
  state_.database = context_.database;
  state_.authenticated = false;
  state_.protocol = 2;
  state_.reply_mode = ReplyMode::kOn;
  state_.no_evict = false;
  state_.no_touch = false;
  state_.name.clear();
  eligible_ = context_.cache_enabled;
  std::string out;
  resp::append_simple(out, "RESET");
  reply_locally(out);
}

}  // namespace pillion::data::session
