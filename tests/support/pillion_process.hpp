// The real `pillion` binary under test, as an operator would start it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/support/child_process.hpp"
#include "tests/support/http.hpp"
#include "tests/support/resp_client.hpp"
#include "tests/support/temp_dir.hpp"

namespace pillion::test {

/// "key.path=value", as behind --set.
using Settings = std::vector<std::string>;

/// The binary is named by the environment variable PILLION_BIN, so that a deliberately broken build
/// can be put in its place.
class PillionProcess {
 public:
  /// Starts it on free ports and waits until it accepts clients; it need not have found its
  /// upstream. Without an URL ("") the settings say where that is.
  explicit PillionProcess(const std::string& upstream_url, Settings settings = {},
                          std::map<std::string, std::string> environment = {});

  /// SIGTERM; returns the exit code, 0 when all is well. Throws when it does not end.
  int stop(Millis patience = 15s);
  void send_signal(int signal) { process_.send_signal(signal); }
  void kill9() { process_.kill9(); }
  bool running() { return process_.running(); }
  std::string log() const { return process_.output(); }
  std::uint64_t rss_bytes() const { return process_.rss_bytes(); }
  double cpu_seconds() const { return process_.cpu_seconds(); }

  std::uint16_t port() const { return port_; }
  std::uint16_t admin_port() const { return admin_port_; }
  RespClient client() const { return RespClient::tcp(port_); }
  RespClient client3() const;
  /// protocol: 2 or 3.
  RespClient client_speaking(int protocol) const { return protocol == 3 ? client3() : client(); }

  HttpReply http_get(const std::string& path) const { return test::http_get(admin_port_, path); }
  double metric(const std::string& name, const Labels& labels = {}) const;
  /// GETs answered from the L1 so far.
  std::uint64_t hits() const;

  /// Waits until the fill link of every worker is live and a repeated GET is a hit; false when that
  /// does not happen.
  bool wait_for_l1(Millis patience = kPatience);
  /// Waits until the upstream answers through it, be it with an error of its own.
  bool wait_for_upstream(Millis patience = kPatience);

 private:
  bool launch(const std::string& upstream_url, const Settings& settings,
              const std::map<std::string, std::string>& environment);

  TempDir directory_;
  std::uint16_t port_ = 0;
  std::uint16_t admin_port_ = 0;
  ChildProcess process_;
};

/// Path of the binary; throws when PILLION_BIN is not set.
std::string pillion_binary();

}  // namespace pillion::test
