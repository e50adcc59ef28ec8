// A primary with replicas: reads are spread evenly, nobody is told of a replica's troubles, and
// nothing is older than promised.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>
#include <thread>

#include "tests/coherence/history.hpp"
#include "tests/integration/topology_fixture.hpp"
#include "tests/support/chaos_proxy.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/replicated_servers.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

constexpr Millis kStaleness{500};  // cache.max_staleness in swift()
constexpr Millis kLag{500};        // reads.max_lag

class Replicas : public ::testing::Test {
 protected:
  explicit Replicas(ReplicatedServers::Options options = {}) : set(std::move(options)) {}

  void start(const Settings& settings) { start(settings, set.url()); }
  void start(const Settings& settings, const std::string& url) {
    pillion = std::make_unique<PillionProcess>(url, settings);
    ASSERT_TRUE(pillion->wait_for_upstream()) << pillion->log();
    ASSERT_TRUE(eventually([&] { return reads_reach_all(); })) << pillion->log();
  }

  std::uint64_t gets_at(std::size_t replica) { return set.replica(replica).calls("get"); }

  /// Whether each replica answers reads, and nobody else, whichever worker has the client.
  bool reads_reach_all() {
    const std::uint64_t primary = set.primary().calls("get");
    std::vector<std::uint64_t> before;
    for (std::size_t i = 0; i < set.replicas(); ++i) before.push_back(gets_at(i));
    for (int connection = 0; connection < 8; ++connection) {
      RespClient client = pillion->client();
      for (int i = 0; i < 12; ++i) client("GET", fresh_key());
    }
    for (std::size_t i = 0; i < set.replicas(); ++i) {
      if (gets_at(i) == before[i]) return false;
    }
    return set.primary().calls("get") == primary;
  }

  /// A key nobody has read, so that no answer comes from memory.
  std::string fresh_key() { return "fresh:" + std::to_string(++last_key); }

  void reset_stats() {
    set.primary().reset_stats();
    for (std::size_t i = 0; i < set.replicas(); ++i) set.replica(i).reset_stats();
  }

  ReplicatedServers set;
  std::unique_ptr<PillionProcess> pillion;
  std::atomic<std::uint64_t> last_key{0};
};

/// Reads keys that exist, as fast as it can on several connections, while something is done; throws
/// for an error, an answer that is not the key's own, or a closed connection.
class SteadyReaders {
 public:
  static constexpr int kKeys = 200;

  static void settle(RespClient client) {
    for (int i = 0; i < kKeys; ++i) client("SET", key(i), "value of " + key(i));
  }
  SteadyReaders(const PillionProcess& pillion, int readers) {
    for (int reader = 0; reader < readers; ++reader) {
      crew_.start([this, &pillion, reader] { read(pillion, reader); });
    }
  }
  ~SteadyReaders() { done_ = true; }
  void stop() {
    done_ = true;
    crew_.join();
  }
  std::uint64_t answers() const { return answers_; }
  Millis slowest() const { return Millis(slowest_ms_); }

 private:
  static std::string key(int number) { return "steady:" + std::to_string(number); }

  void read(const PillionProcess& pillion, int number) {
    RespClient client = pillion.client();
    std::mt19937 random(static_cast<unsigned>(number));
    while (!done_) {
      const std::string wanted = key(static_cast<int>(random() % kKeys));
      const Moment start = Clock::now();
      const Value reply = client("GET", wanted);
      if (!(reply == "value of " + wanted)) {
        throw std::runtime_error("GET " + wanted + " is answered by " + printable(reply.text));
      }
      const auto took = std::chrono::ceil<Millis>(Clock::now() - start).count();
      std::int64_t slowest = slowest_ms_;
      while (took > slowest && !slowest_ms_.compare_exchange_weak(slowest, took)) {
      }
      ++answers_;
      std::this_thread::sleep_for(500us);
    }
  }

  Crew crew_;
  std::atomic<bool> done_{false};
  std::atomic<std::uint64_t> answers_{0};
  std::atomic<std::int64_t> slowest_ms_{0};
};

