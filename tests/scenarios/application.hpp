// What the scenarios share: an application of several processes behind one Pillion, L1 on.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/crew.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/pillion_process.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {

class Application : public ::testing::Test {
 protected:
  Application() : pillion(redis.url(), {"workers=2"}) {}

  void SetUp() override {
    ASSERT_TRUE(pillion.wait_for_l1()) << "the L1 never answers; log:\n" << pillion.log();
    hits_before_ = pillion.hits();
  }

  /// Connections of the application, both protocols and both workers among them.
  std::vector<RespClient> connections(std::size_t count) {
    std::vector<RespClient> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(connection(i));
    return all;
  }
  RespClient connection(std::size_t number) {
    return pillion.client_speaking(number % 2 == 0 ? 2 : 3);
  }

  std::uint64_t hits() const { return pillion.hits() - hits_before_; }

  /// The reply must be one; an error ends the scenario with its text.
  static Value sound(Value reply) {
    if (reply.is_error()) throw std::runtime_error("unexpected error: " + reply.text);
    return reply;
  }

  RedisServer redis;
  PillionProcess pillion;

 private:
  std::uint64_t hits_before_ = 0;
};

/// A script as client libraries run it: by its digest, sent whole when the server does not know it.
class Script {
 public:
  explicit Script(std::string text) : text_(std::move(text)) {}

  template <class... Arguments>
  Value operator()(RespClient& client, const Arguments&... arguments) const {
    const std::string digest = client("SCRIPT", "LOAD", text_).text;
    Value reply = client("EVALSHA", digest, arguments...);
    if (reply.starts_with("NOSCRIPT")) reply = client("EVAL", text_, arguments...);
    if (reply.is_error()) throw std::runtime_error("a script failed: " + reply.text);
    return reply;
  }

 private:
  std::string text_;
};

}  // namespace pillion::test
