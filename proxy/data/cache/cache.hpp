// The L1 and its flight table: shared by all workers, sharded by the hash of the redis key.
//
// All variants of one key (GET k, HGET k f, ...) live in one shard, and so do their flights, so
// that one lock covers "erase the key and poison what is being fetched for it" (COHERENCE I8).
//
// States of a variant:
//
//      (absent) --lookup: Fetch--> flight --complete(store)--> entry --evict/expire/erase-->
//      (absent)
//                                   |  ^                          ^
//                        poison()   |  | further lookups join     | a newer store of the same
//                        variant replaces it
//                                   v
//                              poisoned flight: answers the waiters it has, takes no new one,
//                              is never stored (I9); a lookup meanwhile starts a new flight
//
// Bounds: bytes by a per-shard share of max_bytes (LRU evicts), waiters by the sessions' own
// limits. A served reply that is large is pinned, not copied (Pin). No allocation on a hit. Nothing
// throws.
//
// Threads: any thread may call anything. on_hit runs under the shard's mutex: copy or pin, no more,
// and never call the cache from it.
//
// A multi-key read as one snapshot (I12). The reader notes erase_sequence() = s1, peeks every part,
// notes s2, and has a hit when all parts hit with one link and one generation and s1 == s2; else it
// may try once more, then goes upstream. Why this suffices, for an atomic write of a and b that the
// link's thread applies as erase(a), erase(b), and only later a store of a new a or b (the messages
// are adjacent in the stream, and ahead of any newer reply; I2):
//   * new a, then old b: cannot happen. Who sees the new a runs after its store, so after erase(b).
//   * old a, then new b: the peek of a came before erase(a) had the shard's lock. erase(a) raises
//   the
//     sequence after it has held that lock, so s1, read before the peek, does not include it; s2,
//     read after the new b was seen, does. Raising it before the lock would let s1 include it.
// Every erase raises the sequence, found something or not: a may have been evicted after it was
// seen, or erased by an own write on another thread whose turn to count has not come yet.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/cache/entry.hpp"
#include "proxy/data/cache/flight_table.hpp"
#include "proxy/data/cache/inspection.hpp"
#include "proxy/data/cache/link_table.hpp"
#include "proxy/data/cache/shard.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::cache {

enum class LookupResult : std::uint8_t {
  kHit,       // on_hit was called with the entry, under the shard's lock
  kTooLarge,  // known to be too large for the L1: send it upstream, do not erase for it
  kJoined,    // the waiter was added to a flight
  kFetch,     // the caller leads: it must complete() flight `id` on every path (I11)
};

enum class MissCause : std::uint8_t { kAbsent, kExpired, kLease, kGeneration };

struct Lookup {
  LookupResult result;
  FlightId flight = 0;                   // kFetch, kJoined
  MissCause cause = MissCause::kAbsent;  // kFetch, kJoined
};

/// What an answer that clients are shown does to the rest of what is known of its key (I17). That
/// goes unless it cannot be older; what cannot is what links of the same server brought, when this
/// one is known to be told of changes of the key (Contacts).
enum class Takeover : std::uint8_t {
  kNone,          // nobody is promised monotonic reads
  kSameServer,    // the key has one server
  kOtherServers,  // it may have had another: what that brought goes in any case
  kAll            // and what is being fetched for it, wherever, is not stored
};

/// Where the answer of a flight will come from.
struct Source {
  state::Nanos as_of;  // it will be current as of then, or later
  LinkId link = 0;
};

/// What a fetch ends with. Default: nothing to store.
struct Fill {
  bool store = false;
  EntryKind kind = EntryKind::kReply;
  std::string_view reply;     // RESP3 bytes; empty for kTooLarge
  state::Nanos deadline = 0;  // I7, absolute; an entry may end up to 65.5 us earlier
  LinkId link = 0;
  Generation generation = 0;
  Takeover takeover = Takeover::kNone;
  bool tracked = false;  // the link will be told when the key changes
};

struct Stats {
  std::uint64_t entries, bytes, max_bytes, evictions, expirations, flights;
};