// --- Where commands go -------------------------------------------------------------------------

class ReplicasNamed : public Replicas, public ::testing::WithParamInterface<std::string> {
 protected:
  ReplicasNamed() : Replicas({3}) {}
};
INSTANTIATE_TEST_SUITE_P(By, ReplicasNamed, ::testing::Values("list", "auto", "yaml"), word_of);

TEST_P(ReplicasNamed, EachReplicaGetsTheSameShareOfReadsAndThePrimaryNone) {
  Settings settings = without_cache();
  std::string url = GetParam() == "auto" ? set.auto_url() : set.url();
  if (GetParam() == "yaml") {
    url = set.primary().url();
    std::string list;
    for (std::size_t i = 0; i < set.replicas(); ++i) {
      list += (i == 0 ? "" : ",") + ("127.0.0.1:" + std::to_string(set.replica(i).port()));
    }
    settings.push_back("upstream.replicas=" + list);
  }
  start(settings, url);
  constexpr int kClients = 6;
  constexpr int kReads = 1'000;
  const double share = kClients * kReads / 3.0;
  const auto shared_alike = [&] {
    reset_stats();
    Crew crew;
    for (int i = 0; i < kClients; ++i) {
      crew.start([&] {
        RespClient client = pillion->client();
        for (int read = 0; read < kReads; ++read) client("GET", fresh_key());
      });
    }
    crew.join();
    return set.primary().calls("get") == 0 && is_share(gets_at(0), share) &&
           is_share(gets_at(1), share) && is_share(gets_at(2), share);
  };
  EXPECT_TRUE(eventually(shared_alike)) << set.primary().calls("get") << ": " << gets_at(0) << ", "
                                        << gets_at(1) << ", " << gets_at(2);
}

TEST_F(Replicas, FillsOfTheCacheAreSharedAlike) {
  start(swift());
  ASSERT_TRUE(pillion->wait_for_l1()) << pillion->log();
  RespClient client = pillion->client();
  constexpr int kReads = 2'000;
  const auto shared_alike = [&] {
    reset_stats();
    for (int i = 0; i < kReads; ++i) client("GET", fresh_key());
    return set.primary().calls("get") == 0 && is_share(gets_at(0), kReads / 2.0) &&
           is_share(gets_at(1), kReads / 2.0);
  };
  EXPECT_TRUE(eventually(shared_alike))
      << set.primary().calls("get") << ": " << gets_at(0) << ", " << gets_at(1);
}

TEST_F(Replicas, WhatOnlyThePrimaryMayAnswerGoesThere) {
  start(without_cache());
  set.primary()("SET", "k", "v");
  ASSERT_TRUE(set.wait_until_in_step());
  RespClient client = pillion->client();
  struct Case {
    const char* counted;
    std::vector<std::string_view> command;
  };
  for (const Case& only : std::vector<Case>{
           {"set", {"SET", "k", "w"}},
           {"incr", {"INCR", "n"}},
           {"dbsize", {"DBSIZE"}},
           {"keys", {"KEYS", "*"}},
           {"randomkey", {"RANDOMKEY"}},
           {"scan", {"SCAN", "0"}},
           {"eval", {"EVAL", "return 1", "0"}},
           {"eval_ro", {"EVAL_RO", "return redis.call('GET', KEYS[1])", "1", "k"}},
           {"publish", {"PUBLISH", "c", "m"}},
           {"wait", {"WAIT", "0", "10"}},
       }) {
    reset_stats();
    for (int i = 0; i < 6; ++i) EXPECT_FALSE(client.command(only.command).is_error());
    EXPECT_EQ(set.primary().calls(only.counted), 6U) << only.counted;
    for (std::size_t i = 0; i < 2; ++i) {
      // What the primary replicates is counted there as well; reads are not.
      const std::string name = only.counted;
      if (name == "set" || name == "incr" || name == "publish") continue;
      EXPECT_EQ(set.replica(i).calls(name), 0U) << name;
    }
  }
  reset_stats();
  client("WATCH", "k");
  client("GET", "k");
  client("MULTI");
  client("GET", "k");
  client("EXEC");
  EXPECT_EQ(set.primary().calls("get"), 2U) << "a pinned session reads from the primary";
}

