// Switches that break one coherence invariant each, so that the test suite can be shown to notice.
//
// In every ordinary build holds() is a constant and costs nothing. The breakable build
// (PILLION_BREAKABLE, used by tests only) reads the name in the environment variable PILLION_BREAK
// once; an unknown name ends the process, so that a typo cannot pass for a surviving mutant.
#pragma once

#include <cstdint>

namespace pillion::state {

/// COHERENCE section 8.3.
enum class Invariant : std::uint8_t {
  kNone,
  kI3Generation,   // what a lost link stored is never served
  kI3NullPush,     // a null push ends the generation
  kI4Lease,        // no hit on a lapsed lease
  kI4SendTime,     // the lease counts from when the probe was sent, not from its answer
  kI4Replica,      // a replica's lease moves only by what its offset proves
  kI4Cluster,      // a node's lease moves only while it owns its slots
  kI6OneVersion,   // value and TTL of one version
  kI7Deadline,     // the key's TTL bounds its entry
  kI8OwnWrite,     // erase before the reply of a write leaves
  kI8Fence,        // unknown keys: fence
  kI8Flush,        // FLUSHALL ends all generations
  kI9Poison,       // a flight older than an own write is not stored and not joined
  kI10ReadOrder,   // a read behind an unanswered write of its key follows it
  kI10WriteOrder,  // a write behind an unanswered read of its key follows it
  kI12MultiKey,    // a multi-key hit is a snapshot
  kI13NoErrors,    // errors are not stored
  kI14Database,    // a hit needs the same database
  kI14Identity,    // a hit needs the same ACL user
  kI15Pinned,      // no L1 inside WATCH and MULTI
  kI17Monotone,    // who fills a key changes only to somebody who is not behind
  kI18Tokens,      // a key written here is read from a replica only when that has the write
  kInv1LateReply,  // a late reply finds nobody
};

#ifdef PILLION_BREAKABLE
bool holds(Invariant invariant);
#else
constexpr bool holds(Invariant) {
  return true;
}
#endif

}  // namespace pillion::state
