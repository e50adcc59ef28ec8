// SCAN over all nodes of a cluster through one cursor. Pure.
//
// Primaries are visited one after the other in the order of RouteTable's scan places. The cursor a
// client sees is
//
//   node cursor << 9 | id of the endpoint that gave it + 1
//
// so 0 begins, 0 ends, and it stays below 2^53, which clients that read it into a double need,
// while the node's own stays below 2^44. The endpoint is in the low bits for that reason: real node
// cursors have only as many bits as the hash table's mask (and 14 more where a server keeps a table
// a slot).
//
// What a caller may rely on: a scan ends when every node that was asked came to its end; a key that
// was there all along, on a shard that kept its slots, is seen at least once; keys may be seen
// twice.
//   - The endpoint named by a cursor is no primary any more (failover): its cursor means nothing to
//     another node, whose table is ordered differently, so its shard begins again. Once per
//     failover.
//   - Its shard is gone: the next shard in the order goes on.
//   - New shards are visited if their place is yet to come. Slots that move from a shard yet to
//   come
//     to one that is done may hide keys, as they do from every client that scans node by node.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/resp/request_parser.hpp"
#include "proxy/data/route/route_table.hpp"

namespace pillion::route {

inline constexpr std::string_view kInvalidCursor = "ERR invalid cursor";

struct ScanStep {
  EndpointId endpoint = kNoEndpoint;  // whom to ask; kNoEndpoint: no shard is left, answer an end
  std::uint16_t shard = kNoShard;
  std::uint64_t node_cursor = 0;  // with which cursor
};

/// Whom a client's cursor asks. nullopt: it is not even a number (kInvalidCursor).
std::optional<ScanStep> next_scan_step(const RouteTable& table, std::string_view cursor);

/// The request of a step: the client's command with the node's cursor.
void append_scan_request(std::string& out, const resp::Command& command, std::uint64_t node_cursor);

/// The reply to the client: the node's with the cursor that goes on from there. A reply that is no
/// SCAN reply, an error for one, is passed on as it is. False: the node's cursor does not fit into
/// ours (2^55 or more); `out` is unchanged.
bool append_scan_reply(std::string& out, const RouteTable& table, EndpointId endpoint,
                       std::string_view frame);

/// The reply when no shard is left: the end, and nothing.
void append_scan_end(std::string& out);

}  // namespace pillion::route
