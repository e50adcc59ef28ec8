// A data plane that says what the test tells it to.
#pragma once

#include <atomic>
#include <vector>

#include "proxy/state/data_plane_ops.hpp"

namespace pillion::test {

class FakeDataPlane : public state::DataPlaneOps {
 public:
  explicit FakeDataPlane(std::size_t workers = 2) : workers_(workers) {}

  state::CacheStats cache_stats() const override { return cache; }
  std::vector<state::LinkStats> link_stats() const override { return links; }
  std::vector<const state::Counters*> counters() const override {
    std::vector<const state::Counters*> all;
    for (const state::Counters& worker : workers_) all.push_back(&worker);
    return all;
  }
  bool draining() const override { return is_draining; }
  bool ready() const override { return is_ready; }

  state::Counters& worker(std::size_t i) { return workers_[i]; }

  state::CacheStats cache;
  std::vector<state::LinkStats> links = {{0, "live", "", 0.25, 3, "redis:6379", "primary"},
                                         {0, "live", "", 0.5, 2, "replica:6379", "replica"},
                                         {1, "down", "refused", 0, 4, "redis:6379", "primary"}};
  std::atomic<bool> is_draining{false};
  std::atomic<bool> is_ready{true};

 private:
  std::vector<state::Counters> workers_;
};

}  // namespace pillion::test
