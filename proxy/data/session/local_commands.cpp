#include "proxy/data/session/local_commands.hpp"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "protocol/resp/writer.hpp"

namespace pillion::data::session {
namespace {

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

bool may_replicate(const command::Spec& spec) {
  const bool script = spec.route == command::Route::kScript && !spec.is(command::kReadonly);
  return script || spec.is(command::kWrite) || spec.name == "PUBLISH" || spec.name == "SPUBLISH" ||
         spec.name == "PFCOUNT";
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

void answer_subscribed_ping(std::string& out, const resp::Command& command) {
  if (command.argc() > 2) {
    append_wrong_arity(out, "ping");
    return;
  }
  resp::append_array_header(out, 2);
  resp::append_bulk(out, "pong");
  resp::append_bulk(out, command.argc() == 2 ? command.arg(1) : std::string_view());
}

void answer_echo(std::string& out, const resp::Command& command) {
  resp::append_bulk(out, command.arg(1));
}

void append_text(std::string& out, std::string_view text, int protocol) {
  if (protocol == 3) {
    constexpr std::string_view kFormat = "txt:";
    out += "=" + std::to_string(text.size() + kFormat.size()) + "\r\n";
    out.append(kFormat).append(text).append("\r\n");
  } else {
    resp::append_bulk(out, text);
  }
}

bool answer_client(std::string& out, const resp::Command& command, ClientState& state) {
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
        // Redis looks at the name when it has authenticated, so the rest counts as well.
        hello.error = kBadName;
      }
      i += 2;
    } else {
      hello.authenticate = false;
      hello.error = "ERR Syntax error in HELLO option '" +
                    std::string(command.arg(i).substr(0, kQuoted)) + "'";
      return hello;
    }
  }
  return hello;
}

void append_hello(std::string& out, const ClientState& state,
                  const state::TopologySnapshot& upstream, std::string_view mode) {
  if (mode.empty()) mode = upstream.mode.empty() ? "standalone" : std::string_view(upstream.mode);
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
  resp::append_bulk(out, mode);
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

}  // namespace pillion::data::session
