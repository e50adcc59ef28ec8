#include "proxy/data/session/client_list.hpp"

#include <algorithm>
#include <limits>
#include <optional>

#include "config/units.hpp"
#include "protocol/resp/number.hpp"
#include "proxy/data/session/local_commands.hpp"

namespace pillion::data::session {
namespace {

constexpr std::string_view kSyntax = "ERR syntax error";

std::optional<ClientType> type_named(std::string_view name) {
  if (equals_ignoring_case(name, "NORMAL")) return ClientType::kNormal;
  if (equals_ignoring_case(name, "SLAVE") || equals_ignoring_case(name, "REPLICA"))
    return ClientType::kReplica;
  if (equals_ignoring_case(name, "PUBSUB")) return ClientType::kPubsub;
  if (equals_ignoring_case(name, "MASTER")) return ClientType::kMaster;
  return std::nullopt;
}

std::string unknown_type(std::string_view name) {
  return "ERR Unknown client type '" + std::string(name.substr(0, kQuoted)) + "'";
}

std::string flags_of(const ClientState& state, const Activity& activity) {
  std::string flags;
  if (activity.monitor) flags += 'O';
  if (activity.replica) flags += 'S';
  if (activity.type() == ClientType::kPubsub) flags += 'P';
  if (activity.in_multi) flags += 'x';
  if (activity.blocked) flags += 'b';
  if (activity.tracking) flags += 't';
  if (activity.redirect_broken) flags += 'R';
  if (activity.tracking_broadcast) flags += 'B';
  if (activity.closing) flags += 'c';
  if (state.peer.find('/') != std::string::npos) flags += 'U';
  if (state.no_evict) flags += 'e';
  if (state.no_touch) flags += 'T';
  return flags.empty() ? "N" : flags;
}

}  // namespace

std::string client_line(const ClientState& state, const Activity& activity, state::Nanos now) {
  std::string line;
  const auto field = [&line](std::string_view name, std::string_view value) {
    if (!line.empty()) line += ' ';
    line.append(name).append("=").append(value);
  };
  const auto number = [&field](std::string_view name, auto value) {
    field(name, std::to_string(value));
  };
  const bool known = state.last_command != nullptr && !state.last_command->name.empty();
  number("id", state.id);
  field("addr", state.peer);
  field("laddr", state.local);
  number("fd", state.descriptor);
  field("name", state.name);
  number("age", (now - state.connected_at) / state::kSecond);
  number("idle", (now - state.last_command_at) / state::kSecond);
  field("flags", flags_of(state, activity));
  number("db", state.database);
  number("sub", activity.channels);
  number("psub", activity.patterns);
  number("ssub", activity.shard_channels);
  field("multi", activity.in_multi ? std::to_string(activity.queued) : "-1");
  number("qbuf", activity.query_bytes);
  field("qbuf-free", "0");
  field("argv-mem", "0");
  field("multi-mem", "0");
  field("rbs", "0");
  field("rbp", "0");
  field("obl", "0");
  field("oll", activity.output_bytes > 0 ? "1" : "0");
  number("omem", activity.output_bytes);
  number("tot-mem", activity.output_bytes + activity.query_bytes + sizeof(ClientState));
  field("events", activity.output_bytes > 0 ? "rw" : "r");
  field("cmd", known ? config::lower_case(state.last_command->name) : "NULL");
  field("user", state.identity.acl_user());
  field("redir", activity.tracking ? std::to_string(activity.redirect) : "-1");
  number("resp", state.protocol);
  if (!state.library_name.empty() || !state.library_version.empty()) {
    field("lib-name", state.library_name);
    field("lib-ver", state.library_version);
  }
  return line;
}

bool ClientFilter::matches(const ClientState& state, ClientType client_type) const {
  if (by_type && client_type != type) return false;
  if (by_id && std::find(ids.begin(), ids.end(), state.id) == ids.end()) return false;
  if (!peer.empty() && state.peer != peer) return false;
  if (!local.empty() && state.local != local) return false;
  return user.empty() || state.identity.acl_user() == user;
}

ParsedFilter parse_list_filter(const resp::Command& command) {
  ParsedFilter parsed;
  ClientFilter& filter = parsed.filter;
  if (command.argc() == 2) return parsed;
  const std::string_view word = command.arg(2);
  if (command.argc() == 4 && equals_ignoring_case(word, "TYPE")) {
    const auto type = type_named(command.arg(3));
    if (!type) {
      parsed.error = unknown_type(command.arg(3));
      return parsed;
    }
    filter.by_type = true;
    filter.type = *type;
  } else if (command.argc() > 3 && equals_ignoring_case(word, "ID")) {
    filter.by_id = true;
    for (std::size_t i = 3; i < command.argc(); ++i) {
      std::int64_t id = 0;
      if (!resp::parse_integer(command.arg(i), id)) {
        parsed.error = "ERR Invalid client ID";
        return parsed;
      }
      if (id > 0) filter.ids.push_back(static_cast<std::uint64_t>(id));
    }
  } else {
    parsed.error = kSyntax;
  }
  return parsed;
}

ParsedFilter parse_kill_filter(const resp::Command& command) {
  ParsedFilter parsed;
  ClientFilter& filter = parsed.filter;
  if (command.argc() == 3) {
    filter.old_form = true;
    filter.peer = command.arg(2);
    // Nobody has the empty address, and an empty filter would mean everybody.
    if (filter.peer.empty()) parsed.error = "ERR No such client";
    return parsed;
  }
  filter.skip_asker = true;
  for (std::size_t i = 2; i < command.argc(); i += 2) {
    if (i + 1 == command.argc()) {
      parsed.error = kSyntax;
      return parsed;
    }
    const std::string_view option = command.arg(i);
    const std::string_view value = command.arg(i + 1);
    if (equals_ignoring_case(option, "ID")) {
      std::int64_t id = 0;
      if (!resp::parse_integer(value, id) || id < 1) {
        parsed.error = "ERR client-id should be greater than 0";
        return parsed;
      }
      filter.by_id = true;
      filter.ids.assign(1, static_cast<std::uint64_t>(id));
    } else if (equals_ignoring_case(option, "TYPE")) {
      const auto type = type_named(value);
      if (!type) {
        parsed.error = unknown_type(value);
        return parsed;
      }
      filter.by_type = true;
      filter.type = *type;
    } else if (equals_ignoring_case(option, "ADDR")) {
      filter.peer = value;
    } else if (equals_ignoring_case(option, "LADDR")) {
      filter.local = value;
    } else if (equals_ignoring_case(option, "USER")) {
      filter.user = value;
    } else if (equals_ignoring_case(option, "SKIPME") && equals_ignoring_case(value, "YES")) {
      filter.skip_asker = true;
    } else if (equals_ignoring_case(option, "SKIPME") && equals_ignoring_case(value, "NO")) {
      filter.skip_asker = false;
    } else {
      parsed.error = kSyntax;
      return parsed;
    }
  }
  return parsed;
}

}  // namespace pillion::data::session
