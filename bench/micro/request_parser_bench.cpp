#include "protocol/resp/request_parser.hpp"

#include <benchmark/benchmark.h>

#include <string>

#include "protocol/resp/writer.hpp"

namespace pillion::resp {
namespace {

// A read buffer with as many copies of one request as a client pipelines.
void parse_pipeline(benchmark::State& state, const std::string& request) {
  const auto depth = static_cast<std::size_t>(state.range(0));
  std::string buffer;
  for (std::size_t i = 0; i < depth; ++i) buffer += request;
  RequestParser parser;
  for (auto _ : state) {
    std::string_view rest = buffer;
    while (!rest.empty()) {
      benchmark::DoNotOptimize(parser.parse(rest));
      benchmark::DoNotOptimize(parser.command().name());
      rest.remove_prefix(parser.consumed());
    }
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations() * depth));
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * buffer.size()));
}

void request_parser_get(benchmark::State& state) {
  std::string request;
  append_request(request, {"GET", "key:000000000012"});
  parse_pipeline(state, request);
}
BENCHMARK(request_parser_get)->Arg(1)->Arg(16)->Arg(64);

void request_parser_set_64(benchmark::State& state) {
  std::string request;
  append_request(request, {"SET", "key:000000000012", std::string(64, 'v')});
  parse_pipeline(state, request);
}
BENCHMARK(request_parser_set_64)->Arg(1)->Arg(16);

void request_parser_inline(benchmark::State& state) {
  parse_pipeline(state, "GET key:000000000012\r\n");
}
BENCHMARK(request_parser_inline)->Arg(1);

void large_request_1_mib_in_16_kib(benchmark::State& state) {
  std::string request;
  append_request(request, {"SET", "key", std::string(1 << 20, 'v')});
  for (auto _ : state) {
    LargeRequest large;
    std::string_view rest = request;
    while (!rest.empty()) {
      std::size_t consumed = 0;
      benchmark::DoNotOptimize(large.feed(rest.substr(0, 16 * 1024), consumed));
      rest.remove_prefix(consumed);
    }
  }
}
BENCHMARK(large_request_1_mib_in_16_kib);

}  // namespace
}  // namespace pillion::resp
