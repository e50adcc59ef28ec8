// What a server says of its place in replication: ROLE, read from the reply's tree. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/control/topology/hiredis_reply.hpp"

namespace pillion::control {

struct RoleReply {
  struct Replica {
    std::string host;  // as it announced itself to the primary
    std::uint16_t port = 0;
    friend bool operator==(const Replica&, const Replica&) = default;
  };

  std::string role;  // "master", "slave", "sentinel"; "": refused, or no such answer
  std::int64_t offset = 0;
  // Of a primary.
  std::vector<Replica> replicas;
  // Of a replica.
  std::string link;  // "connected"; "connect", "connecting", "sync", "handshake", "none"
  std::string primary_host;
  std::uint16_t primary_port = 0;

  friend bool operator==(const RoleReply&, const RoleReply&) = default;
};

/// An error, or whatever is no answer to ROLE, gives an empty role.
RoleReply parse_role(ReplyView reply);

/// A port in a reply, as integer or text; 0 when it is none.
std::uint16_t parse_port(ReplyView reply);

}  // namespace pillion::control
