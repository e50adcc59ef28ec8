// The one writer of the topology snapshot: discovery and health each know a part of it.
//
// Used on the control thread (and in start(), before that thread exists). Publishes only what
// differs, except that every probe's latency is news.
#pragma once

#include <functional>

#include "proxy/state/published.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

class TopologyPublisher {
 public:
  explicit TopologyPublisher(state::Published<state::TopologySnapshot>& target)
      : target_(target), current_(*target.load()) {}

  void update(const std::function<void(state::TopologySnapshot&)>& change);

  const state::TopologySnapshot& current() const { return current_; }

 private:
  state::Published<state::TopologySnapshot>& target_;
  state::TopologySnapshot current_;
};

}  // namespace pillion::control
