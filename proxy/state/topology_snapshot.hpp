// What the control plane knows of the upstream, immutable once published.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace pillion::state {

/// A resolved place to connect to. `unix_path` is set for a UNIX socket, otherwise `addresses`.
struct Endpoint {
  std::string name;  // as configured: "host:port" or the path; for messages and labels
  std::string unix_path;
  std::vector<std::string> addresses;  // numeric, in the resolver's order
  std::uint16_t port = 0;
};

struct TopologySnapshot {
  Endpoint primary;
  std::string resolve_error;  // why `primary.addresses` is empty
  bool probed = false;        // a health probe has ended, one way or the other
  bool up = false;            // the last health probe was answered
  std::string error;          // why not
  bool auth_required =
      false;         // the configured credentials (or none) are refused: NOAUTH / WRONGPASS
  std::string role;  // "master", "slave", "" unknown
  std::string redis_version;   // "7.0.15", "" unknown
  std::string mode;            // "standalone", "cluster", "sentinel"
  double latency_seconds = 0;  // of the last health probe
};

}  // namespace pillion::state