TEST_F(Replicas, PrimaryOnlyIsAChoice) {
  pillion = std::make_unique<PillionProcess>(set.url(), without_cache({"reads.from=primary"}));
  ASSERT_TRUE(pillion->wait_for_upstream());
  reset_stats();
  RespClient client = pillion->client();
  for (int i = 0; i < 100; ++i) client("GET", fresh_key());
  EXPECT_EQ(set.primary().calls("get"), 100U);
  EXPECT_EQ(gets_at(0) + gets_at(1), 0U);
}

TEST_F(Replicas, NearReplicasArePreferred) {
  const std::string near = "127.0.0.1:" + std::to_string(set.replica(1).port());
  const std::string far = "127.0.0.1:" + std::to_string(set.replica(0).port());
  pillion = std::make_unique<PillionProcess>(
      set.url(),
      without_cache({"reads.zone=here", "reads.zones=" + near + "=here," + far + "=there"}));
  ASSERT_TRUE(pillion->wait_for_upstream());
  RespClient client = pillion->client();
  const auto only_near = [&] {
    reset_stats();
    for (int i = 0; i < 50; ++i) client("GET", fresh_key());
    return gets_at(1) == 50 && gets_at(0) == 0;
  };
  EXPECT_TRUE(eventually(only_near)) << gets_at(0) << " and " << gets_at(1);
  set.replica(1).kill9();
  std::string error;
  EXPECT_TRUE(eventually([&] {
    set.replica(0).reset_stats();
    for (int i = 0; i < 50 && error.empty(); ++i) {
      const Value reply = client("GET", fresh_key());
      if (reply.is_error()) error = reply.text;
    }
    return !error.empty() || set.replica(0).calls("get") == 50;
  })) << "the far one is better than none";
  EXPECT_EQ(error, "");
}

TEST(ReplicasByLatency, SlowOneIsAskedLess) {
  ReplicatedServers set;
  ChaosProxy slow(set.replica(0).port());
  slow.delay(30ms);
  PillionProcess pillion(set.primary().url() +
                             "?replicas=127.0.0.1:" + std::to_string(slow.port()) +
                             ",127.0.0.1:" + std::to_string(set.replica(1).port()),
                         without_cache({"reads.balance=least_latency"}));
  ASSERT_TRUE(pillion.wait_for_upstream());
  RespClient client = pillion.client();
  EXPECT_TRUE(eventually([&] {
    set.replica(0).reset_stats();
    set.replica(1).reset_stats();
    for (int i = 0; i < 200; ++i) client("GET", "k" + std::to_string(i));
    return set.replica(1).calls("get") >= 180;
  })) << "the quick one got "
      << set.replica(1).calls("get");
}

// --- Replicas that fail ------------------------------------------------------------------------

TEST_F(Replicas, DeadReplicaIsNotNoticedByClientsAndIsAskedAgainWhenItIsBack) {
  SteadyReaders::settle(set.primary().client());
  ASSERT_TRUE(set.wait_until_in_step());
  start(without_cache());
  SteadyReaders readers(*pillion, 8);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(300ms);
    set.replica(0).kill9();
    std::this_thread::sleep_for(700ms);
    set.replica(0).restart();
    ASSERT_TRUE(set.wait_until_in_step());
    set.replica(0).reset_stats();
    ASSERT_TRUE(eventually([&] { return gets_at(0) > 50; })) << "back in rotation";
  }
  set.replica(0).kill9();
  set.replica(1).kill9();
  set.primary().reset_stats();
  ASSERT_TRUE(eventually([&] { return set.primary().calls("get") > 50; })) << "then the primary";
  readers.stop();
  EXPECT_GT(readers.answers(), 1'000U);
}

