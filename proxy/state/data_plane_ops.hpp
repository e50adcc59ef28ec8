// What the control plane may ask of the data plane. Implemented by proxy/app; called from the
// control thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/state/counters.hpp"

namespace pillion::state {

struct CacheStats {
  bool enabled = false;
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;  // keys, arguments, replies and overhead
  std::uint64_t max_bytes = 0;
  std::uint64_t evictions = 0;    // pushed out by the byte budget
  std::uint64_t expirations = 0;  // found past their deadline
  std::uint64_t flights = 0;      // fetches under way
};

struct LinkStats {
  std::uint32_t worker = 0;
  std::string state;             // "down" "handshake" "unproven" "live" "refused"
  std::string reason;            // why it is not live
  double lease_age_seconds = 0;  // now - synced_at; 0 when not live
  std::uint64_t generation = 0;
  std::string endpoint = {};  // its name
  std::string role = {};      // "primary" "replica"
};

class DataPlaneOps {
 public:
  virtual ~DataPlaneOps() = default;

  virtual CacheStats cache_stats() const = 0;
  virtual std::vector<LinkStats> link_stats() const = 0;
  /// One per worker; they live as long as the data plane.
  virtual std::vector<const Counters*> counters() const = 0;
  virtual bool draining() const = 0;
  /// Listening and able to serve clients.
  virtual bool ready() const = 0;
};

}  // namespace pillion::state
