// The keys of one run: slots that readers look at, and the key each slot stands for at the moment.
//
// A writer that does not learn the outcome of a write gives its slot a new key: the old one may
// still change at any time, so nothing about it can be judged any more.
#pragma once

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
  void retire(std::uint32_t slot) { keys_[slot] = generation_++ * kSlots + slot; }

  static Kind kind_of(std::uint32_t key) { return static_cast<Kind>(key % 4); }
  static std::string name_of(std::uint32_t key) { return "k" + std::to_string(key); }
  /// Above every key there ever was.
  std::uint32_t end() const { return generation_ * kSlots; }

 private:
  std::array<std::atomic<std::uint32_t>, kSlots> keys_{};
  std::atomic<std::uint32_t> generation_{1};
};

}  // namespace pillion::test
