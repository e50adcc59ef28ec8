// One lock's worth of the cache: entries in recency order, their byte budget, and the flights of
// the same keys.
//
// Recency: a list from newest to oldest; the oldest is evicted. A hit moves its entry to the front
// unless fewer moves than an eighth of the entries happened since its last one: it is then still in
// the newest eighth, and hot keys do not pay for list surgery on every hit. So the order is that of
// the last use, give or take an eighth of the entries; exact below eight entries.
//
// Budget: what the allocator gave for the entries, plus the index arrays. Room is made before an
// entry goes in, so bytes() <= budget holds whenever the mutex is free.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/cache/entry.hpp"
#include "proxy/data/cache/flight_table.hpp"
#include "proxy/data/cache/index.hpp"

namespace pillion::cache {

/// Everything but erase_count() and mutex() wants the mutex held. Aligned so that two shards never
/// share a cache line.
class alignas(64) Shard {
 public:
  Shard(std::uint32_t number, std::size_t budget) : budget_(budget), flights_(number) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  std::mutex& mutex() { return mutex_; }

  Entry* find(const CacheKey& key) const {
    Entry* entry = index_.variants(static_cast<std::uint32_t>(key.variant));
    while (entry != nullptr && !entry->is(key)) entry = entry->next_variant;
    return entry;
  }

  /// Used just now.
  void touch(Entry& entry) {
    if (moves_ - entry.touched >= index_.size() / 8) move_to_front(entry);
  }

  /// Takes a new entry over: it replaces the one of the same variant, and the oldest make room.
  /// False when it does not fit at all; then it is in the graveyard.
  bool insert(Entry& entry, const CacheKey& key, Graveyard& graveyard);

  /// The entry is of no use any more; `expired`: because of its deadline.
  void discard(Entry& entry, bool expired);

  /// Every variant of a name; true when there was one. Counts for erase_count() in any case.
  bool erase(NameHash name, Graveyard& graveyard);

  void clear(Graveyard& graveyard);

  /// Without the mutex, too: erasures asked for names of this name's stripe (a superset of the
  /// name's own).
  std::uint64_t erase_count(NameHash name) const {
    return erasures_[stripe_of(name)].load(std::memory_order_acquire);
  }
  /// As if every name had been erased.
  void count_erasure_of_all();

  FlightTable& flights() { return flights_; }

  std::size_t entries() const { return index_.size(); }
  std::size_t bytes() const { return entry_bytes_ + index_.bytes(); }
  std::uint64_t evictions() const { return evictions_; }
  std::uint64_t expirations() const { return expirations_; }

 private:
  static constexpr std::size_t kStripes = 32;
  static std::size_t stripe_of(NameHash name) { return (name >> 32) % kStripes; }

  void remove(Entry& entry);
  void push_front(Entry& entry);
  void unlink(Entry& entry);
  void move_to_front(Entry& entry);

  std::mutex mutex_;
  Index<Entry> index_;
  Entry* newest_ = nullptr;
  Entry* oldest_ = nullptr;
  std::uint32_t moves_ = 0;  // entries that came to the front so far, modulo 2^32
  std::size_t entry_bytes_ = 0;
  std::size_t budget_;
  std::uint64_t evictions_ = 0;
  std::uint64_t expirations_ = 0;
  FlightTable flights_;
  std::array<std::atomic<std::uint64_t>, kStripes> erasures_{};
};

}  // namespace pillion::cache
