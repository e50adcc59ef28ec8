// Subscriptions: the upstream has one per name for the whole process (proxy/data/pubsub); a session
// knows its own and words them.
#include <algorithm>
#include <string>
#include <utility>

#include "config/units.hpp"
#include "protocol/cluster/slot.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/reply_cursor.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {
namespace {

using pubsub::Kind;

// Shared bytes instead of copies from here on: a piece keeps its whole batch.
constexpr std::size_t kShareFrom = 4 * 1024;

Kind kind_of(std::string_view name) {
  if (name.starts_with('P')) return Kind::kPattern;
  return name.starts_with("SS") || name.starts_with("SUN") ? Kind::kShard : Kind::kChannel;
}

bool of_one_slot(const std::vector<std::string>& names) {
  return std::all_of(names.begin(), names.end(), [&](const std::string& name) {
    return cluster::slot_of(name) == cluster::slot_of(names.front());
  });
}

}  // namespace

Session::Step Session::handle_subscribe(const command::Spec& spec, const resp::Command& command) {
  // What was asked before is answered before, and what is published comes behind its confirmation.
  if (!slots_.empty()) return Step::kWait;
  if (context_.all_clients.monitors.load(std::memory_order_relaxed) != 0) show_to_monitors(command);
  settling_.kind = kind_of(spec.name);
  settling_.subscribe = spec.name.find("UNSUB") == std::string_view::npos;
  settling_.names.clear();
  for (std::size_t i = 1; i < command.argc(); ++i) settling_.names.emplace_back(command.arg(i));
  if (settling_.kind == Kind::kShard && context_.director.cluster() &&
      !of_one_slot(settling_.names)) {
    fail_locally(route::kCrossSlot);
    return Step::kNext;
  }
  if (settling_.subscribe &&
      subscriptions_.size() + settling_.names.size() > context_.max_subscriptions) {
    fail_locally("ERR subscription limit reached");
    return Step::kNext;
  }
  if (!settling_.subscribe) {
    if (settling_.names.empty()) settling_.names = subscriptions_.names(settling_.kind);
    const bool any = std::any_of(
        settling_.names.begin(), settling_.names.end(),
        [this](const std::string& name) { return subscriptions_.contains(settling_.kind, name); });
    if (!any) {
      std::string out;
      confirm(out);
      (void)discards_reply();
      out_.append(out);
      return Step::kNext;
    }
  }
  const std::uint64_t sequence = slots_.next_sequence();
  // Confirmations are pushes: CLIENT REPLY does not keep them back, but SKIP is used up.
  (void)discards_reply();
  new_slot(Slot::State::kGather);
  awaiting_ = true;
  const std::vector<std::string_view> names(settling_.names.begin(), settling_.names.end());
  if (settling_.subscribe) {
    context_.fanout.subscribe(requester(sequence), state_.identity, settling_.kind, names, now_);
  } else {
    context_.fanout.unsubscribe(requester(sequence), state_.identity, settling_.kind, names, now_);
  }
  return Step::kNext;
}

/// The (un)subscribe that was asked for holds from here; `out` gets its confirmations.
void Session::confirm(std::string& out) {
  const Kind kind = settling_.kind;
  for (const std::string& name : settling_.names) {
    if (settling_.subscribe) {
      subscriptions_.add(kind, name);
    } else {
      subscriptions_.remove(kind, name);
    }
    const std::string_view view = name;
    append_confirmation(out, state_.protocol, settling_.subscribe, kind, &view,
                        subscriptions_.reported(kind));
  }
  if (settling_.names.empty())
    append_confirmation(out, state_.protocol, false, kind, nullptr, subscriptions_.reported(kind));
}

void Session::on_subscription_settled(std::uint64_t sequence, std::string_view error) {
  if (sequence == kNoSlot) {
    awaiting_ = false;
    wakeup_ = true;
    subscriptions_settled_ = true;
    if (error.empty()) context_.census.settle_changes(awaited_changes_);
    return;
  }
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kGather) return;
  awaiting_ = false;
  std::string out;
  if (!error.empty()) {
    context_.counters.requests_failed.add();
    resp::append_error(out, error);
  } else {
    confirm(out);
  }
  settling_.names.clear();
  finish_gather(sequence, out);
}

void Session::leave_subscriptions() {
  for (const Kind kind : {Kind::kChannel, Kind::kPattern, Kind::kShard}) {
    const std::vector<std::string> names = subscriptions_.names(kind);
    if (!names.empty() || awaiting_)
      context_.fanout.leave(requester(0), state_.identity, kind, names);
  }
  subscriptions_.clear();
}

