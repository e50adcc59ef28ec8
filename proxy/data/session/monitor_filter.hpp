// MONITOR's stream from the upstream, without the lines that Pillion's own commands cause there,
// and the lines of commands that were answered without the upstream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "protocol/resp/request_parser.hpp"
#include "proxy/state/own_connections.hpp"

namespace pillion::data::session {

class MonitorFilter {
 public:
  explicit MonitorFilter(const state::OwnConnections& own) : own_(own) {}

  /// Appends the lines that clients should see, whole lines only.
  void feed(std::string_view bytes, std::string& out);

 private:
  bool ours(std::string_view line) const;

  const state::OwnConnections& own_;
  std::string partial_;
};

/// `+1700000000.123456 [0 127.0.0.1:50000] "GET" "k"`, with its line end. `wall_micros`: since the
/// epoch.
std::string monitor_line(const resp::Command& command, std::uint32_t database,
                         std::string_view peer, std::uint64_t wall_micros);

}  // namespace pillion::data::session
