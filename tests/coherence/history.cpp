#include "tests/coherence/history.hpp"

#include <algorithm>
#include <map>
#include <ostream>
#include <sstream>
#include <stdexcept>
#include <unordered_map>

namespace pillion::test {
namespace {

constexpr std::uint64_t kStoriesPerOffence = 5;

std::string ms(Nanos nanos) {
  std::ostringstream out;
  out.precision(3);
  out << std::fixed << static_cast<double>(nanos) / kMillisecond << " ms";
  return out.str();
}

std::string who(Via via) {
  return via == kDirect ? "directly" : "through Pillion " + std::to_string(via);
}

/// Everything that happened to one key, in the order of its numbers.
struct KeyLog {
  std::vector<Write> writes;         // [number - 1]
  std::vector<std::size_t> certain;  // indices of what was acknowledged beyond doubt, in order
  std::map<Via, std::vector<std::size_t>> own;  // of these, by way

  const Write* numbered(std::uint64_t number) const {
    return number >= 1 && number <= writes.size() ? &writes[number - 1] : nullptr;
  }

  /// The first certain write with a number above `number`.
  const Write* certain_after(std::uint64_t number) const {
    const auto after = std::lower_bound(certain.begin(), certain.end(), number);
    return after == certain.end() ? nullptr : &writes[*after];
  }

  /// The last certain write whose reply was there before `moment`; writes return in order.
  const Write* last_before(Nanos moment) const { return last_of(certain, moment); }

  const Write* last_own_before(Via via, Nanos moment) const {
    const auto found = own.find(via);
    return found == own.end() ? nullptr : last_of(found->second, moment);
  }

 private:
  const Write* last_of(const std::vector<std::size_t>& some, Nanos moment) const {
    const auto after = std::partition_point(
        some.begin(), some.end(), [&](std::size_t index) { return writes[index].ret < moment; });
    return after == some.begin() ? nullptr : &writes[*std::prev(after)];
  }
};

class Judge {
 public:
  Judge(const Bounds& bounds, const std::vector<Write>& writes, std::vector<Flush> flushes)
      : bounds_(bounds), flushes_(std::move(flushes)) {
    for (const Write& write : writes) keys_[write.key].writes.push_back(write);
    for (auto& [key, log] : keys_) check(key, log);
    std::sort(flushes_.begin(), flushes_.end(),
              [](const Flush& a, const Flush& b) { return a.call < b.call; });
    Nanos latest = 0;
    for (const Flush& flush : flushes_) latest_ret_.push_back(latest = std::max(latest, flush.ret));
  }

  Verdict judge(std::vector<Read> reads) {
    // Stable: reads of one pipeline have the same `call` and stay in the order of their replies.
    std::stable_sort(reads.begin(), reads.end(),
                     [](const Read& a, const Read& b) { return a.call < b.call; });
    for (const Read& read : reads) {
      ++verdict_.reads;
      const KeyLog& log = keys_[read.key];
      if (read.number == 0) {
        ++verdict_.absences;
        judge_absence(read, log);
      } else {
        judge_value(read, log);
        judge_order(read, log);
      }
    }
    return std::move(verdict_);
  }

 private:
  static void check(std::uint32_t key, KeyLog& log) {
    std::sort(log.writes.begin(), log.writes.end(),
              [](const Write& a, const Write& b) { return a.number < b.number; });
    for (std::size_t i = 0; i < log.writes.size(); ++i) {
      const Write& write = log.writes[i];
      if (write.number != i + 1 || (i > 0 && log.writes[i - 1].ret > write.call)) {
        throw std::logic_error("the log of key " + std::to_string(key) + " is not one writer's");
      }
      if (write.ret == kNever || write.doubtful) continue;
      log.certain.push_back(i);
      log.own[write.via].push_back(i);
    }
  }

