// One command as Pillion sees it: arity and flags as Redis's COMMAND tells them, where its keys
// are, and our own policy for it.
#pragma once

#include <cstdint>
#include <string_view>

namespace pillion::command {

/// Flags of Redis's COMMAND that Pillion acts on.
enum Flag : std::uint32_t {
  kReadonly = 1U << 0,
  kWrite = 1U << 1,
  kBlocking = 1U << 2,
  kPubsub = 1U << 3,
  kAdmin = 1U << 4,
  kNoAuth = 1U << 5,  // may run before AUTH
  kNoMulti = 1U << 6,
  kMovableKeys = 1U << 7,
  kContainer = 1U << 8,  // has subcommands
  kFast = 1U << 9,
  kLoading = 1U << 10,
  kStale = 1U << 11,
  kNoScript = 1U << 12,
};

/// Where the dispatcher sends it (DESIGN section 2).
enum class Route : std::uint8_t {
  kForward,    // a multiplexed upstream connection, shared with other clients
  kCacheable,  // the L1, when the grammar of the arguments is fully parsed (cacheable.hpp)
  kLocal,   // answered by the session: PING ECHO HELLO AUTH SELECT CLIENT COMMAND? RESET QUIT ...
  kScript,  // EVAL family and FCALL: an upstream connection of its own for one command (INV-2)
  kBlock,   // may block: an upstream connection of its own until answered
  kTransaction,  // MULTI EXEC DISCARD WATCH UNWATCH: an upstream connection of its own while open
  kSubscribe,    // SUBSCRIBE family: the shared subscriptions of this process
  kRelay,        // MONITOR, SYNC, SCRIPT DEBUG: an upstream connection is turned over to the client
  kDisposable,   // may change a connection's state: one of its own, closed after the reply
  kDenied,       // never passed on
};

/// What a command means for entries of the L1 once it was answered (COHERENCE I8).
enum class Effect : std::uint8_t {
  kNone,        // reads, or touches no key space
  kKeys,        // erase the keys of keys_of()
  kUnknown,     // key set not exactly known: fence (I8-F)
  kEverything,  // FLUSHALL FLUSHDB SWAPDB ...: generation of every link (I8-A)
};

/// How keys_of() finds the keys that a command may write (a superset is safe).
enum class KeyRule : std::uint8_t {
  kNone,
  kRange,    // first, last (negative counts from the end), step: as in COMMAND
  kKeyNum,   // first = index of numkeys; keys follow it; `extra` = 1: argument 1 is a key too
             // (*STORE)
  kSpecial,  // token-dependent: SORT STORE, GEORADIUS STORE, MIGRATE KEYS, XREAD STREAMS ...
  kUnknown,
};

/// The token-dependent grammars of KeyRule::kSpecial (Spec::extra). There `first_key` is the
/// argument that is always a key (0: none) and `last_key` where the options begin.
enum class KeyTokens : std::uint8_t {
  kSort,      // SORT key ... [BY pattern] [GET pattern]... [STORE destination]
  kGeoStore,  // GEORADIUS key ... [STORE destination] [STOREDIST destination]
  kMigrate,   // MIGRATE host port key|"" db timeout ... [KEYS key...]
  kStreams,   // XREAD ... STREAMS key... id...
};

struct Spec {
  std::string_view name;  // upper case; "CLIENT|SETNAME" for a subcommand
  std::int8_t arity;      // as Redis: negative = at least
  std::uint32_t flags;    // Flag bits
  Route route;
  Effect effect;
  KeyRule key_rule;
  std::int8_t first_key;  // argument index, 1 = right behind the name
  std::int8_t last_key;
  std::int8_t key_step;
  std::uint8_t extra;      // kKeyNum: 1 = argument 1 is a key as well; kSpecial: a KeyTokens
  std::uint8_t cacheable;  // cacheable.hpp: index + 1 of its grammar, 0 = never cached
  std::uint16_t id;        // position in the table; equal for equal names

  bool is(Flag flag) const { return (flags & flag) != 0; }
};

}  // namespace pillion::command
