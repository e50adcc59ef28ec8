#include "proxy/data/fill/link_set.hpp"

#include <algorithm>
#include <utility>

#include "proxy/state/invariant.hpp"

namespace pillion::data::fill {
namespace {

// After a gap like this, what looks like silence of the upstream may be our own.
constexpr state::Nanos kAway = 100 * state::kMillisecond;
// COHERENCE section 8.5, cluster-negative.
constexpr state::Nanos kClusterNegativeAge = state::kSecond;

std::string_view name_of(FillLinkFsm::Status status) {
  switch (status) {
    case FillLinkFsm::Status::kLive:
      return "live";
    case FillLinkFsm::Status::kHandshake:
      return "handshake";
    case FillLinkFsm::Status::kUnproven:
      return "unproven";
    case FillLinkFsm::Status::kRefused:
      return "refused";
    case FillLinkFsm::Status::kDown:
    case FillLinkFsm::Status::kConnecting:
    case FillLinkFsm::Status::kBackoff:
      break;
  }
  return "down";
}

/// Replicas of the shard that are asked.
std::size_t answering(const state::TopologySnapshot& snapshot, const state::Shard& shard) {
  return static_cast<std::size_t>(
      std::count_if(shard.replicas.begin(), shard.replicas.end(), [&](state::EndpointId replica) {
        const state::Node* const node = snapshot.find(replica);
        return node != nullptr && node->in_rotation;
      }));
}

}  // namespace

LinkMaker socket_fill_links(boost::asio::io_context& io, net::TurnEnd& turn_end,
                            const FillLink::Topology& topology) {
  return [&](std::unique_ptr<FillLinkFsm> fsm) {
    auto link = std::make_shared<FillLink>(io, turn_end, topology, std::move(fsm));
    link->start(state::now());
    return link;
  };
}

LinkSet::LinkSet(const Environment& environment, LinkSetOptions options, LinkMaker make_link)
    : environment_(environment),
      options_(std::move(options)),
      make_link_(std::move(make_link)),
      by_endpoint_(state::kMaxEndpoints, nullptr) {
  if (options_.key_affinity) environment_.invalidator.tokens().set_view(options_.worker, view());
}

LinkSet::~LinkSet() {
  close();
}

void LinkSet::on_topology(const state::TopologySnapshot& snapshot, state::Nanos now) {
  for (Member& member : members_) member.wanted = false;
  const bool replicas = options_.replicas && snapshot.has_replicas();
  if (options_.cache || replicas) {
    if (snapshot.shards.empty()) {
      want(snapshot, snapshot.primary.id, state::NodeRole::kPrimary, snapshot.primary.id, now);
    }
    for (const state::Shard& shard : snapshot.shards) {
      if (replicas && shard.primary < state::kMaxEndpoints)
        environment_.replication.of(shard.primary).expect(answering(snapshot, shard));
      want(snapshot, shard.primary, state::NodeRole::kPrimary, shard.primary, now);
      if (!replicas) continue;
      for (const state::EndpointId replica : shard.replicas)
        want(snapshot, replica, state::NodeRole::kReplica, shard.primary, now);
    }
  }
  for (std::size_t i = 0; i < members_.size();) {
    if (members_[i].wanted) {
      ++i;
      continue;
    }
    close(members_[i]);
    members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  if (options_.key_affinity) note_rotation(snapshot, now);
}

void LinkSet::want(const state::TopologySnapshot& snapshot, state::EndpointId endpoint,
                   state::NodeRole role, state::EndpointId primary, state::Nanos now) {
  const state::Endpoint* const place = snapshot.endpoint(endpoint);
  if (place == nullptr || endpoint >= state::kMaxEndpoints) return;
  // Only what is replicated for reading needs a clock. A primary that nobody replicates is proved
  // by its own word.
  ReplicationClock* clock = nullptr;
  if (options_.replicas && primary < state::kMaxEndpoints && snapshot.has_replicas())
    clock = &environment_.replication.of(primary);
  const bool cluster = snapshot.kind == state::TopologyKind::kCluster;
  const auto known = std::find_if(members_.begin(), members_.end(), [&](const Member& member) {
    return member.endpoint == endpoint;
  });
  if (known != members_.end()) {
    if (known->role == role && known->link->fsm().options().cluster == cluster) {
      known->wanted = true;
      known->name = place->name;
      known->primary = primary;
      known->link->follow(clock, now);
      return;
    }
    if (known->wanted) return;  // named twice: what it was called first stands
    close(*known);
    members_.erase(known);
  }
  open(*place, role, primary, cluster, clock);
}

void LinkSet::open(const state::Endpoint& endpoint, state::NodeRole role, state::EndpointId primary,
                   bool cluster, ReplicationClock* clock) {
  const bool replica = role == state::NodeRole::kReplica;
  const auto source = replica ? cache::LinkSource::kReplica : cache::LinkSource::kPrimary;
  FillLinkOptions options = options_.link;
  options.link = environment_.links.acquire(options_.worker, source, endpoint.id);
  if (options.link == cache::LinkTable::kNoLink) return;  // reads of it go past the L1
  options.endpoint = endpoint.id;
  options.source = source;
  options.cluster = cluster;
  options.tracking = options_.cache;
  options.key_affinity = options_.key_affinity;
  options.clock = clock;
  if (environment_.traffic != nullptr) options.traffic = &environment_.traffic->of(endpoint.id);
  if (replica)
    options.reply_timeout = std::min(options.reply_timeout, options_.replica_reply_timeout);
  if (cluster) options.max_negative_age = kClusterNegativeAge;
  Member member;
  member.endpoint = endpoint.id;
  member.role = role;
  member.primary = primary;
  member.name = endpoint.name;
  member.wanted = true;
  member.link = make_link_(
      std::make_unique<FillLinkFsm>(std::move(options), environment_.cache, environment_.links,
                                    environment_.invalidator, *this, environment_.counters));
  by_endpoint_[endpoint.id] = member.link.get();
  members_.push_back(std::move(member));
}

void LinkSet::close(Member& member) {
  by_endpoint_[member.endpoint] = nullptr;
  member.link->close();
  environment_.links.release(member.link->fsm().options().link);
}

/// I17: which replica a key belongs to has changed. Who takes a key over has to be past all that
/// was read of it elsewhere.
void LinkSet::note_rotation(const state::TopologySnapshot& snapshot, state::Nanos now) {
  std::vector<Share> rotation;
  for (const state::Node& node : snapshot.nodes) {
    if (node.role == state::NodeRole::kReplica && node.in_rotation)
      rotation.push_back({node.endpoint.id, node.weight, node.near});
  }
  std::sort(rotation.begin(), rotation.end(),
            [](const Share& a, const Share& b) { return a.replica < b.replica; });
  if (rotation == rotation_) return;
  rotation_ = std::move(rotation);
  ++rotations_;
  if (!state::holds(state::Invariant::kI17Monotone)) return;
  environment_.invalidator.on_unknown_write(now);
  environment_.invalidator.tokens().set_view(options_.worker, view());
  // What is under way may show more than its key's next replica has.
  for (const Member& member : members_) member.link->on_rotation();
}

/// The rotation, as a number.
std::uint64_t LinkSet::view() const {
  std::uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&hash](std::uint64_t value) { hash = (hash ^ value) * 0x100000001b3; };
  for (const Share& share : rotation_) {
    add(share.replica);
    add(share.weight);
    add(share.near ? 1 : 0);
  }
  return hash;
}

void LinkSet::on_tick(state::Nanos now) {
  if (latest_tick_ != 0 && now - latest_tick_ > kAway) drain();
  latest_tick_ = now;
  for (const Member& member : members_) member.link->on_tick(now);
}

void LinkSet::drain() {
  for (const Member& member : members_) member.link->drain();
}

void LinkSet::close() {
  if (options_.key_affinity) environment_.invalidator.tokens().forget_view(options_.worker);
  for (Member& member : members_) close(member);
  members_.clear();
}

bool LinkSet::fresh(state::EndpointId endpoint, cache::NameHash name, state::Nanos now) const {
  const FillLink* const link = find(endpoint);
  // Without a link: what is not a replica needs none, and a replica proves nothing.
  if (link == nullptr) return false;
  // Asked first: a replica's link is probed while it is wanted.
  const bool fresh = link->fresh(name, now, options_.replica_age);
  const bool several_views = options_.key_affinity &&
                             state::holds(state::Invariant::kI17Monotone) &&
                             link->fsm().options().source == cache::LinkSource::kReplica &&
                             !environment_.invalidator.tokens().one_view();
  return fresh && !several_views;
}

void LinkSet::note_leaving(state::EndpointId primary, std::uint16_t slot, state::Nanos now) const {
  if (options_.replicas && primary < state::kMaxEndpoints)
    environment_.replication.of(primary).note_leaving(slot, now);
}

void LinkSet::send_fence(FenceId fence, state::Nanos now) {
  // One more, so that links which answer at once do not end it before all were asked.
  fences_.push_back({fence, 1});
  for (std::size_t i = 0; i < members_.size(); ++i) {
    FillLink& link = *members_[i].link;
    if (!environment_.links.wants_fence(link.fsm().options().link)) continue;
    ++fences_.back().missing;
    link.send_fence(fence, now);
  }
  on_fence(fence);
}

void LinkSet::on_fence(FenceId fence) {
  const auto found = std::find_if(fences_.begin(), fences_.end(),
                                  [&](const Fence& open) { return open.fence == fence; });
  if (found == fences_.end() || --found->missing > 0) return;
  fences_.erase(found);
  environment_.sink.on_fence(fence);
}

/// One question of the primary for all who wait, and an answer that the L1 can keep.
bool LinkSet::on_absent(Fetch& fetch, state::EndpointId asked, state::Nanos now) {
  const FillLink* const from = find(asked);
  const auto member = std::find_if(members_.begin(), members_.end(),
                                   [&](const Member& each) { return each.endpoint == asked; });
  if (from == nullptr || member == members_.end() || fetch.multi) return false;
  FillLink* const primary = fetching(member->primary);
  if (primary == nullptr || primary == from) return false;
  // What may be cached is each server's own word.
  if ((from->allowed() & ~primary->allowed()) != 0) return false;
  fetch.elsewhere = fetch.elsewhere || options_.key_affinity;
  environment_.cache.hand_over(fetch.keys[0].name, fetch.flight, primary->fsm().options().link);
  primary->send(std::move(fetch), now);
  return true;
}

std::vector<state::LinkStats> LinkSet::stats(state::Nanos now) const {
  std::vector<state::LinkStats> all;
  for (const Member& member : members_) {
    const FillLinkFsm& fsm = member.link->fsm();
    const cache::LinkId link = fsm.options().link;
    const bool live = fsm.status() == FillLinkFsm::Status::kLive;
    state::LinkStats stats;
    stats.worker = options_.worker;
    stats.state = name_of(fsm.status());
    if (!live) stats.reason = fsm.reason();
    if (live) {
      stats.lease_age_seconds = static_cast<double>(now - environment_.links.synced_at(link)) /
                                static_cast<double>(state::kSecond);
    }
    stats.generation = environment_.links.generation(link);
    stats.endpoint = member.name;
    stats.role = member.role == state::NodeRole::kReplica ? "replica" : "primary";
    all.push_back(std::move(stats));
  }
  return all;
}

}  // namespace pillion::data::fill
