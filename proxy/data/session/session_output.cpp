// How much a client may have unread, and what waits for it meanwhile.
#include <algorithm>
#include <string>
#include <utility>

#include "protocol/resp/writer.hpp"
#include "proxy/data/session/session.hpp"

namespace pillion::data::session {
namespace {

// A lane is paused for a client that has so much unread output.
constexpr std::size_t kPauseAt = 1UL << 20;
// While others wait behind a paused reply, its client gets this long to take something.
constexpr state::Nanos kPatience = 500 * state::kMillisecond;
constexpr state::Nanos kSpareLife = state::kSecond;
// Replies are withheld for so many times as long as they have taken, within these bounds: where
// servers are busy, they also differ by more.
constexpr state::Nanos kTimesAsLong = 4;
constexpr state::Nanos kLeastWithheld = 250 * state::kMicrosecond;
constexpr state::Nanos kMostWithheld = 5 * state::kMillisecond;

}  // namespace

/// What has to leave before more of this reply is of use. Parked replies must not count for the
/// front one: they wait for it.
std::size_t Session::bytes_ahead(std::uint64_t sequence) const {
  return slots_.empty() || slots_.leads(sequence) ? out_.size() : output_bytes();
}

state::Nanos Session::withheld_until(state::Nanos now) const {
  if (slots_.empty() || !slots_.leading().meshed || aborted_) return 0;
  const std::size_t bytes = out_.size();
  if (bytes >= kShareFrom) return 0;
  if (bytes == 0) return Withheld::kNever;
  return now +
         std::clamp(kTimesAsLong * (now - slots_.leading().started), kLeastWithheld, kMostWithheld);
}

Flow Session::output_flow(std::uint64_t sequence) {
  if (bytes_ahead(sequence) < kPauseAt) return Flow::kGoOn;
  const auto from = lane_of(sequence);
  // Others wait for this reply to end: memory is spent first, up to the limit.
  if (!from || (from->others_wait() && output_bytes() < context_.output_limit)) return Flow::kGoOn;
  pause(sequence, from);
  return Flow::kPause;
}

void Session::resume_lanes_with_waiters() {
  std::vector<std::shared_ptr<upstream::Lane>> ready;
  for (std::size_t i = 0; i < paused_.size();) {
    if (!paused_[i].lane->others_wait()) {
      ++i;
      continue;
    }
    ready.push_back(std::move(paused_[i].lane));
    paused_.erase(paused_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (const auto& lane : ready) lane->resume();
}

void Session::resume_paused() {
  for (std::size_t i = 0; i < paused_.size();) {
    if (bytes_ahead(paused_[i].slot) >= kPauseAt / 2) {
      ++i;
      continue;
    }
    const auto lane = std::move(paused_[i].lane);
    paused_.erase(paused_.begin() + static_cast<std::ptrdiff_t>(i));
    lane->resume();
  }
}

Flow Session::on_relay(std::string_view bytes) {
  if (monitor_) {
    monitor_->feed(bytes, out_.tail());
  } else {
    out_.append(bytes);
  }
  if (out_.size() < kPauseAt) return Flow::kGoOn;
  // The upstream's own limits for subscribers decide from here on.
  pause(0, lease_);
  return Flow::kPause;
}

void Session::on_relay_lost() {
  // A tracking client must forget what it cached, as it does when Redis itself closes it.
  const bool lost = relay_ || (tracking_.on && !dropping_tracker_);
  // Behind what the upstream still said: one that sent a data set closes when it has.
  if (lost) begin_close(state::DisconnectReason::kUpstreamLost);
}

void Session::on_output_progress(state::Nanos now) {
  output_progress_at_ = now;
  if (over_soft_since_ != 0 && out_.size() <= context_.subscriber_limits.soft) over_soft_since_ = 0;
  resume_paused();
}

bool Session::on_tick(state::Nanos now) {
  bool watch = tick_errands(now);
  if (reads_out_ > 0) {
    watch = true;
    // I11: a follower has a deadline of its own; what comes later finds no slot that waits for it.
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      Slot& slot = slots_[i];
      if (slot.state != Slot::State::kFetch || now - slot.started <= context_.command_timeout)
        continue;
      const std::string text =
          "ERR upstream " + context_.upstream_name + " timed out: no reply within " +
          std::to_string(context_.command_timeout / state::kMillisecond) + " ms";
      context_.counters.requests_failed.add();
      std::string error;
      resp::append_error(error, text);
      park(slot, error);
      slot.state = Slot::State::kReady;
      if (--reads_out_ == 0) read_filter_.clear();
    }
    release_ready();
    if (slots_.empty()) settle_lease(now);
  }
  if (held_) {
    watch = true;
    pause_ = context_.all_clients.pause.mode(now);
    if (pause_ == Pause::Mode::kNone) {
      held_ = false;
      context_.all_clients.pause.let_go();
      wakeup_ = true;
    }
  }
  if (over_soft_since_ != 0) {
    watch = true;
    if (now - over_soft_since_ > context_.subscriber_limits.soft_time)
      aborted_ = state::DisconnectReason::kOutputLimit;
  }
  if (!out_.empty()) {
    watch = true;
    const bool over = output_bytes() >= context_.output_limit;
    const state::Nanos still = now - output_progress_at_;
    const bool others = std::any_of(paused_.begin(), paused_.end(), [](const Paused& paused) {
      return paused.lane->others_wait();
    });
    // Who waits behind a paused reply may have come after it paused: memory is spent for them
    // first.
    if (others && !over) resume_lanes_with_waiters();
    // Replies that could not be paused for went on piling up.
    const bool far_over = output_bytes() > 2 * context_.output_limit;
    if (far_over || (over && others && still > kPatience)) {
      aborted_ = state::DisconnectReason::kOutputLimit;
    } else if ((over || closing_ || !paused_.empty()) && still > context_.output_stall_timeout) {
      aborted_ = state::DisconnectReason::kOutputStalled;
    }
  }
  if (spare_) {
    watch = true;
    if (now - spare_since_ > kSpareLife) {
      now_ = now;
      drop_spare();
    }
  }
  return watch;
}

}  // namespace pillion::data::session
