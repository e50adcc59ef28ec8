// What a fill link asks a server before it trusts it: its role, how far it has replicated, the
// slots it owns, and its own view of the commands we would cache (COHERENCE section 6.2). Pure.
#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::fill {

/// First element of a ROLE reply: "master", "slave", "sentinel"; empty when malformed.
std::string_view role_of(std::string_view frame);

/// INFO replication.
struct Replication {
  bool primary = false;
  bool replica = false;
  bool connected = false;    // a replica to its primary, and in step
  bool syncing = false;      // a replica that takes over a whole copy
  std::string_view history;  // master_replid
  std::int64_t offset = 0;   // applied, and sent to its own replicas
};
/// Nothing when malformed, or an error.
std::optional<Replication> replication_of(std::string_view frame);

/// CLUSTER INFO says that the cluster serves.
bool cluster_is_ok(std::string_view frame);

using SlotSet = std::bitset<state::kSlots>;
/// CLUSTER SLOTS: what the node called `id` owns; as a replica: what it replicates. Nothing when
/// malformed, or an error.
std::optional<SlotSet> slots_of(std::string_view frame, std::string_view id, bool replica);

/// CLUSTER NODES: the slots that the node which answers is giving away (MIGRATING).
SlotSet leaving_slots_of(std::string_view frame);

/// The text of a bulk or verbatim reply; empty for anything else.
std::string_view text_of(std::string_view frame);

/// The reply of COMMAND INFO for `names`, in their order -> bit i is set when the server knows
/// names[i] and calls it readonly and neither write, blocking, dont_cache nor
/// nondeterministic_output. A malformed or error reply gives 0: nothing is cached on a guess.
std::uint64_t allowed_commands(std::string_view frame, std::span<const std::string_view> names);

}  // namespace pillion::data::fill
