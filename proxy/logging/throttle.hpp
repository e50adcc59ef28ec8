// For warnings that a busy fault could repeat a thousand times a second. Pure; one thread.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/state/clock.hpp"

namespace pillion::logging {

/// At most one line per interval, and the next line can say how many were left out:
///   if (const auto skipped = throttle_.allow(now)) warn(text_with(*skipped));
class Throttle {
 public:
  explicit Throttle(state::Nanos interval) : interval_(interval) {}

  /// Empty: say nothing. Otherwise: how many were refused since the last one allowed.
  std::optional<std::uint64_t> allow(state::Nanos now);

 private:
  state::Nanos interval_;
  std::optional<state::Nanos> last_;
  std::uint64_t skipped_ = 0;
};

}  // namespace pillion::logging
