#include "protocol/resp/frame_scanner.hpp"

#include <benchmark/benchmark.h>

#include <string>

#include "protocol/resp/writer.hpp"

namespace pillion::resp {
namespace {

void scan_all(benchmark::State& state, const std::string& frame, std::size_t depth) {
  std::string buffer;
  for (std::size_t i = 0; i < depth; ++i) buffer += frame;
  FrameScanner scanner;
  for (auto _ : state) {
    std::string_view rest = buffer;
    while (!rest.empty()) {
      std::size_t consumed = 0;
      benchmark::DoNotOptimize(scanner.feed(rest, consumed));
      rest.remove_prefix(consumed);
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * depth));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * buffer.size()));
}

void frame_scanner_bulk_64(benchmark::State& state) {
  std::string frame;
  append_bulk(frame, std::string(64, 'v'));
  scan_all(state, frame, static_cast<std::size_t>(state.range(0)));
}
BENCHMARK(frame_scanner_bulk_64)->Arg(1)->Arg(64);

void frame_scanner_ok(benchmark::State& state) {
  scan_all(state, "+OK\r\n", static_cast<std::size_t>(state.range(0)));
}
BENCHMARK(frame_scanner_ok)->Arg(1)->Arg(64);

void frame_scanner_integer(benchmark::State& state) {
  scan_all(state, ":1234\r\n", 64);
}
BENCHMARK(frame_scanner_integer);

void frame_scanner_array_of_100(benchmark::State& state) {
  std::string frame;
  append_array_header(frame, 100);
  for (int i = 0; i < 100; ++i) append_bulk(frame, "member:0001");
  scan_all(state, frame, 1);
}
BENCHMARK(frame_scanner_array_of_100);

}  // namespace
}  // namespace pillion::resp
