// What a cluster costs every command: the slot of its key, and looking at its reply for a
// redirection.
#include "protocol/cluster/slot.hpp"

#include <benchmark/benchmark.h>

#include <cstddef>
#include <string>
#include <string_view>

#include "protocol/cluster/redirect.hpp"

namespace pillion::cluster {
namespace {

void slot_of_key(benchmark::State& state) {
  std::string key(static_cast<std::size_t>(state.range(0)), 'k');
  for (auto _ : state) {
    benchmark::DoNotOptimize(key.data());
    benchmark::DoNotOptimize(slot_of(key));
  }
}
BENCHMARK(slot_of_key)->Arg(7)->Arg(16)->Arg(31)->Arg(64);

void slot_of_tagged_key(benchmark::State& state) {
  std::string key = "cart:{user:1000}";
  for (auto _ : state) {
    benchmark::DoNotOptimize(key.data());
    benchmark::DoNotOptimize(slot_of(key));
  }
}
BENCHMARK(slot_of_tagged_key);

void redirect_of(benchmark::State& state, std::string_view frame) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(frame);
    if (may_redirect(frame)) benchmark::DoNotOptimize(parse_redirect(frame));
  }
}
BENCHMARK_CAPTURE(redirect_of, ordinary, "$5\r\nhello\r\n");
BENCHMARK_CAPTURE(redirect_of, moved, "-MOVED 3999 127.0.0.1:6381\r\n");

}  // namespace
}  // namespace pillion::cluster
