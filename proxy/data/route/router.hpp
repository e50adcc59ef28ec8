// Where one command goes. Pure.
//
// Outside a cluster everything goes to the one shard. In a cluster a command goes where its keys
// are, which must be one slot; some commands may name several slots or concern the whole key space
// and become several commands (fan_out.hpp, scan_cursor.hpp); what names no key goes to any
// primary.
//
// A command whose keys cannot be told goes where its first guess lies: the keys found so far, or
// the first argument of a command without a row. The node knows better and redirects.
//
// Which of a shard's nodes reads is decided elsewhere (replica_selector.hpp); here only whether a
// replica may answer at all. These may not, although they only read:
// - scripts, also the *_RO ones, and whatever needs a connection of its own;
// - HSCAN, SSCAN, ZSCAN: a cursor means something only to the node that gave it;
// - OBJECT and MEMORY USAGE, which tell of the node's own copy, and TOUCH, which is meant for the
//   copy that is evicted from;
// - what names no key, or keys that cannot all be told (SORT_RO ... BY): nobody could say whether
//   they were written here a moment ago (COHERENCE, section 5, B).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"
#include "proxy/data/route/route_table.hpp"

namespace pillion::route {

enum class DestinationKind : std::uint8_t {
  kShard,     // `endpoint`, the primary of `shard`; or a replica of it if `replica_may_answer`
  kAnyNode,   // names no key: `endpoint`, any primary of a cluster
  kFanOut,    // several commands: plan_fan_out()
  kScan,      // SCAN in a cluster: scan_cursor.hpp
  kUnserved,  // `slot` has no owner that is known: wait as for CLUSTERDOWN (redirect_policy.hpp),
              // in the end answer `error`
  kRefused,   // answer `error`
};

inline constexpr std::uint16_t kNoSlot = 0xffff;

struct Destination {
  DestinationKind kind = DestinationKind::kAnyNode;
  std::uint16_t shard = 0;            // kShard
  std::uint16_t slot = kNoSlot;       // kShard and kUnserved in a cluster
  EndpointId endpoint = kNoEndpoint;  // kShard, kAnyNode; kNoEndpoint: there is none right now
  bool replica_may_answer = false;    // kShard
  std::string_view error = {};        // kUnserved, kRefused: for resp::append_error
};

inline constexpr std::string_view kCrossSlot =
    "CROSSSLOT Keys in request don't hash to the same slot";
inline constexpr std::string_view kSlotNotServed = "CLUSTERDOWN Hash slot not served";
inline constexpr std::string_view kNoSelect = "ERR SELECT is not allowed in cluster mode";

/// Who sends it.
enum class Sender : std::uint8_t {
  kAlone,   // a command of its own
  kPinned,  // part of what runs on one connection (MULTI, WATCH): it can become neither several
            // commands nor a replica's
};

/// The slot of a command that goes where its one key is; kNoSlot: not known as easily.
std::uint16_t key_slot_of(const command::Spec& spec, const resp::Command& command);

/// `spec` is that of the subcommand where there is one. `keys` is scratch and holds the keys that
/// were found afterwards: in a cluster, or of a command that a replica may answer. Allocates
/// nothing once it has room for them.
/// `key_slot`: what key_slot_of() says, or kNoSlot.
Destination route(const RouteTable& table, const command::Spec& spec, const resp::Command& command,
                  Sender sender, std::vector<std::string_view>& keys,
                  std::uint16_t key_slot = kNoSlot);

/// False for commands that no replica may answer whatever their keys. For fan-outs as well: each
/// part of an MGET or EXISTS may go to a replica of its shard.
bool replica_may_answer(const command::Spec& spec);

}  // namespace pillion::route
