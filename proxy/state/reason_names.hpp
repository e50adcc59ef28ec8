// What reasons are called wherever they are shown: metrics, JSON pages, PILLION STATS.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "proxy/state/counters.hpp"
#include "proxy/state/refresh_requests.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::state {
namespace names {

template <class Reason>
using Names = std::array<std::string_view, static_cast<std::size_t>(Reason::kCount)>;

inline constexpr Names<MissReason> kMiss = {"absent", "expired", "lease", "generation"};
inline constexpr Names<BypassReason> kBypass = {"disabled", "no_link",   "rule",
                                                "command",  "identity",  "program_order",
                                                "pinned",   "too_large", "multi_key"};
inline constexpr Names<DisconnectReason> kDisconnect = {
    "client",         "quit",          "protocol_error", "cross_protocol", "output_limit",
    "output_stalled", "upstream_lost", "drain",          "killed",         "error"};
inline constexpr Names<UpstreamError> kUpstream = {"connect", "timeout", "closed", "protocol",
                                                   "handshake"};

inline constexpr Names<RefreshReason> kRefresh = {
    "moved", "ask", "tryagain", "clusterdown", "readonly", "masterdown", "loading", "unreachable"};

/// A reason added to an enum but not here would leave an empty name.
template <std::size_t N>
constexpr bool complete(const std::array<std::string_view, N>& all) {
  for (const std::string_view name : all) {
    if (name.empty()) return false;
  }
  return true;
}
static_assert(complete(kMiss) && complete(kBypass) && complete(kDisconnect) &&
              complete(kUpstream) && complete(kRefresh));

}  // namespace names

constexpr std::string_view name_of(MissReason reason) {
  return names::kMiss[static_cast<std::size_t>(reason)];
}
constexpr std::string_view name_of(BypassReason reason) {
  return names::kBypass[static_cast<std::size_t>(reason)];
}
constexpr std::string_view name_of(DisconnectReason reason) {
  return names::kDisconnect[static_cast<std::size_t>(reason)];
}
constexpr std::string_view name_of(UpstreamError kind) {
  return names::kUpstream[static_cast<std::size_t>(kind)];
}
constexpr std::string_view name_of(RefreshReason reason) {
  return names::kRefresh[static_cast<std::size_t>(reason)];
}
constexpr std::string_view name_of(TopologyKind kind) {
  constexpr std::array<std::string_view, 4> kNames = {"standalone", "replicated", "sentinel",
                                                      "cluster"};
  return kNames[static_cast<std::size_t>(kind)];
}
constexpr std::string_view name_of(NodeRole role) {
  constexpr std::array<std::string_view, 3> kNames = {"unknown", "primary", "replica"};
  return kNames[static_cast<std::size_t>(role)];
}

}  // namespace pillion::state
