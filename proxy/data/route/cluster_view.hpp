// What Pillion says of itself with `listen.emulate_cluster`: a cluster of one node that owns every
// slot, so that clients that speak to nothing but a cluster work in front of any upstream. Pure.
//
// Answered here, as Redis 7.0 shapes it: CLUSTER SLOTS, SHARDS, NODES, INFO, MYID, KEYSLOT, LINKS,
// REPLICAS, SLAVES; and READONLY, READWRITE and ASKING, which change nothing as every node here is
// the one that owns the key. All other subcommands are not answered here: what they change or count
// is the upstream's. Clients that ask INFO first whether this is a cluster hear that it is one.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"

namespace pillion::route {

struct ClusterFace {
  std::string host;  // where clients reach Pillion; "" means: where you are connected to
  std::uint16_t port = 0;
  std::string id;  // 40 hexadecimal digits, see cluster_node_id()
};

/// The same name gives the same id, in every process and for ever.
std::string cluster_node_id(std::string_view name);

/// Whether a command is one of the above. `spec` is that of the subcommand.
bool in_cluster_view(const command::Spec& spec);

/// Appends the answer in the client's protocol. False: this is none of the above.
bool append_cluster_view(std::string& out, const ClusterFace& face, const command::Spec& spec,
                         const resp::Command& command, int protocol);

/// INFO's text, as much of it as was asked for, says that this is a node of a cluster.
void show_cluster_in_info(std::string& text);

}  // namespace pillion::route
