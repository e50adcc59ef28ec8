#include "proxy/data/session/local_commands.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "protocol/resp/writer.hpp"

namespace pillion::data::session {
namespace {

// Redis quotes at most so much of what the client sent.
constexpr std::size_t kQuoted = 128;

/// Redis accepts printable ASCII without blanks in names.
bool clean_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= '!' && c <= '~'; });
}

constexpr std::string_view kBadName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

void answer_switch(std::string& out, const resp::Command& command, bool& flag) {
  if (equals_ignoring_case(command.arg(2), "ON")) {
    flag = true;
  } else if (equals_ignoring_case(command.arg(2), "OFF")) {
    flag = false;
  } else {
    resp::append_error(out, "ERR syntax error");
    return;
  }
  resp::append_simple(out, "OK");
}

void answer_setinfo(std::string& out, const resp::Command& command, ClientState& state) {
  const std::string_view option = command.arg(2);
  const std::string_view value = command.arg(3);
  const bool name = equals_ignoring_case(option, "LIB-NAME");
  if (!name && !equals_ignoring_case(option, "LIB-VER")) {
    resp::append_error(out,
                       "ERR Unrecognized option '" + std::string(option.substr(0, kQuoted)) + "'");
  } else if (!clean_name(value)) {
    resp::append_error(out, std::string("ERR ") + (name ? "lib-name" : "lib-ver") +
                                " cannot contain spaces, newlines or special characters.");
  } else {
    (name ? state.library_name : state.library_version) = value;
    resp::append_simple(out, "OK");
  }
}

}  // namespace

bool equals_ignoring_case(std::string_view text, std::string_view upper) {
  return text.size() == upper.size() &&
         std::equal(text.begin(), text.end(), upper.begin(), [](char a, char b) {
           return std::toupper(static_cast<unsigned char>(a)) == static_cast<unsigned char>(b);
         });
}

void append_wrong_arity(std::string& out, std::string_view lower_case_name) {
  resp::append_error(
      out, "ERR wrong number of arguments for '" + std::string(lower_case_name) + "' command");
}

void answer_ping(std::string& out, const resp::Command& command) {
  if (command.argc() > 2) {
    append_wrong_arity(out, "ping");
  } else if (command.argc() == 2) {
    resp::append_bulk(out, command.arg(1));
  } else {
    resp::append_simple(out, "PONG");
  }
}

void answer_echo(std::string& out, const resp::Command& command) {
  resp::append_bulk(out, command.arg(1));
}

bool answer_client(std::string& out, const resp::Command& command, ClientState& state,
                   state::Nanos now) {
  const std::string_view sub = command.arg(1);
  const std::size_t argc = command.argc();
  if (argc == 2 && equals_ignoring_case(sub, "ID")) {
    resp::append_integer(out, static_cast<std::int64_t>(state.id));
  } else if (argc == 2 && equals_ignoring_case(sub, "GETNAME")) {
    if (state.name.empty()) {
      resp::append_null(out, state.protocol);
    } else {
      resp::append_bulk(out, state.name);
    }
  } else if (argc == 3 && equals_ignoring_case(sub, "SETNAME")) {
    if (!clean_name(command.arg(2))) {
      resp::append_error(out, kBadName);
    } else {
      state.name = command.arg(2);
      resp::append_simple(out, "OK");
    }
  } else if (argc == 4 && equals_ignoring_case(sub, "SETINFO")) {
    answer_setinfo(out, command, state);
  } else if (argc == 2 && equals_ignoring_case(sub, "INFO")) {
    const std::string line = client_line(state, now, "client|info") + "\n";
    if (state.protocol == 3) {
      out += "=" + std::to_string(line.size() + 4) + "\r\ntxt:" + line + "\r\n";
    } else {
      resp::append_bulk(out, line);
    }
  } else if (argc == 3 && equals_ignoring_case(sub, "NO-EVICT")) {
    answer_switch(out, command, state.no_evict);
  } else if (argc == 3 && equals_ignoring_case(sub, "NO-TOUCH")) {
    answer_switch(out, command, state.no_touch);
  } else {
    return false;
  }
  return true;
}

