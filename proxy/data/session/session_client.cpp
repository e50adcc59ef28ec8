// CLIENT and MONITOR: to a client of Pillion the clients are Pillion's own, on all workers.
#include <algorithm>
#include <charconv>
#include <chrono>
#include <limits>
#include <string>
#include <utility>

#include "protocol/command/table.hpp"
#include "protocol/resp/number.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/pillion_command.hpp"
#include "proxy/data/session/registry.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {
namespace {

using state::DisconnectReason;

std::string simple(std::string_view text) {
  std::string out;
  resp::append_simple(out, text);
  return out;
}

std::string error(std::string_view text) {
  std::string out;
  resp::append_error(out, text);
  return out;
}

std::string integer(std::int64_t value) {
  std::string out;
  resp::append_integer(out, value);
  return out;
}

}  // namespace

Activity Session::activity() const {
  Activity activity;
  activity.blocked = blocking_ || held_;
  activity.in_multi = transaction_.open;
  activity.watching = transaction_.watching;
  activity.monitor = monitor_ != nullptr;
  activity.replica = relay_ && replica_;
  activity.tracking = tracking_.on;
  activity.tracking_broadcast = tracking_.on && tracking_.broadcast;
  activity.redirect_broken = tracking_.on && tracking_.broken;
  activity.closing = closing_;
  activity.channels = subscriptions_.size(pubsub::Kind::kChannel);
  activity.patterns = subscriptions_.size(pubsub::Kind::kPattern);
  activity.shard_channels = subscriptions_.size(pubsub::Kind::kShard);
  activity.queued = transaction_.queued;
  activity.query_bytes = query_bytes_;
  activity.output_bytes = output_bytes();
  activity.redirect = tracking_.redirection.client;
  return activity;
}

Session::Step Session::handle_client(const command::Spec& spec, const resp::Command& command) {
  const std::string_view sub = spec.name.substr(std::string_view("CLIENT|").size());
  if (sub == "TRACKING") return set_tracking(spec, command);
  if (sub == "TRACKINGINFO" || sub == "GETREDIR") return tracking_info(spec, command);
  if (sub == "CACHING" && tracks_in_cluster()) return set_caching(spec, command);
  if (sub == "CACHING" || !upstream_knows(spec)) return forward(spec, command);
  if (spec.is(command::kAdmin)) return ask_permission(spec, command);
  if (sub == "REPLY") {
    set_reply_mode(command);
  } else if (sub == "INFO") {
    query_bytes_ = command.raw().size();
    std::string out;
    append_text(out, client_line(state_, activity(), now_) + "\n", state_.protocol);
    query_bytes_ = 0;
    reply_locally(out);
  } else {
    std::string out;
    if (!answer_client(out, command, state_)) return forward(spec, command);
    reply_locally(out);
  }
  return Step::kNext;
}

/// Subcommands that came with Redis 7.2: before, they are the upstream's to refuse.
bool Session::upstream_knows(const command::Spec& spec) const {
  if (spec.name != "CLIENT|SETINFO" && spec.name != "CLIENT|NO-TOUCH") return true;
  const std::string& version = context_.topology.load()->redis_version;
  int major = 0;
  int minor = 0;
  const char* const end = version.data() + version.size();
  const auto [dot, error] = std::from_chars(version.data(), end, major);
  if (error == std::errc() && dot != end) std::from_chars(dot + 1, end, minor);
  return major > 7 || (major == 7 && minor >= 2);
}

/// What administers other clients is for those to whom the upstream would allow it: it is asked
/// first, by a form of the command that changes nothing there, and its refusal is the answer.
Session::Step Session::ask_permission(const command::Spec& spec, const resp::Command& command) {
  constexpr std::string_view kNobody = "9223372036854775807";
  const std::string_view sub = spec.name.substr(std::string_view("CLIENT|").size());
  Outgoing extra{.action = SlotAction::kPermission, .note = std::string(command.raw())};
  if (sub == "KILL" && command.argc() > 3) {
    // With all its filters, so that users and types are the upstream's to judge.
    resp::append_array_header(extra.request, command.argc() + 2);
    for (std::size_t i = 0; i < command.argc(); ++i)
      resp::append_bulk(extra.request, command.arg(i));
    resp::append_bulk(extra.request, "ID");
    resp::append_bulk(extra.request, kNobody);
  } else if (sub == "KILL") {
    resp::append_request(extra.request, {"CLIENT", "KILL", "ID", kNobody});
  } else if (sub == "LIST") {
    resp::append_request(extra.request, {"CLIENT", "LIST", "ID", kNobody});
  } else if (sub == "UNBLOCK") {
    resp::append_request(extra.request, {"CLIENT", "UNBLOCK", kNobody});
  } else if (sub == "NO-EVICT") {
    resp::append_request(extra.request, {"CLIENT", "NO-EVICT", "OFF"});
  } else {
    // PAUSE and UNPAUSE: a pause that is over when it begins.
    resp::append_request(extra.request, {"CLIENT", "PAUSE", "0", "WRITE"});
  }
  // What follows is not done before this is, and not at all by a client that ends itself.
  const Step step = forward(spec, command, std::move(extra));
  awaiting_ = awaiting_ || step == Step::kNext;
  return step;
}

