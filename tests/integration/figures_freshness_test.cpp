// The promised figures about freshness and about what is kept from the upstream.
#include <signal.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <random>

#include "tests/coherence/history.hpp"
#include "tests/integration/fixture.hpp"
#include "tests/support/chaos_proxy.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/file_limit.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

std::string workers(int count) {
  return "workers=" + std::to_string(count);
}

std::uint64_t number_of(const Value& reply) {
  return reply.is_null() ? 0 : static_cast<std::uint64_t>(reply.integer());
}

class FiguresWithWorkers : public ::testing::TestWithParam<int> {
 protected:
  FiguresWithWorkers() {
    raise_file_limit();
    redis_ = std::make_unique<RedisServer>();
    pillion_ = std::make_unique<PillionProcess>(redis_->url(), Settings{workers(GetParam())});
  }
  void SetUp() override { ASSERT_TRUE(pillion_->wait_for_l1()) << pillion_->log(); }

  std::unique_ptr<RedisServer> redis_;
  std::unique_ptr<PillionProcess> pillion_;
};
INSTANTIATE_TEST_SUITE_P(On, FiguresWithWorkers, ::testing::Values(1, 2), [](const auto& chosen) {
  return std::to_string(chosen.param) + "Workers";
});

TEST_P(FiguresWithWorkers, ThousandClientsAndOneColdKeyAreOneFetch) {
  std::vector<RespClient> clients;
  for (int i = 0; i < 1'000; ++i) clients.push_back(pillion_->client());
  for (auto& client : clients) client("PING");
  for (const bool while_upstream_is_busy : {false, true}) {
    const std::string key = while_upstream_is_busy ? "busy" : "cold";
    (*redis_)("SET", key, "one");
    redis_->reset_stats();
    // A stopped server makes sure that all thousand ask before the one fetch is answered.
    if (while_upstream_is_busy) redis_->pause();
    for (auto& client : clients) client.send("GET", key);
    std::this_thread::sleep_for(100ms);
    redis_->resume();
    for (auto& client : clients) ASSERT_EQ(client.read(), "one");
    EXPECT_EQ(redis_->calls("get"), 1U) << key;
  }
}

TEST_P(FiguresWithWorkers, T09_ReadOnAnotherConnectionRightAfterTheWriteIsNeverStale) {
  constexpr int kThreads = 2;
  constexpr int kPairs = 32;
  const std::uint64_t rounds = scaled(1'000'000) / (kThreads * kPairs) + 1;
  std::atomic<std::uint64_t> stale{0};
  Crew crew;
  for (int thread = 0; thread < kThreads; ++thread) {
    crew.start([&, thread] {
      struct Pair {
        RespClient writer;
        RespClient reader;
        std::string key;
      };
      std::vector<Pair> pairs;
      for (int i = 0; i < kPairs; ++i) {
        pairs.push_back({pillion_->client(), pillion_->client_speaking(2 + i % 2),
                         "k" + std::to_string(thread) + ":" + std::to_string(i)});
      }
      // Every pair is strictly one command after the other; only different pairs overlap.
      for (std::uint64_t round = 0; round < rounds; ++round) {
        const std::string value = std::to_string(round);
        for (auto& pair : pairs) pair.writer.send("SET", pair.key, value);
        for (auto& pair : pairs) {
          if (!pair.writer.read().is_ok()) throw std::runtime_error("SET failed");
          pair.reader.send("GET", pair.key);
        }
        for (auto& pair : pairs) {
          if (!(pair.reader.read() == value)) ++stale;
        }
      }
    });
  }
  crew.join();
  EXPECT_EQ(stale, 0U) << "of " << rounds * kThreads * kPairs << " rounds";
}

class Figures : public ThroughPillion {
 protected:
  explicit Figures(Settings settings = {workers(2)}) : ThroughPillion(std::move(settings)) {}
};

TEST_F(Figures, ForeignWriteIsVisibleWithinFiveMilliseconds) {
  RespClient client = pillion.client();
  RespClient foreign = redis.client();
  std::vector<double> delays;
  const std::uint64_t rounds = scaled(5'000, 500);
  for (std::uint64_t round = 1; round <= rounds; ++round) {
    const std::string key = "k" + std::to_string(round % 50);
    client("GET", key);
    client("GET", key);
    foreign("SET", key, std::to_string(round));
    const Moment written = Clock::now();
    while (number_of(client("GET", key)) != round) {
      ASSERT_LT(Clock::now() - written, 1s) << "round " << round;
    }
    delays.push_back(milliseconds(Clock::now() - written));
  }
  std::sort(delays.begin(), delays.end());
  const double p99 = delays[delays.size() * 99 / 100];
  RecordProperty("p99_ms", std::to_string(p99));
  EXPECT_LT(p99, 5.0);
}

/// Foreign writes and readers through Pillion, while something happens to its fill links.
class FreshnessUnderFaults : public ::testing::Test {
 protected:
  static constexpr Nanos kStaleness = 300 * kMillisecond;
  static constexpr std::uint32_t kKeys = 20;

  FreshnessUnderFaults()
      : chaos(redis.port()),
        pillion(chaos.url(), {workers(2), "cache.max_staleness=300ms",
                              "upstream.command_timeout=500ms", "upstream.connect_timeout=300ms"}) {
  }
  void SetUp() override { ASSERT_TRUE(pillion.wait_for_l1()) << pillion.log(); }

  static std::uint16_t peer_port(const ClientRow& link) {
    const std::string address = link.at("addr");
    return static_cast<std::uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
  }

  /// Runs writer and readers; calls `fault` six times, every 700 ms.
  template <class Fault>
  void expect_fresh_while(Fault&& fault) {
    std::atomic<bool> done{false};
    std::vector<History> logs(3);
    Crew crew;
    crew.start([&] { write_until(done, logs[0]); });
    for (std::uint32_t session = 1; session <= 2; ++session) {
      crew.start([&, session] { read_until(done, session, logs[session]); });
    }
    for (int i = 0; i < 6; ++i) {
      std::this_thread::sleep_for(700ms);
      fault();
    }
    std::this_thread::sleep_for(700ms);
    done = true;
    crew.join();
    for (std::size_t i = 1; i < logs.size(); ++i) logs[0].merge(logs[i]);
    Bounds bounds;
    bounds.staleness = kStaleness;
    const Verdict verdict = logs[0].judge(bounds);
    EXPECT_TRUE(verdict.clean()) << verdict;
    RecordProperty("worst_staleness_ms", std::to_string(verdict.worst_staleness / kMillisecond));
    EXPECT_GT(verdict.reads, 1'000U) << "the readers hardly got an answer";
    EXPECT_TRUE(pillion.wait_for_l1()) << "the L1 does not come back; log:\n" << pillion.log();
  }

  void write_until(const std::atomic<bool>& done, History& log) {
    RespClient foreign = redis.client();
    std::vector<std::uint64_t> numbers(kKeys, 0);
    for (std::uint32_t key = 0; !done; key = (key + 1) % kKeys) {
      const std::uint64_t number = ++numbers[key];
      const Nanos call = now_nanos();
      foreign("SET", "k" + std::to_string(key), std::to_string(number));
      log.add(Write{key, number, call, now_nanos(), kDirect});
      std::this_thread::sleep_for(1ms);
    }
  }

  void read_until(const std::atomic<bool>& done, std::uint32_t session, History& log) {
    RespClient client = pillion.client();
    for (std::uint32_t key = 0; !done; key = (key + 1) % kKeys) {
      const Nanos call = now_nanos();
      const Value reply = client("GET", "k" + std::to_string(key));
      if (!reply.is_error()) log.add(Read{session, key, number_of(reply), call, now_nanos(), 1});
    }
  }

  RedisServer redis;
  ChaosProxy chaos;
  PillionProcess pillion;
};

TEST_F(FreshnessUnderFaults, T02_FillLinksAreCut) {
  expect_fresh_while([&] { redis.kill_clients(redis.tracking_clients()); });
}

TEST_F(FreshnessUnderFaults, T02_FillLinksAreReset) {
  expect_fresh_while([&] {
    for (const auto& link : redis.tracking_clients()) chaos.reset(peer_port(link));
  });
}

TEST_F(FreshnessUnderFaults, T02_FillLinksAreHalfOpen) {
  expect_fresh_while([&] {
    for (const auto& link : redis.tracking_clients()) chaos.freeze(peer_port(link));
  });
}

TEST_F(FreshnessUnderFaults, T03_ServerIsStopped) {
  expect_fresh_while([&] {
    redis.pause();
    std::this_thread::sleep_for(600ms);
    redis.resume();
  });
}

TEST_F(FreshnessUnderFaults, T03_PillionIsStopped) {
  expect_fresh_while([&] {
    pillion.send_signal(SIGSTOP);
    std::this_thread::sleep_for(600ms);
    pillion.send_signal(SIGCONT);
  });
}

TEST_F(FreshnessUnderFaults, NetworkIsSlowAndSplitsEverything) {
  chaos.split(true);
  int delay = 0;
  expect_fresh_while([&] { chaos.delay(Millis(delay = (delay + 7) % 30)); });
}

class FiguresOfExpiry : public ThroughPillion, public ::testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(ActiveExpiry, FiguresOfExpiry, ::testing::Values("1", "0"),
                         [](const auto& chosen) {
                           return std::string(chosen.param) == "1" ? "On" : "Off";
                         });

TEST_P(FiguresOfExpiry, T08_NoValueIsSeenTwoMillisecondsAfterItsTime) {
  redis("DEBUG", "SET-ACTIVE-EXPIRE", GetParam());
  // Many keys that do not expire soon keep the server's own sweep busy elsewhere.
  redis("EVAL", "for i = 1, 50000 do redis.call('SET', 'long' .. i, 'v', 'EX', 10000) end", "0");
  constexpr std::uint32_t kKeys = 400;
  std::mt19937 random(8);
  History history;
  RespClient foreign = redis.client();
  std::string reads;
  for (std::uint32_t key = 0; key < kKeys; ++key) {
    append_command(reads, {"GET", "k" + std::to_string(key)});
  }
  RespClient client = pillion.client();
  std::uint64_t values_seen = 0;
  for (std::uint64_t round = 1; round <= scaled(5); ++round) {
    for (std::uint32_t key = 0; key < kKeys; ++key) {
      const int lifetime = 50 + static_cast<int>(random() % 1'451);
      const Nanos call = now_nanos();
      foreign("SET", "k" + std::to_string(key), std::to_string(round), "PX",
              std::to_string(lifetime));
      history.add(Write{key, round, call, now_nanos(), kDirect, false, lifetime * kMillisecond});
    }
    bool all_gone = false;
    while (!all_gone) {
      all_gone = true;
      const Nanos call = now_nanos();
      client.send_raw(reads);
      for (std::uint32_t key = 0; key < kKeys; ++key) {
        const std::uint64_t number = number_of(client.read());
        history.add(Read{1, key, number, call, now_nanos(), 1});
        values_seen += number != 0 ? 1 : 0;
        all_gone = all_gone && number == 0;
      }
    }
  }
  Bounds bounds;
  bounds.expiry_slack = 2 * kMillisecond;
  const Verdict verdict = history.judge(bounds);
  EXPECT_TRUE(verdict.clean()) << verdict;
  EXPECT_GT(pillion.hits(), values_seen / 2) << "the answers came from the L1";
}

TEST_F(Figures, NinetySevenOfAHundredReadsStayHere) {
  constexpr std::uint32_t kKeys = 100'000;
  constexpr std::uint32_t kHot = 1'000;
  constexpr std::uint64_t kBatch = 50;
  const std::uint64_t reads = scaled(1'000'000, 500'000);
  std::atomic<std::uint64_t> reads_done{0};
  std::vector<History> logs(3);
  const auto name = [](std::uint32_t key) { return "key:" + std::to_string(key); };
  const auto any_key = [&](std::mt19937& random) {
    return static_cast<std::uint32_t>(random() % 100 < 99 ? random() % kHot
                                                          : kHot + random() % (kKeys - kHot));
  };

  RespClient loader = redis.client();
  for (std::uint32_t first = 0; first < kKeys; first += 1'000) {
    std::string bytes;
    const Nanos call = now_nanos();
    for (std::uint32_t key = first; key < first + 1'000; ++key)
      append_command(bytes, {"SET", name(key), "1"});
    loader.send_raw(bytes);
    loader.read_many(1'000);
    for (std::uint32_t key = first; key < first + 1'000; ++key) {
      logs[0].add(Write{key, 1, call, now_nanos(), kDirect});
    }
  }

  redis.reset_stats();
  Crew crew;
  for (std::uint32_t session = 1; session <= 2; ++session) {
    crew.start([&, session] {
      RespClient client = pillion.client();
      std::mt19937 random(session);
      std::vector<std::uint32_t> keys(kBatch);
      while (reads_done.fetch_add(kBatch) < reads) {
        std::string bytes;
        for (auto& key : keys) append_command(bytes, {"GET", name(key = any_key(random))});
        const Nanos call = now_nanos();
        client.send_raw(bytes);
        for (const auto key : keys) {
          const std::uint64_t number = number_of(client.read());
          logs[session].add(Read{session, key, number, call, now_nanos(), 1});
        }
      }
    });
  }
  crew.start([&] {
    RespClient foreign = redis.client();
    std::mt19937 random(99);
    std::vector<std::uint64_t> numbers(kKeys, 1);
    for (std::uint64_t writes = 0; reads_done < reads; ++writes) {
      while (reads_done < reads && writes * 99 > reads_done) std::this_thread::sleep_for(100us);
      const std::uint32_t key = any_key(random);
      const std::uint64_t number = ++numbers[key];
      const Nanos call = now_nanos();
      foreign("SET", name(key), std::to_string(number));
      logs[0].add(Write{key, number, call, now_nanos(), kDirect});
    }
  });
  crew.join();

  logs[0].merge(logs[1]);
  logs[0].merge(logs[2]);
  const double at_upstream = static_cast<double>(redis.calls("get"));
  const double kept = 1.0 - at_upstream / static_cast<double>(logs[0].reads());
  RecordProperty("answered_without_upstream", std::to_string(kept));
  EXPECT_GE(kept, 0.97) << at_upstream << " of " << logs[0].reads() << " reads went on";
  EXPECT_GE(logs[0].writes() - kKeys, logs[0].reads() / 120) << "about one write to 99 reads";
  const Verdict verdict = logs[0].judge(Bounds{});
  EXPECT_TRUE(verdict.clean()) << verdict;
}

}  // namespace
}  // namespace pillion::test
