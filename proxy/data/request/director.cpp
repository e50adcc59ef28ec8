#include "proxy/data/request/director.hpp"

#include <algorithm>
#include <utility>

#include "protocol/cluster/slot.hpp"
#include "protocol/command/table.hpp"
#include "proxy/net/backoff.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::request {
namespace {

state::EndpointId owner_of(const state::TopologySnapshot& snapshot, std::size_t slot) {
  if (!snapshot.slots) return state::kNoEndpoint;
  const std::uint16_t shard = (*snapshot.slots)[slot];
  return shard < snapshot.shards.size() ? snapshot.shards[shard].primary : state::kNoEndpoint;
}

bool same_owners(const state::TopologySnapshot& one, const state::TopologySnapshot& other) {
  for (std::size_t slot = 0; slot < state::kSlots; ++slot) {
    if (owner_of(one, slot) != owner_of(other, slot)) return false;
  }
  return true;
}

}  // namespace

void Director::on_topology(route::RouteTable::Snapshot snapshot) {
  if (!same_owners(table_.snapshot(), *snapshot)) ++owners_version_;
  alone_ = snapshot->kind == state::TopologyKind::kStandalone;
  table_.rebuild(std::move(snapshot));
  selector_.update(table_);
  asks_replicas_ = options_.replicas && table_.has_replicas() && links_ != nullptr;
  simple_ = !table_.cluster() && !asks_replicas_;
}

state::EndpointId Director::only_owner() const {
  state::EndpointId owner = state::kNoEndpoint;
  for (const route::RouteTable::ShardRoute& shard : table_.shards()) {
    if (!shard.owns_slots) continue;
    if (owner != state::kNoEndpoint) return state::kNoEndpoint;
    owner = shard.primary;
  }
  return owner;
}

bool Director::readonly(state::EndpointId endpoint) const {
  if (!table_.cluster()) return false;
  const state::Node* node = table_.node(endpoint);
  return node != nullptr && node->role == state::NodeRole::kReplica;
}

route::Destination Director::destination(std::string_view request) const {
  resp::RequestParser parser;
  if (parser.parse(request) != resp::RequestParser::Result::kCommand) return {};
  std::vector<std::string_view> keys;
  return route::route(table_, command::row_of(parser.command()), parser.command(),
                      route::Sender::kPinned, keys);
}

state::EndpointId Director::heir_of(state::EndpointId primary) const {
  const std::uint16_t place = table_.scan_place_of(primary);
  state::EndpointId heir = state::kNoEndpoint;
  for (const route::RouteTable::ShardRoute& shard : table_.shards()) {
    if (shard.primary == primary) return primary;
    if (shard.scan_place == place) heir = shard.primary;
  }
  return heir;
}

state::EndpointId Director::endpoint_of_key(std::string_view key) const {
  return cluster() ? table_.primary_of(table_.shard_of(cluster::slot_of(key))) : primary();
}

Director::ReadFrom Director::read_from(std::uint16_t shard, std::uint16_t slot,
                                       std::span<const cache::NameHash> names, state::Nanos now) {
  if (names.empty() || !has_replicas(shard)) return {};
  // A replica knows nothing of keys that have left already: what it says of several may be of some.
  if (table_.cluster() && names.size() > 1) return {state::kNoEndpoint, key_affinity()};
  const auto fresh = [&](state::EndpointId replica) {
    if (slot != route::kNoSlot && !links_->serves(replica, slot)) return false;
    return std::all_of(names.begin(), names.end(),
                       [&](cache::NameHash name) { return links_->fresh(replica, name, now); });
  };
  if (!key_affinity() || !state::holds(state::Invariant::kI17Monotone))
    return {selector_.choose(shard, names.front(), fresh), false};
  // I17: the keys' own replica, or the primary, which is never behind it. Keys of several replicas
  // are read from the primary.
  const auto own = [&](cache::NameHash name) {
    return selector_.choose(shard, name, [](state::EndpointId) { return true; });
  };
  const state::EndpointId endpoint = own(names.front());
  if (endpoint == state::kNoEndpoint) return {};
  const bool of_one = std::all_of(names.begin() + 1, names.end(),
                                  [&](cache::NameHash name) { return own(name) == endpoint; });
  if (of_one && fresh(endpoint)) return {endpoint, false};
  return {state::kNoEndpoint, true};
}

Director::ReadFrom Director::read_from(std::string_view request, state::Nanos now) {
  resp::RequestParser parser;
  if (parser.parse(request) != resp::RequestParser::Result::kCommand) return {};
  std::vector<std::string_view> keys;
  const route::Destination destination = route::route(
      table_, command::row_of(parser.command()), parser.command(), route::Sender::kAlone, keys);
  if (!destination.replica_may_answer) return {};
  names_.clear();
  for (const std::string_view key : keys) names_.push_back(cache::hash_name(key));
  return read_from(destination.shard, destination.slot, names_, now);
}

fill::FetchRoute Director::link_for(std::span<const fill::FetchName> keys, state::Nanos now) {
  if (links_ == nullptr || keys.empty()) return {};
  std::uint16_t shard = 0;
  std::uint16_t slot = route::kNoSlot;
  if (table_.cluster()) {
    slot = cluster::slot_of(keys.front().key);
    const bool one_slot = std::all_of(keys.begin(), keys.end(), [slot](const auto& key) {
      return cluster::slot_of(key.key) == slot;
    });
    if (!one_slot) return {};
    shard = table_.shard_of(slot);
    if (shard == state::kNoShard) return {};
  }
  bool elsewhere = false;
  if (!simple_ && has_replicas(shard)) {
    names_.clear();
    for (const fill::FetchName& key : keys) names_.push_back(key.name);
    const ReadFrom from = read_from(shard, slot, names_, now);
    elsewhere = from.elsewhere;
    fill::FillLink* const link =
        from.endpoint != state::kNoEndpoint ? links_->fetching(from.endpoint) : nullptr;
    if (link != nullptr) return {link, elsewhere};
    elsewhere = elsewhere || (from.endpoint != state::kNoEndpoint && key_affinity());
  }
  return {links_->fetching(table_.primary_of(shard)), elsewhere};
}

route::Decision Director::on_refused(const route::Refusal& refusal, route::Attempts& attempts,
                                     state::Nanos now) {
  if (refusal.redirect.kind == cluster::RedirectKind::kAsk && links_ != nullptr)
    links_->note_leaving(table_.primary_of(table_.shard_of(refusal.redirect.slot)),
                         refusal.redirect.slot, now);
  const route::Decision decision = route::decide(table_, refusal, attempts, net::random_bits());
  if (refresh_ != nullptr) {
    if (decision.refresh) {
      refresh_->ask(decision.reason);
    } else {
      refresh_->count_only(decision.reason);
    }
  }
  return decision;
}

void Director::on_unreachable() {
  if (refresh_ != nullptr && !alone_) refresh_->ask(state::RefreshReason::kUnreachable);
}

}  // namespace pillion::data::request
