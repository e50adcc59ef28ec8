// CLIENT TRACKING: the application keeps a cache of its own (see tracking_state.hpp).
//
//   without REDIRECT   lease <- CLIENT TRACKING ...
//   with REDIRECT id   every worker is asked for the client; then
//                      receiver <- CLIENT ID; then lease <- CLIENT TRACKING ... REDIRECT that
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/resp/number.hpp"
#include "protocol/resp/reply_cursor.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/registry.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {
namespace {

// The slots that name a lane's pushes instead of a reply.
constexpr std::uint64_t kOwnPushes = 0;
constexpr std::uint64_t kReceiverPushes = 1;

}  // namespace

Session::Step Session::set_tracking(const command::Spec& spec, const resp::Command& command) {
  if (!slots_.empty()) return Step::kWait;
  if (context_.director.cluster()) {
    // It would be on for the keys of one node, and the client would not know which these are.
    fail_locally("ERR CLIENT TRACKING is not available through Pillion in front of a cluster");
    return Step::kNext;
  }
  const TrackingRequest request = parse_tracking(command);
  if (!request.on && !tracking_.on) {
    // It changes nothing, but the upstream's words are its own; on a connection of its own, for who
    // knows what it understands.
    if (!acquire_lease(context_.director.primary())) return Step::kNext;
    lease_dirty_ = true;
    return forward(spec, command);
  }
  if (!acquire_lease(context_.director.primary())) return Step::kNext;
  lease_dirty_ = true;
  tracking_.asked = true;
  tracking_.asked_on = request.on;
  tracking_.asked_broadcast = request.broadcast;
  tracking_.asked_redirection = {};
  awaiting_ = true;
  const bool discard = discards_reply();
  const std::uint64_t sequence = slots_.next_sequence();
  Slot& slot = new_slot(Slot::State::kGather);
  slot.discard = discard;
  slot.note = command.raw();
  if (request.redirect == 0) {
    send_tracking(sequence, command.raw());
    return Step::kNext;
  }
  tracking_.asked_redirection.client = request.redirect;
  const ClientPlace asker{context_.worker, requester(0)};
  const auto ask = [id = request.redirect, asker](Population& workers_clients, Gathered& found) {
    for (const auto& client : workers_clients.clients()) {
      Session& other = client->session();
      if (other.state().id != id) continue;
      other.add_redirect_source(asker);
      found.items.push_back({workers_clients.worker(), {}});
      found.places.push_back({workers_clients.worker(), other.name()});
    }
  };
  const auto done = [](Session& session, std::uint64_t at, Gathered&& found) {
    session.open_receiver(at, found);
  };
  context_.neighbours.gather(requester(sequence), ask, done);
  return Step::kNext;
}

void Session::add_redirect_source(const ClientPlace& source) {
  redirect_sources_.push_back(source);
}

/// Once for each time it was added: the same client may have asked twice.
void Session::remove_redirect_source(const ClientPlace& source) {
  const auto found = std::find(redirect_sources_.begin(), redirect_sources_.end(), source);
  if (found != redirect_sources_.end()) redirect_sources_.erase(found);
}

void Session::open_receiver(std::uint64_t sequence, const Gathered& found) {
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kGather) return;
  std::string problem;
  Redirection& redirection = tracking_.asked_redirection;
  if (found.places.empty()) {
    problem = "ERR The client ID you want redirect to does not exist";
  } else {
    redirection.target = found.places.front();
    redirection.found = true;
    upstream::ChannelKey key = channel_key(context_.director.primary());
    key.protocol = 3;
    redirection.receiver = context_.lanes.lease(key, now_);
    if (!redirection.receiver) {
      problem = "ERR upstream connection limit reached";
    } else if (!redirection.receiver->accepts_commands()) {
      problem = failure_text(redirection.receiver->last_failure(), false);
    }
  }
  if (!problem.empty()) {
    on_tracking_reply(false);
    std::string out;
    resp::append_error(out, problem);
    finish_gather(sequence, out);
    return;
  }
  redirection.receiver->accept_pushes(requester(kReceiverPushes));
  std::string request;
  resp::append_request(request, {"CLIENT", "ID"});
  slot->state = Slot::State::kUpstream;
  slot->action = SlotAction::kReceiverId;
  slot->aside = true;
  slot->unanswered = 1;
  ++reads_out_;
  redirection.receiver->submit(request, requester(sequence), CommandClass::kWrite,
                               TimeLimit::kCommand, now_);
}

/// The receiver told its id: now the lease can be told to send there.
void Session::on_receiver_id(std::uint64_t sequence, Slot& slot, std::string_view reply) {
  --reads_out_;
  slot.aside = false;
  resp::ReplyCursor cursor(reply);
  resp::Node node{};
  resp::RequestParser parser;
  const bool told = cursor.next(node) && node.type == ':' && lease_ && lease_->accepts_commands() &&
                    parser.parse(slot.note) == resp::RequestParser::Result::kCommand;
  if (!told) {
    slot.state = Slot::State::kGather;
    slot.unanswered = 0;
    on_tracking_reply(false);
    std::string out;
    resp::append_error(
        out, "ERR upstream " + context_.upstream_name + " did not accept the redirection");
    finish_gather(sequence, out);
    return;
  }
  tracking_.asked_redirection.receiver_id = static_cast<std::uint64_t>(node.integer);
  send_tracking(sequence, with_redirect(parser.command(), tracking_.asked_redirection.receiver_id));
}