  void judge_value(const Read& read, const KeyLog& log) {
    const Write* source = log.numbered(read.number);
    if (source == nullptr || source->removes) {
      return found(Offence::kNeverWritten, read, "");
    }
    if (read.ret < source->call) {
      return found(Offence::kFuture, read, "written " + ms(source->call - read.ret) + " later");
    }
    if (source->lifetime != kNever && source->ret != kNever &&
        read.call > source->ret + source->lifetime + bounds_.expiry_slack) {
      found(Offence::kExpired, read,
            "its time was over " + ms(read.call - source->ret - source->lifetime) + " before");
    }
    judge_staleness(read, log, *source);
    judge_own_writes(read, log, *source);
  }

  void judge_staleness(const Read& read, const KeyLog& log, const Write& source) {
    Nanos replaced = kNever;
    if (const Write* next = log.certain_after(read.number)) replaced = next->ret;
    if (const Flush* flush = first_flush_after(source.ret))
      replaced = std::min(replaced, flush->ret);
    if (replaced == kNever || read.call <= replaced) return;
    const Nanos staleness = read.call - replaced;
    verdict_.worst_staleness = std::max(verdict_.worst_staleness, staleness);
    if (staleness > bounds_.staleness + bounds_.slack) {
      found(Offence::kStale, read, "replaced " + ms(staleness) + " before");
    }
  }

  void judge_own_writes(const Read& read, const KeyLog& log, const Write& source) {
    const Write* own = log.last_own_before(read.via, read.call);
    if (own != nullptr && own->number > read.number) {
      return found(Offence::kOwnWriteUnseen, read, story_of(*own, read));
    }
    // A flush through the same Pillion is an own write of every key.
    const Flush* flush = first_flush_after(source.ret);
    for (; flush != nullptr && flush != flushes_.data() + flushes_.size(); ++flush) {
      if (flush->via == read.via && flush->ret < read.call) {
        return found(Offence::kOwnWriteUnseen, read,
                     "flushed there " + ms(read.call - flush->ret) + " before");
      }
    }
  }

  static std::string story_of(const Write& own, const Read& read) {
    return "number " + std::to_string(own.number) + " was acknowledged there " +
           ms(read.call - own.ret) + " before, within " + ms(own.ret - own.call) +
           (own.lifetime == kNever ? "" : ", for " + ms(own.lifetime));
  }

  void judge_absence(const Read& read, const KeyLog& log) {
    if (bounds_.may_vanish) return;
    if (const Write* own = log.last_own_before(read.via, read.call)) {
      if (!could_be_gone(log, *own, read)) {
        return found(Offence::kOwnWriteUnseen, read, story_of(*own, read));
      }
    }
    const Write* known = log.last_before(read.call - bounds_.staleness - bounds_.slack);
    if (known != nullptr && !could_be_gone(log, *known, read)) {
      found(Offence::kStaleAbsence, read,
            "number " + std::to_string(known->number) + " was there " + ms(read.call - known->ret) +
                " before");
    }
  }

  void judge_order(const Read& read, const KeyLog& log) {
    const Write* source = log.numbered(read.number);
    if (bounds_.may_go_back || (source != nullptr && source->doubtful)) return;
    const auto id = (std::uint64_t{read.session} << 32) | read.key;
    Read& newest = newest_.try_emplace(id, Read{}).first->second;
    if (read.number < newest.number) {
      found(Offence::kBackwards, read,
            "it had read " + std::to_string(newest.number) + " before, " +
                times_of(newest, log, read.call) + "; this was " + times_of(read, log, read.call));
    } else {
      newest = read;
    }
  }

  /// When a value was written, replaced and read, as seen from `moment`.
  static std::string times_of(const Read& read, const KeyLog& log, Nanos moment) {
    std::string text;
    if (const Write* source = log.numbered(read.number)) {
      text = "written " + who(source->via) + " " + ms(moment - source->ret) + " ago, ";
      if (const Write* next = log.numbered(read.number + 1); next != nullptr && next->ret != kNever)
        text += "replaced " + ms(moment - next->ret) + " ago, ";
    }
    return text + "read from " + ms(moment - read.call) + " to " + ms(moment - read.ret) + " ago";
  }

