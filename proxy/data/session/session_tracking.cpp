// CLIENT TRACKING: the application keeps a cache of its own (see tracking_state.hpp).
//
//   with REDIRECT id   every worker is asked for the client; then
//   for each node      with REDIRECT: receiver <- CLIENT ID; then lane <- CLIENT TRACKING ...
//
// Outside a cluster the one node's lane is the session's lease until tracking is off. In front of a
// cluster the lanes are the session's ways: commands are routed as ever, only over connections that
// track; a transaction, a script or a blocking command has the one of its node for a lease.
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

// The slots that name a lane's pushes instead of a reply: by node, the receiver's are the odd ones.
constexpr std::uint64_t own_pushes(state::EndpointId endpoint) {
  return std::uint64_t{endpoint} * 2;
}
constexpr std::uint64_t receiver_pushes(state::EndpointId endpoint) {
  return own_pushes(endpoint) + 1;
}

}  // namespace

Session::Step Session::set_tracking(const command::Spec& spec, const resp::Command& command) {
  if (!slots_.empty()) return Step::kWait;
  const TrackingRequest request = parse_tracking(command);
  if (!request.on && !tracking_.on) {
    // It changes nothing, but the upstream's words are its own; on a connection of its own, for who
    // knows what it understands.
    if (!acquire_lease(context_.director.primary())) return Step::kNext;
    lease_dirty_ = true;
    return forward(spec, command);
  }
  if (tracking_.nodes.empty() && !open_tracking_nodes()) return Step::kNext;
  tracking_.asked = true;
  tracking_.asked_on = request.on;
  tracking_.asked_broadcast = request.broadcast;
  tracking_.asked_opt_in = request.opt_in;
  tracking_.asked_opt_out = request.opt_out;
  tracking_.asked_redirection = {};
  tracking_.owners = context_.director.owners_version();
  if (request.redirect == 0) return tell_nodes(command.raw(), SlotAction::kTracking);
  tracking_.asked_redirection.client = request.redirect;
  awaiting_ = true;
  const bool discard = discards_reply();
  const std::uint64_t sequence = slots_.next_sequence();
  Slot& slot = new_slot(Slot::State::kGather);
  slot.discard = discard;
  slot.note = command.raw();
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
    session.on_redirect_target(at, found);
  };
  context_.neighbours.gather(requester(sequence), ask, done);
  return Step::kNext;
}

/// Connections that can track for the client; false: there are none, it was told why.
bool Session::open_tracking_nodes() {
  if (!context_.director.cluster()) {
    if (!acquire_lease(context_.director.primary())) return false;
    lease_dirty_ = true;
    tracking_.nodes.push_back({leased_from_, lease_, {}, {}});
    return true;
  }
  drop_spare();
  for (const auto& shard : context_.director.table().shards()) {
    const state::EndpointId endpoint = shard.primary;
    if (!shard.owns_slots || endpoint == state::kNoEndpoint) continue;
    // A WATCH goes on where it is.
    auto lane = lease_ && leased_from_ == endpoint ? lease_ : open_lane(endpoint);
    if (!lane) {
      release_tracking_nodes();
      return false;
    }
    tracking_.nodes.push_back({endpoint, std::move(lane), {}, {}});
  }
  if (tracking_.nodes.empty()) {
    fail_locally(route::kSlotNotServed);
    return false;
  }
  tracking_.of_cluster = true;
  return true;
}

/// What changes the client's connection, where it has several: said to one after the other.
/// Precondition: nothing is unanswered.
Session::Step Session::tell_nodes(std::string_view request, SlotAction action) {
  const bool discard = discards_reply();
  const std::uint64_t sequence = slots_.next_sequence();
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.discard = discard;
  slot.action = action;
  slot.note = request;
  tracking_.telling = true;
  tracking_.told = 0;
  awaiting_ = true;
  tell_next_node(sequence);
  return Step::kNext;
}

