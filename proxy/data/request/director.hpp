// Where a worker sends what its clients ask, by the latest snapshot of the upstream: which
// endpoint, which replica, which fill link, and what becomes of a refusal. The one object that
// knows the route room's parts and the fill links together.
//
// Of one worker, on its thread. Nothing here waits or allocates per command, but for plans of
// several commands (FanOutPlan) and refusals.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"
#include "proxy/data/fill/fetch_router.hpp"
#include "proxy/data/fill/link_set.hpp"
#include "proxy/data/route/redirect_policy.hpp"
#include "proxy/data/route/replica_selector.hpp"
#include "proxy/data/route/retry_budget.hpp"
#include "proxy/data/route/route_table.hpp"
#include "proxy/data/route/router.hpp"
#include "proxy/state/refresh_requests.hpp"

namespace pillion::data::request {

class Director : public fill::FetchRouter {
 public:
  struct Options {
    bool replicas = false;  // reads.from: they may be asked
    route::ReadBalance balance = route::ReadBalance::kRoundRobin;
    route::RetryShare retries;
  };

  explicit Director(const Options& options)
      : options_(options), selector_(options.balance), retries_(options.retries) {}

  /// This worker's, which prove how fresh replicas are; null: no replica is ever asked, nothing is
  /// fetched.
  void use_links(const fill::LinkSet* links) { links_ = links; }
  /// Null: nobody looks at the layout again.
  void use_refresh(state::RefreshRequests* refresh) { refresh_ = refresh; }

  void on_topology(route::RouteTable::Snapshot snapshot);

  const route::RouteTable& table() const { return table_; }
  bool cluster() const { return table_.cluster(); }
  /// One server, and nobody who could take its place: what fails there has failed.
  bool alone() const { return alone_; }
  /// Every command goes to primary(): there is nothing to decide.
  bool simple() const { return simple_; }
  state::EndpointId primary() const { return table_.any_primary(); }
  /// Changes whenever a slot of a cluster gets another primary, or loses its own.
  std::uint64_t owners_version() const { return owners_version_; }
  /// Of a cluster: who owns all slots that anybody does; kNoEndpoint: there are several, or none.
  state::EndpointId only_owner() const;
  /// The endpoint is a replica of a cluster.
  bool readonly(state::EndpointId endpoint) const;

  route::Destination destination(const command::Spec& spec, const resp::Command& command,
                                 route::Sender sender, std::vector<std::string_view>& keys,
                                 std::uint16_t key_slot = route::kNoSlot) const {
    return route::route(table_, spec, command, sender, keys, key_slot);
  }
  /// Of one command on its own, given by its canonical bytes, whoever may answer it.
  route::Destination destination(std::string_view request) const;

  /// Who answers for what that primary had: itself, or whom its shard has now; kNoEndpoint: nobody.
  state::EndpointId heir_of(state::EndpointId primary) const;

  /// The primary of a key; kNoEndpoint: nobody owns it.
  state::EndpointId endpoint_of_key(std::string_view key) const;

  struct ReadFrom {
    state::EndpointId endpoint = state::kNoEndpoint;  // kNoEndpoint: the primary
    bool elsewhere = false;  // key_affinity: not the keys' own replica (fill::FetchRoute)
  };
  /// Some replica of the shard may be asked: read_from() has something to decide.
  bool has_replicas(std::uint16_t shard) const {
    return asks_replicas_ && selector_.has_replicas(shard);
  }

  /// Who reads these keys of one shard, of a cluster of one slot. Precondition: destination() said
  /// replica_may_answer.
  ReadFrom read_from(std::uint16_t shard, std::uint16_t slot,
                     std::span<const cache::NameHash> names, state::Nanos now);

  /// A replica for one command on its own, given by its canonical bytes; none: only the primary may
  /// answer it.
  ReadFrom read_from(std::string_view request, state::Nanos now);

  fill::FetchRoute link_for(std::span<const fill::FetchName> keys, state::Nanos now) override;
  fill::FillLink* link_for_scripts() override {
    return links_ != nullptr && simple_ ? links_->running_scripts(primary()) : nullptr;
  }

  /// What to do about a refusal; asks for a refresh where that is part of it.
  route::Decision on_refused(const route::Refusal& refusal, route::Attempts& attempts,
                             state::Nanos now);
  /// The endpoint cannot be reached: what was not sent may wait for the layout to change.
  void on_unreachable();

  /// Reads of a key never go back in time, wherever they are answered (I17).
  bool key_affinity() const {
    return options_.replicas && options_.balance == route::ReadBalance::kKeyAffinity;
  }

  /// Changes whenever keys belong to other replicas than before; key_affinity() only.
  std::uint64_t rotations() const { return links_ == nullptr ? 0 : links_->rotations(); }

  route::RetryBudget& retries() { return retries_; }

 private:
  Options options_;
  route::RouteTable table_;
  route::ReplicaSelector selector_;
  route::RetryBudget retries_;
  const fill::LinkSet* links_ = nullptr;
  state::RefreshRequests* refresh_ = nullptr;
  bool alone_ = true;
  bool simple_ = true;
  bool asks_replicas_ = false;  // where there are any
  std::uint64_t owners_version_ = 0;
  std::vector<cache::NameHash> names_;  // scratch
};

}  // namespace pillion::data::request
