// Passive health: what the data plane's own traffic to an endpoint says.
//
// Looked at every kSampleEvery. An endpoint whose failures reach `fall` while not one read from its
// sockets brought a reply is judged to fail; any success, and a silent kWindow, start the count
// again: an error an hour is no trend. Pure.
#pragma once

#include <cstdint>

#include "proxy/state/clock.hpp"

namespace pillion::control {

struct TrafficSample {
  std::uint64_t successes = 0;
  std::uint64_t failures = 0;  // timeouts among them
};

class TrafficJudge {
 public:
  static constexpr state::Nanos kSampleEvery = 100 * state::kMillisecond;
  static constexpr state::Nanos kWindow = 2 * state::kSecond;

  explicit TrafficJudge(std::uint32_t fall) : fall_(fall) {}

  /// True once when the endpoint is found to fail; then counting starts again.
  bool look(state::Nanos now, const TrafficSample& sample);

 private:
  const std::uint32_t fall_;
  bool first_ = true;  // what was counted before we looked is no news
  TrafficSample last_;
  std::uint64_t failures_ = 0;  // since the last success
  state::Nanos failed_at_ = 0;
};

}  // namespace pillion::control
