#include "proxy/control/topology/cluster_vote.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "config/hosts.hpp"

namespace pillion::control {
namespace {

using state::kNoShard;
using state::kSlots;
using state::NodeRole;

constexpr std::uint16_t kNobody = 0xffff;

/// One node as the views describe it.
struct Candidate {
  std::string id;
  std::size_t named = 0;              // by how many views
  std::size_t failed = 0;             // according to how many
  std::size_t primary = 0;            // likewise
  const ClusterNode* best = nullptr;  // how the view with the highest epoch describes it
  std::uint64_t best_epoch = 0;
  std::map<std::uint16_t, std::size_t> follows;  // votes for whose replica it is
  std::size_t slots = 0;                         // owned by the vote
  std::size_t first_slot = kSlots;
  std::uint16_t shard = kNoShard;
};

class Count {
 public:
  explicit Count(std::vector<const ClusterView*> views) : views_(std::move(views)) {
    for (const ClusterView* view : views_) note(*view);
  }

  ClusterVote result(const std::shared_ptr<const state::SlotMap>& known) {
    choose_owners();
    ClusterVote outcome;
    outcome.unanimous = unanimous_;
    Layout& layout = outcome.layout;
    layout.kind = state::TopologyKind::kCluster;
    layout.shards = number_shards();
    for (Candidate& node : nodes_) add(layout, node);
    auto slots = std::make_shared<state::SlotMap>();
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      (*slots)[slot] = owners_[slot] == kNobody ? kNoShard : nodes_[owners_[slot]].shard;
    }
    layout.slots = known && *known == *slots ? known : std::move(slots);
    return outcome;
  }

 private:
  std::uint16_t index_of(const std::string& id) {
    const auto [found, added] = index_.emplace(id, static_cast<std::uint16_t>(nodes_.size()));
    if (added) {
      nodes_.emplace_back();
      nodes_.back().id = id;
    }
    return found->second;
  }

  void note(const ClusterView& view) {
    auto& owners = claims_.emplace_back();
    owners.fill(kNobody);
    for (const ClusterShard& shard : view.shards) {
      std::uint16_t primary = kNobody;
      for (const ClusterNode& node : shard.nodes) {
        // Two primaries in one shard: the failed one, and the one that has taken its slots.
        if (node.primary && (primary == kNobody || !node.failed)) primary = index_of(node.id);
      }
      for (const ClusterNode& node : shard.nodes) {
        Candidate& candidate = nodes_[index_of(node.id)];
        ++candidate.named;
        if (node.failed) ++candidate.failed;
        if (node.primary) ++candidate.primary;
        if (!node.primary && primary != kNobody) ++candidate.follows[primary];
        if (candidate.best == nullptr || view.epoch > candidate.best_epoch) {
          candidate.best = &node;
          candidate.best_epoch = view.epoch;
        }
      }
      if (primary == kNobody) continue;
      for (const auto& [first, last] : shard.slots) {
        std::fill(owners.begin() + first, owners.begin() + last + 1, primary);
      }
    }
  }

  void choose_owners() {
    for (std::size_t slot = 0; slot < kSlots; ++slot) {
      const std::uint16_t owner = choose(slot);
      owners_[slot] = owner;
      if (owner == kNobody) continue;
      Candidate& node = nodes_[owner];
      if (node.slots++ == 0) node.first_slot = slot;
    }
  }

  std::uint16_t choose(std::size_t slot) {
    const std::uint16_t first = claims_.front()[slot];
    const bool agreed = std::all_of(claims_.begin(), claims_.end(),
                                    [&](const auto& claim) { return claim[slot] == first; });
    if (agreed) return first;
    unanimous_ = false;
    // Votes and the highest epoch behind them.
    std::map<std::uint16_t, std::pair<std::size_t, std::uint64_t>> votes;
    for (std::size_t i = 0; i < claims_.size(); ++i) {
      auto& [count, epoch] = votes[claims_[i][slot]];
      ++count;
      epoch = std::max(epoch, views_[i]->epoch);
    }
    return std::max_element(votes.begin(), votes.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
  }

  bool is_primary(const Candidate& node) const {
    if (node.slots > 0) return true;
    return node.primary * 2 > node.named && node.failed * 2 <= node.named && stays(node);
  }
  bool stays(const Candidate& node) const { return node.named * 2 > views_.size(); }

  std::uint16_t number_shards() {
    std::vector<Candidate*> primaries;
    for (Candidate& node : nodes_) {
      if (is_primary(node)) primaries.push_back(&node);
    }
    std::sort(primaries.begin(), primaries.end(), [](const Candidate* a, const Candidate* b) {
      return std::tie(a->first_slot, a->id) < std::tie(b->first_slot, b->id);
    });
    std::uint16_t next = 0;
    for (Candidate* node : primaries) node->shard = next++;
    return next;
  }

  void add(Layout& layout, Candidate& node) {
    const bool primary = node.shard != kNoShard;
    if (!primary) {
      if (!stays(node) || node.follows.empty()) return;
      const auto followed =
          std::max_element(node.follows.begin(), node.follows.end(),
                           [](const auto& a, const auto& b) { return a.second < b.second; });
      node.shard = nodes_[followed->first].shard;
      if (node.shard == kNoShard) return;  // of a primary that is none any more
    }
    LayoutNode entry;
    entry.name = config::print_host({node.best->host, node.best->port});
    entry.host = node.best->host;
    entry.port = node.best->port;
    entry.role = primary ? NodeRole::kPrimary : NodeRole::kReplica;
    entry.shard = node.shard;
    entry.cluster_id = node.id;
    entry.failed = node.failed * 2 > node.named;
    const bool same_place =
        std::any_of(layout.nodes.begin(), layout.nodes.end(),
                    [&](const auto& other) { return other.name == entry.name; });
    if (!same_place) layout.nodes.push_back(std::move(entry));
  }

  std::vector<const ClusterView*> views_;
  std::map<std::string, std::uint16_t> index_;
  std::vector<Candidate> nodes_;
  std::vector<std::array<std::uint16_t, kSlots>> claims_;  // of each view: slot -> owner
  std::array<std::uint16_t, kSlots> owners_{};
  bool unanimous_ = true;
};

}  // namespace

ClusterVote vote(const std::vector<ClusterView>& views,
                 const std::shared_ptr<const state::SlotMap>& known) {
  const bool some_ok =
      std::any_of(views.begin(), views.end(), [](const ClusterView& view) { return view.ok; });
  std::vector<const ClusterView*> counted;
  for (const ClusterView& view : views) {
    if (view.ok || !some_ok) counted.push_back(&view);
  }
  const bool others = counted.size() != views.size();
  ClusterVote outcome = Count(std::move(counted)).result(known);
  outcome.unanimous = outcome.unanimous && !others;
  std::sort(outcome.layout.nodes.begin(), outcome.layout.nodes.end(),
            [](const LayoutNode& a, const LayoutNode& b) {
              return std::tie(a.shard, a.role, a.name) < std::tie(b.shard, b.role, b.name);
            });
  return outcome;
}

}  // namespace pillion::control