/// The upstream's refusal, in the name of what the client asked for.
std::string Session::refusal_of(std::string_view request, std::string_view reply) {
  constexpr std::string_view kAsked = "'client|pause'";
  std::string own(reply);
  resp::RequestParser parser;
  const std::size_t at = own.find(kAsked);
  if (at != std::string::npos && parser.parse(request) == resp::RequestParser::Result::kCommand &&
      equals_ignoring_case(parser.command().arg(1), "UNPAUSE")) {
    own.replace(at, kAsked.size(), "'client|unpause'");
  }
  return own;
}

/// The upstream allows it: done, and answered in the slot of the question.
void Session::on_permission(std::uint64_t sequence, Slot& slot) {
  resp::RequestParser parser;
  const std::string request = std::exchange(slot.note, {});
  slot.state = Slot::State::kGather;
  slot.action = SlotAction::kNone;
  if (parser.parse(request) != resp::RequestParser::Result::kCommand) return;
  const resp::Command& command = parser.command();
  const std::string_view sub = command.arg(1);
  std::string out;
  if (equals_ignoring_case(sub, "LIST")) {
    list_clients(sequence, command, out);
  } else if (equals_ignoring_case(sub, "KILL")) {
    kill_clients(sequence, command, out);
  } else if (equals_ignoring_case(sub, "UNBLOCK")) {
    unblock_client(sequence, command, out);
  } else if (equals_ignoring_case(sub, "PAUSE")) {
    pause_clients(command, out);
  } else if (equals_ignoring_case(sub, "UNPAUSE")) {
    context_.all_clients.pause.end();
    out = simple("OK");
  } else {
    answer_client(out, command, state_);
  }
  if (!out.empty()) finish_gather(sequence, out);
}

void Session::set_reply_mode(const resp::Command& command) {
  const std::string_view mode = command.arg(2);
  if (equals_ignoring_case(mode, "ON")) {
    state_.reply_mode = ReplyMode::kOn;
    reply_locally(simple("OK"));
  } else if (equals_ignoring_case(mode, "OFF")) {
    state_.reply_mode = ReplyMode::kOff;
  } else if (equals_ignoring_case(mode, "SKIP")) {
    if (state_.reply_mode != ReplyMode::kOff) state_.reply_mode = ReplyMode::kSkipNext;
  } else {
    fail_locally("ERR syntax error");
  }
}

// Each of these leaves an answer that is known at once in `out`; otherwise it comes by
// finish_gather().

void Session::list_clients(std::uint64_t sequence, const resp::Command& command, std::string& out) {
  ParsedFilter parsed = parse_list_filter(command);
  if (!parsed.error.empty()) {
    out = error(parsed.error);
    return;
  }
  query_bytes_ = command.raw().size();
  show_clients(sequence, std::move(parsed.filter));
  query_bytes_ = 0;
}

void Session::show_clients(std::uint64_t sequence, ClientFilter filter) {
  const auto ask = [filter = std::move(filter), now = now_](Population& workers_clients,
                                                            Gathered& found) {
    for (const auto& client : workers_clients.clients()) {
      const Session& other = client->session();
      const Activity activity = other.activity();
      if (!filter.matches(other.state(), activity.type())) continue;
      found.items.push_back({other.state().id, client_line(other.state(), activity, now)});
    }
  };
  const auto done = [protocol = state_.protocol](Session& session, std::uint64_t at,
                                                 Gathered&& found) {
    std::sort(found.items.begin(), found.items.end(),
              [](const auto& a, const auto& b) { return a.number < b.number; });
    std::string lines;
    for (const Gathered::Item& item : found.items) lines += item.text + "\n";
    std::string text;
    append_text(text, lines, protocol);
    session.finish_gather(at, text);
  };
  context_.neighbours.gather(requester(sequence), ask, done);
}

