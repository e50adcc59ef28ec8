// What a hit, an erase and a store cost; with threads, what the shards' locks cost on top.
#include <benchmark/benchmark.h>

#include <cstring>
#include <memory>
#include <string>

#include "bench/micro/cache_bench_support.hpp"

namespace pillion::cache {
namespace {

// About the 10,000 keys of the load bench; and more than any processor cache holds.
constexpr std::int64_t kFew = 1 << 13;
constexpr std::int64_t kMany = 1 << 20;

void hit(benchmark::State& state) {
  static std::unique_ptr<Keys> keys;
  static std::unique_ptr<LiveCache> live;
  const auto size = static_cast<std::size_t>(state.range(0));
  if (state.thread_index() == 0) {
    keys = std::make_unique<Keys>(size);
    live = std::make_unique<LiveCache>(CacheLimits{.max_bytes = std::size_t{1} << 30});
    live->store_all(*keys);
  }
  Scatter scatter(size, static_cast<std::size_t>(state.thread_index()) * 977);
  char out[128];
  std::uint64_t misses = 0;
  for (auto _ : state) {
    const CacheKey& key = keys->keys[scatter.next()];
    const Lookup found = live->cache.lookup(key, kNow, {}, [&](const Entry& entry) {
      const std::string_view reply = reply_of(entry);
      std::memcpy(out, reply.data(), reply.size());
    });
    misses += found.result != LookupResult::kHit;
    benchmark::DoNotOptimize(out);
  }
  if (misses != 0) state.SkipWithError("a key was not in the cache");
}
BENCHMARK(hit)->Name("cache/hit")->Arg(kFew)->Arg(kMany);
BENCHMARK(hit)->Name("cache/hit")->Arg(kFew)->Threads(2)->UseRealTime();

// As a dispatcher does it: hash the key, then look it up.
void hash_and_hit(benchmark::State& state) {
  const Keys keys(kFew);
  LiveCache live;
  live.store_all(keys);
  Scatter scatter(kFew, 0);
  std::size_t bytes = 0;
  for (auto _ : state) {
    const CacheKey key = keys.make(scatter.next());
    live.cache.lookup(key, kNow, {}, [&](const Entry& entry) { bytes += reply_of(entry).size(); });
  }
  benchmark::DoNotOptimize(bytes);
}
BENCHMARK(hash_and_hit)->Name("cache/hash_and_hit");

void hit_and_pin(benchmark::State& state) {
  const Keys keys(kFew);
  LiveCache live;
  live.store_all(keys);
  Scatter scatter(kFew, 0);
  for (auto _ : state) {
    Pin pin;
    live.cache.lookup(keys.keys[scatter.next()], kNow, {},
                      [&](const Entry& entry) { pin = Pin(entry); });
    benchmark::DoNotOptimize(pin.bytes().data());
  }
}
BENCHMARK(hit_and_pin)->Name("cache/hit_and_pin");

void erase_absent(benchmark::State& state) {
  const Keys keys(2 * kFew);
  LiveCache live;
  for (std::size_t i = 0; i < kFew; ++i) live.cache.store(keys.keys[i], live.fill, 0);
  Scatter scatter(kFew, 0);
  for (auto _ : state) {
    benchmark::DoNotOptimize(live.cache.erase(keys.keys[kFew + scatter.next()].name, true));
  }
}
BENCHMARK(erase_absent)->Name("cache/erase_absent");

// A store and the erase of what it stored: subtract cache/store_replace for the erase alone.
void store_and_erase(benchmark::State& state) {
  const Keys keys(kFew);
  LiveCache live;
  live.store_all(keys);
  Scatter scatter(kFew, 0);
  for (auto _ : state) {
    const CacheKey& key = keys.keys[scatter.next()];
    benchmark::DoNotOptimize(live.cache.erase(key.name, true));
    live.cache.store(key, live.fill, live.cache.erase_count(key.name));
  }
}
BENCHMARK(store_and_erase)->Name("cache/store_and_erase");

void store_replace(benchmark::State& state) {
  const Keys keys(kFew);
  LiveCache live;
  live.store_all(keys);
  Scatter scatter(kFew, 0);
  for (auto _ : state) {
    const CacheKey& key = keys.keys[scatter.next()];
    live.cache.store(key, live.fill, live.cache.erase_count(key.name));
  }
}
BENCHMARK(store_replace)->Name("cache/store_replace");

// A full cache: every store evicts.
void store_evict(benchmark::State& state) {
  const Keys keys(1 << 16);
  LiveCache live({.max_bytes = std::size_t{4} << 20, .max_entry_bytes = 4096});
  live.store_all(keys);
  std::size_t next = 0;
  for (auto _ : state) {
    const CacheKey& key = keys.keys[next++ & 0xFFFF];
    live.cache.store(key, live.fill, live.cache.erase_count(key.name));
  }
  state.counters["entries"] = static_cast<double>(live.cache.stats().entries);
}
BENCHMARK(store_evict)->Name("cache/store_evict");

// One command, one hash of a name: what the key costs before the cache is asked.
void hash_key(benchmark::State& state) {
  const std::string name(static_cast<std::size_t>(state.range(0)), 'k');
  for (auto _ : state) {
    const NameHash hash = hash_name(name);
    benchmark::DoNotOptimize(hash_variant(hash, 0, kGet, {}, true));
  }
}
BENCHMARK(hash_key)->Name("cache/hash_key")->Arg(14)->Arg(100);

}  // namespace
}  // namespace pillion::cache
