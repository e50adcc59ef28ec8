#include "proxy/control/health/rotation.hpp"

#include <algorithm>
#include <utility>

namespace pillion::control {

void Rotation::update(state::Nanos now, const ReplicaState& replica) {
  std::string why = reason(now, replica);
  if (!why.empty()) return leave(std::move(why));
  if (in_) {
    if (now - entered_at_ >= kForgiven) rests_ = 0;
    return;
  }
  in_ = true;
  why_.clear();
  entered_at_ = now;
  slow_ = !std::exchange(warm_, false);
}

std::string Rotation::reason(state::Nanos now, const ReplicaState& replica) {
  if (!replica.up) return replica.down_why.empty() ? "down" : replica.down_why;
  if (replica.failed) return "the cluster says it has failed";
  if (replica.role.empty()) return "it does not say its role";
  // Promoted already, and the layout does not say so yet: what it has is as new as anything.
  const bool promoted = replica.role == "master" && in_ && !replica.primary_answers;
  if (replica.role != "slave" && !promoted) return "its role is " + replica.role;
  const bool primary_lives = replica.primary_answers && (!in_ || replica.answered_since);
  if (replica.link != "connected" && primary_lives) {
    return "its link to the primary is not up (" + replica.link + ")";
  }
  const state::Nanos allowed = lagging_ ? settings_.max_lag / 2 : settings_.max_lag;
  lagging_ = replica.lag > allowed;
  if (lagging_) {
    return "it is " + std::to_string(replica.lag / state::kMillisecond) + " ms behind";
  }
  if (!resting_) return {};
  if (replica.probed_at > ejected_at_ && replica.probed_at != counted_probe_) {
    counted_probe_ = replica.probed_at;
    ++good_probes_;
  }
  const auto doublings = std::min<std::uint32_t>(rests_ - 1, 16);
  const state::Nanos rest = std::min(kLongestRest, kFirstRest << doublings);
  if (now - ejected_at_ < rest || good_probes_ < settings_.rise) return "its commands fail";
  resting_ = false;
  return {};
}

void Rotation::eject(state::Nanos now) {
  if (!in_) return;
  resting_ = true;
  ejected_at_ = now;
  good_probes_ = 0;
  ++rests_;
  leave("its commands fail");
}

void Rotation::leave(std::string why) {
  if (in_) ++ejections_;
  in_ = false;
  why_ = std::move(why);
}

std::uint32_t Rotation::weight(state::Nanos now) const {
  if (!in_ || !slow_ || now - entered_at_ >= settings_.slow_start) return 100;
  const auto grown = (now - entered_at_) * (100 - kLeastWeight) / settings_.slow_start;
  // In steps: each is published.
  return kLeastWeight + static_cast<std::uint32_t>(grown) / 10 * 10;
}

}  // namespace pillion::control