void Session::kill_clients(std::uint64_t sequence, const resp::Command& command, std::string& out) {
  ParsedFilter parsed = parse_kill_filter(command);
  if (!parsed.error.empty()) {
    out = error(parsed.error);
    return;
  }
  const bool old_form = parsed.filter.old_form;
  const std::uint64_t own_id = state_.id;
  const auto ask = [filter = std::move(parsed.filter), own_id](Population& workers_clients,
                                                               Gathered& killed) {
    for (const auto& client : workers_clients.clients()) {
      const Session& other = client->session();
      const std::uint64_t id = other.state().id;
      if (!filter.matches(other.state(), other.activity().type())) continue;
      if (id == own_id && filter.skip_asker) continue;
      killed.items.push_back({id, {}});
      // The asker hears the answer first.
      if (id != own_id) client->close(DisconnectReason::kKilled);
    }
  };
  const auto done = [old_form, own_id](Session& session, std::uint64_t at, Gathered&& killed) {
    const bool suicide = std::any_of(killed.items.begin(), killed.items.end(),
                                     [own_id](const auto& item) { return item.number == own_id; });
    if (suicide) session.begin_close(DisconnectReason::kKilled);
    if (!old_form) {
      session.finish_gather(at, integer(static_cast<std::int64_t>(killed.items.size())));
    } else {
      session.finish_gather(at, killed.items.empty() ? error("ERR No such client") : simple("OK"));
    }
  };
  context_.neighbours.gather(requester(sequence), ask, done);
}

void Session::unblock_client(std::uint64_t sequence, const resp::Command& command,
                             std::string& out) {
  std::int64_t id = 0;
  const std::string_view how = command.argc() == 4 ? command.arg(3) : "TIMEOUT";
  const bool known = equals_ignoring_case(how, "TIMEOUT") || equals_ignoring_case(how, "ERROR");
  if (command.argc() > 4) {
    out = error("ERR syntax error");
    return;
  }
  if (!known) {
    out = error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
    return;
  }
  if (!resp::parse_integer(command.arg(2), id)) {
    out = error("ERR value is not an integer or out of range");
    return;
  }
  const auto ask = [id](Population& workers_clients, Gathered& found) {
    for (const auto& client : workers_clients.clients()) {
      const Session& other = client->session();
      if (other.state().id != static_cast<std::uint64_t>(id) || other.blocked_on() == 0) continue;
      found.items.push_back({other.blocked_on(), {}});
    }
  };
  const auto done = [mode = std::string(how)](Session& session, std::uint64_t at,
                                              Gathered&& found) {
    if (found.items.empty()) {
      session.finish_gather(at, integer(0));
    } else {
      session.unblock_upstream(at, found.items.front().number, mode);
    }
  };
  context_.neighbours.gather(requester(sequence), ask, done);
}

void Session::unblock_upstream(std::uint64_t sequence, std::uint64_t upstream_id,
                               std::string_view mode) {
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kGather) return;
  std::string request;
  resp::append_request(request, {"CLIENT", "UNBLOCK", std::to_string(upstream_id), mode});
  awaiting_ = false;
  ++reads_out_;
  slot->command_class = CommandClass::kWrite;
  read_aside(sequence, *slot, request, false);
}

void Session::pause_clients(const resp::Command& command, std::string& out) {
  Pause::Mode mode = Pause::Mode::kAll;
  if (command.argc() > 4) {
    out = error("ERR syntax error");
    return;
  }
  if (command.argc() == 4) {
    if (equals_ignoring_case(command.arg(3), "WRITE")) {
      mode = Pause::Mode::kWrites;
    } else if (!equals_ignoring_case(command.arg(3), "ALL")) {
      out = error("ERR CLIENT PAUSE mode must be WRITE or ALL");
      return;
    }
  }
  std::int64_t millis = 0;
  if (!resp::parse_integer(command.arg(2), millis)) {
    out = error("ERR timeout is not an integer or out of range");
  } else if (millis < 0) {
    out = error("ERR timeout is negative");
  } else {
    // As long as the clock goes, rather than wrapping around.
    const std::int64_t most =
        (std::numeric_limits<state::Nanos>::max() - now_) / state::kMillisecond;
    const state::Nanos until = now_ + std::min(millis, most) * state::kMillisecond;
    context_.all_clients.pause.begin(mode, until, now_);
    pause_ = context_.all_clients.pause.mode(now_);
    out = simple("OK");
  }
}