void Session::send_tracking(std::uint64_t sequence, std::string_view request) {
  Slot& slot = *slots_.find(sequence);
  slot.state = Slot::State::kUpstream;
  slot.action = SlotAction::kTracking;
  slot.unanswered = 1;
  ++on_lane_;
  // Also where none can come: they bring the news when the connection is lost.
  if (!tracking_.on) lease_->accept_pushes(requester(kOwnPushes));
  lease_->submit(request, requester(sequence), CommandClass::kWrite, TimeLimit::kCommand, now_);
}

void Session::on_tracking_reply(bool ok) {
  awaiting_ = false;
  tracking_.asked = false;
  Redirection redirection = std::exchange(tracking_.asked_redirection, {});
  if (!ok) {
    end_redirection(redirection);
    return;
  }
  const auto old = std::exchange(tracking_.redirection, std::move(redirection));
  tracking_.on = tracking_.asked_on;
  tracking_.broadcast = tracking_.asked_broadcast;
  tracking_.broken = false;
  end_redirection(old);
}

void Session::drop_receiver(const std::shared_ptr<upstream::Lane>& receiver) {
  if (!receiver) return;
  dropping_receiver_ = true;
  context_.lanes.give_back(receiver, upstream::LaneCondition::kSpent, now_);
  dropping_receiver_ = false;
}

void Session::end_redirection(const Redirection& redirection) {
  if (redirection.found)
    context_.neighbours.forget_redirect(redirection.target, {context_.worker, requester(0)});
  drop_receiver(redirection.receiver);
}

void Session::end_tracking() {
  const TrackingState ended = std::exchange(tracking_, {});
  end_redirection(ended.redirection);
  end_redirection(ended.asked_redirection);
}

/// The client that our invalidations were redirected to has left. As Redis does, we find out when
/// there is something to tell it.
void Session::on_redirect_target_left(const Requester& target) {
  Redirection& redirection = tracking_.redirection;
  if (redirection.receiver && redirection.target.name == target) redirection.target_left = true;
}

void Session::on_redirect_broken() {
  tracking_.broken = true;
  drop_receiver(std::exchange(tracking_.redirection.receiver, nullptr));
  if (state_.protocol != 3) return;
  std::string push = ">2\r\n";
  resp::append_bulk(push, "tracking-redir-broken");
  resp::append_integer(push, static_cast<std::int64_t>(tracking_.redirection.client));
  put_push(push, nullptr);
}

Session::Step Session::tracking_info(const command::Spec& spec, const resp::Command& command) {
  // The shared connections do not track either, so off is worded by the upstream.
  const std::uint64_t redirect = tracking_.redirection.client;
  if (!tracking_.on || redirect == 0) return forward(spec, command);
  if (spec.name == "CLIENT|GETREDIR") {
    std::string out;
    resp::append_integer(out, static_cast<std::int64_t>(redirect));
    reply_locally(out);
    return Step::kNext;
  }
  return forward(spec, command, {.action = SlotAction::kTrackingInfo});
}

std::string Session::with_own_id(std::string_view frame) const {
  const std::string theirs = ":" + std::to_string(tracking_.redirection.receiver_id) + "\r\n";
  std::string out(frame);
  const std::size_t at = out.find(theirs);
  if (at != std::string::npos)
    out.replace(at, theirs.size(), ":" + std::to_string(tracking_.redirection.client) + "\r\n");
  return out;
}

/// TRACKINGINFO with the target's id as the client knows it, and with what the upstream has not
/// noticed yet.
std::string Session::with_own_redirection(std::string_view reply) const {
  constexpr std::string_view kFlag = "$15\r\nbroken_redirect\r\n";
  std::string out = with_own_id(reply);
  if (!tracking_.broken || out.find(kFlag) != std::string::npos) return out;
  // "flags", their number, the flags themselves, "redirect": the last flag is this one.
  constexpr std::string_view kFlags = "$5\r\nflags\r\n";
  const std::size_t flags = out.find(kFlags);
  const std::size_t redirect = out.find("$8\r\nredirect\r\n");
  if (flags == std::string::npos || redirect == std::string::npos) return out;
  out.insert(redirect, kFlag);
  const std::size_t digits = flags + kFlags.size() + 1;
  const std::size_t end = out.find('\r', digits);
  out.replace(digits, end - digits, std::to_string(std::stoul(out.substr(digits)) + 1));
  return out;
}

void Session::on_push(const Requester& to, std::string_view frame) {
  if (to.slot == kReceiverPushes && tracking_.redirection.target_left) {
    on_redirect_broken();
  } else if (to.slot == kReceiverPushes) {
    context_.neighbours.deliver_push(tracking_.redirection.target, std::string(frame));
  } else if (tracking_.redirection.receiver_id != 0) {
    put_push(with_own_id(frame), nullptr);
  } else {
    put_push(frame, nullptr);
  }
}

void Session::on_redirected_push(std::string_view frame) {
  if (state_.protocol == 3) {
    put_push(frame, nullptr);
  } else if (!subscriptions_.empty()) {
    put_push(invalidation_message(frame), nullptr);
  }
}

}  // namespace pillion::data::session
