// Judges what clients were told, against every state the upstream was ever in.
//
// A read's answer is explained by the states it is true in. The oracle wants one among them that
//   - was current at some instant not older than `max_staleness` before the call
//   - is not before a write of this Pillion that was answered before the call (read your writes)
//   - is not before what an earlier read of the same session saw of the key (monotonic reads, also
//   within a pipeline)
//   - is behind the session's own earlier commands and before its later ones (program order)
//   - had not expired when the read was called, if it was answered on the spot (who waits for an
//   answer
//     on its way gets what was true when that was asked for: bounded staleness, no more)
// A reply of several keys has to be explained by one state: that is what "not torn" means. An
// error, and anything read under WATCH, has to be true after the call: neither may come from a
// cache.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/component/coherence/fake_redis.hpp"

namespace pillion::coherence {

/// One command of a client and what became of it.
struct Call {
  Arguments arguments;
  std::string raw;
  std::uint32_t session = 0;  // whose reads are monotonic
  std::uint32_t database = 0;
  int protocol = 2;
  bool denied = false;  // the session speaks as a user who may read nothing
  bool pinned = false;  // WATCH is open
  bool queued = false;  // MULTI is open
  state::Nanos called_at = 0;
  std::size_t called_after = 0;  // events of the upstream when it was called
  std::size_t releases = 0;      // own writes that were answered before
  bool at_once = false;          // answered before anything else happened: a hit
  std::string reply;
};

class Oracle {
 public:
  Oracle(const FakeRedis& upstream, state::Nanos max_staleness, bool monotonic)
      : upstream_(&upstream), max_staleness_(max_staleness), monotonic_(monotonic) {}

  /// Another node is the primary now, with the same history up to here.
  void follow(const FakeRedis& upstream) { upstream_ = &upstream; }

  /// `calls`: of this session, in order; `index` was just answered. Empty when all is well.
  std::string judge(const std::vector<Call>& calls, std::size_t index);

  std::size_t releases() const { return released_.size(); }

 private:
  std::string judge_read(const std::vector<Call>& calls, std::size_t index);
  /// Events of the upstream that this command caused.
  std::vector<std::size_t> events_of(const Call& call) const;
  bool changes(std::size_t event, const Call& read) const;

  const FakeRedis* upstream_;
  state::Nanos max_staleness_;
  bool monotonic_;
  std::vector<std::size_t> released_;  // events of own writes, in the order of their replies
  struct Sighting {
    std::uint32_t session;
    Place place;
    std::size_t event;  // the earliest that explains what was read
  };
  std::vector<Sighting> seen_;
};

}  // namespace pillion::coherence
