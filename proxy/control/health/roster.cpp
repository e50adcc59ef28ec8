#include "proxy/control/health/roster.hpp"

#include <algorithm>
#include <set>

namespace pillion::control {
namespace {

using state::NodeRole;

constexpr std::string_view kNotProbed = "not probed yet";

bool owns_slots(const Layout& layout, std::uint16_t shard) {
  return layout.slots &&
         std::find(layout.slots->begin(), layout.slots->end(), shard) != layout.slots->end();
}

const LayoutNode* find_node(const Layout& layout, const std::string& name) {
  for (const LayoutNode& node : layout.nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

/// What differs with every probe is left out.
HealthView without_figures(HealthView view) {
  view.latency = 0;
  view.role_asked_at = view.role_told_at = 0;
  view.good_probes = 0;
  view.replication.offset = 0;
  return view;
}

bool is_probed(const HealthView& view) {
  return view.up || view.error != kNotProbed;
}

}  // namespace

Rotation Roster::rotation(state::Nanos now) const {
  return Rotation(settings_.rotation, now - first_seen_at_ < kSettling);
}

std::size_t Roster::set_layout(Layout layout, state::Nanos now) {
  if (members_.empty() && !layout.nodes.empty()) first_seen_at_ = now;
  count_failovers(layout);
  std::set<state::EndpointId> used;
  std::vector<Member> next;
  std::size_t ignored = 0;
  for (const LayoutNode& node : layout.nodes) {
    const auto id = registry_.take(node.name, now);
    if (!id) {
      ++ignored;
      continue;
    }
    used.insert(*id);
    Member* known = find(*id);
    if (known == nullptr || known->node.name != node.name) {
      next.push_back({node, *id, {}, {}, rotation(now), TrafficJudge(settings_.fall)});
      continue;
    }
    const bool demoted = known->node.role == NodeRole::kPrimary && node.role == NodeRole::kReplica;
    next.push_back(std::move(*known));
    next.back().node = node;
    if (demoted) next.back().rotation = Rotation(settings_.rotation, false);
  }
  members_ = std::move(next);
  registry_.keep(used, now);
  layout_ = std::move(layout);
  for (auto it = primaries_.begin(); it != primaries_.end();) {
    const Member* member = find(it->first);
    const bool stays = member != nullptr && member->node.role == NodeRole::kPrimary;
    it = stays ? std::next(it) : primaries_.erase(it);
  }
  for (Member& member : members_) judge(member, now);
  choose_main();
  return ignored;
}

void Roster::count_failovers(const Layout& next) {
  if (layout_.nodes.empty() || next.nodes.empty()) return;
  if (next.kind != state::TopologyKind::kCluster) {
    if (next.nodes.front().name != layout_.nodes.front().name) ++failovers_;
    return;
  }
  for (const LayoutNode& node : next.nodes) {
    const LayoutNode* before = find_node(layout_, node.name);
    const bool promoted =
        before != nullptr && before->role == NodeRole::kReplica && node.role == NodeRole::kPrimary;
    if (promoted && owns_slots(next, node.shard)) ++failovers_;
  }
}

void Roster::set_addresses(const std::string& host, const AddressBook::Addresses& addresses) {
  for (Member& member : members_) {
    if (member.node.host == host && member.node.unix_path.empty()) member.addresses = addresses;
  }
}

bool Roster::set_health(state::EndpointId id, const HealthView& view, state::Nanos now) {
  Member* member = find(id);
  if (member == nullptr) return false;
  const bool new_answer = view.role_told_at != member->view.role_told_at;
  const bool was_in = member->rotation.in();
  const bool news = without_figures(view) != without_figures(member->view);
  member->view = view;
  const RoleReply& told = view.replication;
  if (member->node.role == NodeRole::kPrimary) {
    if (new_answer && told.role == "master") {
      primaries_[id].note_primary(view.role_told_at, told.offset);
    }
    if (news) judge_shard(member->node.shard, now);
    choose_main();
    return news;
  }
  if (new_answer && told.role == "slave") measure_lag(*member);
  judge(*member, now);
  return news || member->rotation.in() != was_in;
}

/// Without its link a replica says no offset. Then it lacks what the primary has had since the two
/// were last in step, up to the primary's last sign of life.
void Roster::measure_lag(Member& member) {
  const Member* primary = primary_of(member.node.shard);
  const HealthView& view = member.view;
  if (view.replication.link == "connected") {
    const auto tracker = primary != nullptr ? primaries_.find(primary->id) : primaries_.end();
    member.lag = tracker == primaries_.end()
                     ? 0
                     : tracker->second.lag(view.role_asked_at, view.replication.offset);
    member.in_step_at = view.role_asked_at - member.lag;
    member.link_lost_at = 0;
    return;
  }
  if (member.link_lost_at == 0) member.link_lost_at = view.role_told_at;
  const state::Nanos last_life = primary != nullptr ? primary->view.role_told_at : 0;
  member.lag = std::max<state::Nanos>(last_life - member.in_step_at, 0);
}

Roster::Traffic Roster::look(const state::EndpointTraffic& traffic, state::Nanos now) {
  Traffic seen;
  for (Member& member : members_) {
    const state::EndpointTraffic::Counts& counts = traffic.of(member.id);
    const TrafficSample sample{counts.successes.load(std::memory_order_relaxed),
                               counts.failures.load(std::memory_order_relaxed)};
    const bool fails = member.judge.look(now, sample);
    if (const auto news = member.outage.look(now, sample, fails, member.view.up)) {
      seen.news.emplace_back(member.node.name, *news);
    }
    if (fails) {
      seen.failing.push_back(member.id);
      if (member.node.role == NodeRole::kReplica) member.rotation.eject(now);
    }
    judge(member, now);
  }
  return seen;
}

void Roster::judge_shard(std::uint16_t shard, state::Nanos now) {
  for (Member& member : members_) {
    if (member.node.shard == shard) judge(member, now);
  }
}

void Roster::judge(Member& member, state::Nanos now) {
  if (member.node.role != NodeRole::kReplica) return;
  const Member* primary = primary_of(member.node.shard);
  ReplicaState replica;
  replica.up = member.view.up;
  replica.down_why = member.addresses.error.empty() ? member.view.error : member.addresses.error;
  replica.failed = member.node.failed;
  replica.role = member.view.replication.role;
  replica.link = member.view.replication.link;
  replica.primary_answers = primary != nullptr && primary->view.up && !primary->view.failing;
  replica.answered_since = primary != nullptr && primary->view.role_asked_at > member.link_lost_at;
  replica.lag = member.lag;
  replica.probed_at = member.view.role_asked_at;
  member.rotation.update(now, replica);
}

void Roster::choose_main() {
  if (layout_.kind != state::TopologyKind::kCluster) {
    main_ = members_.empty() ? std::string() : members_.front().node.name;
    return;
  }
  const auto serves = [](const Member& member) {
    return member.node.role == NodeRole::kPrimary && member.view.up && !member.node.failed;
  };
  const Member* any = nullptr;
  for (const Member& member : members_) {
    if (member.node.role != NodeRole::kPrimary) continue;
    if (serves(member) && member.node.name == main_) return;
    if (any == nullptr || (serves(member) && !serves(*any))) any = &member;
  }
  main_ = any == nullptr ? std::string() : any->node.name;
}

Roster::Member* Roster::find(state::EndpointId id) {
  for (Member& member : members_) {
    if (member.id == id) return &member;
  }
  return nullptr;
}

const Roster::Member* Roster::primary_of(std::uint16_t shard) const {
  for (const Member& member : members_) {
    if (member.node.shard == shard && member.node.role == NodeRole::kPrimary) return &member;
  }
  return nullptr;
}

const Roster::Member* Roster::main() const {
  for (const Member& member : members_) {
    if (member.node.name == main_) return &member;
  }
  return nullptr;
}

std::vector<std::pair<state::EndpointId, const LayoutNode*>> Roster::members() const {
  std::vector<std::pair<state::EndpointId, const LayoutNode*>> all;
  for (const Member& member : members_) all.emplace_back(member.id, &member.node);
  return all;
}

std::string Roster::zone_of(const Member& member) const {
  for (const auto& [name, zone] : settings_.zones) {
    if (name == member.node.name) return zone;
  }
  return member.view.zone;
}

state::Node Roster::describe(const Member& member, state::Nanos now) const {
  state::Node node;
  node.endpoint = {member.node.name, member.node.unix_path, member.addresses.list, member.node.port,
                   member.id};
  if (node.endpoint.addresses.empty()) node.resolve_error = member.addresses.error;
  node.role = member.node.role;
  node.shard = member.node.shard;
  node.up = member.view.up && !member.node.failed;
  node.zone = zone_of(member);
  node.near = !settings_.zone.empty() && node.zone == settings_.zone;
  node.cluster_id = member.node.cluster_id;
  node.error = member.node.failed ? "the cluster says it has failed" : member.view.error;
  node.latency = member.view.latency;
  if (member.node.role == NodeRole::kReplica) {
    node.in_rotation = member.rotation.in();
    node.weight = member.rotation.weight(now);
    node.error = member.rotation.why();
    node.lag = member.lag;
    node.ejections = member.rotation.ejections();
  }
  return node;
}

void Roster::describe(state::TopologySnapshot& snapshot, state::Nanos now) const {
  snapshot.kind = layout_.kind;
  snapshot.nodes.clear();
  snapshot.shards.assign(layout_.shards, {});
  for (const Member& member : members_) {
    snapshot.nodes.push_back(describe(member, now));
    if (member.node.shard >= layout_.shards) continue;
    state::Shard& shard = snapshot.shards[member.node.shard];
    if (member.node.role == NodeRole::kPrimary) shard.primary = member.id;
    if (member.node.role == NodeRole::kReplica) shard.replicas.push_back(member.id);
  }
  snapshot.slots = layout_.slots;
  snapshot.confirmed_at = confirmed_at_;
  snapshot.failovers = failovers_;

  const Member* member = main();
  if (member == nullptr) {
    snapshot.primary = {};
    snapshot.primary.name = settings_.display;
    snapshot.resolve_error =
        layout_.trouble.empty() ? settings_.display + " is not asked yet" : layout_.trouble;
    snapshot.probed = !layout_.trouble.empty();
    snapshot.up = false;
    snapshot.error = layout_.trouble.empty() ? std::string(kNotProbed) : layout_.trouble;
    return;
  }
  const HealthView& view = member->view;
  const state::Node* node = snapshot.find(member->id);
  snapshot.primary = node->endpoint;
  snapshot.resolve_error = node->resolve_error;
  snapshot.probed = is_probed(view);
  snapshot.up = view.up;
  snapshot.error = view.error;
  snapshot.auth_required = view.auth_required;
  snapshot.role = view.role;
  snapshot.redis_version = view.version;
  snapshot.mode = view.mode;
  snapshot.latency_seconds = static_cast<double>(view.latency) / state::kSecond;
}

}  // namespace pillion::control
