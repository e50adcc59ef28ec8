// The same steps to Pillion and to a redis-server of its own, reply against reply.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/differential/step.hpp"
#include "tests/support/pillion_process.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {

struct Mismatch {
  std::uint64_t step;
  std::size_t client;
  std::size_t item;  // its index in the step
  std::size_t reply;
  Rule rule;
  std::string text;      // of the item
  std::string expected;  // bytes, or what was thrown
  std::string got;
};

class Duel {
 public:
  /// `control`: a second redis-server takes Pillion's place, so that the test itself is tested.
  explicit Duel(bool control);

  /// The first reply that differs. Then reset() is due.
  std::optional<Mismatch> play(const Step& step);
  /// Empty servers, new clients.
  void reset();
  /// Nothing, or how the data of the two differ.
  std::optional<std::string> compare_data();

  std::uint64_t commands() const { return commands_; }
  /// Reads that the L1 answered since the start.
  std::uint64_t hits() const { return pillion_ ? pillion_->hits() : 0; }
  std::string log() const { return pillion_ ? pillion_->log() : ""; }

 private:
  struct Pair {
    std::optional<RespClient> straight;
    std::optional<RespClient> through;
    std::vector<Rule> queued;
  };

  RespClient new_client() const;
  void connect(Pair& pair) const;
  std::optional<Mismatch> compare(Pair& pair, const Step& step, std::size_t item);
  std::optional<Mismatch> compare_ends(Pair& pair, const Step& step, std::size_t item);

  RedisServer reference_;
  RedisServer upstream_;
  std::unique_ptr<PillionProcess> pillion_;
  std::vector<Pair> pairs_;
  std::uint64_t commands_ = 0;
};

}  // namespace pillion::test