struct CacheLimits {
  std::size_t max_bytes = 64UL << 20;
  std::size_t max_entry_bytes = 1UL << 20;      // reply bytes of one entry
  state::Nanos max_staleness = state::kSecond;  // the lease Delta (I4)
  bool shared = true;  // false: every call comes from one thread, stats() included; no locks then
};

class Cache {
 public:
  Cache(const CacheLimits& limits, LinkTable& links);
  ~Cache();

  /// A hit needs: the same variant, its generation current, its link's lease not older than
  /// max_staleness and beyond the link's not_before, its deadline ahead (I3, I4, I7, I8-F). On a
  /// hit: `on_hit(const Entry&)` runs under the shard's lock and the entry counts as used.
  /// Otherwise the waiter joins a flight of this variant that is not poisoned, whose answer is
  /// current as of at most max_staleness ago and of after replicas were distrusted, or leads a new
  /// one with this `source` (of a primary: as of now). kTooLarge needs no lease: going upstream is
  /// right however old the knowledge is.
  template <class OnHit>
  Lookup lookup(const CacheKey& key, state::Nanos now, const Waiter& waiter, OnHit&& on_hit,
                const Source& source);
  template <class OnHit>
  Lookup lookup(const CacheKey& key, state::Nanos now, const Waiter& waiter, OnHit&& on_hit) {
    return lookup(key, now, waiter, std::forward<OnHit>(on_hit), {now});
  }

  /// Adds the waiter to this very flight, which the same client waits for already. False: it has
  /// ended, or brings what may be too old by now.
  bool join(const CacheKey& key, FlightId flight, const Waiter& waiter);

  /// The flight goes on with another link.
  void hand_over(NameHash name, FlightId flight, LinkId link);

  /// As lookup, but never starts or joins a flight: false when there is no hit, and then `cause`
  /// says why. For MGET (I12), and before it is known whether anything can be fetched; calls
  /// `on_hit(const Entry&, LinkId, Generation)`.
  template <class OnHit>
  bool peek(const CacheKey& key, state::Nanos now, OnHit&& on_hit, MissCause& cause);
  template <class OnHit>
  bool peek(const CacheKey& key, state::Nanos now, OnHit&& on_hit) {
    MissCause ignored = MissCause::kAbsent;
    return peek(key, now, std::forward<OnHit>(on_hit), ignored);
  }

  /// A lookup of this variant follows soon: its memory is asked for now, so that several lookups
  /// wait for theirs together.
  void prefetch(NameHash name, std::uint64_t variant) {
    Shard& shard = shard_of(name);
    const std::lock_guard lock(shard.mutex());
    shard.prefetch(variant);
  }

  /// Ends a flight: stores when `fill.store` holds, the flight is not poisoned, the generation is
  /// still current, the size fits; then hands its waiters over (the leader is the first), in place
  /// of what `waiters` held. `key` is the flight's key. True when it was stored. Unknown ids give
  /// no waiters. By the thread of the fill's link (I1).
  bool complete(NameHash name, FlightId flight, const CacheKey& key, const Fill& fill,
                std::vector<Waiter>& waiters);

  /// Stores outside any flight (members of an MGET fill): `started` is erase_count(name) taken when
  /// the fetch was sent; nothing is stored when the key was erased by anyone since.
  bool store(const CacheKey& key, const Fill& fill, std::uint64_t started);

  /// How often this key was erased, for whatever reason; other keys may count as well. See store().
  std::uint64_t erase_count(NameHash name) const { return shard_of(name).erase_count(name); }

  /// I8, I14: erases every variant of the key in every database. `poison`: own writes also poison
  /// every flight of the key; invalidations from a link do not (I6 is the link's business).
  /// True when there was an entry to erase.
  bool erase(NameHash name, bool poison);

  /// I8-A: poisons every flight. Entries die by their links' generation.
  void poison_all();

  /// Grows whenever anything was erased or poisoned anywhere: a multi-key hit is only a snapshot
  /// when this did not move while its parts were read (I12, see above).
  std::uint64_t erase_sequence() const { return erase_sequence_.load(std::memory_order_acquire); }

  /// Drops every entry. Flights go on.
  void clear();

  /// Sums over the shards, one after the other. `bytes` includes the index arrays, also when empty.
  Stats stats() const;