void Session::tell_next_node(std::uint64_t sequence) {
  Slot& slot = *slots_.find(sequence);
  TrackedNode& node = tracking_.nodes[tracking_.told];
  if (!node.lane->accepts_commands()) {
    refuse_tracking(sequence, failure_text(node.lane->last_failure(), false));
    return;
  }
  const bool redirects = tracking_.asked && tracking_.asked_redirection.client != 0;
  if (!redirects || node.asked_receiver.id != 0) {
    std::string request = slot.note;
    resp::RequestParser parser;
    if (redirects && parser.parse(slot.note) == resp::RequestParser::Result::kCommand)
      request = with_redirect(parser.command(), node.asked_receiver.id);
    slot.action = redirects ? SlotAction::kTracking : slot.action;
    slot.unanswered = 1;
    ++on_lane_;
    // Also where none can come: they bring the news when the connection is lost.
    if (!tracking_.on) node.lane->accept_pushes(requester(own_pushes(node.endpoint)));
    node.lane->submit(request, requester(sequence), CommandClass::kWrite, TimeLimit::kCommand,
                      now_);
    return;
  }
  upstream::ChannelKey key = channel_key(node.endpoint);
  key.protocol = 3;
  const auto receiver = context_.lanes.lease(key, now_);
  if (!receiver) {
    refuse_tracking(sequence, "ERR upstream connection limit reached");
    return;
  }
  node.asked_receiver.lane = receiver;
  if (!receiver->accepts_commands()) {
    refuse_tracking(sequence, failure_text(receiver->last_failure(), false));
    return;
  }
  receiver->accept_pushes(requester(receiver_pushes(node.endpoint)));
  std::string request;
  resp::append_request(request, {"CLIENT", "ID"});
  slot.action = SlotAction::kReceiverId;
  slot.aside = true;
  slot.unanswered = 1;
  ++reads_out_;
  receiver->submit(request, requester(sequence), CommandClass::kWrite, TimeLimit::kCommand, now_);
}

/// A node said `reply`, which is no error, to what all are told. False: it was the last one.
bool Session::another_node_to_tell(std::uint64_t sequence, Slot& slot) {
  if (!tracking_.telling) return false;
  // Off is off: the connections end.
  const bool last = ++tracking_.told == tracking_.nodes.size() ||
                    (slot.action == SlotAction::kTracking && !tracking_.asked_on);
  if (last) {
    tracking_.telling = false;
    return false;
  }
  leave_way(slot.way, 1);
  slot.unanswered = 0;
  tell_next_node(sequence);
  return true;
}

/// A node did not do what others may have done already: then there is no going on.
void Session::node_refused() {
  if (!std::exchange(tracking_.telling, false) || !tracking_.on || tracking_.told == 0) return;
  begin_close(state::DisconnectReason::kUpstreamLost);
}

void Session::refuse_tracking(std::uint64_t sequence, std::string_view problem) {
  Slot& slot = *slots_.find(sequence);
  slot.state = Slot::State::kGather;
  slot.unanswered = 0;
  awaiting_ = false;
  if (tracking_.asked) {
    on_tracking_reply(false);
  } else {
    node_refused();
  }
  std::string out;
  resp::append_error(out, problem);
  finish_gather(sequence, out);
}

void Session::add_redirect_source(const ClientPlace& source) {
  redirect_sources_.push_back(source);
}

/// Once for each time it was added: the same client may have asked twice.
void Session::remove_redirect_source(const ClientPlace& source) {
  const auto found = std::find(redirect_sources_.begin(), redirect_sources_.end(), source);
  if (found != redirect_sources_.end()) redirect_sources_.erase(found);
}

/// Every worker has looked for the client that is to be told.
void Session::on_redirect_target(std::uint64_t sequence, const Gathered& found) {
  Slot* slot = slots_.find(sequence);
  if (slot == nullptr || slot->state != Slot::State::kGather) return;
  if (found.places.empty()) {
    refuse_tracking(sequence, "ERR The client ID you want redirect to does not exist");
    return;
  }
  tracking_.asked_redirection.target = found.places.front();
  tracking_.asked_redirection.found = true;
  slot->state = Slot::State::kUpstream;
  tracking_.telling = true;
  tracking_.told = 0;
  tell_next_node(sequence);
}

/// A receiver told its id: now its node can be told to send there.
void Session::on_receiver_id(std::uint64_t sequence, Slot& slot, std::string_view reply) {
  --reads_out_;
  slot.aside = false;
  slot.unanswered = 0;
  resp::ReplyCursor cursor(reply);
  resp::Node node{};
  if (!cursor.next(node) || node.type != ':' || node.integer <= 0) {
    refuse_tracking(sequence,
                    "ERR upstream " + context_.upstream_name + " did not accept the redirection");
    return;
  }
  tracking_.nodes[tracking_.told].asked_receiver.id = static_cast<std::uint64_t>(node.integer);
  tell_next_node(sequence);
}

