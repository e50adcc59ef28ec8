// Lanes of a session's own: transactions, blocking commands, scripts, large requests, relays.
#include <algorithm>
#include <utility>

#include "protocol/cluster/slot.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {

/// To the server of this command's keys.
bool Session::acquire_lease_for(const command::Spec& spec, const resp::Command& command,
                                LeaseOf of) {
  if (lease_) return true;
  const state::EndpointId endpoint = endpoint_for(spec, command);
  return endpoint != state::kNoEndpoint && acquire_lease(endpoint, of);
}

/// A lane of this session alone that accepts commands; null: there is none, the client was told.
std::shared_ptr<upstream::Lane> Session::open_lane(state::EndpointId endpoint) {
  // Where shared connections cannot be made, one more attempt for every command makes a storm.
  const auto shared = context_.lanes.pick(channel_key(endpoint), now_);
  if (!shared->accepts_commands()) {
    context_.director.on_unreachable();
    fail_locally(failure_text(shared->last_failure(), false));
    return nullptr;
  }
  auto lane = context_.lanes.lease(channel_key(endpoint), now_);
  if (!lane) {
    fail_locally("ERR upstream connection limit reached");
  } else if (!lane->accepts_commands()) {
    // It failed before it was handed out (a name that does not resolve): nobody will tell us again.
    fail_locally(failure_text(lane->last_failure(), false));
    context_.lanes.give_back(std::exchange(lane, nullptr), upstream::LaneCondition::kSpent, now_);
  }
  return lane;
}

bool Session::acquire_lease(state::EndpointId endpoint, LeaseOf of) {
  if (lease_) return true;
  const TrackedNode* const tracker =
      of == LeaseOf::kTracker && tracks_in_cluster() ? tracking_.find(endpoint) : nullptr;
  if (tracker != nullptr) {
    // What is read there is tracked; it goes on tracking when the lease is over.
    drop_spare();
    lease_ = tracker->lane;
    leased_from_ = endpoint;
    lease_suspect_ = false;
  } else if (spare_ && spare_->accepts_commands() && leased_from_ == endpoint) {
    lease_ = std::move(spare_);
  } else {
    drop_spare();
    lease_ = open_lane(endpoint);
    lease_suspect_ = false;
    leased_from_ = endpoint;
  }
  lease_dirty_ = false;
  return lease_ != nullptr;
}

void Session::settle_lease(state::Nanos now) {
  blocking_ = false;
  if (!lease_ || keeps_lease() || on_lane_ > 0) return;
  if (tracking_.uses(lease_)) {
    lease_ = nullptr;
    lease_dirty_ = false;
    return;
  }
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
  transaction_.end();
  relay_ = false;
  lease_dirty_ = false;
  if (tracking_.uses(way)) {
    end_tracking();
    return;
  }
  context_.lanes.give_back(way, upstream::LaneCondition::kSpent, now_);
}

void Session::drop_spare() {
  if (!spare_) return;
  const auto condition = std::exchange(lease_suspect_, false) ? upstream::LaneCondition::kSuspect
                                                              : upstream::LaneCondition::kClean;
  context_.lanes.give_back(std::exchange(spare_, nullptr), condition, now_);
}

