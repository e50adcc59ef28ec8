#include "proxy/data/route/route_table.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace pillion::route {
namespace {

constexpr bool is_valid(EndpointId id) {
  return id < state::kMaxEndpoints;
}

/// The host of "host:port" or "[address]:port".
std::string_view host_of(std::string_view name) {
  name = name.substr(0, name.rfind(':'));
  if (name.size() >= 2 && name.front() == '[' && name.back() == ']') {
    name = name.substr(1, name.size() - 2);
  }
  return name;
}

bool has_address(const state::Endpoint& endpoint, std::string_view address) {
  return std::find(endpoint.addresses.begin(), endpoint.addresses.end(), address) !=
         endpoint.addresses.end();
}

bool is_at(const state::Endpoint& endpoint, std::string_view host) {
  return host_of(endpoint.name) == host || has_address(endpoint, host);
}

bool share_host(const state::Endpoint& one, const state::Endpoint& other) {
  if (is_at(one, host_of(other.name))) return true;
  return std::any_of(other.addresses.begin(), other.addresses.end(),
                     [&one](const std::string& address) { return has_address(one, address); });
}

}  // namespace

RouteTable::RouteTable() {
  scan_places_.fill(kUnknown);
  rebuild(std::make_shared<const state::TopologySnapshot>());
}

void RouteTable::rebuild(Snapshot snapshot) {
  snapshot_ = std::move(snapshot);
  cluster_ = snapshot_->kind == state::TopologyKind::kCluster;
  has_replicas_ = snapshot_->has_replicas();
  slots_ = snapshot_->slots.get();
  note_blocks();
  index_nodes();
  shards_.clear();
  for (const state::Shard& shard : snapshot_->shards) {
    shards_.push_back(ShardRoute{shard.primary, !cluster_, 0});
  }
  // Before discovery has seen anything, the configured server is all there is.
  if (shards_.empty() && !cluster_) shards_.push_back(ShardRoute{snapshot_->primary.id, true, 0});
  if (cluster_ && snapshot_->slots) note_slot_owners();
  give_scan_places();
}

void RouteTable::note_blocks() {
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    const auto first = static_cast<std::uint16_t>(block * kBlock);
    const std::uint16_t owner = shard_by_map(first);
    bool one = owner < kMixed;
    for (std::size_t i = 1; one && i < kBlock; ++i)
      one = shard_by_map(static_cast<std::uint16_t>(first + i)) == owner;
    blocks_[block] = one ? static_cast<std::uint8_t>(owner) : kMixed;
  }
}

void RouteTable::index_nodes() {
  node_at_.fill(kUnknown);
  shard_at_.fill(kNoShard);
  for (std::size_t i = 0; i < snapshot_->nodes.size(); ++i) {
    const EndpointId id = snapshot_->nodes[i].endpoint.id;
    if (is_valid(id)) node_at_[id] = static_cast<std::uint16_t>(i);
  }
  for (std::size_t i = 0; i < snapshot_->shards.size(); ++i) {
    const state::Shard& shard = snapshot_->shards[i];
    if (is_valid(shard.primary)) shard_at_[shard.primary] = static_cast<std::uint16_t>(i);
    for (const EndpointId replica : shard.replicas) {
      if (is_valid(replica)) shard_at_[replica] = static_cast<std::uint16_t>(i);
    }
  }
}

void RouteTable::note_slot_owners() {
  for (const std::uint16_t shard : *snapshot_->slots) {
    if (shard < shards_.size()) shards_[shard].owns_slots = true;
  }
}

void RouteTable::give_scan_places() {
  // Who was seen before keeps its place: a primary its own, a replica that was promoted that of the
  // shard it comes from. Those are read before any is written, as a failed primary may still be
  // listed as a shard of its own.
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    ShardRoute& shard = shards_[i];
    if (!is_valid(shard.primary)) continue;
    shard.scan_place = scan_place_of(shard.primary);
    if (scan_places_[shard.primary] != kUnknown || i >= snapshot_->shards.size()) continue;
    for (const EndpointId replica : snapshot_->shards[i].replicas) {
      if (!is_valid(replica) || scan_places_[replica] == kUnknown) continue;
      shard.scan_place = scan_places_[replica];
      break;
    }
  }
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    if (is_valid(shards_[i].primary)) scan_places_[shards_[i].primary] = shards_[i].scan_place;
    if (i >= snapshot_->shards.size()) continue;
    for (const EndpointId replica : snapshot_->shards[i].replicas) {
      if (is_valid(replica)) scan_places_[replica] = shards_[i].scan_place;
    }
  }
}

const state::Node* RouteTable::node(EndpointId id) const {
  if (!is_valid(id) || node_at_[id] == kUnknown) return nullptr;
  return &snapshot_->nodes[node_at_[id]];
}

std::uint16_t RouteTable::shard_of_endpoint(EndpointId id) const {
  return is_valid(id) ? shard_at_[id] : kNoShard;
}

EndpointId RouteTable::find(std::string_view host, std::uint16_t port) const {
  for (const state::Node& node : snapshot_->nodes) {
    if (node.endpoint.port == port && is_at(node.endpoint, host)) return node.endpoint.id;
  }
  return kNoEndpoint;
}

EndpointId RouteTable::find_beside(EndpointId neighbour, std::uint16_t port) const {
  const state::Node* const known = node(neighbour);
  if (known == nullptr) return kNoEndpoint;
  for (const state::Node& node : snapshot_->nodes) {
    if (node.endpoint.port == port && share_host(node.endpoint, known->endpoint)) {
      return node.endpoint.id;
    }
  }
  return kNoEndpoint;
}

}  // namespace pillion::route
