// The one writer of the topology snapshot.
//
// Used on the control thread (and in start(), before that thread exists). Publishes only what
// differs: what decides where commands go at once, and so every probe of the primary; other
// servers' lag and latency, which are never the same twice, with it or every kFiguresEvery.
#pragma once

#include <functional>

#include "proxy/state/clock.hpp"
#include "proxy/state/published.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

class TopologyPublisher {
 public:
  explicit TopologyPublisher(state::Published<state::TopologySnapshot>& target)
      : target_(target), current_(*target.load()) {}

  static constexpr state::Nanos kFiguresEvery = 500 * state::kMillisecond;

  void update(const std::function<void(state::TopologySnapshot&)>& change,
              state::Nanos now = state::now());

  const state::TopologySnapshot& current() const { return current_; }

 private:
  state::Published<state::TopologySnapshot>& target_;
  state::TopologySnapshot current_;
  state::Nanos published_at_ = 0;
};

}  // namespace pillion::control
