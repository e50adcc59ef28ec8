#include "proxy/control/topology/publisher.hpp"

#include <memory>
#include <tuple>

namespace pillion::control {
namespace {

auto parts(const state::Endpoint& endpoint) {
  return std::tie(endpoint.name, endpoint.unix_path, endpoint.addresses, endpoint.port);
}

bool differs(const state::TopologySnapshot& a, const state::TopologySnapshot& b) {
  const auto rest = [](const state::TopologySnapshot& s) {
    return std::tie(s.resolve_error, s.probed, s.up, s.error, s.auth_required, s.role,
                    s.redis_version, s.mode, s.latency_seconds);
  };
  return parts(a.primary) != parts(b.primary) || rest(a) != rest(b);
}

}  // namespace

void TopologyPublisher::update(const std::function<void(state::TopologySnapshot&)>& change) {
  state::TopologySnapshot next = current_;
  change(next);
  if (!differs(next, current_)) return;
  current_ = next;
  target_.publish(std::make_shared<const state::TopologySnapshot>(std::move(next)));
}

}  // namespace pillion::control