void Session::on_tracking_reply(bool ok) {
  awaiting_ = false;
  tracking_.asked = false;
  Redirection redirection = std::exchange(tracking_.asked_redirection, {});
  if (!ok) {
    forget_redirection(redirection);
    for (TrackedNode& node : tracking_.nodes) drop_tracker(node.asked_receiver.lane);
    for (TrackedNode& node : tracking_.nodes) node.asked_receiver = {};
    node_refused();
    if (!tracking_.on) release_tracking_nodes();
    return;
  }
  forget_redirection(std::exchange(tracking_.redirection, std::move(redirection)));
  for (TrackedNode& node : tracking_.nodes) {
    const Receiver old = std::exchange(node.receiver, std::exchange(node.asked_receiver, {}));
    drop_tracker(old.lane);
  }
  tracking_.on = tracking_.asked_on;
  tracking_.broadcast = tracking_.asked_broadcast;
  tracking_.opt_in = tracking_.asked_opt_in;
  tracking_.opt_out = tracking_.asked_opt_out;
  tracking_.broken = false;
  tracking_.caching = false;
  if (!tracking_.on) {
    release_tracking_nodes();
  } else if (tracking_.owners != context_.director.owners_version()) {
    (void)on_owners_changed();
  }
}

/// Its end is no news to the client.
void Session::drop_tracker(const std::shared_ptr<upstream::Lane>& lane) {
  if (!lane) return;
  dropping_tracker_ = true;
  context_.lanes.give_back(lane, upstream::LaneCondition::kSpent, now_);
  dropping_tracker_ = false;
}

void Session::forget_redirection(const Redirection& redirection) {
  if (redirection.found)
    context_.neighbours.forget_redirect(redirection.target, {context_.worker, requester(0)});
}

/// Nobody tracks any more. A lease stays what it is, to be settled.
void Session::release_tracking_nodes() {
  tracking_.of_cluster = false;
  tracking_.caching = false;
  for (const TrackedNode& node : std::exchange(tracking_.nodes, {})) {
    drop_tracker(node.receiver.lane);
    if (node.lane == lease_) {
      lease_dirty_ = true;
    } else {
      drop_tracker(node.lane);
    }
  }
}

/// The client has nothing any more that it could be told about: it left, or asked for RESET. Its
/// lease ends with it where it is one of these connections.
void Session::end_tracking() {
  TrackingState ended = std::exchange(tracking_, {});
  forget_redirection(ended.redirection);
  forget_redirection(ended.asked_redirection);
  for (const TrackedNode& node : ended.nodes) {
    drop_tracker(node.receiver.lane);
    drop_tracker(node.asked_receiver.lane);
    if (node.lane == lease_) {
      lease_ = nullptr;
      transaction_.end();
      lease_dirty_ = false;
    }
    drop_tracker(node.lane);
  }
}

void Session::tell_to_forget() {
  if (tracking_.redirection.client == 0) {
    if (state_.protocol == 3) put_tracking_push(kForgetAll);
  } else if (tracking_.redirection.found && !tracking_.broken) {
    context_.neighbours.deliver_push(tracking_.redirection.target, std::string(kForgetAll));
  }
}

/// False: nothing came of it. What the new owner of a slot is told of a key, nobody here is told if
/// it was read from the old one; and the old one says nothing of keys that it did not have.
bool Session::on_owners_changed() {
  if (!tracks_in_cluster()) return false;
  const auto& shards = context_.director.table().shards();
  for (const auto& shard : shards) {
    if (!shard.owns_slots || shard.primary == state::kNoEndpoint) continue;
    if (tracking_.find(shard.primary) != nullptr) continue;
    outgrow_tracking();
    return true;
  }
  tell_to_forget();
  for (std::size_t i = 0; i < tracking_.nodes.size();) {
    const state::EndpointId endpoint = tracking_.nodes[i].endpoint;
    const bool owner = std::any_of(shards.begin(), shards.end(), [endpoint](const auto& shard) {
      return shard.owns_slots && shard.primary == endpoint;
    });
    const bool busy =
        tracking_.nodes[i].lane == lease_ || tracking_.telling || ways_.busy(endpoint);
    if (owner || busy) {
      ++i;
      continue;
    }
    const TrackedNode gone = std::move(tracking_.nodes[i]);
    tracking_.nodes.erase(tracking_.nodes.begin() + static_cast<std::ptrdiff_t>(i));
    drop_tracker(gone.receiver.lane);
    drop_tracker(gone.lane);
  }
  return true;
}

/// A node answers for keys, or will, that does not track: the client is answered what it has asked,
/// and then closed, which every cache of a client takes for the end of all it knows.
void Session::outgrow_tracking() {
  tell_to_forget();
  begin_close(state::DisconnectReason::kUpstreamLost);
}

/// A command of ours is refused for another node.
void Session::on_sent_elsewhere(state::EndpointId endpoint) {
  if (tracks_in_cluster() && !closing_ && endpoint != state::kNoEndpoint &&
      tracking_.find(endpoint) == nullptr)
    outgrow_tracking();
}

