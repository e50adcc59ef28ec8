// One lock's worth of the cache: entries in recency order, their byte budget, and the flights of
// the same keys.
//
// Recency: a list from newest to oldest, kept lazily. A hit only marks its entry, which it has just
// read anyway; moving it to the front there and then would write to three more entries, and those
// cache misses would cost more than the rest of the hit. When room is needed, the oldest that was
// used since it was placed goes to the front, unmarked, and the oldest that was not is evicted:
// nothing used since the last pass is evicted before something that was not, except that one
// eviction looks at no more than kMaxSecondChances entries: a pass over a shard full of used ones
// must not hold the lock.
//
// Budget: what the allocator gave for the entries, plus the index arrays and the contacts. Room is
// made before an entry goes in, so bytes() <= budget holds whenever the mutex is free.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/cache/contacts.hpp"
#include "proxy/data/cache/entry.hpp"
#include "proxy/data/cache/flight_table.hpp"
#include "proxy/data/cache/index.hpp"
#include "proxy/data/cache/spin_lock.hpp"

namespace pillion::cache {

/// Everything but erase_count() and mutex() wants the mutex held. Aligned so that two shards never
/// share a cache line.
class alignas(64) Shard {
 public:
  static constexpr int kMaxSecondChances = 64;

  /// `shared`: more than one thread looks things up.
  Shard(std::uint32_t number, std::size_t budget, bool shared = true)
      : mutex_(shared), budget_(budget), contacts_(shared ? budget : 0), flights_(number) {}
  Shard(const Shard&) = delete;
  Shard& operator=(const Shard&) = delete;
  ~Shard();

  SpinLock& mutex() { return mutex_; }

  Entry* find(const CacheKey& key) const {
    Entry* entry = index_.variants(static_cast<std::uint32_t>(key.variant));
    while (entry != nullptr && !entry->is(key)) entry = entry->next_variant;
    return entry;
  }

  /// Brings what find() will read closer, while the caller does something else.
  void prefetch(std::uint64_t variant) const {
    const Entry* entry = index_.variants(static_cast<std::uint32_t>(variant));
    if (entry == nullptr) return;
    constexpr std::ptrdiff_t kCacheLine = 64;
    const char* const at = reinterpret_cast<const char*>(entry);
    __builtin_prefetch(at);
    __builtin_prefetch(at + kCacheLine);
    __builtin_prefetch(at + 2 * kCacheLine);
  }

  /// Every entry of this name, and perhaps of another with the same tag.
  template <class Visit>
  void for_each_of(NameHash name, Visit&& visit) const {
    const auto tag = static_cast<std::uint32_t>(name);
    for (const Entry* at = index_.names(tag); at != nullptr; at = at->next_of_name) {
      if (at->name_tag == tag) visit(*at);
    }
  }

  /// Every entry. `visit` changes nothing.
  template <class Visit>
  void for_each(Visit&& visit) const {
    for (const Entry* at = newest_; at != nullptr; at = at->older) visit(*at);
  }

  /// Used just now: it gets a second chance when its turn to be evicted comes.
  void touch(Entry& entry) {
    if (entry.used == 0) entry.used = 1;
  }

  /// Takes a new entry over: it replaces the one of the same variant, and the oldest make room.
  /// False when it does not fit at all; then it is in the graveyard.
  bool insert(Entry& entry, const CacheKey& key, Graveyard& graveyard);

  /// The entry is of no use any more; `expired`: because of its deadline.
  void discard(Entry& entry, bool expired);

  /// Every variant of a name; true when there was one. Counts for erase_count() in any case.
  bool erase(NameHash name, Graveyard& graveyard);

  /// Every variant of a name that `goes`; true when there was one. What is being fetched may still
  /// be stored. The tag alone decides what is of the name: erasing the entry of another is harmless
  /// (I19).
  template <class Goes>
  bool erase_if(NameHash name, Graveyard& graveyard, Goes&& goes) {
    bool found = false;
    const auto tag = static_cast<std::uint32_t>(name);
    for (Entry* entry = index_.names(tag); entry != nullptr;) {
      Entry* next = entry->next_of_name;
      if (entry->name_tag == tag && goes(static_cast<const Entry&>(*entry))) {
        remove(*entry);
        graveyard.add(*entry);
        found = true;
      }
      entry = next;
    }
    return found;
  }
  /// Nothing that was asked for the name before is stored outside a flight (see erase_count).
  void count_erasure(NameHash name) {
    erasures_[stripe_of(name)].fetch_add(1, std::memory_order_release);
  }

  void clear(Graveyard& graveyard);

  /// Without the mutex, too: erasures asked for names of this name's stripe (a superset of the
  /// name's own).
  std::uint64_t erase_count(NameHash name) const {
    return erasures_[stripe_of(name)].load(std::memory_order_acquire);
  }
  /// As if every name had been erased.
  void count_erasure_of_all();

  FlightTable& flights() { return flights_; }
  Contacts& contacts() { return contacts_; }

  std::size_t entries() const { return index_.size(); }
  std::size_t bytes() const { return entry_bytes_ + index_.bytes() + contacts_.bytes(); }
  std::uint64_t evictions() const { return evictions_; }
  std::uint64_t expirations() const { return expirations_; }

 private:
  static constexpr std::size_t kStripes = 128;
  static std::size_t stripe_of(NameHash name) { return (name >> 32) % kStripes; }

  void remove(Entry& entry);
  void push_front(Entry& entry);
  void unlink(Entry& entry);
  /// The entry to evict next; null when there is none.
  Entry* choose_victim();

  SpinLock mutex_;
  Index<Entry> index_;
  Entry* newest_ = nullptr;
  Entry* oldest_ = nullptr;
  std::size_t entry_bytes_ = 0;
  std::size_t budget_;
  std::uint64_t evictions_ = 0;
  std::uint64_t expirations_ = 0;
  Contacts contacts_;
  FlightTable flights_;
  std::array<std::atomic<std::uint64_t>, kStripes> erasures_{};
};

}  // namespace pillion::cache
