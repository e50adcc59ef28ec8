#include "protocol/resp/downgrade.hpp"

#include <benchmark/benchmark.h>

#include <string>

#include "protocol/resp/writer.hpp"

namespace pillion::resp {
namespace {

void downgrade(benchmark::State& state, const std::string& frame, Shape shape) {
  std::string out;
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(append_downgraded(out, frame, shape));
  }
}

void downgrade_hash_of_20(benchmark::State& state) {
  std::string frame;
  append_map_header(frame, 20, 3);
  for (int i = 0; i < 40; ++i) append_bulk(frame, "field-or-value");
  downgrade(state, frame, Shape::kAsIs);
}
BENCHMARK(downgrade_hash_of_20);

void downgrade_100_scores(benchmark::State& state) {
  std::string frame;
  append_array_header(frame, 100);
  for (int i = 0; i < 100; ++i) {
    append_array_header(frame, 2);
    append_bulk(frame, "member:0001");
    frame += ",1234.5\r\n";
  }
  downgrade(state, frame, Shape::kPairsToFlat);
}
BENCHMARK(downgrade_100_scores);

void same_in_resp2_bulk(benchmark::State& state) {
  std::string frame;
  append_bulk(frame, std::string(64, 'v'));
  for (auto _ : state) benchmark::DoNotOptimize(same_in_resp2(frame, Shape::kAsIs));
}
BENCHMARK(same_in_resp2_bulk);

}  // namespace
}  // namespace pillion::resp
