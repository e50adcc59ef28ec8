// A redis-server and a Pillion in front of it, for one test.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/eventually.hpp"
#include "tests/support/pillion_process.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {

/// Redis and Pillion on default settings, the L1 live.
class ThroughPillion : public ::testing::Test {
 protected:
  explicit ThroughPillion(Settings settings = {}, std::vector<std::string> redis_arguments = {})
      : redis(std::move(redis_arguments)), pillion(redis.url(), std::move(settings)) {}

  void SetUp() override {
    ASSERT_TRUE(pillion.wait_for_l1()) << "the L1 never answers; log:\n" << pillion.log();
  }

  /// Reads a key until its answer comes out of the L1.
  void warm(RespClient& client, const std::string& key) {
    ASSERT_TRUE(eventually([&] {
      const auto before = pillion.hits();
      client("GET", key);
      client("GET", key);
      return pillion.hits() > before;
    })) << "GET "
        << key << " is never a hit";
  }

  RedisServer redis;
  PillionProcess pillion;
};

/// The same, for both versions of the protocol: TEST_P with GetParam() 2 and 3.
class ThroughPillionInBothProtocols : public ThroughPillion,
                                      public ::testing::WithParamInterface<int> {
 protected:
  RespClient client() { return pillion.client_speaking(GetParam()); }
  RespClient direct() {
    RespClient result = redis.client();
    if (GetParam() == 3) result.hello3();
    return result;
  }
};

inline std::string protocol_name(const ::testing::TestParamInfo<int>& info) {
  return "RESP" + std::to_string(info.param);
}

}  // namespace pillion::test
