// The shared face of the fill links: what a hit has to ask before it may be served
// (COHERENCE I1, I3, I4).
//
// Written by the worker that owns the link, read by every worker on every hit; hence atomics, one
// cache line each.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "proxy/state/clock.hpp"

namespace pillion::cache {

using LinkId = std::uint16_t;
using Generation = std::uint32_t;  // unique over all links and times; 0 = not live

class LinkTable {
 public:
  static constexpr std::size_t kMaxLinks = 256;

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
  void close(LinkId link) { slots_[link].generation.store(0, std::memory_order_release); }

  /// I8-A and null pushes, by any thread: all that was stored so far is never served again, the
  /// link stays as it is. Nothing happens to a link that is not live.
  void bump(LinkId link) {
    auto& slot = slots_[link].generation;
    Generation seen = slot.load(std::memory_order_acquire);
    while (seen != 0 && !slot.compare_exchange_weak(
                            seen, next_generation_.fetch_add(1, std::memory_order_relaxed),
                            std::memory_order_acq_rel)) {
    }
  }

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

 private:
  struct alignas(64) Slot {
    std::atomic<Generation> generation{0};
    std::atomic<state::Nanos> synced_at{0};
    std::atomic<bool> used{false};
    std::atomic<Generation> fetched{0};
  };
  std::array<Slot, kMaxLinks> slots_;
  std::atomic<Generation> next_generation_{1};
};

}  // namespace pillion::cache
