// Which server a command goes to, and the shared lanes to those that were asked.
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/command/keys.hpp"
#include "protocol/command/table.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::session {

/// The way to an endpoint: its lane stays the same while commands of ours are on it, so that they
/// are done in their order. What is still counted on a lane that ended is lost with it.
Way& Session::way_to(state::EndpointId endpoint) {
  Way& way = ways_.to(endpoint);
  // Which one is asked anew, for what a lane is for may have changed as well: a SELECT that was
  // queued in a transaction is another database's from its EXEC on.
  if (way.unanswered == 0 || !way.lane->accepts_commands()) {
    const TrackedNode* const tracker = tracks_in_cluster() ? tracking_.find(endpoint) : nullptr;
    way.lane =
        tracker != nullptr ? tracker->lane : context_.lanes.pick(channel_key(endpoint), now_);
  }
  return way;
}

void Session::enter_way(WayId id) {
  ++on_lane_;
  if (Way* const way = ways_.find(id)) ++way->unanswered;
}

void Session::leave_way(WayId id, std::uint32_t commands) {
  on_lane_ -= commands;
  if (Way* const way = ways_.find(id)) way->unanswered -= std::min(way->unanswered, commands);
}

/// The server of a command that takes a connection of its own; kNoEndpoint: a client was told why
/// there is none.
state::EndpointId Session::endpoint_for(const command::Spec& spec, const resp::Command& command) {
  if (!context_.director.cluster()) return context_.director.primary();
  const route::Destination destination =
      context_.director.destination(spec, command, route::Sender::kPinned, keys_scratch_);
  if (!destination.error.empty()) {
    fail_locally(destination.error);
    return state::kNoEndpoint;
  }
  if (destination.endpoint == state::kNoEndpoint) fail_locally(route::kSlotNotServed);
  return destination.endpoint;
}

/// A lease is one server's: what another has to answer waits until it has ended.
bool Session::belongs_elsewhere(const command::Spec& spec, const resp::Command& command) {
  const route::Destination destination =
      context_.director.destination(spec, command, route::Sender::kAlone, keys_scratch_);
  switch (destination.kind) {
    case route::DestinationKind::kFanOut:
    case route::DestinationKind::kScan:
    case route::DestinationKind::kUnserved:
      return true;
    case route::DestinationKind::kShard:
      return destination.endpoint != leased_from_;
    case route::DestinationKind::kAnyNode:
    case route::DestinationKind::kRefused:
      break;
  }
  return false;
}

Session::Sending Session::sending(const command::Spec& spec, const resp::Command& command,
                                  const Outgoing& extra, bool retriable) {
  Sending result;
  if (lease_) {
    if (context_.director.cluster() && !keeps_lease() && belongs_elsewhere(spec, command)) {
      result.step = Step::kWait;
      return result;
    }
    result.lane = lease_.get();
    result.endpoint = leased_from_;
  } else if (extra.endpoint != state::kNoEndpoint || context_.director.simple()) {
    route::Destination destination;
    destination.endpoint =
        extra.endpoint != state::kNoEndpoint ? extra.endpoint : context_.director.primary();
    result = sending_to(destination, spec, command, extra, retriable);
  } else {
    result = sending_to(context_.director.destination(spec, command, route::Sender::kAlone,
                                                      keys_scratch_, key_slot_),
                        spec, command, extra, retriable);
  }
  if (result.lane != nullptr && result.lane->congested()) {
    congested_ = true;
    result.lane = nullptr;
    result.step = Step::kWait;
  }
  return result;
}

Session::Sending Session::sending_to(const route::Destination& destination,
                                     const command::Spec& spec, const resp::Command& command,
                                     const Outgoing& extra, bool retriable) {
  Sending result;
  switch (destination.kind) {
    case route::DestinationKind::kFanOut:
      result.step = fan_out(spec, command, extra);
      return result;
    case route::DestinationKind::kScan:
      result.step = scan(spec, command);
      return result;
    case route::DestinationKind::kRefused:
      fail_locally(destination.error);
      return result;
    case route::DestinationKind::kShard:
    case route::DestinationKind::kAnyNode:
    case route::DestinationKind::kUnserved:
      break;
  }
  state::EndpointId endpoint = destination.endpoint;
  if (destination.replica_may_answer && retriable && !tracking_.on &&
      context_.director.has_replicas(destination.shard)) {
    names_scratch_.clear();
    for (const std::string_view key : keys_scratch_)
      names_scratch_.push_back(cache::hash_name(key));
    // A read of what this client is about to write goes behind the write (I10).
    const bool own =
        std::any_of(names_scratch_.begin(), names_scratch_.end(), [this](cache::NameHash name) {
          return write_filter_.may_contain(name) && state::holds(state::Invariant::kI10ReadOrder);
        });
    if (!own) {
      const auto from =
          context_.director.read_from(destination.shard, destination.slot, names_scratch_, now_);
      if (from.endpoint != state::kNoEndpoint) {
        const Way& way = way_to(from.endpoint);
        if (way.lane->accepts_commands()) {
          result.lane = way.lane.get();
          result.way = way.id;
          result.endpoint = from.endpoint;
          result.beside = true;
          return result;
        }
      }
    }
  }
  if (endpoint != state::kNoEndpoint) {
    const Way& way = way_to(endpoint);
    result.endpoint = endpoint;
    if (way.lane->accepts_commands()) {
      result.lane = way.lane.get();
      result.way = way.id;
      return result;
    }
    if (context_.director.alone()) {
      fail_locally(failure_text(way.lane->last_failure(), false));
      return result;
    }
  }
  // Nobody serves it at the moment: it waits, for a while, for the layout to change.
  result.endpoint = endpoint;
  result.waits = true;
  return result;
}

}  // namespace pillion::data::session
