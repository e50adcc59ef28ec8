// A primary and its replicas, watched by Sentinels.
//
// The Sentinels are told of each other and of the replicas before they start, so that a set is
// whole at once and not after the ten seconds in which they would find out for themselves.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child_process.hpp"
#include "tests/support/redis_server.hpp"
#include "tests/support/replicated_servers.hpp"
#include "tests/support/temp_dir.hpp"

namespace pillion::test {

/// One Sentinel; what it has learnt is in its configuration file and outlives a restart.
class SentinelServer {
 public:
  SentinelServer(std::uint16_t port, const std::string& configuration);
  /// Returns at once; wait_until_up() waits for its PONG.
  void start();
  void wait_until_up();
  void kill9() { process_.kill9(); }
  void pause();
  void resume();
  void restart();
  bool running() { return process_.running(); }

  std::uint16_t port() const { return port_; }
  RespClient client() const { return RespClient::tcp(port_); }
  std::optional<Value> ask(const std::vector<std::string_view>& command, Millis patience = 500ms);
  std::string log() const { return process_.output(); }

 private:
  std::uint16_t port_;
  std::unique_ptr<TempDir> directory_;
  std::string configuration_;
  ChildProcess process_;
};

class SentinelSet {
 public:
  struct Options {
    std::size_t replicas = 2;
    std::size_t sentinels = 3;
    std::size_t quorum = 2;
    Millis down_after{1'000};
    Millis failover_timeout{2'000};
    std::vector<std::string> arguments = {};  // of the servers
    /// Further lines of each Sentinel's configuration, for example requirepass.
    std::string sentinel_lines = {};
  };

  explicit SentinelSet(Options options);
  SentinelSet() : SentinelSet(Options{}) {}

  static constexpr const char* kMaster = "mymaster";
  std::string url() const;

  /// Servers keep their numbers whatever their role; number 0 is the first primary.
  RedisServer& server(std::size_t number) { return *servers_.at(number); }
  std::size_t servers() const { return servers_.size(); }
  SentinelServer& sentinel(std::size_t number) { return *sentinels_.at(number); }
  std::size_t sentinels() const { return sentinels_.size(); }

  /// The one that most of the running Sentinels name; nothing when they disagree.
  std::optional<std::size_t> named_primary();
  /// As named_primary(), once its own ROLE says so too; throws when that does not come about.
  std::size_t primary(Millis patience = 15s);

  struct Promotion {
    std::size_t server;
    Moment at;  // when its ROLE was first seen to be "master"
  };
  /// Waits until a server other than `old_primary` says that it is the master, looking every few
  /// milliseconds. Throws when none does.
  Promotion wait_for_promotion(std::size_t old_primary, Millis patience = 30s);

  /// Starts a dead server again; it comes back as what it was and with no data, and the Sentinels
  /// make a replica of it.
  void bring_back(std::size_t number);
  /// Every running server but the primary is a replica in step with it, and every running Sentinel
  /// counts them: the set can fail over again.
  bool wait_until_whole(Millis patience = 40s);

 private:
  bool whole();

  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::vector<std::unique_ptr<SentinelServer>> sentinels_;
};

}  // namespace pillion::test
