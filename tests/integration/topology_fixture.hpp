// What the tests of replicas, Sentinel and Cluster share: settings that make a test short, and
// words for what must be true of a client.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/clock.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/pillion_process.hpp"

namespace pillion::test {

/// Nothing of this changes what is promised; only how soon it can be seen.
inline Settings swift(Settings more = {}) {
  Settings settings = {"workers=2",
                       "upstream.command_timeout=2s",
                       "upstream.connect_timeout=300ms",
                       "upstream.health_interval=200ms",
                       "upstream.topology_refresh=500ms",
                       "reads.slow_start=0s",
                       "reads.max_lag=500ms",
                       "cache.max_staleness=500ms"};
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

inline Settings without_cache(Settings more = {}) {
  more.emplace_back("cache.enabled=false");
  return swift(std::move(more));
}

/// Within one in a hundred. On a busy machine a replica may prove nothing for a moment and get less
/// meanwhile: whoever asks repeats the reads until nobody was held up, and an uneven choice never
/// comes out even.
inline bool is_share(std::uint64_t got, double share) {
  return std::abs(static_cast<double>(got) - share) <= share / 100;
}

/// For INSTANTIATE_TEST_SUITE_P over words, and over versions of the protocol.
inline std::string word_of(const ::testing::TestParamInfo<std::string>& info) {
  return info.param;
}
inline std::string speaking(const ::testing::TestParamInfo<int>& info) {
  return "RESP" + std::to_string(info.param);
}

/// What a client is told of a write that may have happened.
inline bool is_unknown_outcome(const std::string& error) {
  return error.find("outcome") != std::string::npos && error.find("unknown") != std::string::npos;
}

inline bool is_upstream_error(const Value& reply) {
  return reply.is_error() && reply.starts_with("ERR") &&
         reply.text.find("upstream") != std::string::npos;
}

}  // namespace pillion::test
