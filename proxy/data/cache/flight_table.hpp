// What is being fetched, and who waits for it (COHERENCE I9, I11).
//
// One table per shard, under that shard's mutex: "erase the key and poison its flights" is one
// step.
//
//      start() --> joinable --end()--> gone
//                    |                  ^
//                    +--poison()--> poisoned --end()
//
// A joinable flight is in the index. A poisoned one is not: nobody can join it, and it is reached
// by its id only. Memory of ended flights is kept for the next ones.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/cache/index.hpp"
#include "proxy/data/cache/link_table.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::cache {

/// Who waits for a flight. Opaque to the cache: worker, session handle and reply slot.
struct Waiter {
  std::uint32_t worker;
  std::uint64_t session;
  std::uint64_t slot;
};

/// Unique among the flights of a cache; 0 = none. From the top: 6 bits shard, 26 bits how often the
/// slot was used, 32 bits slot.
using FlightId = std::uint64_t;

struct Flight {
  Flight* next_variant = nullptr;
  Flight* next_of_name = nullptr;
  Flight** prev_of_name = nullptr;
  std::uint32_t variant_tag = 0;
  std::uint32_t name_tag = 0;
  std::uint32_t database = 0;
  std::uint16_t command = 0;
  bool poisoned = false;
  std::uint32_t uses = 0;
  LinkId link = 0;         // that fetches it
  FlightId id = 0;         // 0: ended
  state::Nanos as_of = 0;  // what it brings was current then, or later
  std::string arguments;
  std::vector<Waiter> waiters;

  bool is(const CacheKey& key) const;
};

class FlightTable {
 public:
  /// `shard` goes into the ids; below 64.
  explicit FlightTable(std::uint32_t shard) : shard_(shard) {}

  /// Adds the waiter to the newest flight of this variant, unless what that brings may have ended
  /// more than `max_age` before `now`. 0 when there is none to join.
  FlightId join(const CacheKey& key, state::Nanos now, state::Nanos max_age, const Waiter& waiter);

  /// Adds the waiter to this very flight. False when it has ended, or is not to be joined.
  bool join(const CacheKey& key, FlightId flight, const Waiter& waiter);

  /// A new flight whose first waiter is the leader.
  FlightId start(const CacheKey& key, state::Nanos as_of, LinkId link, const Waiter& waiter);

  /// The flight goes on with another link.
  void hand_over(FlightId id, LinkId link);

  enum class Ended : std::uint8_t { kUnknown, kPoisoned, kClean };

  /// Ends a flight and swaps its waiters into `waiters` (which keeps the vectors' memory in use).
  /// A flight of another key counts as poisoned: its reply is not that key's.
  Ended end(FlightId id, const CacheKey& key, std::vector<Waiter>& waiters);

  void poison(NameHash name) {
    poison_if(name, [](LinkId) { return true; });
  }
  void poison_all();
  /// Poisons the flights of the name with links that `fits`.
  template <class Fits>
  void poison_if(NameHash name, Fits&& fits) {
    if (index_.size() == 0) return;
    const auto tag = static_cast<std::uint32_t>(name);
    for (Flight* flight = index_.names(tag); flight != nullptr;) {
      Flight* next = flight->next_of_name;
      if (flight->name_tag == tag && fits(flight->link)) poison(*flight);
      flight = next;
    }
  }

  /// Every flight whose answer may still be stored. `visit` changes nothing.
  template <class Visit>
  void for_each_clean(Visit&& visit) const {
    for (const auto& flight : slots_) {
      if (flight->id != 0 && !flight->poisoned) visit(*flight);
    }
  }

  /// Flights not ended yet, poisoned ones included.
  std::size_t size() const { return slots_.size() - free_.size(); }

 private:
  void poison(Flight& flight);
  /// Null when it has ended.
  Flight* find(FlightId id) const;

  std::uint32_t shard_;
  Index<Flight> index_;  // the joinable ones
  std::vector<std::unique_ptr<Flight>> slots_;
  std::vector<std::uint32_t> free_;
};

}  // namespace pillion::cache
