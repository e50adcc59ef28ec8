#include "proxy/logging/throttle.hpp"

#include <utility>

namespace pillion::logging {

std::optional<std::uint64_t> Throttle::allow(state::Nanos now) {
  if (last_ && now - *last_ < interval_) {
    ++skipped_;
    return std::nullopt;
  }
  last_ = now;
  return std::exchange(skipped_, 0);
}

}  // namespace pillion::logging
