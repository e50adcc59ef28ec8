// Is a server of the upstream able to serve? Decides; health/checker.hpp performs.
//
// One RESP2 connection, one question at a time. On connect: AUTH (with credentials), INFO; then
// every interval PING (measured) and ROLE. States and what is true on the wire:
//   kIdle        no address known, no socket            -> on_endpoint
//   kConnecting  socket being connected                 -> on_connected | on_failure
//   kAsking      one request sent, reply awaited        -> on_answer | on_failure
//   kResting     connected, silent until the next probe -> on_timer
//   kBackingOff  no socket, waiting to connect again    -> on_timer
// The up flag has hysteresis: `rise` good probes to come up, `fall` failures in a row to go down,
// so that one idle connection closed by the server is not an outage. A failed connection is tried
// again after the house's backoff (capped at 500 ms), refused credentials after a whole interval:
// hammering AUTH locks accounts and fills ACL LOG.
//
// Pure: no sockets, no clock of its own. `now` never goes backwards.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "proxy/control/topology/role_reply.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::control {

struct HealthSettings {
  state::Nanos interval = state::kSecond;
  state::Nanos connect_timeout = state::kSecond;
  state::Nanos probe_timeout = state::kSecond;
  std::uint32_t rise = 1;
  std::uint32_t fall = 2;
  bool has_credentials = false;
  std::uint64_t seed = 0;  // of the jitter
};

enum class Question : std::uint8_t { kAuth, kInfo, kPing, kRole };

/// What the shell does next; exactly one event answers each (kNothing: on_endpoint will).
struct Nothing {};
struct Connect {
  state::Nanos timeout;
};
struct Ask {
  Question question;
  state::Nanos timeout;
};
struct Rest {  // keep the socket, wake up then
  state::Nanos until;
};
struct CloseAndRest {
  state::Nanos until;
};
using HealthAction = std::variant<Nothing, Connect, Ask, Rest, CloseAndRest>;

/// What one reply said, as far as health cares: the text of a bulk or simple string, the error
/// line, or the first element of ROLE's array; and to ROLE all of it.
struct Answer {
  bool is_error = false;
  std::string text;
  RoleReply role = {};
};

struct HealthView {
  bool up = false;
  std::string error = "not probed yet";  // empty while up
  bool auth_required = false;
  std::string role;
  RoleReply replication;           // the whole answer to ROLE; its role is empty while not up
  state::Nanos role_asked_at = 0;  // when that was asked for, and had come
  state::Nanos role_told_at = 0;
  std::uint64_t good_probes = 0;  // in a row
  bool failing = false;           // its latest probe was not answered well
  std::string zone;               // availability zone; Valkey says so
  std::string version;
  std::string mode;
  std::string run_id;      // of the server's process; empty when INFO is refused
  std::uint64_t runs = 0;  // grows when another process may be behind the address than before
  state::Nanos latency = 0;

  bool operator==(const HealthView&) const = default;
};

class HealthFsm {
 public:
  explicit HealthFsm(const HealthSettings& settings)
      : settings_(settings), random_(settings.seed) {}

  /// The addresses are known, or have changed: connect anew.
  HealthAction on_endpoint(state::Nanos now);
  HealthAction on_connected(state::Nanos now);
  HealthAction on_answer(state::Nanos now, const Answer& answer);
  /// Connect failed, connection lost, deadline passed, reply unreadable.
  HealthAction on_failure(state::Nanos now, std::string_view why);
  HealthAction on_timer(state::Nanos now);
  /// Somebody has reason to doubt the view: probe now, if nothing is under way.
  HealthAction on_doubt(state::Nanos now);
  /// From the next probe on: another role means other demands.
  void adopt(const HealthSettings& settings) { settings_ = settings; }

  const HealthView& view() const { return view_; }
  /// Failures since the last good probe: the shell asks for the name to be resolved again.
  std::uint32_t failures() const { return failures_; }

 private:
  enum class State : std::uint8_t { kIdle, kConnecting, kAsking, kResting, kBackingOff };

  HealthAction connect();
  HealthAction ask(state::Nanos now, Question question);
  HealthAction start_probe(state::Nanos now);
  HealthAction rest(state::Nanos now);
  HealthAction on_refused(state::Nanos now, const std::string& error);
  void count_success();
  void count_failure(std::string_view why);
  void read_info(std::string_view text);

  HealthSettings settings_;
  HealthView view_;
  State state_ = State::kIdle;
  Question question_ = Question::kPing;
  state::Nanos asked_at_ = 0;
  state::Nanos probe_started_ = 0;
  std::uint32_t failures_ = 0;   // in a row
  std::uint32_t successes_ = 0;  // in a row
  std::uint64_t random_;
};

}  // namespace pillion::control
