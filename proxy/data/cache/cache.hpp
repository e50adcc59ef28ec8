// The L1 and its flight table: shared by all workers, sharded by the hash of the redis key.
//
// All variants of one key (GET k, HGET k f, ...) live in one shard, and so do their flights, so that
// one lock covers "erase the key and poison what is being fetched for it" (COHERENCE I8).
//
// States of a variant:
//
//      (absent) --lookup: Fetch--> flight --complete(store)--> entry --evict/expire/erase--> (absent)
//                                   |  ^                          ^
//                        poison()   |  | further lookups join     | a newer store of the same variant replaces it
//                                   v
//                              poisoned flight: answers the waiters it has, takes no new one,
//                              is never stored (I9); a lookup meanwhile starts a new flight
//
// Bounds: bytes by a per-shard share of max_bytes (LRU evicts), waiters by the sessions' own limits.
// A served reply that is large is pinned, not copied (Pin). No allocation on a hit. Nothing throws.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/cache/link_table.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::cache {

/// What kind of answer an entry holds.
enum class EntryKind : std::uint8_t {
  kReply,     // a RESP3 reply that differs in RESP2
  kPlain,     // a reply with the same bytes in RESP2 and RESP3
  kTooLarge,  // no reply: this variant exceeds max_entry_bytes, go straight upstream
};

/// One stored reply. Immutable once stored; reference-counted, so that a Pin may outlive eviction.
/// Memory layout and accounting are the shard's business.
struct Entry;

std::string_view reply_of(const Entry& entry);
EntryKind kind_of(const Entry& entry);

/// Move-only handle that keeps an entry's bytes alive while they are written to a socket.
class Pin {
 public:
  Pin() = default;
  explicit Pin(const Entry& entry);  // only under the shard's lock, i.e. inside an on_hit callback
  Pin(Pin&& other) noexcept : entry_(std::exchange(other.entry_, nullptr)) {}
  Pin& operator=(Pin&& other) noexcept;
  ~Pin();
  std::string_view bytes() const;
  explicit operator bool() const { return entry_ != nullptr; }

 private:
  const Entry* entry_ = nullptr;
};

/// Who waits for a flight. Opaque to the cache: worker, session handle and reply slot.
struct Waiter {
  std::uint32_t worker;
  std::uint64_t session;
  std::uint64_t slot;
};

using FlightId = std::uint64_t;  // unique per cache; 0 = none

enum class LookupResult : std::uint8_t {
  kHit,       // on_hit was called with the entry, under the shard's lock
  kTooLarge,  // known to be too large for the L1: send it upstream, do not erase for it
  kJoined,    // the waiter was added to a flight
  kFetch,     // the caller leads: it must complete() flight `id` on every path (I11)
};

enum class MissCause : std::uint8_t { kAbsent, kExpired, kLease, kGeneration };

struct Lookup {
  LookupResult result;
  FlightId flight = 0;           // kFetch, kJoined
  MissCause cause = MissCause::kAbsent;  // kFetch, kJoined
};

/// What a fetch ends with. Default: nothing to store.
struct Fill {
  bool store = false;
  EntryKind kind = EntryKind::kReply;
  std::string_view reply;       // RESP3 bytes; empty for kTooLarge
  state::Nanos deadline = 0;    // I7, absolute
  LinkId link = 0;
  Generation generation = 0;
};

struct Stats {
  std::uint64_t entries, bytes, max_bytes, evictions, expirations, flights;
};

struct CacheLimits {
  std::size_t max_bytes = 64UL << 20;
  std::size_t max_entry_bytes = 1UL << 20;   // reply bytes of one entry
  state::Nanos max_staleness = state::kSecond;  // the lease Delta (I4)
};

class Cache {
 public:
  Cache(const CacheLimits& limits, LinkTable& links);
  ~Cache();

  /// A hit needs: the same variant, its generation current, its link's lease not older than
  /// max_staleness, its deadline ahead (I3, I4, I7). On a hit: `on_hit(const Entry&)` runs under the
  /// shard's lock and the entry becomes most recent. Otherwise the waiter joins a flight of this
  /// variant that is not poisoned and was started at most max_staleness ago, or leads a new one.
  template <class OnHit>
  Lookup lookup(const CacheKey& key, state::Nanos now, const Waiter& waiter, OnHit&& on_hit);

  /// As lookup, but never starts or joins a flight: false when there is no hit. For MGET (I12);
  /// `on_hit` gets the entry and its (link, generation).
  template <class OnHit>
  bool peek(const CacheKey& key, state::Nanos now, OnHit&& on_hit);

  /// Ends a flight: stores when `fill.store` holds, the flight is not poisoned, the generation is
  /// still current, the kind fits the budget; then hands its waiters over (the leader is the first).
  /// True when it was stored. Unknown ids give no waiters.
  bool complete(NameHash name, FlightId flight, const CacheKey& key, const Fill& fill, std::vector<Waiter>& waiters);

  /// Stores outside any flight (members of an MGET fill): `started` is erase_count(name) taken when
  /// the fetch was sent; nothing is stored when the key was erased by anyone since. 
  bool store(const CacheKey& key, const Fill& fill, std::uint64_t started);

  /// How often this key's shard has erased or poisoned for an own write; see store().
  std::uint64_t erase_count(NameHash name) const;

  /// I8, I14: erases every variant of the key in every database. `poison`: own writes also poison
  /// every flight of the key; invalidations from a link do not (I6 is the link's business).
  /// True when there was something to erase.
  bool erase(NameHash name, bool poison);

  /// I8-A: poisons every flight. Entries die by their links' generation.
  void poison_all();

  /// Grows whenever anything was erased or poisoned anywhere: a multi-key hit is only a snapshot
  /// when this did not move while its parts were read (I12).
  std::uint64_t erase_sequence() const { return erase_sequence_.load(std::memory_order_acquire); }

  /// Drops every entry.
  void clear();

  Stats stats() const;

  /// Bytes an entry of these parts is charged, overhead included.
  static std::size_t charge(std::size_t arguments, std::size_t reply);

 private:
  std::atomic<std::uint64_t> erase_sequence_{0};
  // shards ...
};

}  // namespace pillion::cache