/// CLIENT CACHING in front of a cluster: which node it is for, the next command says.
Session::Step Session::set_caching(const command::Spec& spec, const resp::Command& command) {
  const bool yes = equals_ignoring_case(command.arg(2), "YES") && tracking_.opt_in;
  const bool no = equals_ignoring_case(command.arg(2), "NO") && tracking_.opt_out;
  if (!yes && !no) return forward(spec, command);
  tracking_.caching = true;
  std::string out;
  resp::append_simple(out, "OK");
  reply_locally(out);
  return Step::kNext;
}

/// CLIENT CACHING goes ahead of the command it is for. The client has its answer.
void Session::announce_caching(upstream::Lane& lane, state::Nanos now) const {
  std::string request;
  resp::append_request(request, {"CLIENT", "CACHING", tracking_.opt_in ? "YES" : "NO"});
  lane.submit(request, Requester{}, CommandClass::kWrite, TimeLimit::kCommand, now);
}

/// A question about the connection, between CLIENT CACHING and the command that it is for: is asked
/// with it, and leaves nothing behind, for that command may be another node's.
void Session::announce_for_now(upstream::Lane& lane, std::string_view question,
                               std::uint64_t sequence) const {
  announce_caching(lane, now_);
  lane.submit(question, requester(sequence), CommandClass::kWrite, TimeLimit::kCommand, now_);
  std::string ping;
  resp::append_request(ping, {"PING", std::string(upstream::kOwnPing) + "caching"});
  lane.submit(ping, Requester{}, CommandClass::kWrite, TimeLimit::kCommand, now_);
}

/// The client that our invalidations were redirected to has left. As Redis does, we find out when
/// there is something to tell it.
void Session::on_redirect_target_left(const Requester& target) {
  Redirection& redirection = tracking_.redirection;
  if (redirection.found && redirection.target.name == target) redirection.target_left = true;
}

void Session::on_redirect_broken() {
  tracking_.broken = true;
  for (TrackedNode& node : tracking_.nodes)
    drop_tracker(std::exchange(node.receiver.lane, nullptr));
  if (state_.protocol != 3) return;
  std::string push = ">2\r\n";
  resp::append_bulk(push, "tracking-redir-broken");
  resp::append_integer(push, static_cast<std::int64_t>(tracking_.redirection.client));
  put_tracking_push(push);
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

/// `theirs` is what the upstream calls the receiver.
std::string Session::with_own_id(std::string_view frame, std::uint64_t receiver) const {
  const std::string theirs = ":" + std::to_string(receiver) + "\r\n";
  std::string out(frame);
  const std::size_t at = out.find(theirs);
  if (at != std::string::npos)
    out.replace(at, theirs.size(), ":" + std::to_string(tracking_.redirection.client) + "\r\n");
  return out;
}

/// TRACKINGINFO with the target's id as the client knows it, and with what the upstream has not
/// noticed yet.
std::string Session::with_own_redirection(state::EndpointId endpoint, std::string_view reply) {
  constexpr std::string_view kFlag = "$15\r\nbroken_redirect\r\n";
  const TrackedNode* const node = tracking_.find(endpoint);
  std::string out = node != nullptr ? with_own_id(reply, node->receiver.id) : std::string(reply);
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
  const auto endpoint = static_cast<state::EndpointId>(to.slot / 2);
  const bool received = to.slot == receiver_pushes(endpoint);
  const TrackedNode* const node = tracking_.find(endpoint);
  if (received && tracking_.redirection.target_left) {
    on_redirect_broken();
  } else if (received) {
    // Some nodes may send before all have been asked.
    const Redirection& current = tracking_.redirection;
    const Redirection& redirection = current.found ? current : tracking_.asked_redirection;
    context_.neighbours.deliver_push(redirection.target, std::string(frame));
  } else if (node != nullptr && node->receiver.id != 0) {
    put_tracking_push(with_own_id(frame, node->receiver.id));
  } else {
    put_tracking_push(frame);
  }
}

/// A client must have what it read before it is told to forget it. Over one lane all comes in its
/// order; of several one may have answered what waits here for the answer of another.
void Session::put_tracking_push(std::string_view frame) {
  if (slots_.empty() || (parked_bytes_ == 0 && errands_.empty())) {
    put_push(frame, nullptr);
    return;
  }
  park(slot_at_the_end(), frame);
}

void Session::on_redirected_push(std::string_view frame) {
  if (state_.protocol == 3) {
    put_push(frame, nullptr);
  } else if (!subscriptions_.empty()) {
    put_push(invalidation_message(frame), nullptr);
  }
}

}  // namespace pillion::data::session
