// CLIENT LIST, INFO and KILL: what is said of a client, and which clients are meant. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/request_parser.hpp"
#include "proxy/data/session/client_state.hpp"

namespace pillion::data::session {

enum class ClientType : std::uint8_t { kNormal, kReplica, kMaster, kPubsub };

/// What a client is doing, beside what it told us (ClientState).
struct Activity {
  bool blocked = false;  // in a blocking command, or held by CLIENT PAUSE
  bool in_multi = false;
  bool watching = false;
  bool monitor = false;
  bool replica = false;
  bool tracking = false;
  bool tracking_broadcast = false;
  bool redirect_broken = false;
  bool closing = false;
  std::size_t channels = 0;
  std::size_t patterns = 0;
  std::size_t shard_channels = 0;
  std::size_t queued = 0;        // commands since MULTI
  std::size_t query_bytes = 0;   // of the command being handled
  std::size_t output_bytes = 0;  // unread by the client
  std::uint64_t redirect = 0;    // CLIENT TRACKING REDIRECT; 0: none

  ClientType type() const {
    if (replica) return ClientType::kReplica;
    return channels + patterns + shard_channels > 0 ? ClientType::kPubsub : ClientType::kNormal;
  }
};

/// One line of CLIENT LIST, without its line end.
std::string client_line(const ClientState& state, const Activity& activity, state::Nanos now);

/// Which clients a command means; everything that is set must hold.
struct ClientFilter {
  bool by_type = false;
  ClientType type = ClientType::kNormal;
  std::vector<std::uint64_t> ids;  // any of them, when `by_id`
  bool by_id = false;
  std::string peer;   // "" any
  std::string local;  // "" any
  std::string user;   // "" any
  bool skip_asker = false;
  bool old_form = false;  // CLIENT KILL addr:port, answered by OK or an error

  bool matches(const ClientState& state, ClientType client_type) const;
};

/// A filter, or the error text for the client ("ERR ...").
struct ParsedFilter {
  ClientFilter filter;
  std::string error;
};

/// CLIENT LIST [TYPE type] [ID id ...]
ParsedFilter parse_list_filter(const resp::Command& command);
/// CLIENT KILL addr:port, or CLIENT KILL [ID id] [TYPE type] [ADDR a] [LADDR a] [USER u] [SKIPME
/// yes|no]
ParsedFilter parse_kill_filter(const resp::Command& command);

}  // namespace pillion::data::session
