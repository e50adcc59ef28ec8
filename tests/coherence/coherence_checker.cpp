// Two Pillions and direct writers on one upstream, faults by a seeded schedule, and a judge.
//
//   coherence_checker [--topology standalone|replicas|sentinel|cluster]
//                     [--faults none|links|hung|flush|table|eviction|network|failover|reshard|all]
//                     [--seconds N] [--seed N] [--staleness-ms N] [--max-lag-ms N]
//                     [--balance key_affinity|round_robin]
//
// table and eviction are faults of a standalone server, network of one or of replicas, failover of
// Sentinel and a cluster, reshard of a cluster; the others befall each. Reads that go back are an
// offence unless they are spread by round_robin. What a failover itself forgets is Redis's own.
// PILLION_BIN names the binary. Exit code 0: the promise held; 1: it was broken, every kind of
// offence is told with examples; 2: the run itself failed.
#include <iostream>
#include <map>

#include "tests/coherence/disturber.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/scale.hpp"

namespace pillion::test {
namespace {

constexpr std::uint32_t kWriters = 3;
constexpr std::uint32_t kReaders = 8;

struct Options {
  std::string topology = "standalone";
  std::string faults = "none";
  int seconds = 30;
  std::uint64_t seed = 1;
  int staleness_ms = 500;
  int max_lag_ms = 500;
  std::string balance = "key_affinity";
};

Options parse(int argc, char** argv) {
  std::map<std::string, std::string> given;
  for (int i = 1; i + 1 < argc; i += 2) given[argv[i]] = argv[i + 1];
  if (argc % 2 == 0) throw std::runtime_error("every option takes a value");
  Options options;
  for (const auto& [name, value] : given) {
    if (name == "--topology") {
      options.topology = value;
    } else if (name == "--max-lag-ms") {
      options.max_lag_ms = std::stoi(value);
    } else if (name == "--balance") {
      options.balance = value;
    } else if (name == "--faults") {
      options.faults = value;
    } else if (name == "--seconds") {
      options.seconds = std::stoi(value);
    } else if (name == "--seed") {
      options.seed = std::stoull(value);
    } else if (name == "--staleness-ms") {
      options.staleness_ms = std::stoi(value);
    } else {
      throw std::runtime_error("no such option: " + name);
    }
  }
  return options;
}

/// After the writers have stopped for the bound, every key must read the same everywhere: this
/// finds entries that nothing will ever correct. Returns how many did not.
std::uint64_t count_stuck_keys(Disturber& servers, const Keyspace& keyspace) {
  std::uint64_t stuck = 0;
  const Ways& ways = servers.ways();
  for (Via via = 0; via < 2; ++via) {
    Line straight(ways, kDirect, 2);
    Line through(ways, via, 2);
    for (std::uint32_t key = 0; key < keyspace.end(); ++key) {
      const auto read = read_of(key);
      Value truth;
      Value answer;
      // A key that expires between two reads is looked at again.
      const bool same = eventually(
          [&] {
            const auto before = straight.ask(read);
            const auto got = through.ask(read);
            const auto after = straight.ask(read);
            if (!before || !got || !after || got->is_error()) return false;
            truth = *after;
            answer = *got;
            return *got == *after || !(*before == *after);
          },
          3s, 50ms);
      if (same) continue;
      ++stuck;
      std::cout << "stuck: " << Keyspace::name_of(key) << " is " << truth << " but Pillion " << via
                << " says " << answer << "\n";
    }
  }
  return stuck;
}

int check(const Options& options) {
  Conditions conditions;
  conditions.profile = profile_named(options.faults);
  conditions.seed = options.seed;
  conditions.staleness = Millis(options.staleness_ms);
  conditions.max_lag = Millis(options.max_lag_ms);
  conditions.balance = options.balance;
  const auto owned = disturb(options.topology, conditions);
  Disturber& servers = *owned;
  if (!servers.wait_for_l1()) throw std::runtime_error("the L1 never answers");

  Keyspace keyspace;
  const Ways& ways = servers.ways();
  std::vector<std::unique_ptr<Writer>> writers;
  std::vector<std::unique_ptr<Reader>> readers;
  for (std::uint32_t i = 0; i < kWriters; ++i) {
    writers.push_back(std::make_unique<Writer>(ways, keyspace, i, kWriters, options.seed));
  }
  for (std::uint32_t i = 0; i < kReaders; ++i) {
    const auto habit = i < kReaders / 2 ? Reader::Habit::kRoaming : Reader::Habit::kLoyal;
    const int protocol = 2 + static_cast<int>(i / 2 % 2);
    readers.push_back(
        std::make_unique<Reader>(ways, keyspace, i % 2, protocol, habit, i + 1, options.seed));
  }
  std::atomic<bool> writing_done{false};
  std::atomic<bool> reading_done{false};
  Crew writing;
  Crew reading;
  // Whatever is thrown here must not wait for those who wait for us.
  struct AtTheEnd {
    std::atomic<bool>& writing;
    std::atomic<bool>& reading;
    ~AtTheEnd() {
      writing = true;
      reading = true;
    }
  } at_the_end{writing_done, reading_done};
  for (auto& writer : writers) {
    writing.start([&, writer = writer.get()] { writer->write_until(writing_done); });
  }
  for (auto& reader : readers) {
    reading.start([&, reader = reader.get()] { reader->read_until(reading_done); });
  }
  const Moment end = Clock::now() + std::chrono::seconds(options.seconds);
  while (Clock::now() < end) servers.disturb();
  writing_done = true;
  writing.join();
  servers.settle();
  // Readers go on for a while: what is stale now is stale for good.
  std::this_thread::sleep_for(servers.bound() + 500ms);
  reading_done = true;
  reading.join();

  History history = servers.history();
  std::uint64_t retired = 0;
  std::uint64_t errors = 0;
  for (const auto& writer : writers) {
    history.merge(writer->history());
    retired += writer->retired();
  }
  for (const auto& reader : readers) {
    history.merge(reader->history());
    errors += reader->errors();
  }
  for (const Failover& failover : servers.failovers()) {
    history.doubt(failover.from, failover.until, failover.concerns);
  }
  Bounds bounds;
  bounds.staleness = servers.bound().count() * kMillisecond;
  bounds.may_go_back = options.topology != "standalone" && options.balance == "round_robin";
  bounds.may_vanish = servers.values_may_vanish();
  Verdict verdict = history.judge(bounds);
  for (Finding& finding : verdict.findings) {
    finding.story += servers.before(finding.at, 3s);
    for (const Failover& failover : servers.failovers()) {
      const bool near =
          failover.from < finding.at && finding.at < failover.until + 1000 * kMillisecond;
      if (near && failover.concerns(finding.key)) finding.story += "\n    its key is failed over";
    }
  }
  const std::uint64_t hits = servers.pillion(0).hits() + servers.pillion(1).hits();
  std::cout << options.topology << ", " << options.faults << ", seed " << options.seed << ": "
            << servers.faults() << " faults, " << history.writes() << " writes (" << retired
            << " of unknown outcome), " << hits << " hits, " << errors << " errors, "
            << servers.failovers().size() << " failovers that made " << history.doubtful()
            << " writes doubtful\n"
            << verdict << "\n";
  const std::uint64_t stuck = count_stuck_keys(servers, keyspace);
  if (!servers.wait_for_l1()) {
    std::cout << "the L1 does not come back after the faults\n";
    return 1;
  }
  if (hits == 0 || verdict.reads == 0) throw std::runtime_error("nothing was read from the L1");
  return verdict.clean() && stuck == 0 ? 0 : 1;
}

}  // namespace
}  // namespace pillion::test

int main(int argc, char** argv) {
  try {
    pillion::test::Options options = pillion::test::parse(argc, argv);
    options.seconds =
        static_cast<int>(pillion::test::scaled(static_cast<std::uint64_t>(options.seconds), 5));
    return pillion::test::check(options);
  } catch (const std::exception& failure) {
    std::cerr << "the run failed: " << failure.what() << "\n";
    return 2;
  }
}
