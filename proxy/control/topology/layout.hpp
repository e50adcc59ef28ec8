// Who serves the upstream, as discovery finds it out: servers by name, their roles, who owns which
// slot. Neither addresses nor health: those are added by roster.hpp.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

struct LayoutNode {
  std::string name;       // "host:port" or the path; unique
  std::string host;       // name or address, without brackets; empty for a UNIX socket
  std::string unix_path;  // empty otherwise
  std::uint16_t port = 0;
  state::NodeRole role = state::NodeRole::kUnknown;
  std::uint16_t shard = 0;  // below Layout::shards
  std::string cluster_id;
  bool failed = false;  // the upstream itself says so

  friend bool operator==(const LayoutNode&, const LayoutNode&) = default;
};

struct Layout {
  state::TopologyKind kind = state::TopologyKind::kStandalone;
  std::vector<LayoutNode> nodes;  // outside a cluster the first is the primary; empty: not found
  std::uint16_t shards = 1;
  std::shared_ptr<const state::SlotMap> slots;  // the same object as long as no slot moved
  std::string trouble;                          // why no primary is known

  friend bool operator==(const Layout&, const Layout&) = default;
};

}  // namespace pillion::control