  /// Whether the value of `write`, or of a later one, may have been removed before `read` was
  /// answered.
  bool could_be_gone(const KeyLog& log, const Write& write, const Read& read) const {
    for (std::uint64_t number = write.number; number <= log.writes.size(); ++number) {
      const Write& later = log.writes[number - 1];
      if (later.call > read.ret) break;
      if (later.removes) return true;
      if (later.lifetime != kNever && later.call + later.lifetime <= read.ret) return true;
    }
    return flushed_between(write.call, read.ret);
  }

  bool flushed_between(Nanos from, Nanos to) const {
    // Flushes by call; latest_ret_ tells whether any of those called before `to` ended after
    // `from`.
    const auto after = std::partition_point(flushes_.begin(), flushes_.end(),
                                            [&](const Flush& flush) { return flush.call <= to; });
    if (after == flushes_.begin()) return false;
    return latest_ret_[static_cast<std::size_t>(after - flushes_.begin()) - 1] >= from;
  }

  /// The first flush that certainly came after `moment`.
  const Flush* first_flush_after(Nanos moment) const {
    const auto after = std::partition_point(
        flushes_.begin(), flushes_.end(), [&](const Flush& flush) { return flush.call <= moment; });
    return after == flushes_.end() ? nullptr : &*after;
  }

  void found(Offence offence, const Read& read, const std::string& why) {
    std::uint64_t& count = verdict_.counts[static_cast<std::size_t>(offence)];
    if (++count > kStoriesPerOffence) return;
    verdict_.findings.push_back(
        {offence,
         "session " + std::to_string(read.session) + " read key " + std::to_string(read.key) + " " +
             who(read.via) + " and got " +
             (read.number == 0 ? "no value" : "number " + std::to_string(read.number)) +
             " within " + ms(read.ret - read.call) + (why.empty() ? "" : ": " + why),
         read.key, read.call});
  }

  const Bounds bounds_;
  std::unordered_map<std::uint32_t, KeyLog> keys_;
  std::vector<Flush> flushes_;
  std::vector<Nanos> latest_ret_;                   // latest end of flushes_[0..i]
  std::unordered_map<std::uint64_t, Read> newest_;  // of those read by (session, key)
  Verdict verdict_;
};

}  // namespace

std::string name_of(Offence offence) {
  switch (offence) {
    case Offence::kStale:
      return "stale";
    case Offence::kStaleAbsence:
      return "stale absence";
    case Offence::kOwnWriteUnseen:
      return "own write unseen";
    case Offence::kBackwards:
      return "backwards";
    case Offence::kFuture:
      return "from the future";
    case Offence::kExpired:
      return "expired";
    case Offence::kNeverWritten:
      return "never written";
    case Offence::kCount:
      break;
  }
  return "?";
}

std::ostream& operator<<(std::ostream& out, const Finding& finding) {
  return out << name_of(finding.offence) << ": " << finding.story;
}

std::ostream& operator<<(std::ostream& out, const Verdict& verdict) {
  out << verdict.reads << " reads (" << verdict.absences << " without a value), worst staleness "
      << ms(verdict.worst_staleness);
  for (std::size_t i = 0; i < verdict.counts.size(); ++i) {
    if (verdict.counts[i] != 0) {
      out << "; " << verdict.counts[i] << " x " << name_of(static_cast<Offence>(i));
    }
  }
  for (const Finding& finding : verdict.findings) out << "\n  " << finding;
  return out;
}

void History::merge(const History& other) {
  writes_.insert(writes_.end(), other.writes_.begin(), other.writes_.end());
  reads_.insert(reads_.end(), other.reads_.begin(), other.reads_.end());
  flushes_.insert(flushes_.end(), other.flushes_.begin(), other.flushes_.end());
}

void History::doubt(Nanos from, Nanos until,
                    const std::function<bool(std::uint32_t key)>& concerns) {
  for (Write& write : writes_) {
    if (write.call <= until && write.ret >= from && concerns(write.key)) write.doubtful = true;
  }
}

std::size_t History::doubtful() const {
  return static_cast<std::size_t>(std::count_if(writes_.begin(), writes_.end(),
                                                [](const Write& write) { return write.doubtful; }));
}

Verdict History::judge(const Bounds& bounds) const {
  return Judge(bounds, writes_, flushes_).judge(reads_);
}

}  // namespace pillion::test
