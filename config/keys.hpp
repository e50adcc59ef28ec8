// THE table of keys: one row per thing the operator may say. The YAML file, PILLION_* variables,
// --set,
// --print-config and REFERENCE.md all walk it; there is no second list. Defaults are config.hpp's.
// Constant after start-up, readable from any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "config/config.hpp"

namespace pillion::config {

/// Where a value lives in a Config.
template <class T>
struct Place {
  T& (*of)(Config&);
  const T& (*in)(const Config&);
};

// What a key holds, which decides how it is read, bounded and printed. Bounds are inclusive.
struct Text {
  Place<std::string> place;
};
struct Secret {  // printed as "***", never echoed
  Place<std::string> place;
};
struct UpstreamUrl {  // printed without its password
  Place<std::string> place;
};
struct Hosts {  // "host:port, ..."; "" = none
  Place<std::string> place;
  std::uint16_t port;  // of a host that names none
  bool or_auto;
};
struct Zones {  // "host:port=zone, ..."
  Place<std::string> place;
};
struct ListenAddress {  // "" = off
  Place<std::string> place;
};
struct SocketPath {  // "" = off
  Place<std::string> place;
};
struct Choice {
  Place<std::string> place;
  std::span<const std::string_view> words;  // static storage
};
struct CommandName {  // letters, digits, - _ . ; "" = off
  Place<std::string> place;
  std::size_t longest;
};
struct Switch {
  Place<bool> place;
};
struct Count {
  Place<std::uint32_t> place;
  std::uint32_t least;
  std::uint32_t most;
};
struct CountOrAuto {  // auto is 0 in the Config
  Place<std::uint32_t> place;
  std::uint32_t most;
};
struct Bytes {
  Place<std::size_t> place;
  std::size_t least;
  std::size_t most;
};
struct Duration {
  Place<Millis> place;
  Millis least;
  Millis most;
};
struct Rules {  // a list of maps, see rule_keys()
  Place<std::vector<CacheRule>> place;
  std::size_t most;
};

using Kind = std::variant<Text, Secret, UpstreamUrl, Hosts, Zones, ListenAddress, SocketPath,
                          Choice, CommandName, Switch, Count, CountOrAuto, Bytes, Duration, Rules>;

struct Key {
  std::string_view path;  // "cache.max_bytes"; at most one dot
  Kind kind;
  std::string_view meaning;
};

/// Every key, in the order of config.hpp.
std::span<const Key> keys();

/// nullptr when there is none.
const Key* find_key(std::string_view path);

/// One field of an element of cache.rules.
struct RuleKey {
  std::string_view name;
  std::optional<std::string> (*set)(CacheRule& rule,
                                    std::string_view text);    // a complaint or nothing
  std::optional<std::string> (*print)(const CacheRule& rule);  // nothing: not given
  std::string_view meaning;
};
std::span<const RuleKey> rule_keys();

/// Reads text into config, or leaves config alone and says why not. Rules take no scalar.
std::optional<std::string> set_value(const Key& key, Config& config, std::string_view text);

/// The value as one line of YAML that set_value or the loader reads back; secrets redacted.
/// Not for Rules, which take several lines (print.hpp).
std::string print_value(const Key& key, const Config& config);

/// "64KiB to 1TiB", "text|json", ...: what may be written, for REFERENCE.md.
std::string print_kind(const Key& key);

/// As a YAML double-quoted scalar.
std::string quote(std::string_view text);

}  // namespace pillion::config