Hello parse_hello(const resp::Command& command) {
  Hello hello;
  if (command.argc() < 2) return hello;
  const std::string_view version = command.arg(1);
  long long number = 0;
  const auto [end, error] =
      std::from_chars(version.data(), version.data() + version.size(), number);
  const bool padded =
      version.size() > 1 && (version.front() == '0' || version.substr(0, 2) == "-0");
  if (error != std::errc() || end != version.data() + version.size() || padded) {
    hello.error = "ERR Protocol version is not an integer or out of range";
    return hello;
  }
  if (number < 2 || number > 3) {
    hello.error = "NOPROTO unsupported protocol version";
    return hello;
  }
  hello.protocol = static_cast<int>(number);
  for (std::size_t i = 2; i < command.argc();) {
    const std::size_t left = command.argc() - i - 1;
    if (equals_ignoring_case(command.arg(i), "AUTH") && left >= 2) {
      hello.authenticate = true;
      hello.user = command.arg(i + 1);
      hello.password = command.arg(i + 2);
      i += 3;
    } else if (equals_ignoring_case(command.arg(i), "SETNAME") && left >= 1) {
      hello.name = command.arg(i + 1);
      if (!clean_name(*hello.name)) {
        hello.error = kBadName;
        return hello;
      }
      i += 2;
    } else {
      hello.error = "ERR Syntax error in HELLO option '" +
                    std::string(command.arg(i).substr(0, kQuoted)) + "'";
      return hello;
    }
  }
  return hello;
}

void append_hello(std::string& out, const ClientState& state,
                  const state::TopologySnapshot& upstream) {
  resp::append_map_header(out, 7, state.protocol);
  resp::append_bulk(out, "server");
  resp::append_bulk(out, "redis");
  resp::append_bulk(out, "version");
  resp::append_bulk(out, upstream.redis_version);
  resp::append_bulk(out, "proto");
  resp::append_integer(out, state.protocol);
  resp::append_bulk(out, "id");
  resp::append_integer(out, static_cast<std::int64_t>(state.id));
  resp::append_bulk(out, "mode");
  resp::append_bulk(out, upstream.mode.empty() ? "standalone" : upstream.mode);
  resp::append_bulk(out, "role");
  resp::append_bulk(out, upstream.role == "slave" ? "replica" : "master");
  resp::append_bulk(out, "modules");
  resp::append_array_header(out, 0);
}

std::optional<std::uint32_t> parse_database(std::string_view text) {
  if (text.empty() || text.size() > 9 || (text.size() > 1 && text.front() == '0'))
    return std::nullopt;
  std::uint32_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::string client_line(const ClientState& state, state::Nanos now, std::string_view command) {
  const auto seconds = [now](state::Nanos since) {
    return std::to_string((now - since) / state::kSecond);
  };
  std::string line =
      "id=" + std::to_string(state.id) + " addr=" + state.peer + " laddr=" + state.local +
      " fd=" + std::to_string(state.descriptor) + " name=" + state.name +
      " age=" + seconds(state.connected_at) + " idle=" + seconds(state.last_command_at) +
      " flags=N db=" + std::to_string(state.database) +
      " sub=0 psub=0 ssub=0 multi=-1 qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 "
      "oll=0 omem=0 tot-mem=0 events=r cmd=";
  line += command;
  line += " user=" + std::string(state.identity.acl_user()) +
          " redir=-1 resp=" + std::to_string(state.protocol);
  if (!state.library_name.empty() || !state.library_version.empty()) {
    line += " lib-name=" + state.library_name + " lib-ver=" + state.library_version;
  }
  return line;
}

}  // namespace pillion::data::session
