#include "proxy/control/health/traffic_judge.hpp"

#include <utility>

namespace pillion::control {

bool TrafficJudge::look(state::Nanos now, const TrafficSample& sample) {
  const TrafficSample last = std::exchange(last_, sample);
  if (std::exchange(first_, false)) return false;
  if (sample.successes != last.successes || now - failed_at_ > kWindow) failures_ = 0;
  if (sample.failures == last.failures) return false;
  failed_at_ = now;
  // Failures beside successes are those of single connections.
  if (sample.successes != last.successes) return false;
  failures_ += sample.failures - last.failures;
  if (failures_ < fall_) return false;
  failures_ = 0;
  return true;
}

}  // namespace pillion::control
