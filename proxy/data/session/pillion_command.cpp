#include "proxy/data/session/pillion_command.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>

#include "config/units.hpp"
#include "protocol/command/table.hpp"
#include "protocol/glob.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/session/local_commands.hpp"

namespace pillion::data::session {
namespace {

constexpr std::size_t kHotKeysShown = 10;
/// One key may have thousands of variants (HGET of its fields); a reply shows no more.
constexpr std::size_t kVariantsShown = 256;

struct Help {
  std::string_view usage;
  std::string_view meaning;
};
constexpr std::array kHelp = {
    Help{"CACHE FLUSH", "Drop every cached answer."},
    Help{"CACHE GET <key>",
         "Show what is cached about a key: commands, sizes and ages, no values."},
    Help{"CACHE INVALIDATE <key|pattern>",
         "Drop what is cached about a key, or about every key that fits a glob-style pattern. "
         "Returns how many keys that were."},
    Help{"CLIENTS", "Show the clients of this Pillion, as CLIENT LIST does."},
    Help{"CONFIG GET <pattern> [<pattern> ...]", "Show settings of this Pillion by their names."},
    Help{"HOTKEYS [<count>]",
         "Show the keys read most of late (10 unless told otherwise) with about how often, from a "
         "sample; counts are halved every 10 seconds."},
    Help{"INFO", "Show the section that this Pillion adds to INFO."},
    Help{"STATS", "Show every counter."},
    Help{"UPSTREAMS", "Show the servers and the links that keep the cache true."},
    Help{"HELP", "Print this help."},
};

constexpr bool is_glob(std::string_view text) {
  return text.find_first_of("*?[\\") != std::string_view::npos;
}

void append_pair(std::string& out, std::string_view name, std::string_view value) {
  resp::append_bulk(out, name);
  resp::append_bulk(out, value);
}

void append_pair(std::string& out, std::string_view name, std::uint64_t value) {
  resp::append_bulk(out, name);
  resp::append_integer(out, static_cast<std::int64_t>(value));
}

void append_help(std::string& out, const std::string& name) {
  resp::append_array_header(out, 1 + 2 * kHelp.size());
  resp::append_simple(out, name + " <subcommand> [<arg> [value] [opt] ...]. Subcommands are:");
  for (const Help& help : kHelp) {
    resp::append_simple(out, help.usage);
    resp::append_simple(out, "    " + std::string(help.meaning));
  }
}

void append_stats(std::string& out, int protocol, const PillionServices& services) {
  const std::vector<Figure> figures = pillion_figures(services);
  resp::append_map_header(out, figures.size(), protocol);
  for (const Figure& figure : figures) append_pair(out, figure.name, figure.value);
}

std::string_view text_of(cache::VariantState state) {
  switch (state) {
    case cache::VariantState::kFresh:
      return "fresh";
    case cache::VariantState::kLease:
      return "lease";
    case cache::VariantState::kExpired:
      return "expired";
    case cache::VariantState::kDropped:
      return "dropped";
  }
  return "";
}

/// The arguments behind the key; what was cut off is "...".
void append_arguments(std::string& out, const cache::CachedVariant& variant) {
  std::vector<std::string_view> shown;
  std::string_view rest = variant.arguments;
  while (!rest.empty()) {
    const std::string_view argument = cache::first_argument(rest);
    if (argument.data() == nullptr) break;
    shown.push_back(argument);
    const auto end = static_cast<std::size_t>(argument.data() - rest.data()) + argument.size() + 2;
    rest.remove_prefix(std::min(end, rest.size()));
  }
  if (!shown.empty()) shown.erase(shown.begin());
  if (variant.arguments_cut) shown.emplace_back("...");
  resp::append_array_header(out, shown.size());
  for (const std::string_view argument : shown) resp::append_bulk(out, argument);
}

std::string_view name_of_command(std::uint16_t id) {
  const auto all = command::all();
  return id < all.size() ? all[id].name : std::string_view("?");
}

void append_cached(std::string& out, std::string_view key, int protocol,
                   const PillionServices& services, state::Nanos now) {
  const auto variants = services.cache.variants(key, now, kVariantsShown);
  resp::append_array_header(out, variants.size());
  for (const cache::CachedVariant& variant : variants) {
    resp::append_map_header(out, 8, protocol);
    append_pair(out, "db", variant.database);
    append_pair(out, "command", config::lower_case(name_of_command(variant.command)));
    resp::append_bulk(out, "arguments");
    append_arguments(out, variant);
    append_pair(out, "holds",
                variant.kind == cache::EntryKind::kTooLarge ? "too large to cache" : "reply");
    append_pair(out, "reply_bytes", variant.reply_bytes);
    append_pair(out, "bytes", variant.bytes);
    append_pair(out, "remaining_ms",
                static_cast<std::uint64_t>(variant.remaining / state::kMillisecond));
    append_pair(out, "state", text_of(variant.state));
  }
}

std::size_t invalidate(std::string_view key, const PillionServices& services, state::Nanos now) {
  if (is_glob(key)) {
    const std::size_t erased = services.cache.erase_matching(
        [key](std::string_view name) { return protocol::glob_match(key, name); });
    services.counters.invalidations_own.add(erased);
    return erased;
  }
  const bool cached = !services.cache.variants(key, now, 1).empty();
  services.invalidator.on_own_write(cache::hash_name(key), now, services.counters);
  return cached ? 1 : 0;
}

void append_link(std::string& out, int protocol, const state::LinkStats& link) {
  resp::append_map_header(out, 5, protocol);
  append_pair(out, "worker", link.worker);
  append_pair(out, "state", link.state);
  append_pair(out, "reason", link.reason);
  append_pair(out, "lease_age_ms",
              static_cast<std::uint64_t>(std::max(link.lease_age_seconds, 0.0) * 1000));
  append_pair(out, "generation", link.generation);
}

/// One node, and the links that say so of themselves. A set of one server shows all of them.
void append_node(std::string& out, int protocol, const state::TopologySnapshot& topology,
                 const state::Node& node, const std::vector<state::LinkStats>& links) {
  resp::append_map_header(out, 12, protocol);
  append_pair(out, "name", node.endpoint.name);
  resp::append_bulk(out, "addresses");
  resp::append_array_header(out, node.endpoint.addresses.size());
  for (const std::string& address : node.endpoint.addresses) resp::append_bulk(out, address);
  append_pair(out, "up", node.up ? 1 : 0);
  append_pair(out, "error", !node.resolve_error.empty() ? node.resolve_error : node.error);
  append_pair(out, "role",
              node.role == state::NodeRole::kPrimary   ? "master"
              : node.role == state::NodeRole::kReplica ? "slave"
                                                       : "");
  append_pair(out, "version", topology.redis_version);
  append_pair(out, "mode", topology.mode);
  append_pair(out, "latency_us", static_cast<std::uint64_t>(node.latency / 1000));
  append_pair(out, "in_rotation", node.in_rotation ? 1 : 0);
  append_pair(out, "lag_ms", static_cast<std::uint64_t>(node.lag / state::kMillisecond));
  append_pair(out, "ejections", node.ejections);
  std::vector<const state::LinkStats*> own;
  for (const state::LinkStats& link : links) {
    if (topology.nodes.size() <= 1 || link.endpoint == node.endpoint.name) own.push_back(&link);
  }
  resp::append_bulk(out, "fill_links");
  resp::append_array_header(out, own.size());
  for (const state::LinkStats* link : own) append_link(out, protocol, *link);
}

void append_upstreams(std::string& out, int protocol, const PillionServices& services) {
  const auto topology = services.topology.load();
  const std::vector<state::LinkStats> links = services.links();
  if (topology->kind != state::TopologyKind::kStandalone && !topology->nodes.empty()) {
    resp::append_array_header(out, topology->nodes.size());
    for (const state::Node& node : topology->nodes)
      append_node(out, protocol, *topology, node, links);
    return;
  }
  state::Node node;
  node.endpoint = topology->primary;
  node.role = topology->role == "master"  ? state::NodeRole::kPrimary
              : topology->role == "slave" ? state::NodeRole::kReplica
                                          : state::NodeRole::kUnknown;
  node.up = topology->up;
  node.resolve_error = topology->resolve_error;
  node.error = topology->error;
  node.latency = static_cast<state::Nanos>(std::max(topology->latency_seconds, 0.0) * 1e9);
  resp::append_array_header(out, 1);
  append_node(out, protocol, *topology, node, links);
}

void append_config(std::string& out, const resp::Command& command, int protocol,
                   const PillionServices& services) {
  std::vector<const std::pair<std::string, std::string>*> shown;
  for (const auto& setting : services.config) {
    for (std::size_t i = 3; i < command.argc(); ++i) {
      if (!protocol::glob_match(config::lower_case(command.arg(i)), setting.first)) continue;
      shown.push_back(&setting);
      break;
    }
  }
  resp::append_map_header(out, shown.size(), protocol);
  for (const auto* setting : shown) append_pair(out, setting->first, setting->second);
}

/// False: not a subcommand of CACHE.
bool answer_cache(std::string& out, const resp::Command& command, int protocol,
                  const PillionServices& services, state::Nanos now) {
  const std::string_view action = command.argc() > 2 ? command.arg(2) : std::string_view();
  if (command.argc() == 4 && equals_ignoring_case(action, "GET")) {
    append_cached(out, command.arg(3), protocol, services, now);
  } else if (command.argc() == 4 && equals_ignoring_case(action, "INVALIDATE")) {
    const std::size_t erased = invalidate(command.arg(3), services, now);
    resp::append_integer(out, static_cast<std::int64_t>(erased));
  } else if (command.argc() == 3 && equals_ignoring_case(action, "FLUSH")) {
    services.invalidator.on_own_flush(now, services.counters);
    services.cache.clear();  // nothing of it would be served again; give the memory back now
    resp::append_simple(out, "OK");
  } else {
    return false;
  }
  return true;
}

/// How many hot keys are wanted; nothing when the argument is no such number.
std::optional<std::size_t> hot_key_count(const resp::Command& command) {
  if (command.argc() == 2) return kHotKeysShown;
  const std::string_view text = command.arg(2);
  std::size_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1 ||
      count > request::HotKeys::kCounters) {
    return std::nullopt;
  }
  return count;
}

void append_unknown(std::string& out, const resp::Command& command, const std::string& name) {
  std::string asked(command.arg(1).substr(0, kQuoted));
  for (const std::string_view container : {"CACHE", "CONFIG"}) {
    if (command.argc() > 2 && equals_ignoring_case(command.arg(1), container))
      asked += "|" + std::string(command.arg(2).substr(0, kQuoted));
  }
  asked.resize(std::min(asked.size(), kQuoted));
  resp::append_error(out, "ERR Unknown " + name + " subcommand or wrong number of arguments for '" +
                              asked + "'. Try " + name + " HELP.");
}

}  // namespace

