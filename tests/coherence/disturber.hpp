// The servers of a run, and the faults that befall them by a seeded schedule.
//
// One class per topology, in a file of its own. Their methods are for the thread that created them,
// which must outlive them (the servers die with it).
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "tests/coherence/actors.hpp"
#include "tests/support/pillion_process.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {

/// What may go wrong in a run.
enum class Profile {
  kNone,
  kLinks,     // connections are killed by Redis
  kHung,      // a server or a Pillion is stopped for a while, CLIENT PAUSE
  kFlush,     // FLUSHALL and FLUSHDB through both Pillions and directly
  kTable,     // Redis forgets whom to tell: a tracking table of ten keys (standalone)
  kEviction,  // maxmemory takes keys away (standalone)
  kNetwork,   // delay, splitting, silence, half-open connections, resets (standalone, replicas)
  kFailover,  // the primary is killed, stopped or told to step down (sentinel, cluster)
  kReshard,   // slots move (cluster)
  kAll        // all that the topology knows but the tracking table and eviction
};
/// Throws for a name that is none.
Profile profile_named(const std::string& name);

struct Conditions {
  Profile profile = Profile::kNone;
  std::uint64_t seed = 1;
  Millis staleness{500};  // cache.max_staleness
  Millis max_lag{500};    // reads.max_lag
  std::string balance = "key_affinity";
};

/// A failover as the judge has to know it: what was under way in it may be lost, for these keys.
struct Failover {
  Nanos from;
  Nanos until;
  std::function<bool(std::uint32_t key)> concerns;
};

class Disturber {
 public:
  virtual ~Disturber() = default;

  const Ways& ways() const { return ways_; }
  PillionProcess& pillion(Via via) { return *pillions_.at(via); }
  bool wait_for_l1();
  /// Whether values may vanish without anybody's word.
  bool values_may_vanish() const { return conditions_.profile == Profile::kEviction; }
  /// What a read may lag behind.
  virtual Millis bound() const { return conditions_.staleness + conditions_.max_lag; }

  /// One fault, begun and ended.
  void disturb();
  /// Lifts whatever still disturbs, and waits until the servers are well again.
  virtual void settle() = 0;

  const History& history() const { return history_; }
  const std::vector<Failover>& failovers() const { return failovers_; }
  /// What befell the servers within the time before `moment`, a line each.
  std::string before(Nanos moment, Millis time) const;
  std::uint64_t faults() const { return faults_; }

 protected:
  explicit Disturber(Conditions conditions) : conditions_(conditions), random_(conditions.seed) {}

  /// To be called once, by the constructor of the topology, when ways_.straight is set.
  void start_pillions(const std::function<std::string(Via)>& url);
  virtual Settings pillion_settings() const;
  virtual void do_harm(Profile profile) = 0;
  /// What kAll draws from.
  virtual std::vector<Profile> repertoire() const = 0;

  std::uint64_t draw(std::uint64_t below) { return random_() % below; }
  void pause_for(int least_ms, int most_ms);
  /// For before().
  void note(const std::string& what) { chronicle_.emplace_back(now_nanos(), what); }
  void stop_a_pillion();
  void flush(bool also_straight = true);
  void kill_some_links(RedisServer& server);

  const Conditions conditions_;
  Ways ways_{};
  std::vector<Failover> failovers_;

 private:
  std::mt19937_64 random_;
  std::array<std::unique_ptr<PillionProcess>, 2> pillions_;
  std::vector<Line> flushers_;
  History history_;
  std::uint64_t faults_ = 0;
  std::vector<std::pair<Nanos, std::string>> chronicle_;
};

/// What may precede a failover and still be lost by it: a replica acknowledges no sooner.
inline constexpr Nanos kUnreplicated = 300 * kMillisecond;

std::unique_ptr<Disturber> disturb_standalone(Conditions conditions);
std::unique_ptr<Disturber> disturb_replicas(Conditions conditions);
std::unique_ptr<Disturber> disturb_sentinel(Conditions conditions);
std::unique_ptr<Disturber> disturb_cluster(Conditions conditions);
/// By the name of the topology; throws for a name that is none, or faults it does not know.
std::unique_ptr<Disturber> disturb(const std::string& topology, Conditions conditions);

}  // namespace pillion::test
