// Which keys may not be read from a replica yet (COHERENCE section 5.2 rule B, I17, I18).
//
// A token says "this key was written through this Pillion, or read from elsewhere, at t": a replica
// whose link has not proved to be past t may not answer for the key. Tokens are kept by hash of the
// name in a table of fixed size: names that share a place share the later token, which costs reads
// at the primary and nothing else. `everything` stands for writes whose keys are not known.
//
// Which replica a key belongs to is a view of each worker's, and they change theirs one after the
// other. With reads.balance key_affinity no replica answers in the meantime (I17): of two views of
// one key the later one may be of a replica that is behind the other.
//
// Any thread. A token is set before the reply of the write is released, so that whoever has seen
// that reply finds it. Not enabled: nothing is kept and nothing costs anything.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/raise.hpp"

namespace pillion::data::fill {

class WriteTokens {
 public:
  static constexpr std::size_t kPlaces = 1UL << 16;
  static constexpr state::Nanos kNever = std::numeric_limits<state::Nanos>::min();

  /// `enabled`: reads may go to replicas. Cannot be changed: a write before would have left no
  /// token.
  explicit WriteTokens(bool enabled);

  bool enabled() const { return table_ != nullptr; }

  void set(cache::NameHash name, state::Nanos now) {
    if (enabled()) state::raise((*table_)[place_of(name)], now);
  }
  void set_everything(state::Nanos now) {
    if (enabled()) state::raise(everything_, now);
  }

  /// A replica has to have passed this moment to answer for the key.
  state::Nanos of(cache::NameHash name) const {
    if (!enabled()) return kNever;
    const state::Nanos own = (*table_)[place_of(name)].load(std::memory_order_acquire);
    const state::Nanos all = everything_.load(std::memory_order_acquire);
    return own > all ? own : all;
  }

  /// The worker's view of whom keys belong to, from here on; a token for everything comes first.
  void set_view(std::uint32_t worker, std::uint64_t view);
  /// The worker is no more.
  void forget_view(std::uint32_t worker);
  /// All workers have one view. A replica may answer: who sees this sees the tokens before it.
  bool one_view() const { return one_view_.load(std::memory_order_acquire); }

 private:
  using Table = std::array<std::atomic<state::Nanos>, kPlaces>;

  // The cache's shard is chosen by the top bits, an entry's tag is the low half.
  static std::size_t place_of(cache::NameHash name) { return (name >> 40) % kPlaces; }

  std::unique_ptr<Table> table_;
  void compare_views();

  std::atomic<state::Nanos> everything_{kNever};
  std::mutex mutex_;
  std::vector<std::pair<std::uint32_t, std::uint64_t>> views_;  // by worker
  std::atomic<bool> one_view_{true};
};

}  // namespace pillion::data::fill
