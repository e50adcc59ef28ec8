#include "proxy/data/request/director.hpp"

#include <algorithm>
#include <utility>

#include "protocol/cluster/slot.hpp"
#include "protocol/command/table.hpp"
#include "proxy/net/backoff.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::request {
namespace {

const command::Spec& spec_of(const resp::Command& command) {
  const command::Spec& spec = command::find(command.name());
  return spec.is(command::kContainer) && command.argc() > 1
             ? command::find_sub(spec, command.arg(1))
             : spec;
}

}  // namespace

void Director::on_topology(route::RouteTable::Snapshot snapshot) {
  const bool has_replicas = snapshot->has_replicas();
  alone_ = snapshot->kind == state::TopologyKind::kStandalone;
  table_.rebuild(std::move(snapshot));
  selector_.update(table_);
  simple_ = !table_.cluster() && !(options_.replicas && has_replicas && links_ != nullptr);
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
  return route::route(table_, spec_of(parser.command()), parser.command(), route::Sender::kPinned,
                      keys);
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

Director::ReadFrom Director::read_from(std::uint16_t shard, std::span<const cache::NameHash> names,
                                       state::Nanos now) {
  if (!options_.replicas || links_ == nullptr || names.empty() || !selector_.has_replicas(shard))
    return {};
  // I17: instead of the keys' own replica only the primary, which is never behind it.
  const bool affinity = options_.balance == route::ReadBalance::kKeyAffinity &&
                        state::holds(state::Invariant::kI17Monotone);
  bool passed_over = false;
  const state::EndpointId endpoint =
      selector_.choose(shard, names.front(), [&](state::EndpointId replica) {
        if (passed_over && affinity) return false;
        const bool fresh = std::all_of(names.begin(), names.end(), [&](cache::NameHash name) {
          return links_->fresh(replica, name, now);
        });
        passed_over = passed_over || !fresh;
        return fresh;
      });
  return {endpoint, passed_over && options_.balance == route::ReadBalance::kKeyAffinity};
}

Director::ReadFrom Director::read_from(std::string_view request, state::Nanos now) {
  resp::RequestParser parser;
  if (parser.parse(request) != resp::RequestParser::Result::kCommand) return {};
  std::vector<std::string_view> keys;
  const route::Destination destination = route::route(
      table_, spec_of(parser.command()), parser.command(), route::Sender::kAlone, keys);
  if (!destination.replica_may_answer) return {};
  names_.clear();
  for (const std::string_view key : keys) names_.push_back(cache::hash_name(key));
  return read_from(destination.shard, names_, now);
}

fill::FetchRoute Director::link_for(std::span<const fill::FetchName> keys, state::Nanos now) {
  if (links_ == nullptr || keys.empty()) return {};
  std::uint16_t shard = 0;
  if (table_.cluster()) {
    const std::uint16_t slot = cluster::slot_of(keys.front().key);
    const bool one_slot = std::all_of(keys.begin(), keys.end(), [slot](const auto& key) {
      return cluster::slot_of(key.key) == slot;
    });
    if (!one_slot) return {};
    shard = table_.shard_of(slot);
    if (shard == state::kNoShard) return {};
  }
  bool elsewhere = false;
  if (!simple_ && options_.replicas && selector_.has_replicas(shard)) {
    names_.clear();
    for (const fill::FetchName& key : keys) names_.push_back(key.name);
    const ReadFrom from = read_from(shard, names_, now);
    elsewhere = from.elsewhere;
    fill::FillLink* const link =
        from.endpoint != state::kNoEndpoint ? links_->fetching(from.endpoint) : nullptr;
    if (link != nullptr) return {link, elsewhere};
    elsewhere = elsewhere || (from.endpoint != state::kNoEndpoint &&
                              options_.balance == route::ReadBalance::kKeyAffinity);
  }
  return {links_->fetching(table_.primary_of(shard)), elsewhere};
}

route::Decision Director::on_refused(const route::Refusal& refusal, route::Attempts& attempts) {
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
