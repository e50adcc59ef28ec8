// CLIENT PAUSE: holds back the commands of all clients of this process for a while. One per
// process, any thread; a pause that starts takes effect at each client's next batch.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "proxy/state/clock.hpp"

namespace pillion::data::session {

class Pause {
 public:
  enum class Mode : std::uint8_t { kNone, kWrites, kAll };

  /// As in Redis, a second pause only makes the one under way longer or stricter.
  void begin(Mode mode, state::Nanos until, state::Nanos now) {
    const bool under_way = this->mode(now) != Mode::kNone;
    if (!under_way || mode > mode_.load()) mode_ = mode;
    until_ = under_way ? std::max(until_.load(), until) : until;
  }
  void end() { until_ = 0; }

  Mode mode(state::Nanos now) const {
    return now < until_.load(std::memory_order_relaxed) ? mode_.load(std::memory_order_relaxed)
                                                        : Mode::kNone;
  }

  /// Clients that wait because of it.
  std::uint64_t held() const { return held_.load(std::memory_order_relaxed); }
  void hold() { held_.fetch_add(1, std::memory_order_relaxed); }
  void let_go() { held_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  std::atomic<state::Nanos> until_{0};
  std::atomic<Mode> mode_{Mode::kNone};
  std::atomic<std::uint64_t> held_{0};
};

}  // namespace pillion::data::session