  /// The entries of a redis key in every database, at most `limit` of them. Counts as no use.
  std::vector<CachedVariant> variants(std::string_view redis_key, state::Nanos now,
                                      std::size_t limit) const;

  /// Erases every entry whose redis key fits, in every database, and poisons the flights of such
  /// keys; nothing asked for before the call is stored after it. `fits` runs without a lock.
  /// Returns how many keys had entries. Visits the whole cache: for operators (inspection.cpp).
  std::size_t erase_matching(const std::function<bool(std::string_view redis_key)>& fits);

  /// Bytes an entry of these parts is charged at most, before the allocator rounds up (what it
  /// rounds up to is what counts).
  static std::size_t charge(std::size_t arguments, std::size_t reply);

 private:
  Shard& shard_of(NameHash name) const { return *shards_[(name >> 58) & shard_mask_]; }

  /// Null, or what may answer now; `cause` says why not.
  Entry* find_live(Shard& shard, const CacheKey& key, state::Nanos now, MissCause& cause) const;

  /// The rest of a lookup without a hit.
  Lookup join_or_lead(Shard& shard, const CacheKey& key, state::Nanos now, const Source& source,
                      const Waiter& waiter, MissCause cause) const;

  /// A new entry when the fill may be stored at all, else null.
  Entry* entry_for(const CacheKey& key, const Fill& fill) const;

  void take_over(Shard& shard, NameHash name, const Fill& fill, Graveyard& graveyard) const;

  void raise_erase_sequence() { erase_sequence_.fetch_add(1, std::memory_order_release); }

  CacheLimits limits_;
  LinkTable& links_;
  std::uint64_t shard_mask_ = 0;
  std::vector<std::unique_ptr<Shard>> shards_;
  // Written by every erase, read by no hit of a single key: on a cache line of its own.
  alignas(64) std::atomic<std::uint64_t> erase_sequence_{0};
};

inline Entry* Cache::find_live(Shard& shard, const CacheKey& key, state::Nanos now,
                               MissCause& cause) const {
  Entry* entry = shard.find(key);
  if (entry == nullptr) return nullptr;
  const LinkId link = entry->link();
  const state::Nanos synced_at = links_.synced_at(link);  // before the generation: LinkTable::open
  // A stored generation is never 0, so a closed link does not match either.
  if (links_.generation(link) != entry->generation) {
    cause = MissCause::kGeneration;
    shard.discard(*entry, false);
    return nullptr;
  }
  if (now >= entry->deadline()) {
    cause = MissCause::kExpired;
    shard.discard(*entry, true);
    return nullptr;
  }
  if (kind_of(*entry) != EntryKind::kTooLarge) {
    links_.mark_used(link);
    const bool lapsed =
        now - synced_at > limits_.max_staleness && state::holds(state::Invariant::kI4Lease);
    if (lapsed || synced_at <= links_.not_before(link)) {
      cause = MissCause::kLease;  // the entry stays: the next probe may renew the lease
      return nullptr;
    }
  }
  shard.touch(*entry);
  return entry;
}

template <class OnHit>
Lookup Cache::lookup(const CacheKey& key, state::Nanos now, const Waiter& waiter, OnHit&& on_hit,
                     const Source& source) {
  Shard& shard = shard_of(key.name);
  const std::lock_guard lock(shard.mutex());
  MissCause cause = MissCause::kAbsent;
  if (Entry* entry = find_live(shard, key, now, cause); entry != nullptr) {
    if (kind_of(*entry) == EntryKind::kTooLarge) return {.result = LookupResult::kTooLarge};
    on_hit(static_cast<const Entry&>(*entry));
    return {.result = LookupResult::kHit};
  }
  return join_or_lead(shard, key, now, source, waiter, cause);
}

template <class OnHit>
bool Cache::peek(const CacheKey& key, state::Nanos now, OnHit&& on_hit, MissCause& cause) {
  Shard& shard = shard_of(key.name);
  const std::lock_guard lock(shard.mutex());
  cause = MissCause::kAbsent;
  Entry* entry = find_live(shard, key, now, cause);
  if (entry == nullptr || kind_of(*entry) == EntryKind::kTooLarge) return false;
  on_hit(static_cast<const Entry&>(*entry), entry->link(), entry->generation);
  return true;
}

}  // namespace pillion::cache
