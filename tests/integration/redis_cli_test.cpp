// The tool everybody reaches for first.
#include <algorithm>

#include "tests/integration/fixture.hpp"

namespace pillion::test {
namespace {

class RedisCli : public ThroughPillion {
 protected:
  std::string cli(std::vector<std::string> arguments, const std::string& input = "") {
    std::vector<std::string> argv = {"redis-cli", "-p", std::to_string(pillion.port())};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    return run_to_end(argv, input).output;
  }
};

TEST_F(RedisCli, OneCommand) {
  EXPECT_EQ(cli({"SET", "k", "v"}), "OK\n");
  EXPECT_EQ(cli({"GET", "k"}), "v\n");
  EXPECT_EQ(cli({"-3", "HGETALL", "missing"}), "\n");
  EXPECT_EQ(cli({"-n", "3", "GET", "k"}), "\n");
}

TEST_F(RedisCli, CommandsFromStandardInput) {
  EXPECT_EQ(cli({}, "SET k 1\nINCR k\nGET k\n"), "OK\n2\n2\n");
}

TEST_F(RedisCli, PipeModeLoadsManyKeys) {
  std::string commands;
  for (int i = 0; i < 50'000; ++i)
    append_command(commands, {"SET", "key" + std::to_string(i), "v"});
  const std::string output = cli({"--pipe"}, commands);
  EXPECT_NE(output.find("errors: 0, replies: 50000"), std::string::npos) << output;
  EXPECT_EQ(redis("DBSIZE"), 50'000);
}

TEST_F(RedisCli, ScanAndBigKeys) {
  for (int i = 0; i < 100; ++i) redis("SET", "key" + std::to_string(i), "v");
  const std::string scanned = cli({"--scan"});
  EXPECT_EQ(std::count(scanned.begin(), scanned.end(), '\n'), 100);
  EXPECT_NE(cli({"--bigkeys"}).find("Biggest string found"), std::string::npos);
}

TEST_F(RedisCli, RepeatsWatchesAndMeasures) {
  EXPECT_EQ(cli({"-r", "3", "-i", "0.01", "INCR", "n"}), "1\n2\n3\n");
  // Goes on until it is stopped, and keeps what it printed to itself unless told to write lines.
  const std::string stat = run_to_end({"timeout", "2", "stdbuf", "-oL", "redis-cli", "-p",
                                       std::to_string(pillion.port()), "--stat", "-i", "0.5"})
                               .output;
  EXPECT_NE(stat.find("keys"), std::string::npos) << stat;
  EXPECT_GE(std::count(stat.begin(), stat.end(), '\n'), 4) << stat;
  // min, max, avg, samples
  const std::string latency = cli({"--latency", "-i", "0.3"});
  EXPECT_GE(std::count(latency.begin(), latency.end(), ' '), 3) << latency;
  EXPECT_NE(cli({"--memkeys"}).find("Biggest string found"), std::string::npos);
}

TEST_F(RedisCli, InteractiveHelp) {
  const std::string help = cli({"HELP", "GET"});
  EXPECT_NE(help.find("Get the value of a key"), std::string::npos) << help;
}

TEST_F(RedisCli, EvalAndFiles) {
  const std::string script = redis.directory().write("script.lua", "return {KEYS[1], ARGV[1]}");
  EXPECT_EQ(cli({"--eval", script, "key", ",", "argument"}), "key\nargument\n");
  EXPECT_EQ(cli({"-x", "SET", "from-stdin"}, "content"), "OK\n");
  EXPECT_EQ(redis("GET", "from-stdin"), "content");
}

TEST_F(RedisCli, BenchmarkToolRuns) {
  const Finished benchmark =
      run_to_end({"redis-benchmark", "-p", std::to_string(pillion.port()), "-n", "20000", "-P",
                  "16", "-t", "set,get,incr,lpush,lrange_100,mset", "-q"});
  EXPECT_EQ(benchmark.exit_code, 0);
  EXPECT_EQ(benchmark.output.find("Error"), std::string::npos) << benchmark.output;
}

}  // namespace
}  // namespace pillion::test
