#include "proxy/control/topology/publisher.hpp"

#include <algorithm>
#include <memory>
#include <tuple>

namespace pillion::control {
namespace {

auto parts(const state::Endpoint& endpoint) {
  return std::tie(endpoint.name, endpoint.unix_path, endpoint.addresses, endpoint.port,
                  endpoint.id);
}

/// What decides where a command goes, of one server.
bool differs(const state::Node& a, const state::Node& b) {
  const auto rest = [](const state::Node& n) {
    return std::tie(n.resolve_error, n.role, n.shard, n.up, n.in_rotation, n.weight, n.near, n.zone,
                    n.cluster_id, n.error, n.ejections);
  };
  return parts(a.endpoint) != parts(b.endpoint) || rest(a) != rest(b);
}

bool differs(const state::TopologySnapshot& a, const state::TopologySnapshot& b) {
  const auto rest = [](const state::TopologySnapshot& s) {
    return std::tie(s.kind, s.slots, s.failovers, s.resolve_error, s.probed, s.up, s.error,
                    s.auth_required, s.role, s.redis_version, s.mode, s.latency_seconds);
  };
  const auto same_shard = [](const state::Shard& x, const state::Shard& y) {
    return x.primary == y.primary && x.replicas == y.replicas;
  };
  return parts(a.primary) != parts(b.primary) || rest(a) != rest(b) ||
         !std::equal(a.nodes.begin(), a.nodes.end(), b.nodes.begin(), b.nodes.end(),
                     [](const auto& x, const auto& y) { return !differs(x, y); }) ||
         !std::equal(a.shards.begin(), a.shards.end(), b.shards.begin(), b.shards.end(),
                     same_shard);
}

/// Figures that change with every probe of every server.
bool figures_differ(const state::TopologySnapshot& a, const state::TopologySnapshot& b) {
  return a.confirmed_at != b.confirmed_at ||
         !std::equal(a.nodes.begin(), a.nodes.end(), b.nodes.begin(), b.nodes.end(),
                     [](const state::Node& x, const state::Node& y) {
                       return x.lag == y.lag && x.latency == y.latency;
                     });
}

}  // namespace

void TopologyPublisher::update(const std::function<void(state::TopologySnapshot&)>& change,
                               state::Nanos now) {
  state::TopologySnapshot next = current_;
  change(next);
  const bool figures_due = now - published_at_ >= kFiguresEvery && figures_differ(next, current_);
  if (!differs(next, current_) && !figures_due) return;
  published_at_ = now;
  current_ = next;
  target_.publish(std::make_shared<const state::TopologySnapshot>(std::move(next)));
}

}  // namespace pillion::control
