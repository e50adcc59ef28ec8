// May this replica be asked, and for how large a share? Decides; roster.hpp feeds it.
//
//   kIn     asked; weight 100, or growing from kLeastWeight since it came back (slow start)
//   kOut    not asked: down, not in step, failed by the cluster, or ejected for its traffic
// It leaves at once with the first reason, and comes back when none is left: after an ejection for
// traffic not before a time that doubles with each ejection in a row (kFirstRest to kLongestRest),
// and then `rise` good probes that began after it; after a lag not before the lag is down to half
// of what is allowed, so that a replica on the edge does not flap.
//
// A replica whose link to the primary is down stays in while the primary does not answer us either:
// nobody has anything newer, and reads go on while the next primary is elected; also from the one
// that has been promoted before the layout says so. So a link that is down takes a replica out only
// once the primary has answered after that was said: when a primary dies its replicas may know
// first.
//
// Pure: no clock of its own. `now` never goes backwards.
#pragma once

#include <cstdint>
#include <string>

#include "proxy/state/clock.hpp"

namespace pillion::control {

struct RotationSettings {
  state::Nanos max_lag = state::kSecond;
  state::Nanos slow_start = 5 * state::kSecond;
  std::uint32_t rise = 2;
};

/// What is known of a replica at the moment.
struct ReplicaState {
  bool up = false;
  std::string down_why;
  bool failed = false;           // the cluster says so
  std::string role;              // as ROLE says; "" unknown
  std::string link;              // likewise
  bool primary_answers = false;  // to us
  bool answered_since = false;   // to a question asked after the replica said its link
  state::Nanos lag = 0;
  state::Nanos probed_at = 0;  // when its latest good probe began
};

class Rotation {
 public:
  static constexpr std::uint32_t kLeastWeight = 10;
  static constexpr state::Nanos kFirstRest = 500 * state::kMillisecond;
  static constexpr state::Nanos kLongestRest = 30 * state::kSecond;
  static constexpr state::Nanos kForgiven = 60 * state::kSecond;  // in rotation for so long

  /// `warm`: it was there from the start and gets its whole share at once, as all others do.
  Rotation(const RotationSettings& settings, bool warm) : settings_(settings), warm_(warm) {}

  void update(state::Nanos now, const ReplicaState& replica);
  /// Its traffic fails.
  void eject(state::Nanos now);

  bool in() const { return in_; }
  std::uint32_t weight(state::Nanos now) const;
  /// Why it is out; empty when it is in.
  const std::string& why() const { return why_; }
  std::uint64_t ejections() const { return ejections_; }

 private:
  std::string reason(state::Nanos now, const ReplicaState& replica);
  void leave(std::string why);

  RotationSettings settings_;
  bool warm_;  // no slow start for the first time
  bool in_ = false;
  bool lagging_ = false;
  std::string why_ = "not probed yet";
  state::Nanos entered_at_ = 0;
  bool slow_ = false;     // entered with slow start
  bool resting_ = false;  // ejected for its traffic
  state::Nanos ejected_at_ = 0;
  std::uint32_t rests_ = 0;  // in a row
  state::Nanos counted_probe_ = 0;
  std::uint32_t good_probes_ = 0;  // since the ejection
  std::uint64_t ejections_ = 0;
};

}  // namespace pillion::control
