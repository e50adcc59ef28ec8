// The keys of one run: slots that readers look at, and the key each slot stands for at the moment.
//
// A writer that does not learn the outcome of a write gives its slot a new key: the old one may
// still change at any time, so nothing about it can be judged any more.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <string>

namespace pillion::test {

/// What a key holds; says how it is written and read.
enum class Kind { kString, kExpiring, kHash, kScripted };

class Keyspace {
 public:
  static constexpr std::uint32_t kSlots = 64;

  Keyspace() {
    for (std::uint32_t slot = 0; slot < kSlots; ++slot) keys_[slot] = slot;
  }

  std::uint32_t key_of(std::uint32_t slot) const { return keys_[slot]; }
  /// Only by the slot's writer. The new key is of the same kind.
  void retire(std::uint32_t slot) { keys_[slot] += kSlots; }

  static Kind kind_of(std::uint32_t key) { return static_cast<Kind>(key % 4); }
  static std::string name_of(std::uint32_t key) { return "k" + std::to_string(key); }
  /// Above every key there ever was.
  std::uint32_t end() const {
    std::uint32_t last = 0;
    for (const auto& key : keys_) last = std::max(last, key.load());
    return last + 1;
  }

 private:
  std::array<std::atomic<std::uint32_t>, kSlots> keys_{};
};

}  // namespace pillion::test
