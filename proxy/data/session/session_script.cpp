// Scripts: where they run, and an upstream that has lost one is shown it again.
#include <string>
#include <utility>

#include "protocol/command/table.hpp"
#include "protocol/resp/downgrade.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/net/backoff.hpp"

namespace pillion::data::session {

/// A script that may write what nobody knows is best run on the fill link, where its reply proves
/// itself (see FillLinkFsm): anywhere else it has to wait for a fence. Only where the link's user
/// and connection do as well as the client's own, and where nothing else of this client is waiting
/// to be done in order: a pipeline goes over a lease.
fill::FillLink* Session::link_for_script(const command::Spec& spec) const {
  // What it reads of a client that tracks is tracked on that client's own connection.
  const bool alone = slots_.empty() && last_of_input_ && !tracking_.on;
  if (!alone || !eligible_ || spec.effect == command::Effect::kNone ||
      state_.reply_mode != ReplyMode::kOn) {
    return nullptr;
  }
  return context_.reader.link_for_scripts();
}

Session::Step Session::run_script(const command::Spec& spec, const resp::Command& command,
                                  Outgoing extra) {
  if (lease_) return forward(spec, command, std::move(extra));
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.action = extra.action;
  slot.note = std::move(extra.note);
  slot.effect = request::EffectKind::kUnknown;
  slot.needs_fence = true;
  slot.script = true;
  slot.unanswered = 1;
  count_script();
  await_effect(slot, slot.effect, {});
  ++on_lane_;
  on_link_ = true;
  if (context_.all_clients.monitors.load(std::memory_order_relaxed) != 0) show_to_monitors(command);
  send_on_link(slot, slots_.back_sequence(), std::string(command.raw()));
  return Step::kNext;
}

/// Precondition: there is a link that accepts scripts.
void Session::send_on_link(Slot& slot, std::uint64_t sequence, std::string request) {
  fill::FillLink& link = *context_.reader.link_for_scripts();
  slot.on_link = link.fsm().options().link;
  fill::Fetch fetch;
  fetch.request = std::move(request);
  fetch.database = state_.database;
  fetch.script = true;
  fetch.nonce = net::random_bits();
  fetch.waiter = {context_.worker, (std::uint64_t{name_.generation} << 32U) | name_.session,
                  sequence};
  link.send(std::move(fetch), now_);
  expect_soon();
}

void Session::on_link_answered(std::uint64_t sequence, Slot& slot, const fill::FetchResult& result,
                               state::Nanos now) {
  now_ = now;
  switch (result.outcome) {
    case fill::FetchOutcome::kReply: {
      if (slot.protocol == 3 || result.plain) {
        on_replies(sequence, {*result.frame}, now);
        return;
      }
      std::string downgraded;
      if (resp::append_downgraded(downgraded, *result.frame, resp::Shape::kAsIs)) {
        on_replies(sequence, {downgraded}, now);
        return;
      }
      break;
    }
    case fill::FetchOutcome::kTooLarge:
      fail_slot(sequence, slot,
                "ERR the script was run, but its reply is larger than listen.output_limit",
                DoneBy::kPrimary);
      return;
    case fill::FetchOutcome::kLost:
    case fill::FetchOutcome::kRefused:
      break;
  }
  context_.counters.writes_outcome_unknown.add();
  const Failure failure = result.timed_out
                              ? Failure{FailureKind::kTimeout, "no reply of the script"}
                              : Failure{FailureKind::kClosed, "the connection that ran the script"};
  fail_slot(sequence, slot, failure_text(failure, true), DoneBy::kPrimary);
}

/// EVAL and SCRIPT LOAD: a script we had not seen is kept in mind, unless it turns out not to
/// compile.
Session::Step Session::forward_script_body(const command::Spec& spec, const resp::Command& command,
                                           std::string_view body) {
  Outgoing extra;
  extra.note = context_.scripts.remember(body);
  if (!extra.note.empty()) extra.action = SlotAction::kScriptBody;
  if (spec.route == command::Route::kScript) return run_script(spec, command, std::move(extra));
  return forward(spec, command, std::move(extra));
}

Session::Step Session::forward_script(const command::Spec& spec, const resp::Command& command) {
  const bool by_digest = spec.name == "EVALSHA" || spec.name == "EVALSHA_RO";
  const bool by_body = spec.name == "EVAL" || spec.name == "EVAL_RO";
  if (by_body && !transaction_.open) return forward_script_body(spec, command, command.arg(1));
  if (!by_digest) return run_script(spec, command, {});
  const auto script = context_.scripts.find(command.arg(1));
  if (!script) return run_script(spec, command, {});
  // Nothing can be mended inside EXEC, so the script itself is queued.
  if (transaction_.open)
    return forward(spec, command, {.request = request::eval_request(command, *script)});
  return run_script(spec, command,
                    {.action = SlotAction::kScript, .note = std::string(command.raw())});
}

/// NOSCRIPT for a script we have seen: the upstream is shown it. Not when more of the client's
/// commands are on their way, for they would be done before it.
bool Session::heal_script(std::uint64_t sequence, Slot& slot, std::string_view reply) {
  slot.action = SlotAction::kNone;
  const bool on_link = slot.on_link != cache::LinkTable::kNoLink;
  if (!reply.starts_with("-NOSCRIPT") || on_lane_ != 1) return false;
  if (on_link ? context_.reader.link_for_scripts() == nullptr : !lease_) return false;
  resp::RequestParser parser;
  if (parser.parse(slot.note) != resp::RequestParser::Result::kCommand) return false;
  const auto script = context_.scripts.find(parser.command().arg(1));
  if (!script) return false;
  context_.counters.scripts_healed.add();
  if (on_link) {
    send_on_link(slot, sequence, request::eval_request(parser.command(), *script));
    return true;
  }
  lease_->submit(request::eval_request(parser.command(), *script), requester(sequence),
                 slot.command_class, TimeLimit::kScript, now_);
  return true;
}

}  // namespace pillion::data::session
