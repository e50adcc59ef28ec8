// What a miss costs in the cache itself: lead, be joined, complete.
#include <benchmark/benchmark.h>

#include <vector>

#include "bench/micro/cache_bench_support.hpp"

namespace pillion::cache {
namespace {

constexpr std::size_t kKeys = 1 << 13;

void lead_and_store(benchmark::State& state) {
  const Keys keys(kKeys);
  LiveCache live;
  Scatter scatter(kKeys, 0);
  std::vector<Waiter> waiters;
  for (auto _ : state) {
    const CacheKey& key = keys.keys[scatter.next()];
    live.cache.erase(key.name, false);
    const Lookup missed = live.cache.lookup(key, kNow, {}, [](const Entry&) {});
    live.cache.complete(key.name, missed.flight, key, live.fill, waiters);
  }
}
BENCHMARK(lead_and_store)->Name("flight/erase_lead_and_store");

void lead_and_discard(benchmark::State& state) {
  const Keys keys(kKeys);
  LiveCache live;
  Scatter scatter(kKeys, 0);
  std::vector<Waiter> waiters;
  for (auto _ : state) {
    const CacheKey& key = keys.keys[scatter.next()];
    const Lookup missed = live.cache.lookup(key, kNow, {}, [](const Entry&) {});
    live.cache.complete(key.name, missed.flight, key, {}, waiters);
  }
}
BENCHMARK(lead_and_discard)->Name("flight/lead_and_discard");

// One item: one follower.
void join(benchmark::State& state) {
  const Keys keys(1);
  LiveCache live;
  const CacheKey& key = keys.keys[0];
  const auto followers = state.range(0);
  std::vector<Waiter> waiters;
  for (auto _ : state) {
    const Lookup leader = live.cache.lookup(key, kNow, {}, [](const Entry&) {});
    for (std::int64_t i = 0; i < followers; ++i) {
      live.cache.lookup(key, kNow, {}, [](const Entry&) {});
    }
    live.cache.complete(key.name, leader.flight, key, {}, waiters);
  }
  state.SetItemsProcessed(state.iterations() * followers);
}
BENCHMARK(join)->Name("flight/join")->Arg(10)->Arg(1000);

// An own write while as many flights as given are under way, none of them of its key.
void poison_absent(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const Keys keys(2 * count);
  LiveCache live;
  for (std::size_t i = 0; i < count; ++i) {
    live.cache.lookup(keys.keys[i], kNow, {}, [](const Entry&) {});
  }
  Scatter scatter(count, 0);
  for (auto _ : state) live.cache.erase(keys.keys[count + scatter.next()].name, true);
}
BENCHMARK(poison_absent)->Name("flight/poison_absent")->Arg(16)->Arg(4096);

}  // namespace
}  // namespace pillion::cache