PillionAnswer answer_pillion(std::string& out, const resp::Command& command, int protocol,
                             const PillionServices& services, state::Nanos now,
                             std::size_t& hot_keys) {
  const std::size_t argc = command.argc();
  if (argc < 2) {
    append_wrong_arity(out, config::lower_case(services.name));
    return PillionAnswer::kDone;
  }
  const std::string_view action = command.arg(1);
  const auto asks = [&](std::string_view word) { return equals_ignoring_case(action, word); };
  if (asks("HELP") && argc == 2) {
    append_help(out, services.name);
  } else if (asks("INFO") && argc == 2) {
    append_text(out, pillion_section(services, now), protocol);
  } else if (asks("STATS") && argc == 2) {
    append_stats(out, protocol, services);
  } else if (asks("UPSTREAMS") && argc == 2) {
    append_upstreams(out, protocol, services);
  } else if (asks("CONFIG") && argc >= 4 && equals_ignoring_case(command.arg(2), "GET")) {
    append_config(out, command, protocol, services);
  } else if (asks("CLIENTS") && argc == 2) {
    return PillionAnswer::kClients;
  } else if (asks("HOTKEYS") && argc <= 3) {
    const std::optional<std::size_t> count = hot_key_count(command);
    if (count) {
      hot_keys = *count;
      return PillionAnswer::kHotKeys;
    }
    resp::append_error(out, "ERR count must be a whole number from 1 to " +
                                std::to_string(request::HotKeys::kCounters));
  } else if (!asks("CACHE") || !answer_cache(out, command, protocol, services, now)) {
    append_unknown(out, command, services.name);
  }
  return PillionAnswer::kDone;
}

void append_hot_keys(std::string& out, const std::vector<std::vector<request::HotKey>>& workers,
                     std::size_t count) {
  const std::vector<request::HotKey> keys = request::merge_hot_keys(workers, count);
  resp::append_array_header(out, keys.size());
  for (const request::HotKey& key : keys) {
    resp::append_array_header(out, 2);
    resp::append_bulk(out, key.truncated ? key.key + "..." : key.key);
    resp::append_integer(out, static_cast<std::int64_t>(key.count));
  }
}

std::optional<std::string> pillion_name_complaint(std::string_view name) {
  if (name.empty() || &command::find(name) == &command::unknown()) return std::nullopt;
  return "pillion_command.name: '" + std::string(name) +
         "' is the name of a Redis command; choose another, or \"\" for none";
}

}  // namespace pillion::data::session
