// The promised figures about memory: nothing that clients or values do is unbounded.
#include <algorithm>
#include <atomic>

#include "tests/integration/fixture.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/file_limit.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

constexpr std::uint64_t kKiB = 1'024;
constexpr std::uint64_t kMiB = 1'024 * kKiB;

std::string in_mib(std::uint64_t bytes) {
  return std::to_string(static_cast<double>(bytes) / static_cast<double>(kMiB)) + " MiB";
}

/// Bytes that look alike nowhere, so that a piece out of place shows.
char pattern(std::uint64_t position) {
  return static_cast<char>((position * 2'654'435'761U) >> 24);
}

/// The highest RSS of a process while this lives.
class PeakRss {
 public:
  explicit PeakRss(const PillionProcess& process) {
    crew_.start([this, &process] {
      while (!done_) {
        peak_ = std::max(peak_.load(), process.rss_bytes());
        std::this_thread::sleep_for(5ms);
      }
    });
  }
  ~PeakRss() { done_ = true; }
  std::uint64_t bytes() const { return peak_; }

 private:
  std::atomic<bool> done_{false};
  std::atomic<std::uint64_t> peak_{0};
  Crew crew_;
};

/// The worst wait of a client that only wants small things while others want much.
class Bystander {
 public:
  Bystander(const PillionProcess& pillion, RedisServer& redis) {
    // What is small is in the L1, as far as its lease can be renewed.
    pillion.client()("GET", "small");
    crew_.start([this, &pillion] {
      RespClient client = pillion.client();
      while (!done_) {
        const Moment start = Clock::now();
        if (!(client("PING") == "PONG")) throw std::runtime_error("PING failed");
        if (!(client("GET", "small") == "v")) throw std::runtime_error("GET failed");
        worst_ms_ = std::max(worst_ms_.load(), milliseconds(Clock::now() - start));
        ++rounds_;
        std::this_thread::sleep_for(1ms);
      }
    });
    crew_.start([this, &redis] {
      RespClient client = redis.client();
      while (!done_) {
        const Moment start = Clock::now();
        if (!(client("PING") == "PONG")) throw std::runtime_error("PING failed");
        worst_of_redis_ms_ =
            std::max(worst_of_redis_ms_.load(), milliseconds(Clock::now() - start));
        std::this_thread::sleep_for(1ms);
      }
    });
  }
  ~Bystander() { done_ = true; }
  /// Ends it; throws when it ever got a wrong answer. How much longer it had to wait than those who
  /// talk to Redis itself, which does nothing else while it copies what is large.
  double worst_ms() {
    done_ = true;
    crew_.join();
    return std::max(0.0, worst_ms_ - worst_of_redis_ms_);
  }
  std::uint64_t rounds() const { return rounds_; }

 private:
  std::atomic<bool> done_{false};
  std::atomic<double> worst_ms_{0};
  std::atomic<double> worst_of_redis_ms_{0};
  std::atomic<std::uint64_t> rounds_{0};
  Crew crew_;
};

class MemoryOfTheCache : public ThroughPillion {
 protected:
  MemoryOfTheCache() : ThroughPillion({"cache.max_bytes=64MiB", "workers=2"}) {}
};

TEST_F(MemoryOfTheCache, GibibyteOfDistinctValuesStaysWithinTheBudget) {
  const std::uint64_t total = scaled(1'024 * kMiB, 256 * kMiB);
  const std::uint64_t base = pillion.rss_bytes();
  const std::vector<std::size_t> sizes = {20, 100, 700, 1'500, 4'096, 16'000, 70'000, 300'000};
  RespClient loader = redis.client();
  std::vector<RespClient> readers;
  for (int i = 0; i < 4; ++i) readers.push_back(pillion.client_speaking(2 + i % 2));

  std::uint64_t peak = base;
  std::uint64_t passed = 0;
  for (std::uint64_t key = 0; passed < total;) {
    std::vector<std::string> names;
    std::string writes;
    for (int i = 0; i < 64; ++i, ++key) {
      const std::string value(sizes[key % sizes.size()], static_cast<char>('a' + key % 26));
      names.push_back("key:" + std::to_string(key));
      append_command(writes, {"SET", names.back(), value});
      passed += value.size();
    }
    loader.send_raw(writes);
    loader.read_many(names.size());
    for (int twice = 0; twice < 2; ++twice) {
      for (std::size_t i = 0; i < names.size(); ++i) readers[i % 4].send("GET", names[i]);
      for (std::size_t i = 0; i < names.size(); ++i) {
        ASSERT_EQ(readers[i % 4].read().text.size(), sizes[i % sizes.size()]);
      }
    }
    if (key % (64 * 20) == 0) peak = std::max(peak, pillion.rss_bytes());
  }
  peak = std::max(peak, pillion.rss_bytes());
  RecordProperty("base", in_mib(base));
  RecordProperty("peak", in_mib(peak));
  EXPECT_LE(peak, 80 * kMiB + base) << in_mib(peak) << " with a base of " << in_mib(base);
  const auto cached = [&] { return pillion.metric("pillion_cache_bytes"); };
  EXPECT_TRUE(eventually([&] { return cached() >= static_cast<double>(48 * kMiB); }, 3s))
      << "the budget is used: " << cached();
  EXPECT_LE(cached(), static_cast<double>(64 * kMiB));
  EXPECT_GT(pillion.metric("pillion_cache_evictions_total"), 0);
}

TEST_F(MemoryOfTheCache, MillionsOfSmallEntriesStayWithinTheBudgetToo) {
  const std::uint64_t keys = scaled(1'000'000, 500'000);
  const std::uint64_t base = pillion.rss_bytes();
  RespClient reader = pillion.client();
  for (std::uint64_t first = 0; first < keys; first += 500) {
    std::string bytes;
    for (std::uint64_t key = first; key < first + 500; ++key) {
      append_command(bytes, {"GET", "missing:" + std::to_string(key)});
    }
    reader.send_raw(bytes);
    reader.read_many(500);
  }
  EXPECT_LE(pillion.rss_bytes(), 80 * kMiB + base) << "base " << in_mib(base);
}

class MemoryOfConnections : public ::testing::Test {};

TEST_F(MemoryOfConnections, TenThousandIdleOnesTakeFourKibibytesEach) {
  const std::uint64_t limit = raise_file_limit();
  const std::uint64_t count =
      std::min<std::uint64_t>(10'000, limit > 11'000 ? 10'000 : limit - 500);
  RedisServer redis;
  PillionProcess pillion(redis.url(), {"listen.max_clients=12000", "workers=2"});
  ASSERT_TRUE(pillion.wait_for_l1());
  {
    // What serving needs at all is not the price of being idle.
    RespClient warm_up = pillion.client();
    for (int i = 0; i < 1'000; ++i) warm_up("SET", "k", std::string(1'000, 'v'));
  }
  const std::uint64_t before = pillion.rss_bytes();
  std::vector<RespClient> clients;
  for (std::uint64_t i = 0; i < count; ++i) {
    clients.push_back(pillion.client());
    if (i % 3 == 0) clients.back().hello3();
    // Each has talked: a connection that gives nothing back after its first command would show.
    ASSERT_TRUE(clients.back()("SET", "k", "v").is_ok());
    ASSERT_EQ(clients.back()("GET", "k"), "v");
  }
  const std::uint64_t each = (pillion.rss_bytes() - before) / count;
  RecordProperty("bytes_each", std::to_string(each));
  EXPECT_LE(each, 4 * kKiB) << "with " << count << " connections";
  for (std::size_t i = 0; i < clients.size(); i += 500) EXPECT_EQ(clients[i]("PING"), "PONG");
}

class MemoryOfLargeValues : public ThroughPillion {
 protected:
  MemoryOfLargeValues() : ThroughPillion({"workers=2", "upstream.command_timeout=30s"}) {
    redis("SET", "small", "v");
  }
};

TEST_F(MemoryOfLargeValues, HalfAGibibytePassesInBothDirectionsWithoutStoppingOthers) {
  constexpr std::uint64_t kSize = 512 * kMiB;
  const std::uint64_t base = pillion.rss_bytes();
  PeakRss peak(pillion);
  std::string piece(kMiB, '\0');
  double worst_set = 0;
  double worst_get = 0;
  {
    Bystander bystander(pillion, redis);
    RespClient writer = pillion.client();
    writer.send_raw("*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$" + std::to_string(kSize) + "\r\n");
    for (std::uint64_t at = 0; at < kSize; at += kMiB) {
      for (std::uint64_t i = 0; i < kMiB; ++i) piece[i] = pattern(at + i);
      writer.send_raw(piece);
    }
    writer.send_raw("\r\n");
    ASSERT_TRUE(writer.read(60s).is_ok());
    worst_set = bystander.worst_ms();
    EXPECT_GT(bystander.rounds(), 20U);
  }
  EXPECT_EQ(redis("STRLEN", "large"), static_cast<std::int64_t>(kSize));
  // Several times: the reply is held back and let go again at other moments.
  for (int round = 0; round < 5; ++round) {
    Bystander bystander(pillion, redis);
    RespClient reader = pillion.client();
    reader.send("GET", "large");
    const std::string header = "$" + std::to_string(kSize) + "\r\n";
    std::string head;
    reader.stream(
        header.size(), [&](std::string_view bytes) { head += bytes; }, 60s);
    ASSERT_EQ(head, header);
    std::uint64_t at = 0;
    std::uint64_t wrong = 0;
    reader.stream(
        kSize,
        [&](std::string_view bytes) {
          for (const char c : bytes) wrong += c != pattern(at++) ? 1 : 0;
        },
        20s);
    EXPECT_EQ(wrong, 0U);
    reader.stream(2, [](std::string_view bytes) { EXPECT_LE(bytes.size(), 2U); });
    EXPECT_EQ(reader("PING"), "PONG");
    worst_get = std::max(worst_get, bystander.worst_ms());
    EXPECT_GT(bystander.rounds(), 20U);
  }
  RecordProperty("worst_wait_of_others_ms", std::to_string(std::max(worst_set, worst_get)));
  RecordProperty("peak_above_base", in_mib(peak.bytes() - base));
  EXPECT_LT(worst_set, 250.0);
  EXPECT_LT(worst_get, 250.0);
  EXPECT_LT(peak.bytes(), base + 128 * kMiB) << "base " << in_mib(base);
}

TEST_F(MemoryOfLargeValues, LargeValuesWithinPipelinesKeepTheirPlace) {
  RespClient client = pillion.client();
  const std::string value(3 * kMiB + 17, 'x');
  std::string commands;
  for (int i = 0; i < 5; ++i) {
    append_command(commands, {"SET", "small" + std::to_string(i), "1"});
    append_command(commands, {"SET", "large", value});
    append_command(commands, {"GET", "small" + std::to_string(i)});
    append_command(commands, {"GET", "large"});
    append_command(commands, {"APPEND", "large", "y"});
    append_command(commands, {"STRLEN", "large"});
  }
  Crew sender;
  sender.start([&] { client.socket().send_all(commands, 30s); });
  for (int i = 0; i < 5; ++i) {
    ASSERT_TRUE(client.read().is_ok());
    ASSERT_TRUE(client.read().is_ok());
    ASSERT_EQ(client.read(), "1");
    ASSERT_EQ(client.read().text, value);
    ASSERT_EQ(client.read(), static_cast<std::int64_t>(value.size() + 1));
    ASSERT_EQ(client.read(), static_cast<std::int64_t>(value.size() + 1));
  }
  sender.join();
}

TEST_F(MemoryOfLargeValues, ManyArgumentsThatAreLargeTogether) {
  RespClient client = pillion.client();
  const std::string part(100 * kKiB, 'p');
  std::vector<std::string_view> push = {"RPUSH", "list"};
  for (int i = 0; i < 300; ++i) push.push_back(part);
  EXPECT_EQ(client.command(push), 300);
  EXPECT_EQ(client("LRANGE", "list", "0", "-1").items.size(), 300U);
}

class MemoryOfSlowClients : public ThroughPillion {
 protected:
  MemoryOfSlowClients() : MemoryOfSlowClients("1s") {}
  explicit MemoryOfSlowClients(const std::string& patience)
      : ThroughPillion({"listen.output_limit=16MiB", "listen.output_stall_timeout=" + patience}) {
    redis("SET", "small", "v");
  }

  double closed_for_not_reading() const {
    return pillion.metric("pillion_client_disconnects_total", {{"reason", "output_stalled"}}) +
           pillion.metric("pillion_client_disconnects_total", {{"reason", "output_limit"}});
  }
};

TEST_F(MemoryOfSlowClients, OneThatNeverReadsIsBoundedAndThenClosed) {
  redis("SET", "big", std::string(4 * kMiB, 'b'));
  const std::uint64_t base = pillion.rss_bytes();
  PeakRss peak(pillion);
  Bystander bystander(pillion, redis);
  RespClient lazy = pillion.client();
  lazy.socket().shrink_buffers(16 << 10);
  std::string commands;
  for (int i = 0; i < 200; ++i) append_command(commands, {"GET", "big"});
  lazy.send_raw(commands);
  ASSERT_TRUE(eventually([&] { return closed_for_not_reading() >= 1; }, 20s))
      << "it is still there";
  EXPECT_LT(peak.bytes(), base + 64 * kMiB) << "base " << in_mib(base);
  EXPECT_LT(bystander.worst_ms(), 250.0);
}

class MemoryOfPatientClients : public MemoryOfSlowClients {
 protected:
  MemoryOfPatientClients() : MemoryOfSlowClients("60s") {}
};

TEST_F(MemoryOfPatientClients, OneThatDoesNotReadIsNotReadFromAndLosesNothing) {
  constexpr std::uint64_t kMost = 400'000;  // 4 GB of replies: nobody may take them all
  redis("SET", "k", std::string(10'000, 'x'));
  const std::uint64_t base = pillion.rss_bytes();
  const std::string command = encode({"GETRANGE", "k", "0", "9999"});
  std::string many;
  for (int i = 0; i < 1'000; ++i) many += command;
  for (int round = 0; round < 5; ++round) {
    RespClient client = pillion.client();
    client.socket().shrink_buffers(32 << 10);
    std::uint64_t sent_bytes = 0;
    Moment last_progress = Clock::now();
    while (sent_bytes < kMost * command.size() && Clock::now() - last_progress < 700ms) {
      const auto rest = std::string_view(many).substr(sent_bytes % command.size());
      const std::size_t sent = client.socket().send_some(rest);
      sent_bytes += sent;
      if (sent > 0) {
        last_progress = Clock::now();
      } else {
        std::this_thread::sleep_for(1ms);
      }
    }
    EXPECT_LT(sent_bytes, kMost * command.size()) << "it is not read any more";
    EXPECT_LT(pillion.rss_bytes(), base + 64 * kMiB);
    const std::uint64_t whole = sent_bytes / command.size();
    for (std::uint64_t i = 0; i < whole; ++i) {
      ASSERT_EQ(client.read().text.size(), 10'000U)
          << "round " << round << ", reply " << i << " of " << whole;
    }
    client.send_raw(std::string_view(command).substr(sent_bytes % command.size()));
    EXPECT_EQ(client.read().text.size(), 10'000U);
  }
}

TEST_F(MemoryOfSlowClients, AnnouncedButUnsentArgumentsTakeNoMemory) {
  const std::uint64_t base = pillion.rss_bytes();
  std::vector<RespClient> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(pillion.client());
    clients.back().send_raw("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$536870912\r\nfirst bytes");
    clients.push_back(pillion.client());
    clients.back().send_raw("*1000000\r\n$4\r\nMGET\r\n");
  }
  RespClient other = pillion.client();
  for (int i = 0; i < 100; ++i) EXPECT_EQ(other("GET", "small"), "v");
  EXPECT_LT(pillion.rss_bytes(), base + 64 * kMiB);
}

}  // namespace
}  // namespace pillion::test
