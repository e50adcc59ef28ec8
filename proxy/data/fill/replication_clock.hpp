// How far a primary's replication stream had come, and when (COHERENCE I4-R).
//
// Links to the primary add samples: "asked at s, it said offset O". A replica that reports an offset
// of at least O, in the same history (replid), has applied everything that was written before s. So
// an offset becomes a moment, and the lease of a replica is counted like that of a primary.
//
// One history at a time: a sample of another replid, or an offset that went back, ends the old one.
// Clocks are named by the primary's endpoint; another primary is another clock, so nothing of an old
// primary proves anything about replicas of the next.
//
// Any thread, a few times a second: a mutex.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/state/clock.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::fill {

class ReplicationClock {
 public:
  /// A primary that was asked at `sent_at` is at `offset` of history `replid`.
  void add(state::Nanos sent_at, std::string_view replid, std::int64_t offset);

  /// The latest moment before which all writes are known to be contained in `offset`; nothing when
  /// no sample says so.
  std::optional<state::Nanos> passed(std::string_view replid, std::int64_t offset) const;

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
  static constexpr std::size_t kSamples = 64;

  const Sample& newest() const { return samples_[(next_ + kSamples - 1) % kSamples]; }

  mutable std::mutex mutex_;
  std::string replid_;
  std::array<Sample, kSamples> samples_;  // a ring
  std::size_t next_ = 0;
  std::size_t count_ = 0;
  state::Nanos wanted_until_ = 0;
  state::Nanos claimed_at_ = 0;
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
