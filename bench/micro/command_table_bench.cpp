// What the dispatcher pays per command for knowing it: the lookup, the key, the cache grammar.
#include <benchmark/benchmark.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/cacheable.hpp"
#include "protocol/command/keys.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/request_parser.hpp"

namespace pillion::command {
namespace {

void find_one(benchmark::State& state, std::string_view name) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(name);
    benchmark::DoNotOptimize(&find(name));
  }
}
BENCHMARK_CAPTURE(find_one, get_mixed_case, "Get");
BENCHMARK_CAPTURE(find_one, hgetall, "hgetall");
BENCHMARK_CAPTURE(find_one, longest, "georadiusbymember_ro");
BENCHMARK_CAPTURE(find_one, unknown, "ft.search");

void find_mix(benchmark::State& state) {
  static constexpr std::array<std::string_view, 16> kNames{
      "GET",  "set",    "HGETALL", "mget", "EXPIRE", "del",      "ZADD",    "zrange",
      "INCR", "exists", "LPUSH",   "rpop", "SADD",   "smembers", "HINCRBY", "evalsha"};
  std::size_t at = 0;
  for (auto _ : state) benchmark::DoNotOptimize(&find(kNames[at++ % kNames.size()]));
}
BENCHMARK(find_mix);

/// Lookup, grammar and keys of one parsed command.
void understand(benchmark::State& state, const char* bytes) {
  const std::string owned(bytes);
  resp::RequestParser parser;
  if (parser.parse(owned) != resp::RequestParser::Result::kCommand) {
    state.SkipWithError("not a command");
    return;
  }
  const resp::Command& command = parser.command();
  std::vector<std::string_view> keys;
  for (auto _ : state) {
    const Spec& spec = find(command.name());
    if (spec.cacheable != 0) benchmark::DoNotOptimize(cache_form(spec, command));
    keys.clear();
    benchmark::DoNotOptimize(keys_of(spec, command, keys));
  }
}
BENCHMARK_CAPTURE(understand, get, "*2\r\n$3\r\nGET\r\n$6\r\nuser:1\r\n");
BENCHMARK_CAPTURE(understand, zrange,
                  "*5\r\n$6\r\nZRANGE\r\n$1\r\nz\r\n$1\r\n0\r\n$2\r\n-1\r\n$10\r\nWITHSCORES\r\n");
BENCHMARK_CAPTURE(understand, set, "*3\r\n$3\r\nSET\r\n$6\r\nuser:1\r\n$1\r\nv\r\n");

}  // namespace
}  // namespace pillion::command
