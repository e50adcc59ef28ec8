// The arguments of commands: few keys, so that commands meet; odd values, so that errors happen.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/differential/random.hpp"

namespace pillion::test {

using Arguments = std::vector<std::string>;

class Words {
 public:
  /// `step` makes the ids of stream entries grow.
  Words(Random& random, std::uint64_t step) : random_(random), step_(step) {}

  /// Appends what a letter of the templates (commands.hpp) stands for.
  void append(char letter, Arguments& to);

  /// A number, float, bound or text that few commands take.
  std::string odd();

 private:
  std::string key(char pool);
  std::string value();
  std::string member();
  std::string field();
  std::string integer();
  std::string real();
  std::string score_bound();
  std::string lexical_bound();
  std::string stream_id();

  Random& random_;
  std::uint64_t step_;
};

/// A key of the pools, without chance; for scripts and other texts.
std::string pool_key(char pool, std::size_t number);

}  // namespace pillion::test
