// A redis-server of one's own: no persistence, a temporary directory, gone with the test.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/child_process.hpp"
#include "tests/support/resp_client.hpp"
#include "tests/support/temp_dir.hpp"

namespace pillion::test {

/// One row of CLIENT LIST, by field name.
using ClientRow = std::map<std::string, std::string>;

class RedisServer {
 public:
  /// Starts it on a free port and waits for its PONG. `arguments` as on redis-server's command
  /// line.
  explicit RedisServer(std::vector<std::string> arguments = {});
  /// Only reserves the port: start() brings it up later.
  static RedisServer not_yet_started(std::vector<std::string> arguments = {});

  void start();
  /// Starts all of them at once, which takes little longer than starting one.
  static void start_all(const std::vector<RedisServer*>& servers);
  /// SIGTERM.
  void stop();
  void kill9() { process_.kill9(); }
  /// SIGSTOP and SIGCONT.
  void pause();
  void resume();
  /// As after a crash: the same port, the same arguments, no data but what `arguments` let it keep.
  void restart();
  bool running() { return process_.running(); }
  /// More arguments, from its next start on.
  void configure(const std::vector<std::string>& arguments);

  std::uint16_t port() const { return port_; }
  std::string url() const { return "redis://127.0.0.1:" + std::to_string(port_); }
  std::string unix_path() const { return directory_->file("redis.sock"); }
  const TempDir& directory() const { return *directory_; }
  ChildProcess& process() { return process_; }

  /// A new connection straight to it.
  RespClient client() const { return RespClient::tcp(port_); }
  /// One command over a connection kept for this.
  template <class... Arguments>
  Value operator()(const Arguments&... arguments) {
    return admin()(arguments...);
  }
  /// The same; nothing when it does not answer in time, or at all.
  std::optional<Value> ask(const std::vector<std::string_view>& command, Millis patience = 500ms);
  /// Authenticates the connection that this object's own commands use.
  void login(std::string user, std::string password);

  /// Calls of a command since the last CONFIG RESETSTAT ("get", "client|list").
  std::uint64_t calls(const std::string& command);
  void reset_stats() { (*this)("CONFIG", "RESETSTAT"); }
  std::uint64_t info_number(const std::string& section, const std::string& field);
  std::vector<ClientRow> client_list();
  /// Connections that have CLIENT TRACKING on: Pillion's fill links.
  std::vector<ClientRow> tracking_clients();
  void kill_clients(const std::vector<ClientRow>& clients);

 private:
  struct NotStarted {};
  RedisServer(NotStarted, std::vector<std::string> arguments);
  void spawn();
  bool answers();
  RespClient& admin();

  std::vector<std::string> arguments_;
  std::unique_ptr<TempDir> directory_;
  std::uint16_t port_ = 0;
  ChildProcess process_;
  std::unique_ptr<RespClient> admin_;
  std::vector<std::string> login_;
};

}  // namespace pillion::test
