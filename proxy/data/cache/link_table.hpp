// The shared face of the fill links: what a hit has to ask before it may be served
// (COHERENCE I1, I3, I4).
//
// A link is one worker's to one endpoint; its id is taken with acquire() and given back with
// release(). Generations are unique over all links and times, so what an earlier holder of an id
// stored is dead whoever holds it next.
//
// Written by the worker that owns the link, read by every worker on every hit; hence atomics, one
// cache line each. distrust_replicas() is anybody's.
//
// Writes of unknown keys through this Pillion (I8-F). A primary's link proves by a fence that it
// has seen them. A replica's cannot: the write is still on its way to the replica. So what a
// replica filled is not served until its link has proved to be past the write: `not_before`, beside
// synced_at. For primaries it stays in the infinite past.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "proxy/state/clock.hpp"
#include "proxy/state/raise.hpp"

namespace pillion::cache {

using LinkId = std::uint16_t;
using Generation = std::uint32_t;  // unique over all links and times; 0 = not live

enum class LinkSource : std::uint8_t { kPrimary, kReplica };

class LinkTable {
 public:
  static constexpr std::size_t kMaxLinks = 1024;
  static constexpr LinkId kNoLink = 0xffff;
  static constexpr state::Nanos kNever = std::numeric_limits<state::Nanos>::min();

  /// A name for a new link of `worker`, closed; kNoLink when there are kMaxLinks. Any thread.
  /// `server`: any number that two links have in common when they lead to one server.
  LinkId acquire(std::uint32_t worker, LinkSource source, std::uint32_t server = 0) {
    for (std::size_t i = 0; i < kMaxLinks; ++i) {
      Slot& slot = slots_[i];
      bool taken = false;
      if (slot.taken.load(std::memory_order_relaxed) ||
          !slot.taken.compare_exchange_strong(taken, true))
        continue;
      slot.worker.store(worker, std::memory_order_relaxed);
      slot.server.store(server, std::memory_order_relaxed);
      slot.used.store(false, std::memory_order_relaxed);
      slot.fetched.store(0, std::memory_order_relaxed);
      slot.not_before.store(kNever);
      slot.source.store(source);
      std::size_t seen = end_.load(std::memory_order_relaxed);
      while (seen <= i && !end_.compare_exchange_weak(seen, i + 1)) {
      }
      // Last: a distrust that did not see this slot yet is seen here.
      if (source == LinkSource::kReplica) state::raise(slot.not_before, distrusted_.load());
      return static_cast<LinkId>(i);
    }
    return kNoLink;
  }

  /// Ends the link's generation and gives its id back. By who acquired it.
  void release(LinkId link) {
    close(link);
    slots_[link].source.store(LinkSource::kPrimary);
    slots_[link].taken.store(false, std::memory_order_release);
  }

  /// Calls visit(LinkId, worker) for every link acquired at the moment.
  template <class Visit>
  void for_each(Visit&& visit) const {
    const std::size_t end = end_.load(std::memory_order_acquire);
    for (std::size_t i = 0; i < end; ++i) {
      const Slot& slot = slots_[i];
      if (slot.taken.load(std::memory_order_acquire))
        visit(static_cast<LinkId>(i), slot.worker.load(std::memory_order_relaxed));
    }
  }

  LinkSource source(LinkId link) const { return slots_[link].source.load(); }
  std::uint32_t server(LinkId link) const {
    return slots_[link].server.load(std::memory_order_relaxed);
  }

  /// A link became LIVE: entries may be stored under the generation returned.
  ///
  /// The old generation ends before the new lease begins: a reader that takes synced_at() first and
  /// generation() second never combines the new lease with an entry of the old generation.
  Generation open(LinkId link, state::Nanos synced_at) {
    const Generation generation = next_generation_.fetch_add(1, std::memory_order_relaxed);
    slots_[link].generation.store(0, std::memory_order_relaxed);
    slots_[link].synced_at.store(synced_at, std::memory_order_release);
    slots_[link].generation.store(generation, std::memory_order_release);
    return generation;
  }

