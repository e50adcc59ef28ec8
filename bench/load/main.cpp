// pillion_load: asks one server for as much as it gives and prints one JSON object.
// Exit code 0; 1 when a reply was an error or, for GET, nil without --allow-misses; 2 when the run
// broke off.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "bench/load/load_run.hpp"

namespace {

using namespace pillion::bench;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + "\"";
}

void print(const LoadOptions& options, const LoadResult& result) {
  const auto microseconds = [](std::uint64_t ns) { return static_cast<double>(ns) / 1000.0; };
  std::cout << "{\"clients\": " << options.clients << ", \"pipeline\": " << options.pipeline
            << ", \"requests\": " << result.tally.replies << ", \"seconds\": " << result.seconds
            << ", \"rps\": " << static_cast<double>(result.tally.replies) / result.seconds
            << ", \"p50_us\": " << microseconds(result.batches.quantile(0.5))
            << ", \"p99_us\": " << microseconds(result.batches.quantile(0.99))
            << ", \"max_us\": " << microseconds(result.batches.max())
            << ", \"misses\": " << result.tally.misses << ", \"errors\": " << result.tally.errors
            << ", \"first_error\": " << quoted(result.tally.first_error)
            << ", \"cpu_ns\": {\"load\": " << result.own_cpu;
  for (std::size_t i = 0; i < options.watched.size(); ++i) {
    std::cout << ", " << quoted(options.watched[i].name) << ": " << result.cpu[i];
  }
  std::cout << "}}\n";
}

}  // namespace

int main(int argc, char** argv) {
  LoadOptions options;
  std::vector<std::string> watched;
  bool allow_misses = false;
  CLI::App app{"Closed-loop RESP load generator"};
  app.add_option("--host", options.host, "IPv4 address")->capture_default_str();
  app.add_option("--port", options.port)->capture_default_str();
  app.add_option("--op", options.operation, "get or set")
      ->transform(CLI::CheckedTransformer(
          std::map<std::string, Operation>{{"get", Operation::kGet}, {"set", Operation::kSet}}));
  app.add_option("--order", options.order, "random or sequential")
      ->transform(CLI::CheckedTransformer(std::map<std::string, Order>{
          {"random", Order::kRandom}, {"sequential", Order::kSequential}}));
  app.add_option("--clients", options.clients)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--pipeline", options.pipeline, "commands per batch")
      ->capture_default_str()
      ->check(CLI::PositiveNumber);
  app.add_option("--keys", options.keys)->capture_default_str()->check(CLI::PositiveNumber);
  app.add_option("--value-size", options.value_size, "bytes")->capture_default_str();
  app.add_option("--warmup", options.warmup, "seconds before measuring")->capture_default_str();
  app.add_option("--seconds", options.seconds, "seconds measured")->capture_default_str();
  app.add_option("--requests", options.requests, "exactly so many requests instead of a time");
  app.add_option("--stall-timeout", options.stall_timeout, "seconds without a reply, then fail")
      ->capture_default_str();
  app.add_option("--watch", watched, "name=pid: report the CPU this process used; repeatable");
  app.add_flag("--allow-misses", allow_misses, "nil is a right answer to GET");
  CLI11_PARSE(app, argc, argv);

  try {
    for (const std::string& text : watched) options.watched.push_back(parse_watched(text));
    const LoadResult result = run_load(options);
    print(options, result);
    const bool clean = result.tally.errors == 0 && (allow_misses || result.tally.misses == 0);
    return clean ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "pillion_load: " << error.what() << '\n';
    return 2;
  }
}