TEST_F(Replicas, StoppedReplicaCostsAReadOneTimeoutAtMost) {
  SteadyReaders::settle(set.primary().client());
  ASSERT_TRUE(set.wait_until_in_step());
  start(without_cache({"reads.timeout=250ms"}));
  SteadyReaders readers(*pillion, 8);
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(300ms);
    set.replica(1).pause();
    std::this_thread::sleep_for(2s);
    set.replica(1).resume();
    set.replica(1).reset_stats();
    ASSERT_TRUE(eventually([&] { return gets_at(1) > 50; })) << "back in rotation";
  }
  readers.stop();
  EXPECT_LE(readers.slowest(), within(250ms, 250ms)) << "one read timeout, then another server";
}

TEST_F(Replicas, NetworkToAReplicaFails) {
  ChaosProxy way(set.replica(0).port());
  SteadyReaders::settle(set.primary().client());
  ASSERT_TRUE(set.wait_until_in_step());
  pillion = std::make_unique<PillionProcess>(
      set.primary().url() + "?replicas=127.0.0.1:" + std::to_string(way.port()) +
          ",127.0.0.1:" + std::to_string(set.replica(1).port()),
      without_cache());
  ASSERT_TRUE(eventually([&] { return reads_reach_all(); })) << pillion->log();
  SteadyReaders readers(*pillion, 8);
  for (int round = 0; round < 4; ++round) {
    std::this_thread::sleep_for(200ms);
    way.reset_all();
    std::this_thread::sleep_for(200ms);
    way.split(round % 2 == 0);
    way.stall(true);
    std::this_thread::sleep_for(500ms);
    way.stall(false);
    way.refuse(true);
    way.reset_all();
    std::this_thread::sleep_for(300ms);
    way.refuse(false);
  }
  set.replica(0).reset_stats();
  ASSERT_TRUE(eventually([&] { return gets_at(0) > 50; })) << "back in rotation";
  readers.stop();
}

TEST_F(Replicas, ReplicaThatIsMadeAPrimaryIsNoReplicaAnyMore) {
  start(without_cache());
  RespClient client = pillion->client();
  set.replica(0)("REPLICAOF", "NO", "ONE");
  set.replica(0)("SET", "k", "of another history");
  EXPECT_TRUE(eventually([&] {
    set.replica(0).reset_stats();
    for (int i = 0; i < 20; ++i) client("GET", fresh_key());
    return gets_at(0) == 0;
  }));
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(client("GET", "k").is_null());
  set.replica(0)("REPLICAOF", "127.0.0.1", std::to_string(set.primary().port()));
  EXPECT_TRUE(eventually([&] { return reads_reach_all(); }, 15s));
}

TEST_F(Replicas, ReplicasThatComeAreFoundWhenThePrimaryNamesThem) {
  pillion = std::make_unique<PillionProcess>(set.auto_url(), without_cache());
  ASSERT_TRUE(eventually([&] { return reads_reach_all(); })) << pillion->log();
  RedisServer third({"--repl-diskless-sync-delay", "0", "--replicaof",
                     "127.0.0.1 " + std::to_string(set.primary().port())});
  RespClient client = pillion->client();
  EXPECT_TRUE(eventually(
      [&] {
        for (int i = 0; i < 10; ++i) client("GET", fresh_key());
        return third.calls("get") > 0;
      },
      15s));
  third.kill9();
  for (int i = 0; i < 300; ++i) {
    ASSERT_FALSE(client("GET", fresh_key()).is_error());
    std::this_thread::sleep_for(2ms);
  }
}