  /// I3: what this link ever stored is never served again.
  void close(LinkId link) {
    slots_[link].generation.store(0, std::memory_order_release);
    ended_.fetch_add(1, std::memory_order_release);
  }

  /// I8-A and null pushes, by any thread: all that was stored so far is never served again, the
  /// link stays as it is. Nothing happens to a link that is not live.
  void bump(LinkId link) {
    auto& slot = slots_[link].generation;
    Generation seen = slot.load(std::memory_order_acquire);
    while (seen != 0 && !slot.compare_exchange_weak(
                            seen, next_generation_.fetch_add(1, std::memory_order_relaxed),
                            std::memory_order_acq_rel)) {
    }
    ended_.fetch_add(1, std::memory_order_release);
  }
  /// How often a generation of any link ended.
  std::uint64_t ended() const { return ended_.load(std::memory_order_acquire); }

  /// I4: every message for writes executed before `sent_at` was applied.
  void synced(LinkId link, state::Nanos sent_at) {
    auto& slot = slots_[link].synced_at;
    if (slot.load(std::memory_order_relaxed) < sent_at)
      slot.store(sent_at, std::memory_order_release);
  }

  Generation generation(LinkId link) const {
    return slots_[link].generation.load(std::memory_order_acquire);
  }
  state::Nanos synced_at(LinkId link) const {
    return slots_[link].synced_at.load(std::memory_order_acquire);
  }

  /// A hit needs synced_at() beyond this.
  state::Nanos not_before(LinkId link) const {
    return slots_[link].not_before.load(std::memory_order_acquire);
  }
  /// Anything may have been written until `now`: nothing that replicas filled is served before
  /// their links have proved to be past it. Any thread.
  void distrust_replicas(state::Nanos now) {
    state::raise(distrusted_, now);
    const std::size_t end = end_.load();
    for (std::size_t i = 0; i < end; ++i) {
      if (slots_[i].source.load() == LinkSource::kReplica) state::raise(slots_[i].not_before, now);
    }
  }
  /// The latest of these moments; kNever: there was none.
  state::Nanos replicas_distrusted_at() const {
    return distrusted_.load(std::memory_order_acquire);
  }

  /// Set by a hit or a lease miss, taken by the link's probe timer: an unused link is not probed.
  void mark_used(LinkId link) {
    auto& used = slots_[link].used;
    if (!used.load(std::memory_order_relaxed)) used.store(true, std::memory_order_relaxed);
  }
  bool take_used(LinkId link) {
    return slots_[link].used.exchange(false, std::memory_order_relaxed);
  }

  /// A fetch leaves on this link, under this generation.
  void note_fetch(LinkId link, Generation generation) { slots_[link].fetched.store(generation); }
  /// Nothing was fetched under the link's present generation: it has filled nothing that could be
  /// served, and nothing is on its way. So there is nothing to prove by a fence (I8-F).
  bool nothing_fetched(LinkId link) const {
    const Generation present = slots_[link].generation.load();
    return present == 0 || slots_[link].fetched.load() != present;
  }
  /// A fence has to ask this link: it has fetched, and is a primary's.
  bool wants_fence(LinkId link) const {
    return source(link) == LinkSource::kPrimary && !nothing_fetched(link);
  }

 private:
  struct alignas(64) Slot {
    std::atomic<Generation> generation{0};
    std::atomic<state::Nanos> synced_at{0};
    std::atomic<state::Nanos> not_before{kNever};
    std::atomic<bool> used{false};
    std::atomic<bool> taken{false};
    std::atomic<LinkSource> source{LinkSource::kPrimary};
    std::atomic<Generation> fetched{0};
    std::atomic<std::uint32_t> worker{0};
    std::atomic<std::uint32_t> server{0};
  };

  std::array<Slot, kMaxLinks> slots_;
  std::atomic<std::size_t> end_{0};  // no link was ever acquired from here on
  std::atomic<Generation> next_generation_{1};
  std::atomic<state::Nanos> distrusted_{kNever};
  std::atomic<std::uint64_t> ended_{0};
};

}  // namespace pillion::cache
