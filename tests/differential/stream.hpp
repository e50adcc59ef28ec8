// The stream of a seed: every step is a function of seed and number alone.
#pragma once

#include "tests/differential/step.hpp"

namespace pillion::test {

inline constexpr std::size_t kClients = 5;

class Stream {
 public:
  explicit Stream(std::uint64_t seed);

  Step step(std::uint64_t number) const;

 private:
  std::uint64_t seed_;
};

/// Every template is made once; throws when one of them is not well formed.
std::size_t check_templates();

}  // namespace pillion::test
