// What writers wrote and readers read, and which of it breaks the promise.
//
// The oracle is by construction: every key has one writer, which writes the values 1, 2, 3 ... (a
// removal takes a number too), each only after the reply to the one before. Then "how old is this
// answer" is a comparison of numbers, and the whole judgement is O(n log n). A writer that does not
// learn the outcome of a write retires the key: the write may still happen at any time.
//
// All times are of one monotonic clock, in nanoseconds: `call` just before a request is handed to
// the socket, `ret` just after its reply was read.
#pragma once

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <limits>
#include <string>
#include <vector>

#include "tests/support/clock.hpp"

namespace pillion::test {

using Nanos = std::int64_t;

inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kNever = std::numeric_limits<Nanos>::max();

inline Nanos now_nanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch())
      .count();
}

/// Through whom a command went: a Pillion by its number, or straight to Redis.
using Via = std::uint32_t;
inline constexpr Via kDirect = 1'000;

struct Write {
  std::uint32_t key;
  std::uint64_t number;  // 1, 2, 3 ... per key; the value, unless `removes`
  Nanos call;
  Nanos ret;  // kNever: the outcome is unknown
  Via via;
  bool removes = false;     // DEL and its like
  Nanos lifetime = kNever;  // PX: nanoseconds from execution
  /// Acknowledged by a server that may have been replaced before it told its replicas: it may be
  /// there or not. Nothing newer is demanded because of it, and nobody who has read it goes back by
  /// reading what was before.
  bool doubtful = false;
};

struct Read {
  std::uint32_t session;
  std::uint32_t key;
  std::uint64_t number;  // 0: there was no value
  Nanos call;
  Nanos ret;
  Via via;
};

/// All keys were removed: FLUSHALL, a restart without data.
struct Flush {
  Nanos call;
  Nanos ret;
  Via via;
};

enum class Offence {
  kStale,           // overwritten longer ago than the bound
  kStaleAbsence,    // no value, longer than the bound after one was written
  kOwnWriteUnseen,  // older than a write that the same Pillion had acknowledged
  kBackwards,       // older than what the same session had read before
  kFuture,          // not yet written when it was read
  kExpired,         // read after its time to live
  kNeverWritten,
  kCount
};
std::string name_of(Offence offence);

struct Finding {
  Offence offence;
  std::string story;
  std::uint32_t key;
  Nanos at;  // when it was read
};
std::ostream& operator<<(std::ostream& out, const Finding& finding);

struct Bounds {
  Nanos staleness = 1'000 * kMillisecond;  // cache.max_staleness
  Nanos slack = 5 * kMillisecond;          // clocks read a little late
  Nanos expiry_slack = 2 * kMillisecond;
  /// Values may vanish without anybody's word (eviction): then absence is never an offence.
  bool may_vanish = false;
  /// Reads are spread over replicas without regard to the key: then going back is no offence.
  bool may_go_back = false;
};

struct Verdict {
  std::vector<Finding> findings;  // at most a few of each kind; `counts` has them all
  std::vector<std::uint64_t> counts =
      std::vector<std::uint64_t>(static_cast<std::size_t>(Offence::kCount));
  std::uint64_t reads = 0;
  std::uint64_t absences = 0;  // reads that found no value
  Nanos worst_staleness = 0;   // of the reads that found a value

  bool clean() const { return findings.empty(); }
  std::uint64_t count(Offence offence) const { return counts[static_cast<std::size_t>(offence)]; }
};
std::ostream& operator<<(std::ostream& out, const Verdict& verdict);

/// Not for several threads: each logs for itself, merge() joins the logs.
class History {
 public:
  void add(const Write& write) { writes_.push_back(write); }
  void add(const Read& read) { reads_.push_back(read); }
  void add(const Flush& flush) { flushes_.push_back(flush); }
  void merge(const History& other);
  /// A failover: writes to these keys that were under way at any time within [from, until] are
  /// doubtful. That is Redis's own loss, and not of those who read.
  void doubt(Nanos from, Nanos until, const std::function<bool(std::uint32_t key)>& concerns);
  std::size_t doubtful() const;

  /// Throws when the log itself is impossible: two writers of a key, numbers out of order.
  Verdict judge(const Bounds& bounds) const;

  std::size_t writes() const { return writes_.size(); }
  std::size_t reads() const { return reads_.size(); }

 private:
  std::vector<Write> writes_;
  std::vector<Read> reads_;
  std::vector<Flush> flushes_;
};

}  // namespace pillion::test
