// Commands the session answers by itself. Pure: state in, reply out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/resp/request_parser.hpp"
#include "proxy/data/session/client_state.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::session {

/// "-ERR wrong number of arguments for 'x' command".
void append_wrong_arity(std::string& out, std::string_view lower_case_name);

/// PING and ECHO.
void answer_ping(std::string& out, const resp::Command& command);
void answer_echo(std::string& out, const resp::Command& command);

/// CLIENT ID, SETNAME, GETNAME, SETINFO, INFO, NO-EVICT, NO-TOUCH. False: not one of them. CLIENT
/// REPLY is the session's own business.
bool answer_client(std::string& out, const resp::Command& command, ClientState& state,
                   state::Nanos now);

/// HELLO [version [AUTH user password] [SETNAME name]].
struct Hello {
  int protocol = 0;  // 0: as it was
  bool authenticate = false;
  std::string user;
  std::string password;
  std::optional<std::string> name;
  std::string error;  // complete error text without '-' and CRLF; empty when well-formed
};
Hello parse_hello(const resp::Command& command);
void append_hello(std::string& out, const ClientState& state,
                  const state::TopologySnapshot& upstream);

/// A database number as Redis reads it, or nothing.
std::optional<std::uint32_t> parse_database(std::string_view text);

/// ON or OFF, case-insensitively.
bool equals_ignoring_case(std::string_view text, std::string_view upper);

/// One line of CLIENT LIST, without its line end.
std::string client_line(const ClientState& state, state::Nanos now, std::string_view command);

}  // namespace pillion::data::session
