// Commands the session answers by itself. Pure: state in, reply out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"
#include "proxy/data/session/client_state.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::session {

/// Redis quotes at most so many bytes of what the client sent.
inline constexpr std::size_t kQuoted = 128;

/// "-ERR wrong number of arguments for 'x' command".
void append_wrong_arity(std::string& out, std::string_view lower_case_name);

/// PING and ECHO.
void answer_ping(std::string& out, const resp::Command& command);
/// PING of a RESP2 client that is subscribed: it looks like a message.
void answer_subscribed_ping(std::string& out, const resp::Command& command);
void answer_echo(std::string& out, const resp::Command& command);

/// CLIENT ID, SETNAME, GETNAME, SETINFO, NO-EVICT, NO-TOUCH. False: not one of them; the others
/// are the session's own business.
bool answer_client(std::string& out, const resp::Command& command, ClientState& state);

/// Text for people: a verbatim string in RESP3, a bulk string in RESP2.
void append_text(std::string& out, std::string_view text, int protocol);

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
/// `mode` empty: the upstream's.
void append_hello(std::string& out, const ClientState& state,
                  const state::TopologySnapshot& upstream, std::string_view mode = {});

/// A database number as Redis reads it, or nothing.
std::optional<std::uint32_t> parse_database(std::string_view text);

/// May change the data set or travel to replicas: what CLIENT PAUSE WRITE holds back.
bool may_replicate(const command::Spec& spec);

/// ON or OFF, case-insensitively.
bool equals_ignoring_case(std::string_view text, std::string_view upper);

}  // namespace pillion::data::session
