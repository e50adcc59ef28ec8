// What Pillion says of itself to a client: the section it adds to INFO, and every counter. Pure.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/data/cache/cache.hpp"
#include "proxy/data/fill/invalidator.hpp"
#include "proxy/state/counters.hpp"
#include "proxy/state/data_plane_ops.hpp"
#include "proxy/state/published.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::session {

/// What the PILLION command looks at and acts on. Made once per worker, used on its thread; what it
/// refers to outlives it. The functions may be called from any worker's thread.
struct PillionServices {
  cache::Cache& cache;
  fill::Invalidator& invalidator;
  state::Counters& counters;  // this worker's own, the only ones written
  std::function<std::vector<const state::Counters*>()> all_counters;  // one per worker
  const state::Published<state::TopologySnapshot>& topology;
  std::function<std::vector<state::LinkStats>()> links;
  std::function<state::CacheStats()> cache_stats;
  /// Effective, secrets redacted: config::effective_values().
  const std::vector<std::pair<std::string, std::string>>& config;
  std::string name;  // upper case, what the command is called; for texts
  std::string version;
  state::Nanos started_at = 0;
};

/// "# Pillion\r\npillion_version:...\r\n...": PILLION INFO, and what is appended to INFO. Ends with
/// one line end; the caller puts an empty line in front of it. No value has a line end in it.
std::string pillion_section(const PillionServices& services, state::Nanos now);

/// A counter's name and its sum over the workers; gauges among them as they are now.
struct Figure {
  std::string name;
  std::uint64_t value;
};
std::vector<Figure> pillion_figures(const PillionServices& services);

}  // namespace pillion::data::session