TEST_F(Replicas, EachServerIsNamedOnTheAdminPortAndNoSeriesIsExportedTwice) {
  pillion = std::make_unique<PillionProcess>(set.auto_url(), swift());
  ASSERT_TRUE(pillion->wait_for_l1()) << pillion->log();
  const std::vector<std::pair<std::string, std::string>> servers = {
      {"127.0.0.1:" + std::to_string(set.primary().port()), "primary"},
      {"127.0.0.1:" + std::to_string(set.replica(0).port()), "replica"},
      {"127.0.0.1:" + std::to_string(set.replica(1).port()), "replica"}};
  EXPECT_TRUE(eventually([&] {
    const std::string metrics = pillion->http_get("/metrics").body;
    return std::all_of(servers.begin(), servers.end(), [&](const auto& server) {
      const Labels its{{"endpoint", server.first}, {"role", server.second}};
      return metric_in(metrics, "pillion_fill_link_up", its) == 2 &&  // one of each worker's
             metric_in(metrics, "pillion_endpoint_up", its) == 1;
    });
  })) << pillion->http_get("/metrics").body;
  EXPECT_THAT(repeated_series(pillion->http_get("/metrics").body), testing::IsEmpty());
  const std::string links = pillion->http_get("/cache/stats").body;
  const std::string topology = pillion->http_get("/topology").body;
  for (const auto& [name, role] : servers) {
    const std::string pair = "\"endpoint\":\"" + name + "\",\"role\":\"" + role + "\"";
    EXPECT_THAT(links, testing::HasSubstr(pair));
    EXPECT_THAT(topology, testing::HasSubstr("{\"name\":\"" + name + "\""));
  }
}

// --- Freshness ---------------------------------------------------------------------------------

class ReplicasBehind : public Replicas {
 protected:
  ReplicasBehind() : Replicas({2, true, {"--repl-backlog-size", "1mb"}}) {}

  static constexpr int kKeys = 16;
  static std::string key(std::uint32_t number) { return "n" + std::to_string(number); }

