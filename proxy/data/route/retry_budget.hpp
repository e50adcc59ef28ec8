// How many reads may be asked a second time elsewhere after their connection failed. Pure.
//
// When an upstream is overloaded, asking again makes it worse; so what is asked again is a share of
// what is asked: a bucket that every read fills by `percent` of a token and every second asking
// empties by one. A small floor per second lets a quiet client be retried too. Over any time t
// there are at most percent/100 * reads + floor_per_second * t + burst second askings.
//
// Of one worker; not synchronised.
#pragma once

#include <cstdint>

#include "proxy/state/clock.hpp"

namespace pillion::route {

struct RetryShare {
  std::uint32_t percent = 20;
  std::uint32_t floor_per_second = 10;
  std::uint32_t burst = 1000;  // what was outstanding on one connection fails at once
};

class RetryBudget {
 public:
  explicit RetryBudget(const RetryShare& share = {}) : share_(share) {}

  void set_share(const RetryShare& share) { share_ = share; }

  void on_read();

  /// True: ask once more, it is paid for.
  bool take(state::Nanos now);

 private:
  void add(std::int64_t units);

  RetryShare share_;
  std::int64_t units_ = 0;  // kUnitsPerToken make a token
  state::Nanos refilled_at_ = 0;
  bool started_ = false;
};

}  // namespace pillion::route
