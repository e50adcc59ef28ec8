#include "proxy/control/health/traffic_outage.hpp"

#include <utility>

namespace pillion::control {

std::optional<TrafficOutage::News> TrafficOutage::look(state::Nanos now,
                                                       const TrafficSample& sample, bool fails,
                                                       bool up) {
  const TrafficSample last = std::exchange(last_, sample);
  if (sample.failures != last.failures) {
    failed_at_ = now;
    replies_since_ = false;
  } else if (sample.successes != last.successes) {
    replies_since_ = true;
  }
  if (!under_way_) {
    if (!fails) return std::nullopt;
    under_way_ = true;
    begun_at_ = now;
    failures_before_ = last.failures;
    return News{true, 0, 0};
  }
  if (now - failed_at_ < kQuiet || !(replies_since_ || up)) return std::nullopt;
  under_way_ = false;
  return News{false, failed_at_ - begun_at_, sample.failures - failures_before_};
}

}  // namespace pillion::control