/// A RESP2 client that is subscribed may say little else. True: it was told so.
bool Session::refused_while_subscribed(const command::Spec& spec, const resp::Command& command) {
  const bool allowed = spec.route == command::Route::kSubscribe || spec.name == "PING" ||
                       spec.name == "QUIT" || spec.name == "RESET";
  // Unknown names and wrong arities are the first thing Redis looks at.
  if (allowed || spec.name.empty() || !command::arity_ok(spec, command.argc())) return false;
  fail_locally(
      "ERR Can't execute '" + config::lower_case(spec.name) +
      "': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
      "context");
  return true;
}

/// A PUBLISH must not overtake a SUBSCRIBE or UNSUBSCRIBE that came before it, which travels on a
/// connection of its own. True: it waits until the upstream has heard what was changed so far.
/// Once: what changes meanwhile came later.
bool Session::waits_for_subscriptions() {
  if (std::exchange(subscriptions_settled_, false)) return false;
  const std::uint64_t changes = context_.census.changes();
  if (changes == context_.census.settled_changes()) return false;
  awaited_changes_ = changes;
  awaiting_ = true;
  context_.fanout.unsubscribe(requester(kNoSlot), state_.identity, Kind::kChannel, {}, now_);
  return true;
}

/// Counts of receivers that the upstream reports see one of us where there may be many.
bool Session::corrects_counts(const command::Spec& spec, const resp::Command& command,
                              Outgoing& extra) {
  if (!context_.census.any() || transaction_.open) return false;
  if (spec.name == "PUBLISH" || spec.name == "SPUBLISH") {
    extra.action = spec.name == "PUBLISH" ? SlotAction::kPublish : SlotAction::kShardPublish;
    extra.note = command.arg(1);
  } else if (spec.name == "PUBSUB|NUMSUB") {
    extra.action = SlotAction::kNumSub;
  } else if (spec.name == "PUBSUB|SHARDNUMSUB") {
    extra.action = SlotAction::kShardNumSub;
  } else {
    return false;
  }
  return true;
}

void Session::correct_counts(Slot& slot, std::string_view reply, std::string& corrected) const {
  resp::ReplyCursor cursor(reply);
  resp::Node node{};
  if (!cursor.next(node)) return;
  const pubsub::Census& census = context_.census;
  if (node.type == ':') {
    const std::int64_t change = slot.action == SlotAction::kPublish
                                    ? census.publish_correction(slot.note, slot.endpoint)
                                    : census.shard_correction(slot.note, slot.endpoint);
    resp::append_integer(corrected, std::max<std::int64_t>(0, node.integer + change));
    return;
  }
  if (node.type != '*') return;
  resp::append_array_header(corrected, static_cast<std::size_t>(node.integer));
  std::string_view channel;
  while (cursor.next(node)) {
    if (node.type == ':') {
      const std::int64_t change = slot.action == SlotAction::kNumSub
                                      ? census.channel_correction(channel)
                                      : census.shard_correction(channel);
      resp::append_integer(corrected, std::max<std::int64_t>(0, node.integer + change));
    } else {
      channel = node.text;
      resp::append_bulk(corrected, channel);
    }
  }
}

void Session::on_messages(const pubsub::Messages& messages) {
  const std::string_view bytes = state_.protocol == 3 ? messages.resp3 : messages.resp2;
  put_push(bytes, messages.owner);
  const std::size_t unread = out_.size() + held_pushes_.size();
  if (unread > context_.subscriber_limits.hard) {
    aborted_ = state::DisconnectReason::kOutputLimit;
  } else if (unread > context_.subscriber_limits.soft && over_soft_since_ == 0) {
    over_soft_since_ = state::now();
  }
}

bool Session::between_replies() {
  return slots_.empty() || !slots_.leading().begun;
}

void Session::put_push(std::string_view bytes, const std::shared_ptr<const void>& owner) {
  if (bytes.empty()) return;
  put_held_pushes();
  if (!between_replies()) {
    held_pushes_.append(bytes);
  } else if (owner && bytes.size() >= kShareFrom) {
    out_.append_shared(bytes, owner);
  } else {
    out_.append(bytes);
  }
}

void Session::put_held_pushes() {
  if (held_pushes_.empty() || !between_replies()) return;
  out_.append(held_pushes_);
  std::string().swap(held_pushes_);
}

}  // namespace pillion::data::session
