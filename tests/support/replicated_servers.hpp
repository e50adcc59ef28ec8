// A primary and its replicas.
//
// With `network` there is a ChaosProxy between each replica and the primary: replication can be
// delayed, stalled or cut while both servers stay reachable for everybody else. The replica then
// calls the proxy its master; the primary still lists the replica's own address.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "tests/support/chaos_proxy.hpp"
#include "tests/support/redis_server.hpp"

namespace pillion::test {

/// What ROLE says of a server, as far as it answers.
struct RoleOf {
  std::string role;          // "master", "slave", "" when it does not answer
  std::string link;          // of a replica: "connected", "sync", ...
  std::int64_t offset = -1;  // in the stream of replication
};
RoleOf role_of(RedisServer& server);

class ReplicatedServers {
 public:
  struct Options {
    std::size_t replicas = 2;
    bool network = false;
    std::vector<std::string> arguments = {};
  };

  /// Starts all and waits until they are in step.
  explicit ReplicatedServers(Options options);
  ReplicatedServers() : ReplicatedServers(Options{}) {}

  RedisServer& primary() { return *primary_; }
  RedisServer& replica(std::size_t number) { return *replicas_.at(number); }
  std::size_t replicas() const { return replicas_.size(); }
  /// The way by which that replica gets its writes; `network` only.
  ChaosProxy& link(std::size_t number) { return *links_.at(number); }

  /// The primary and the replicas by name.
  std::string url() const;
  /// The primary, which knows its replicas.
  std::string auto_url() const { return primary_->url() + "?replicas=auto"; }

  /// Every replica that runs has applied all the primary wrote so far.
  bool wait_until_in_step(Millis patience = kPatience);
  bool in_step(std::size_t number);

  /// Cuts the replica off until it has missed more than the primary remembers, then lets it catch
  /// up from scratch. Returns when the transfer has begun; `network` only.
  void force_full_resync(std::size_t number);

 private:
  std::unique_ptr<RedisServer> primary_;
  std::vector<std::unique_ptr<RedisServer>> replicas_;
  std::vector<std::unique_ptr<ChaosProxy>> links_;
};

}  // namespace pillion::test
