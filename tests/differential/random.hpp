// A small generator whose whole state is its seed, so that any step of a stream can be made alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>

namespace pillion::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15ULL;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9ULL;
    mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebULL;
    return mixed ^ (mixed >> 31);
  }

  /// 0 ... bound - 1; bound > 0.
  std::size_t below(std::size_t bound) { return static_cast<std::size_t>(next() % bound); }
  /// lowest ... highest, both included.
  std::int64_t between(std::int64_t lowest, std::int64_t highest) {
    return lowest +
           static_cast<std::int64_t>(below(static_cast<std::size_t>(highest - lowest) + 1));
  }
  bool percent(unsigned chance) { return below(100) < chance; }

  template <class Container>
  const auto& one_of(const Container& choices) {
    return choices[below(std::size(choices))];
  }

 private:
  std::uint64_t state_;
};

}  // namespace pillion::test
