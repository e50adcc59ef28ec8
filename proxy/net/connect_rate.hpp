// How often a worker may try to connect again, over all its connections: an upstream that comes
// back must not be met by every connection that was lost at once, of every Pillion that had some.
//
// A bucket of tokens: `per_second` flow in, `burst` fit. First attempts are not counted, they are
// what clients ask for; attempts after a failure are. Pure; `now` is an argument. One thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "proxy/state/clock.hpp"

namespace pillion::net {

class ConnectRate {
 public:
  explicit ConnectRate(std::uint32_t per_second = 50, std::uint32_t burst = 10)
      : interval_(state::kSecond / per_second), room_(interval_ * burst) {}

  /// False: not now, ask again at the next tick.
  bool take(state::Nanos now) {
    // `paid_until_` is when the bucket will be full again.
    const state::Nanos from = std::max(paid_until_, now);
    if (from + interval_ - now > room_) return false;
    paid_until_ = from + interval_;
    return true;
  }

 private:
  state::Nanos interval_;
  state::Nanos room_;
  state::Nanos paid_until_ = 0;
};

}  // namespace pillion::net