Session::Step Session::handle_leased(const command::Spec& spec, const resp::Command& command) {
  const std::string_view name = spec.name;
  if (!lease_->accepts_commands()) return handle_lost_lease(spec, command);
  if (name == "QUIT") return handle_local(spec, command);
  if (!command::arity_ok(spec, command.argc())) {
    const Step step = forward(spec, command);
    // Redis takes a malformed EXEC for one that aborts.
    if (name == "EXEC" && step == Step::kNext) transaction_.end();
    return step;
  }
  if (name == "RESET") {
    if (!slots_.empty()) return Step::kWait;
    reset();
    return Step::kNext;
  }

  if (context_.director.cluster() && !keeps_lease()) {
    // A script or a pop has the lease: what is not for its node waits until it is over.
    const route::Destination destination =
        context_.director.destination(spec, command, route::Sender::kAlone, keys_scratch_);
    const bool same =
        destination.kind == route::DestinationKind::kShard && destination.endpoint == leased_from_;
    if (!same && !slots_.empty()) return Step::kWait;
  }
  if (name == "WATCH" && !transaction_.watching && !transaction_.open)
    transaction_.slot = route::kNoSlot;
  if ((transaction_.open || transaction_.watching || name == "WATCH") &&
      of_another_slot(spec, command)) {
    transaction_.refused = transaction_.open;
    fail_locally(route::kCrossSlot);
    return Step::kNext;
  }
  if (transaction_.open) return handle_in_multi(spec, command);
  if (name == "MULTI" || name == "WATCH" || name == "UNWATCH") {
    Outgoing extra;
    if (name == "MULTI") extra.action = SlotAction::kMulti;
    const Step step = forward(spec, command, std::move(extra));
    if (step == Step::kWait) return step;
    if (name == "MULTI") transaction_.open = true;
    transaction_.watching = name == "WATCH" || (transaction_.watching && name == "MULTI");
    return step;
  }
  if (emulates(spec)) return answer_as_cluster(spec, command);
  switch (spec.route) {
    case command::Route::kSubscribe:
      return handle_subscribe(spec, command);
    case command::Route::kScript:
      return forward_script(spec, command);
    case command::Route::kRelay:
      // Without an open WATCH the lease ends with its last reply, and the command is taken up then.
      if (!slots_.empty() || !keeps_lease()) return Step::kWait;
      return start_relay(spec, command);
    case command::Route::kDisposable:
      lease_dirty_ = true;
      break;
    case command::Route::kLocal:
      if (name != "AUTH" && name != "HELLO" && name != "SELECT") return handle_local(spec, command);
      if (name != "SELECT" && tracks_in_cluster()) return handle_local(spec, command);
      if (!slots_.empty() || !keeps_lease()) return Step::kWait;
      return change_state_on_lease(spec, command);
    case command::Route::kBlock:
      if (name == "WAIT" || name == "WAITAOF") return wait_for_replicas(spec, command);
      break;
    case command::Route::kForward:
    case command::Route::kCacheable:
      return forward_with_care(spec, command);
    case command::Route::kTransaction:
    case command::Route::kDenied:
      break;
  }
  return forward(spec, command);
}

/// AUTH, HELLO and SELECT while the lease is open beyond them: it is the client's own connection,
/// so it is told as well.
Session::Step Session::change_state_on_lease(const command::Spec& spec,
                                             const resp::Command& command) {
  Outgoing extra;
  if (spec.name == "SELECT") {
    const auto database = parse_database(command.arg(1));
    if (!database) return forward(spec, command);
    pending_.database = *database;
    extra.action = SlotAction::kSelect;
  } else if (spec.name == "AUTH") {
    if (command.argc() > 3) return forward(spec, command);
    expect_auth(command);
    extra.action = SlotAction::kAuth;
  } else {
    Hello hello = parse_hello(command);
    if (!hello.error.empty() && !hello.authenticate) {
      fail_locally(hello.error);
      return Step::kNext;
    }
    if (!expect_hello(std::move(hello))) return forward(spec, command);
    extra.action = SlotAction::kHello;
  }
  lease_dirty_ = true;
  const Step step = forward(spec, command, std::move(extra));
  if (step == Step::kNext) awaiting_ = true;
  return step;
}

/// WAIT counts from the last write of its own connection, and the client's writes went over a
/// shared one: a command ahead of it brings the connection up to the latest write of anybody.
Session::Step Session::wait_for_replicas(const command::Spec& spec, const resp::Command& command) {
  // All nodes are asked once the lease has ended.
  if (context_.director.cluster() && !keeps_lease()) return Step::kWait;
  if (lease_->congested()) {
    congested_ = true;
    return Step::kWait;
  }
  std::string ping;
  resp::append_request(ping, {"PING", std::string(upstream::kOwnPing) + "wait"});
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.discard = true;
  slot.unanswered = 1;
  ++on_lane_;
  lease_->submit(ping, requester(slots_.back_sequence()), CommandClass::kWrite, TimeLimit::kCommand,
                 now_);
  return forward(spec, command);
}

