// Whether a worker had better look for events again at once than sleep until the kernel wakes it.
//
// Waking a thread on an idle core takes longer than Redis takes for a command. A command on a
// connection of its own (a transaction, a script, a pop) has nobody to share that delay with, so
// while its reply, or the same client's next command, is expected, the worker goes on looking for a
// moment. Commands on shared connections never ask for it: their cost is what matters there.
//
//   kResting --expect()--> kLooking --found(), expect()--> kLooking with a new window
//      ^                      |
//      +--- window is over ---+      after kMaxVain such ends in a row expect() is ignored for
//      kRest
//
// Bounds: one window per expect(), and less than one hundredth of a core when looking never pays.
// Pure; `now` is an argument. One thread.
#pragma once

#include <cstdint>

#include "proxy/state/clock.hpp"

namespace pillion::net {

class BusyPoll {
 public:
  static constexpr state::Nanos kWindow = 60 * state::kMicrosecond;
  static constexpr std::uint32_t kMaxVain = 16;
  static constexpr state::Nanos kRest = 100 * state::kMillisecond;

  explicit BusyPoll(bool enabled) : enabled_(enabled) {}

  /// An event is likely to come soon.
  void expect(state::Nanos now) {
    if (!enabled_ || now < rests_until_) return;
    looks_until_ = now + kWindow;
  }

  bool looking() const { return looks_until_ != 0; }

  /// Looking has brought something.
  void found() { vain_ = 0; }

  /// Nothing has come. False: the window is over, sleep.
  bool go_on(state::Nanos now) {
    if (now < looks_until_) return true;
    looks_until_ = 0;
    if (++vain_ >= kMaxVain) {
      vain_ = 0;
      rests_until_ = now + kRest;
    }
    return false;
  }

 private:
  const bool enabled_;
  state::Nanos looks_until_ = 0;  // 0: does not look
  state::Nanos rests_until_ = 0;
  std::uint32_t vain_ = 0;  // windows in a row that brought nothing
};

}  // namespace pillion::net
