#include "proxy/control/topology/cluster_fsm.hpp"

#include <algorithm>
#include <limits>
#include <utility>

#include "config/hosts.hpp"
#include "proxy/control/topology/cluster_vote.hpp"

namespace pillion::control {
namespace {

using config::HostPort;
using config::print_host;

constexpr state::Nanos kRecently = state::kSecond;
constexpr state::Nanos kNever = std::numeric_limits<state::Nanos>::max();

/// A primary without slots that has failed is not in the layout: each one owns some.
bool awaits_failover(const Layout& layout) {
  return std::any_of(layout.nodes.begin(), layout.nodes.end(), [](const LayoutNode& node) {
    return node.failed && node.role == state::NodeRole::kPrimary;
  });
}

}  // namespace

ClusterFsm::ClusterFsm(Settings settings) : settings_(std::move(settings)) {
  layout_.kind = state::TopologyKind::kCluster;
  layout_.shards = 0;
}

ClusterStep ClusterFsm::on_start(state::Nanos now) {
  return begin(now);
}

ClusterStep ClusterFsm::on_timer(state::Nanos now) {
  return progress(now);
}

ClusterStep ClusterFsm::on_request(state::Nanos now) {
  again_ = true;
  return progress(now);
}

ClusterStep ClusterFsm::on_view(state::Nanos now, const HostPort& node, ClusterView view) {
  failed_at_.erase(print_host(node));
  for (Asked& asked : asked_) {
    if (!asking_ || asked.ended || !(asked.node == node)) continue;
    asked.ended = true;
    views_.push_back(std::move(view));
    break;
  }
  return progress(now);
}

ClusterStep ClusterFsm::on_failure(state::Nanos now, const HostPort& node, const std::string& why) {
  failed_at_[print_host(node)] = now;
  if (!why.empty()) failure_ = print_host(node) + ": " + why;
  for (Asked& asked : asked_) {
    if (asked.node == node) asked.ended = true;
  }
  return progress(now);
}

ClusterStep ClusterFsm::progress(state::Nanos now) {
  if (asking_) {
    const bool all =
        std::all_of(asked_.begin(), asked_.end(), [](const Asked& asked) { return asked.ended; });
    const bool enough = !views_.empty() && now - round_at_ >= kPatience;
    if (all || enough) return end(now);
  } else if (now >= next_round_at(now)) {
    return begin(now);
  }
  ClusterStep step;
  step.wake_at =
      asking_ ? (views_.empty() && now - round_at_ >= kPatience ? kNever : round_at_ + kPatience)
              : next_round_at(now);
  return step;
}

state::Nanos ClusterFsm::next_round_at(state::Nanos now) const {
  if (!started_) return now;
  if (again_) return round_at_ + kLeastBetween;
  return round_at_ +
         (now < hurry_until_ ? std::min(kHurryEvery, settings_.poll_every) : settings_.poll_every);
}

ClusterStep ClusterFsm::begin(state::Nanos now) {
  started_ = true;
  asking_ = true;
  again_ = false;
  round_at_ = now;
  asked_.clear();
  views_.clear();
  ClusterStep step;
  step.ask = choose(now);
  for (const HostPort& node : step.ask) asked_.push_back({node, false});
  step.wake_at = now + kPatience;
  return step;
}

ClusterStep ClusterFsm::end(state::Nanos now) {
  asking_ = false;
  ClusterStep step;
  if (!views_.empty() && believable()) {
    for (const ClusterView& view : views_) epoch_ = std::max(epoch_, view.epoch);
    ClusterVote outcome = vote(views_, layout_.slots);
    const bool calm = outcome.unanimous && !awaits_failover(outcome.layout);
    if (calm) {
      hurry_until_ = 0;
    } else if (calm_) {
      hurry_until_ = now + kHurryFor;
    }
    calm_ = calm;
    step.layout = take(std::move(outcome));
    if (!layout_.nodes.empty()) step.confirmed_at = round_at_;
  } else if (layout_.nodes.empty() && !failure_.empty()) {
    const std::string trouble = "no node of the cluster answers (" + failure_ + ")";
    step.layout = layout_.trouble != trouble;
    layout_.trouble = trouble;
  }
  step.wake_at = std::max(now, next_round_at(now));
  return step;
}

bool ClusterFsm::believable() const {
  if (layout_.nodes.empty()) return true;
  std::size_t ok = 0;
  std::uint64_t epoch = 0;
  for (const ClusterView& view : views_) {
    if (!view.ok) continue;
    ++ok;
    epoch = std::max(epoch, view.epoch);
  }
  if (ok == 0) return views_.size() * 2 > asked_.size();
  return ok > 1 || asked_.size() <= 2 || epoch >= epoch_;
}

bool ClusterFsm::take(ClusterVote outcome) {
  Layout& next = outcome.layout;
  // A node alone that has met nobody, or nothing but answers we could not read.
  if (next.nodes.empty()) next.trouble = "the cluster has no nodes that could be asked";
  if (next == layout_) return false;
  if (next.nodes.empty() && !layout_.nodes.empty()) return false;
  layout_ = std::move(next);
  return true;
}

std::vector<HostPort> ClusterFsm::nodes() const {
  std::vector<HostPort> all;
  for (const LayoutNode& node : layout_.nodes) all.push_back({node.host, node.port});
  for (const HostPort& seed : settings_.seeds) {
    if (std::find(all.begin(), all.end(), seed) == all.end()) all.push_back(seed);
  }
  return all;
}

std::vector<HostPort> ClusterFsm::choose(state::Nanos now) {
  const auto failed_recently = [&](const HostPort& node) {
    const auto found = failed_at_.find(print_host(node));
    return found != failed_at_.end() && now - found->second < kRecently;
  };
  std::vector<HostPort> primaries;
  std::vector<HostPort> others;
  for (const LayoutNode& node : layout_.nodes) {
    const HostPort server{node.host, node.port};
    if (failed_recently(server)) continue;
    (node.role == state::NodeRole::kPrimary ? primaries : others).push_back(server);
  }
  if (primaries.size() + others.size() > kAskAll) {
    ++turn_;
    for (auto* group : {&primaries, &others}) {
      if (group->empty()) continue;
      std::rotate(group->begin(),
                  group->begin() + static_cast<std::ptrdiff_t>(turn_ % group->size()),
                  group->end());
    }
    // A replica among them sees what primaries cut off from each other do not.
    primaries.resize(std::min(primaries.size(), others.empty() ? kMostAsked : kMostAsked - 1));
    others.resize(std::min(others.size(), kMostAsked - primaries.size()));
  }
  primaries.insert(primaries.end(), others.begin(), others.end());
  if (primaries.empty()) return nodes();
  return primaries;
}

}  // namespace pillion::control
