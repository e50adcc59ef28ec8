// The faults of a run, drawn from a seeded schedule.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/coherence/actors.hpp"
#include "tests/support/chaos_proxy.hpp"
#include "tests/support/pillion_process.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {

/// What may go wrong in a run.
enum class Profile {
  kNone,
  kLinks,     // connections are killed by Redis
  kHung,      // Redis or a Pillion is stopped for a while, CLIENT PAUSE
  kFlush,     // FLUSHALL and FLUSHDB through both Pillions and directly
  kTable,     // Redis forgets whom to tell: a tracking table of ten keys
  kEviction,  // maxmemory takes keys away
  kNetwork,   // delay, splitting, silence, half-open connections, resets
  kAll        // all but the tracking table and eviction
};
Profile profile_named(const std::string& name);

/// Owns the servers of a run. Its methods are for the thread that created it, which must outlive
/// them (the servers die with it).
class Disturber {
 public:
  Disturber(Profile profile, std::uint64_t seed, Millis staleness);

  Ways ways() const;
  RedisServer& redis() { return *redis_; }
  PillionProcess& pillion(Via via) { return *pillions_.at(via); }
  bool wait_for_l1();
  /// Whether values may vanish without anybody's word.
  bool values_may_vanish() const { return profile_ == Profile::kEviction; }

  /// One fault, begun and ended.
  void disturb();
  /// Lifts whatever still disturbs.
  void settle();

  const History& history() const { return history_; }
  std::uint64_t faults() const { return faults_; }

 private:
  void kill_some_links();
  void stop_somebody();
  void flush();
  void push_out_keys();
  void trouble_the_network();
  void pause_for(int least_ms, int most_ms);

  const Profile profile_;
  std::mt19937_64 random_;
  std::unique_ptr<RedisServer> redis_;
  std::array<std::unique_ptr<ChaosProxy>, 2> networks_;
  std::array<std::unique_ptr<PillionProcess>, 2> pillions_;
  std::vector<Line> flushers_;
  Ways ways_{};
  History history_;
  std::uint64_t faults_ = 0;
};

}  // namespace pillion::test