Session::Step Session::start_relay(const command::Spec& spec, const resp::Command& command) {
  if (!acquire_lease(context_.director.primary(), LeaseOf::kFresh)) return Step::kNext;
  lease_dirty_ = true;
  if (spec.name == "MONITOR") {
    // Whether this client may, the upstream says first: it will see what others ask the L1.
    const Step step = forward(spec, command, {.action = SlotAction::kMonitor});
    awaiting_ = awaiting_ || step == Step::kNext;
    return step;
  }
  replica_ = spec.name == "SYNC" || spec.name == "PSYNC" || spec.name == "REPLCONF";
  lease_->start_relay(requester(0));
  lease_->append_opaque(command.raw());
  relay_ = true;
  return Step::kNext;
}

void Session::on_monitor_reply(bool ok) {
  awaiting_ = false;
  if (!ok || !lease_) return;
  replica_ = false;
  relay_ = true;
  monitor_ = std::make_unique<MonitorFilter>(state::own_connections());
  context_.all_clients.monitors.fetch_add(1, std::memory_order_relaxed);
  context_.neighbours.add_monitor(requester(0));
  lease_->start_relay(requester(0));
}

std::size_t Session::feed_relay(std::string_view bytes) {
  if (lease_ && lease_->congested()) {
    congested_ = true;
    return 0;
  }
  switch (parser_.parse(bytes)) {
    case resp::RequestParser::Result::kCommand: {
      const resp::Command& command = parser_.command();
      const std::string_view said = command::find(command.name()).name;
      replica_ = replica_ || said == "SYNC" || said == "PSYNC";
      if (said == "RESET") {
        reset();
      } else if (said == "QUIT") {
        quit();
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
      protocol_error("-ERR command is too large for this mode\r\n");
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
  state::EndpointId endpoint = context_.director.primary();
  if (context_.director.cluster() && spec->first_key > 0) {
    // Its first key is all that is known of it; the node answers for the others.
    const auto first = static_cast<std::size_t>(spec->first_key);
    if (command.argc() <= first) {
      protocol_error("-ERR this command is too large\r\n");
      return Step::kNext;
    }
    endpoint = context_.director.endpoint_of_key(command.arg(first));
  }
  large_.emplace();
  // When there is none the error is said, and the command is swallowed.
  if (transaction_.unbound) {
    const bool keyed = spec->first_key > 0;
    const std::size_t first = keyed ? static_cast<std::size_t>(spec->first_key) : 0;
    if (!bind(endpoint, keyed ? cluster::slot_of(command.arg(first)) : route::kNoSlot))
      return Step::kNext;
  }
  if (!acquire_lease(endpoint)) return Step::kNext;
  Slot& slot = new_slot(Slot::State::kUpstream);
  slot.discard = discards_reply();
  slot.unanswered = 1;
  lease_suspect_ = true;
  large_unanswered_ = true;
  ++on_lane_;
  lease_->begin_large(requester(slots_.back_sequence()), now_);
  if (!context_.cache_enabled || spec->effect == command::Effect::kNone) return Step::kNext;

  // Only a key that is already here is known; anything else is a fence.
  const bool one_key = spec->effect == command::Effect::kKeys &&
                       spec->key_rule == command::KeyRule::kRange && spec->first_key == 1 &&
                       spec->last_key == 1 && command.argc() > 1;
  const auto effect = one_key ? request::EffectKind::kKeys : request::EffectKind::kUnknown;
  if (transaction_.open) {
    transaction_.effect = std::max(transaction_.effect, effect);
    if (one_key) transaction_.names.push_back(cache::hash_name(command.arg(1)));
    return Step::kNext;
  }
  slot.effect = effect;
  slot.needs_fence = effect == request::EffectKind::kUnknown;
  ++writes_out_;
  write_filter_.add_all();
  if (one_key) {
    slot.keys = 1;
    slot.names.push_back(cache::hash_name(command.arg(1)));
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
