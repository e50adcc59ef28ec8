// How far a primary's replication stream had come, and when (COHERENCE I4-R).
//
// Links to the primary add samples: "asked at s, it said offset O". A replica that reports an
// offset of at least O, in the same history (replid), has applied everything that was written
// before s. So an offset becomes a moment, and the lease of a replica is counted like that of a
// primary.
//
// A primary that is gone takes no samples any more, and no writes either: while connections to it
// are refused nobody listens there, and while its replicas have lost it too, the furthest of them
// have all that is left of its history. So they are current as of the latest refusal, and reads go
// on until another primary is made. A primary that is silent proves nothing: it may have answered
// others. Neither does a refusal on the way to one that its replicas still hear, nor once one of
// the replicas calls itself a primary.
//
// One history at a time: a sample of another replid, or an offset that went back, ends the old one.
// Clocks are named by the primary's endpoint; another primary is another clock, so nothing of an
// old primary proves anything about replicas of the next.
//
// In a cluster a replica knows nothing of the slots that its primary gives away: of a key that has
// left it says that there is none. So a sample also says which slots were the primary's alone, and
// a replica that is past it is believed only about those.
//
// Any thread: a mutex. Samples come a few times a second.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/data/fill/server_check.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::fill {

class ReplicationClock {
 public:
  /// A primary that was asked at `sent_at` is at `offset` of history `replid`. `slots`: of a
  /// cluster, those it owned and was not giving away; null: there are none.
  void add(state::Nanos sent_at, std::string_view replid, std::int64_t offset,
           const SlotSet* slots = nullptr);

  /// The slot was the primary's alone when its replica was current, and still is as far as known.
  bool serves(std::uint16_t slot, state::Nanos current_as_of) const;
  /// The primary said at `now` that it is giving the slot away.
  void note_leaving(std::uint16_t slot, state::Nanos now);

  /// The latest moment before which all writes are known to be contained in `offset`; nothing when
  /// no sample says so.
  std::optional<state::Nanos> passed(std::string_view replid, std::int64_t offset) const;

  /// Nobody listens where the primary was, as of `asked_at`.
  void note_refused(state::Nanos asked_at);
  /// One of its replicas has become a primary.
  void note_successor();
  /// How many replicas may be asked: all of them are heard, or kSilent passes, before one counts
  /// as the furthest.
  void expect(std::size_t replicas);
  /// A replica that lost its primary was asked at `sent_at` and said `offset`: the moment it is
  /// current as of; nothing while the primary may be there, or another replica is further.
  std::optional<state::Nanos> orphaned(state::EndpointId replica, state::Nanos sent_at,
                                       std::string_view replid, std::int64_t offset);

  /// When the latest sample was asked for; 0: there is none.
  state::Nanos latest() const;

  /// A replica's link is in use: samples are worth their while for some time.
  void want(state::Nanos now);
  /// True: whoever asks is to take a sample now. Of many links to one primary, one is told so in
  /// each `period`.
  bool claim(state::Nanos now, state::Nanos period);

 private:
  struct Sample {
    state::Nanos sent_at = 0;
    std::int64_t offset = 0;
  };
  struct Orphan {
    state::EndpointId replica = state::kNoEndpoint;
    std::int64_t offset = 0;
  };
  static constexpr std::size_t kSamples = 64;
  static constexpr state::Nanos kSilent = 300 * state::kMillisecond;

  void note_slots(state::Nanos sent_at, const SlotSet& slots);
  const Sample& oldest() const { return samples_[(next_ + kSamples - count_) % kSamples]; }
  const Sample& newest() const { return samples_[(next_ + kSamples - 1) % kSamples]; }

  mutable std::mutex mutex_;
  std::string replid_;
  std::array<Sample, kSamples> samples_;  // a ring
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  state::Nanos wanted_until_ = 0;
  state::Nanos claimed_at_ = 0;
  state::Nanos gone_since_ = 0;  // the first refusal since the latest sample; 0: none
  state::Nanos refused_at_ = 0;  // the latest
  bool succeeded_ = false;       // since the latest sample
  std::size_t expected_ = 0;
  std::unique_ptr<SlotSet> slots_;  // as of the latest sample
  // Slots that came after the oldest sample: when they were first seen. Slots that leave: when that
  // was said.
  std::vector<std::pair<std::uint16_t, state::Nanos>> came_;
  std::vector<std::pair<std::uint16_t, state::Nanos>> leaving_;
  std::vector<Orphan> orphans_;  // asked since it is gone, the latest word of each
};

/// One for every endpoint that is or may become a primary.
class ReplicationClocks {
 public:
  /// Precondition: primary < kMaxEndpoints.
  ReplicationClock& of(state::EndpointId primary) { return clocks_[primary]; }

 private:
  std::array<ReplicationClock, state::kMaxEndpoints> clocks_;
};

}  // namespace pillion::data::fill
