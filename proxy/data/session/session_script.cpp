// Scripts: an upstream that has lost one is shown it again.
#include <string>
#include <utility>

#include "protocol/command/table.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {

/// EVAL and SCRIPT LOAD: a script we had not seen is kept in mind, unless it turns out not to
/// compile.
Session::Step Session::forward_script_body(const command::Spec& spec, const resp::Command& command,
                                           std::string_view body) {
  Outgoing extra;
  extra.note = context_.scripts.remember(body);
  if (!extra.note.empty()) extra.action = SlotAction::kScriptBody;
  return forward(spec, command, std::move(extra));
}

Session::Step Session::forward_script(const command::Spec& spec, const resp::Command& command) {
  const bool by_digest = spec.name == "EVALSHA" || spec.name == "EVALSHA_RO";
  const bool by_body = spec.name == "EVAL" || spec.name == "EVAL_RO";
  if (by_body && !transaction_.open) return forward_script_body(spec, command, command.arg(1));
  if (!by_digest) return forward(spec, command);
  const auto script = context_.scripts.find(command.arg(1));
  if (!script) return forward(spec, command);
  // Nothing can be mended inside EXEC, so the script itself is queued.
  if (transaction_.open)
    return forward(spec, command, {.request = request::eval_request(command, *script)});
  return forward(spec, command,
                 {.action = SlotAction::kScript, .note = std::string(command.raw())});
}

/// NOSCRIPT for a script we have seen: the upstream is shown it. Not when more of the client's
/// commands are on their way, for they would be done before it.
bool Session::heal_script(std::uint64_t sequence, Slot& slot, std::string_view reply) {
  slot.action = SlotAction::kNone;
  if (!reply.starts_with("-NOSCRIPT") || on_lane_ != 1 || !lease_) return false;
  resp::RequestParser parser;
  if (parser.parse(slot.note) != resp::RequestParser::Result::kCommand) return false;
  const auto script = context_.scripts.find(parser.command().arg(1));
  if (!script) return false;
  context_.counters.scripts_healed.add();
  lease_->submit(request::eval_request(parser.command(), *script), requester(sequence),
                 slot.command_class, TimeLimit::kScript, now_);
  return true;
}

}  // namespace pillion::data::session
