// Who a connection speaks as, and which connections are alike (RELIABILITY INV-3).
#pragma once

#include <compare>
#include <cstdint>
#include <string>

#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::upstream {

/// Credentials. An empty password means: say nothing (the upstream's default user).
struct Identity {
  std::string user;
  std::string password;

  auto operator<=>(const Identity&) const =
      default;  // NOLINT(modernize-use-nullptr): clang-tidy 14

  /// The ACL user these credentials speak for.
  std::string_view acl_user() const { return user.empty() ? std::string_view("default") : user; }
};

/// Connections with equal keys are interchangeable.
struct ChannelKey {
  Identity identity;
  std::uint32_t database = 0;
  int protocol = 2;  // RESP version
  state::EndpointId endpoint = 0;
  bool readonly = false;  // a replica of a cluster, told that its data are good enough

  auto operator<=>(const ChannelKey&) const =
      default;  // NOLINT(modernize-use-nullptr): clang-tidy 14
};

}  // namespace pillion::data::upstream