/// What CLIENT PAUSE WRITE holds back. A function's flags are known to the upstream alone: FCALL
/// counts as a write.
bool Session::writes(const command::Spec& spec, const resp::Command& command) const {
  if (!may_replicate(spec)) return false;
  if (spec.name == "EVAL") return !request::declares_no_writes(command.arg(1));
  if (spec.name != "EVALSHA") return true;
  const auto script = context_.scripts.find(command.arg(1));
  return !script || !request::declares_no_writes(*script);
}

bool Session::held_by_pause(const command::Spec& spec, const resp::Command& command) {
  // What is malformed is told so at once.
  if (!command::arity_ok(spec, command.argc())) return false;
  bool holds = pause_ == Pause::Mode::kAll;
  if (!holds)
    holds = spec.name == "EXEC" ? transaction_.open && transaction_.writes : writes(spec, command);
  if (holds && !held_) {
    held_ = true;
    context_.all_clients.pause.hold();
  }
  return holds;
}

void Session::finish_gather(std::uint64_t sequence, std::string_view reply) {
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kGather) return;
  awaiting_ = false;
  context_.counters.requests_local.add();
  if (!slot->discard) park(*slot, reply);
  slot->state = Slot::State::kReady;
  release_ready();
  if (slots_.empty()) settle_lease(now_);
}

void Session::show_to_monitors(const resp::Command& command) {
  using std::chrono::duration_cast;
  const auto since_epoch = std::chrono::system_clock::now().time_since_epoch();
  const auto micros = duration_cast<std::chrono::microseconds>(since_epoch).count();
  context_.neighbours.publish_monitor_line(
      monitor_line(command, state_.database, state_.peer, static_cast<std::uint64_t>(micros)));
}

/// The PILLION command. It shows and drops what all clients read, so it is for Pillion's own user.
Session::Step Session::handle_pillion(const resp::Command& command) {
  if (needs_auth()) {
    fail_locally("NOAUTH Authentication required.");
    return Step::kNext;
  }
  if (state_.identity.acl_user() != context_.identity.acl_user()) {
    fail_locally("NOPERM this user has no permissions to run the '" + context_.pillion->name +
                 "' command");
    return Step::kNext;
  }
  std::string out;
  std::size_t hot_keys = 0;
  const PillionAnswer answer =
      answer_pillion(out, command, state_.protocol, *context_.pillion, now_, hot_keys);
  if (answer == PillionAnswer::kDone) {
    reply_locally(out);
    return Step::kNext;
  }
  const std::uint64_t sequence = slots_.next_sequence();
  const bool discard = discards_reply();
  new_slot(Slot::State::kGather).discard = discard;
  if (answer == PillionAnswer::kClients) {
    show_clients(sequence, {});
  } else {
    show_hot_keys(sequence, hot_keys);
  }
  return Step::kNext;
}

void Session::show_hot_keys(std::uint64_t sequence, std::size_t count) {
  const auto ask = [](Population& worker, Gathered& found) {
    for (request::HotKey& key : worker.hot_keys()) found.hot_keys.push_back(std::move(key));
  };
  const auto done = [protocol = state_.protocol, count](Session& session, std::uint64_t at,
                                                        Gathered&& found) {
    std::string out;
    append_hot_keys(out, {std::move(found.hot_keys)}, count);
    session.finish_gather(at, out);
  };
  context_.neighbours.gather(requester(sequence), ask, done);
}

/// SELECT is shown in the database it chose.
void Session::show_note_to_monitors(const Slot& slot) {
  resp::RequestParser parser;
  if (!slot.note.empty() && parser.parse(slot.note) == resp::RequestParser::Result::kCommand)
    show_to_monitors(parser.command());
}

void Session::on_monitor_line(std::string_view line) {
  if (!monitor_) return;
  out_.append(line);
  if (out_.size() >= context_.output_limit) aborted_ = DisconnectReason::kOutputLimit;
}

}  // namespace pillion::data::session
