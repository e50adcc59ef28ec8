// Which keys are read most, from a sample of the reads: a Space-Saving sketch. One per worker.
//
// About one read in kSampleEvery is looked at; the distance to the next one is random, so that a
// client that asks for its keys in a fixed order cannot hide some of them. 256 counters are kept:
// a key that is not among them takes the place of one with the smallest count and starts from that
// count, its `error`. What was surely seen is count - error, and by that keys are ranked, so a key
// that has only just been let in does not look hot.
//
//      read --1 of 64--> find by hash --yes--> ++count
//                             |
//                             no --> the smallest counter becomes this key: error = count, ++count
//
// The smallest is found by a hand that goes round: it stops at a counter that is not above the
// floor; after a whole round without one the floor is raised to the smallest. That is O(1) on
// average.
//
// Counts are halved every kHalfLife, so that yesterday's hot key leaves. Memory is fixed, nothing
// is allocated by observe(). A key longer than kMaxKey is known by its first bytes and its hash.
// Used by one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::data::request {

struct HotKey {
  std::string key;          // its first HotKeys::kMaxKey bytes
  bool truncated = false;   // the key is longer than that
  std::uint64_t count = 0;  // reads, estimated; halved every HotKeys::kHalfLife
};

class HotKeys {
 public:
  static constexpr std::uint32_t kSampleEvery = 64;
  static constexpr std::size_t kCounters = 256;
  static constexpr std::size_t kMaxKey = 120;
  static constexpr state::Nanos kHalfLife = 10 * state::kSecond;

  HotKeys();

  /// A key was read, whatever became of it. About a nanosecond when it is not in the sample.
  void observe(std::string_view key) {
    if (--until_sample_ == 0) [[unlikely]]
      sample(key);
  }

  /// Halves when it is time. Often is fine: once a second, say.
  void tick(state::Nanos now);

  /// The n most read keys, most read first; those never seen for sure are left out.
  std::vector<HotKey> top(std::size_t n) const;

 private:
  using Index = std::uint16_t;
  static constexpr Index kNone = 0xFFFF;
  static constexpr std::size_t kChains = 256;

  struct Place {
    cache::NameHash name = 0;
    Index next = kNone;  // in the chain of the same hash
    std::uint8_t length = 0;
    bool truncated = false;
    std::array<char, kMaxKey> bytes;
  };

  void sample(std::string_view key);
  void draw_distance();
  Index find(cache::NameHash name, std::string_view key) const;
  Index take_smallest();
  void unlink(Index index);

  std::uint32_t until_sample_ = 1;
  std::uint64_t random_;
  std::size_t used_ = 0;     // places in use, from the first on
  std::size_t hand_ = 0;     // where the search for the smallest goes on
  std::uint32_t floor_ = 0;  // no count is below it
  state::Nanos halve_at_ = 0;
  std::array<std::uint32_t, kCounters> counts_{};
  std::array<std::uint32_t, kCounters> errors_{};
  std::array<Index, kChains> chains_;
  std::array<Place, kCounters> places_;
};

/// What several workers saw, as one: the n most read keys, most read first.
std::vector<HotKey> merge_hot_keys(const std::vector<std::vector<HotKey>>& workers, std::size_t n);

}  // namespace pillion::data::request
