#include "proxy/data/fill/replication_clock.hpp"

#include <algorithm>

namespace pillion::data::fill {
namespace {

constexpr state::Nanos kWanted = 2 * state::kSecond;

}  // namespace

void ReplicationClock::add(state::Nanos sent_at, std::string_view replid, std::int64_t offset,
                           const SlotSet* slots) {
  const std::lock_guard lock(mutex_);
  if (count_ > 0 && replid == replid_ && sent_at <= newest().sent_at) return;
  gone_since_ = 0;
  succeeded_ = false;
  orphans_.clear();
  if (replid != replid_ || (count_ > 0 && offset < newest().offset)) {
    replid_ = replid;
    count_ = 0;
    came_.clear();
    slots_.reset();
  }
  if (slots != nullptr) note_slots(sent_at, *slots);
  samples_[next_] = {sent_at, offset};
  next_ = (next_ + 1) % kSamples;
  if (count_ < kSamples) ++count_;
}

void ReplicationClock::note_slots(state::Nanos sent_at, const SlotSet& slots) {
  // Of the first sample nothing is older.
  if (slots_ && count_ > 0) {
    const SlotSet fresh = slots & ~*slots_;
    for (std::size_t slot = 0; fresh.any() && slot < fresh.size(); ++slot) {
      if (fresh.test(slot)) came_.emplace_back(static_cast<std::uint16_t>(slot), sent_at);
    }
    const state::Nanos oldest_at = oldest().sent_at;
    came_.erase(std::remove_if(came_.begin(), came_.end(),
                               [&](const auto& came) {
                                 return came.second < oldest_at || !slots.test(came.first);
                               }),
                came_.end());
  }
  slots_ = std::make_unique<SlotSet>(slots);
  // What was said after this sample was asked for, it may not know yet.
  leaving_.erase(std::remove_if(leaving_.begin(), leaving_.end(),
                                [&](const auto& leaving) { return leaving.second < sent_at; }),
                 leaving_.end());
}

bool ReplicationClock::serves(std::uint16_t slot, state::Nanos current_as_of) const {
  const std::lock_guard lock(mutex_);
  if (!slots_ || !slots_->test(slot)) return false;
  const auto same = [slot](const auto& moved) { return moved.first == slot; };
  if (std::any_of(leaving_.begin(), leaving_.end(), same)) return false;
  return std::none_of(came_.begin(), came_.end(), [&](const auto& came) {
    return came.first == slot && came.second > current_as_of;
  });
}

void ReplicationClock::note_leaving(std::uint16_t slot, state::Nanos now) {
  const std::lock_guard lock(mutex_);
  for (auto& leaving : leaving_) {
    if (leaving.first != slot) continue;
    leaving.second = now;
    return;
  }
  leaving_.emplace_back(slot, now);
}

std::optional<state::Nanos> ReplicationClock::passed(std::string_view replid,
                                                     std::int64_t offset) const {
  const std::lock_guard lock(mutex_);
  if (replid.empty() || replid != replid_) return std::nullopt;
  for (std::size_t age = 1; age <= count_; ++age) {
    const Sample& sample = samples_[(next_ + kSamples - age) % kSamples];
    if (offset >= sample.offset) return sample.sent_at;
  }
  return std::nullopt;
}

void ReplicationClock::note_refused(state::Nanos asked_at) {
  const std::lock_guard lock(mutex_);
  if (count_ == 0 || succeeded_ || asked_at <= newest().sent_at) return;
  if (gone_since_ == 0) {
    gone_since_ = asked_at;
    refused_at_ = asked_at;
  }
  refused_at_ = std::max(refused_at_, asked_at);
}

void ReplicationClock::note_successor() {
  const std::lock_guard lock(mutex_);
  succeeded_ = true;
  gone_since_ = 0;
}

void ReplicationClock::expect(std::size_t replicas) {
  const std::lock_guard lock(mutex_);
  expected_ = replicas;
}

std::optional<state::Nanos> ReplicationClock::orphaned(state::EndpointId replica,
                                                       state::Nanos sent_at,
                                                       std::string_view replid,
                                                       std::int64_t offset) {
  const std::lock_guard lock(mutex_);
  if (gone_since_ == 0 || sent_at < gone_since_ || replid != replid_) return std::nullopt;
  std::int64_t furthest = newest().offset;
  bool known = false;
  for (Orphan& orphan : orphans_) {
    if (orphan.replica == replica) {
      orphan.offset = offset;
      known = true;
    }
    furthest = std::max(furthest, orphan.offset);
  }
  if (!known) orphans_.push_back({replica, offset});
  if (orphans_.size() < expected_ && sent_at - gone_since_ < kSilent) return std::nullopt;
  if (offset < furthest) return std::nullopt;
  return refused_at_;
}

state::Nanos ReplicationClock::latest() const {
  const std::lock_guard lock(mutex_);
  return count_ == 0 ? 0 : newest().sent_at;
}

void ReplicationClock::want(state::Nanos now) {
  const std::lock_guard lock(mutex_);
  wanted_until_ = now + kWanted;
}

bool ReplicationClock::claim(state::Nanos now, state::Nanos period) {
  const std::lock_guard lock(mutex_);
  if (now > wanted_until_ || now - claimed_at_ < period) return false;
  claimed_at_ = now;
  return true;
}

}  // namespace pillion::data::fill