  /// One direct writer numbers its writes; `readers` read through Pillion; `disturb` does its worst
  /// in the meantime. The verdict is on staleness alone unless `bounds` says more.
  void judge(int readers, const std::function<void()>& disturb, bool monotonic) {
    std::atomic<bool> done{false};
    std::vector<History> logs(static_cast<std::size_t>(readers) + 1);
    Crew crew;
    crew.start([&] {
      RespClient writer = set.primary().client();
      for (std::uint64_t number = 1; !done; ++number) {
        for (std::uint32_t k = 0; k < kKeys; ++k) {
          const Nanos call = now_nanos();
          writer("SET", key(k), std::to_string(number));
          logs[0].add(Write{k, number, call, now_nanos(), kDirect});
        }
        std::this_thread::sleep_for(10ms);
      }
    });
    for (int reader = 1; reader <= readers; ++reader) {
      crew.start([&, reader] {
        RespClient client = pillion->client_speaking(2 + reader % 2);
        std::mt19937 random(static_cast<unsigned>(reader));
        while (!done) {
          const auto k = static_cast<std::uint32_t>(random() % kKeys);
          const Nanos call = now_nanos();
          const Value reply = client("GET", key(k));
          if (reply.is_error()) throw std::runtime_error(reply.text);
          const auto number = reply.is_null() ? 0 : static_cast<std::uint64_t>(reply.integer());
          logs[static_cast<std::size_t>(reader)].add(
              Read{static_cast<std::uint32_t>(reader), k, number, call, now_nanos(), 0});
          std::this_thread::sleep_for(200us);
        }
      });
    }
    {
      // Whatever is thrown, the crew comes to its end.
      const std::unique_ptr<std::atomic<bool>, void (*)(std::atomic<bool>*)> end(
          &done, [](std::atomic<bool>* flag) { *flag = true; });
      std::this_thread::sleep_for(300ms);
      disturb();
      std::this_thread::sleep_for(300ms);
    }
    crew.join();
    History all;
    for (const auto& log : logs) all.merge(log);
    Bounds bounds;
    bounds.staleness = (kStaleness + kLag).count() * kMillisecond;
    bounds.slack = 50 * kMillisecond;
    const Verdict verdict = all.judge(bounds);
    std::cout << verdict << "\n";
    EXPECT_EQ(verdict.count(Offence::kStale), 0U) << verdict;
    EXPECT_EQ(verdict.count(Offence::kStaleAbsence), 0U) << verdict;
    EXPECT_EQ(verdict.count(Offence::kFuture), 0U) << verdict;
    EXPECT_EQ(verdict.count(Offence::kNeverWritten), 0U) << verdict;
    if (monotonic) {
      EXPECT_EQ(verdict.count(Offence::kBackwards), 0U) << verdict;
    }
    EXPECT_GT(verdict.reads, 1'000U);
  }

  void stall_one_after_the_other() {
    for (int round = 0; round < 4; ++round) {
      set.link(static_cast<std::size_t>(round % 2)).stall(true);
      std::this_thread::sleep_for(2s);
      set.link(static_cast<std::size_t>(round % 2)).stall(false);
      std::this_thread::sleep_for(500ms);
    }
    set.link(0).stall(true);
    set.link(1).stall(true);
    std::this_thread::sleep_for(2s);
    set.link(0).stall(false);
    set.link(1).stall(false);
  }
};

TEST_F(ReplicasBehind, T05_NothingIsStalerThanTheBoundWhenReplicationStalls) {
  start(swift());
  judge(
      6, [&] { stall_one_after_the_other(); }, false);
}

TEST_F(ReplicasBehind, T05_NorWithoutTheCache) {
  start(without_cache());
  judge(
      6, [&] { stall_one_after_the_other(); }, false);
}

TEST_F(ReplicasBehind, T05_NorDuringAFullResync) {
  start(swift());
  judge(
      6,
      [&] {
        for (std::size_t i = 0; i < 2; ++i) {
          set.force_full_resync(i);
          ASSERT_TRUE(set.wait_until_in_step());
          std::this_thread::sleep_for(500ms);
        }
      },
      false);
  EXPECT_TRUE(eventually([&] { return reads_reach_all(); })) << "back in rotation";
}

TEST_F(ReplicasBehind, T05_NorWhenAReplicaOrThePrimaryIsStopped) {
  start(swift());
  judge(
      6,
      [&] {
        for (std::size_t i = 0; i < 2; ++i) {
          set.replica(i).pause();
          std::this_thread::sleep_for(1'500ms);
          set.replica(i).resume();
          std::this_thread::sleep_for(700ms);
        }
        // Shorter than anybody has to doubt that the replicas are in step.
        set.primary().pause();
        std::this_thread::sleep_for(300ms);
        set.primary().resume();
      },
      false);
}

TEST_F(ReplicasBehind, KeyAffinityNeverGoesBackForAKey) {
  start(swift({"reads.balance=key_affinity"}));
  set.link(0).delay(5ms);
  set.link(1).delay(120ms);
  judge(
      8,
      [&] {
        std::this_thread::sleep_for(2s);
        for (int round = 0; round < 3; ++round) {
          set.replica(static_cast<std::size_t>(round % 2)).kill9();
          std::this_thread::sleep_for(700ms);
          set.replica(static_cast<std::size_t>(round % 2)).restart();
          std::this_thread::sleep_for(1'500ms);
        }
        set.link(0).stall(true);
        std::this_thread::sleep_for(1'500ms);
        set.link(0).stall(false);
        std::this_thread::sleep_for(1s);
      },
      true);
}

TEST_F(ReplicasBehind, KeyAffinityWithoutTheCacheNeverGoesBackEither) {
  start(without_cache({"reads.balance=key_affinity"}));
  set.link(0).delay(5ms);
  set.link(1).delay(120ms);
  judge(
      8, [&] { std::this_thread::sleep_for(2s); }, true);
}

TEST_F(ReplicasBehind, OwnWritesAreReadAtOnceByEveryClientHoweverFarReplicasAreBehind) {
  for (const bool cache : {true, false}) {
    start(cache ? swift() : without_cache());
    RespClient writer = pillion->client();
    RespClient reader = pillion->client3();
    set.link(0).delay(100ms);
    set.link(1).stall(true);
    std::mt19937 random(5);
    const std::uint64_t rounds = scaled(2'000, 300);
    for (std::uint64_t i = 1; i <= rounds; ++i) {
      const std::string key = "own:" + std::to_string(random() % 20);
      const std::string value = std::to_string(i);
      ASSERT_TRUE(writer("SET", key, value).is_ok());
      ASSERT_EQ(reader("GET", key), value) << "round " << i;
      ASSERT_EQ(writer("GET", key), value) << "round " << i;
      ASSERT_EQ(reader("EXISTS", key), 1);
      if (i % 7 == 0) {
        ASSERT_EQ(writer("DEL", key), 1);
        ASSERT_TRUE(reader("GET", key).is_null());
      }
      if (i % 11 == 0) {
        ASSERT_FALSE(
            writer("EVAL", "return redis.call('SET', KEYS[1], ARGV[1])", "1", key, "s" + value)
                .is_error());
        ASSERT_EQ(reader("GET", key), "s" + value);
      }
    }
    set.link(0).delay(0ms);
    set.link(1).stall(false);
    ASSERT_TRUE(set.wait_until_in_step());
    reset_stats();
    EXPECT_TRUE(eventually([&] { return reads_reach_all(); })) << "replicas are read again";
    RespClient client = pillion->client();
    EXPECT_TRUE(eventually([&] {
      set.primary().reset_stats();
      for (int i = 0; i < 20; ++i) client("GETRANGE", "own:" + std::to_string(i), "0", "-1");
      return set.primary().calls("getrange") == 0;
    })) << "also for the keys that were written";
  }
}

TEST_F(ReplicasBehind, T05_EntryFilledFromAReplicaEndsWithThatReplicasNews) {
  start(swift());
  ASSERT_TRUE(pillion->wait_for_l1());
  set.link(0).delay(20ms);
  set.link(1).delay(20ms);
  RespClient client = pillion->client();
  for (int i = 0; i < 60; ++i) {
    const std::string value = std::to_string(i);
    const std::string key = "k" + std::to_string(i % 5);
    set.primary()("SET", key, value);
    client("GET", key);  // fills with what the replica still has
    ASSERT_TRUE(eventually([&] { return client("GET", key) == value; },
                           within(kStaleness + kLag, 0ms), 1ms))
        << "round " << i;
  }
}

TEST_F(ReplicasBehind, ReplicaFarBehindIsLeftOut) {
  start(without_cache());
  RespClient client = pillion->client();
  std::atomic<bool> done{false};
  Crew crew;
  crew.start([&] {
    RespClient writer = set.primary().client();
    while (!done) {
      writer("INCR", "clock");
      std::this_thread::sleep_for(5ms);
    }
  });
  set.link(0).stall(true);
  std::this_thread::sleep_for(kStaleness + kLag + 500ms);
  set.replica(0).reset_stats();
  EXPECT_TRUE(eventually([&] {
    set.replica(1).reset_stats();
    for (int i = 0; i < 200; ++i) EXPECT_FALSE(client("GET", fresh_key()).is_error());
    return gets_at(1) > 0;
  }));
  EXPECT_EQ(gets_at(0), 0U);
  set.link(0).stall(false);
  EXPECT_TRUE(eventually([&] { return reads_reach_all(); }, 15s)) << "back in rotation";
  done = true;
  crew.join();
}

class ReplicasThatSayMasterdown : public Replicas {
 protected:
  ReplicasThatSayMasterdown() : Replicas({2, true, {"--replica-serve-stale-data", "no"}}) {}
};

TEST_F(ReplicasThatSayMasterdown, AnotherServerIsAsked) {
  SteadyReaders::settle(set.primary().client());
  ASSERT_TRUE(set.wait_until_in_step());
  start(without_cache());
  SteadyReaders readers(*pillion, 4);
  set.link(0).refuse(true);
  set.link(0).reset_all();
  std::this_thread::sleep_for(1s);
  set.link(1).refuse(true);
  set.link(1).reset_all();
  std::this_thread::sleep_for(1s);
  set.link(0).refuse(false);
  set.link(1).refuse(false);
  EXPECT_TRUE(eventually([&] { return reads_reach_all(); }, 15s));
  readers.stop();
}

}  // namespace
}  // namespace pillion::test
