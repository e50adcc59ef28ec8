// One line when the commands sent to a server begin to fail, and one when that is over: which
// samples (traffic_judge.hpp) are the beginning and the end.
//
// It begins when the judge says that the server fails. It is over when for kQuiet no command failed
// and either replies came since the last failure or the server answers its probes: one that is down
// and is sent nothing has not recovered. Pure.
#pragma once

#include <cstdint>
#include <optional>

#include "proxy/control/health/traffic_judge.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::control {

class TrafficOutage {
 public:
  static constexpr state::Nanos kQuiet = 2 * state::kSecond;

  struct News {
    bool begun = false;          // else: over
    state::Nanos lasted = 0;     // over: from the first failure seen to the last
    std::uint64_t failures = 0;  // over: in this time
  };

  /// `fails`: as the judge found of this sample. `up`: the server answers its probes.
  std::optional<News> look(state::Nanos now, const TrafficSample& sample, bool fails, bool up);

 private:
  bool under_way_ = false;
  TrafficSample last_;
  state::Nanos begun_at_ = 0;
  state::Nanos failed_at_ = 0;
  std::uint64_t failures_before_ = 0;
  bool replies_since_ = false;  // the last failure
};

}  // namespace pillion::control
