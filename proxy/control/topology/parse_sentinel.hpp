// What sentinels answer: reply trees in, plain values out. Pure; whatever is not as expected is
// left out.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "proxy/control/topology/hiredis_reply.hpp"

namespace pillion::control {

/// A server that a sentinel names.
struct SentinelPeer {
  config::HostPort server;
  std::string id;
  friend bool operator==(const SentinelPeer&, const SentinelPeer&) = default;
};

/// SENTINEL GET-MASTER-ADDR-BY-NAME; nothing when it knows none of that name.
std::optional<config::HostPort> parse_primary(ReplyView reply);

/// SENTINEL REPLICAS and SENTINEL SENTINELS.
std::vector<SentinelPeer> parse_peers(ReplyView reply);

/// A message of a sentinel's event channel: does it tell of the primary called `master`, or of a
/// server that belongs to it? Events name it as "master <name> ...", "... @ <name> <ip> <port>", or
/// (+switch-master) as the first word.
bool is_event_of(ReplyView message, std::string_view master);

/// Which server such an event (is_event_of) says to be the new primary, or about to be made it:
/// +selected-slave, +promoted-slave, +switch-master; nothing for all others.
std::optional<config::HostPort> parse_nominee(ReplyView message);

}  // namespace pillion::control
