#include "config/print.hpp"

#include <string_view>

#include "config/keys.hpp"
#include "config/url.hpp"

namespace pillion::config {
namespace {

std::string print_rules(const std::vector<CacheRule>& rules, std::string_view indent) {
  if (rules.empty()) return " []\n";
  std::string out = "\n";
  for (const auto& rule : rules) {
    std::string_view bullet = "- ";
    for (const auto& field : rule_keys()) {
      const auto value = field.print(rule);
      if (!value) continue;
      out += std::string(indent) + std::string(bullet) + std::string(field.name) + ": " + *value +
             "\n";
      bullet = "  ";
    }
  }
  return out;
}

/// The rules as `cache.rules` takes them on one line.
std::string print_rules_on_one_line(const std::vector<CacheRule>& rules) {
  std::string out;
  for (const auto& rule : rules) {
    out += out.empty() ? "[{" : ", {";
    std::string_view comma;
    for (const auto& field : rule_keys()) {
      const auto value = field.print(rule);
      if (!value) continue;
      out += std::string(comma) + std::string(field.name) + ": " + *value;
      comma = ", ";
    }
    out += "}";
  }
  return out.empty() ? "[]" : out + "]";
}

/// What is shown of a configuration. A password inside the URL is in effect too, and the URL is
/// shown without it.
Config shown_of(const Config& config) {
  auto shown = config;
  const auto parsed = parse_upstream_url(config.upstream.url);
  if (const auto* target = std::get_if<UpstreamTarget>(&parsed);
      target != nullptr && shown.upstream.password.empty()) {
    shown.upstream.password = target->password;
  }
  return shown;
}

// One overload per kind whose plain value is not its line of YAML.
template <class Kind>
std::string plain(const Kind&, const Key& key, const Config& config) {
  return print_value(key, config);
}
std::string plain(const Text& kind, const Key&, const Config& config) {
  return kind.place.in(config);
}
std::string plain(const Hosts& kind, const Key&, const Config& config) {
  return kind.place.in(config);
}
std::string plain(const Zones& kind, const Key&, const Config& config) {
  return kind.place.in(config);
}
std::string plain(const ListenAddress& kind, const Key&, const Config& config) {
  return kind.place.in(config);
}
std::string plain(const SocketPath& kind, const Key&, const Config& config) {
  return kind.place.in(config);
}
std::string plain(const CommandName& kind, const Key&, const Config& config) {
  return kind.place.in(config);
}
std::string plain(const UpstreamUrl& kind, const Key&, const Config& config) {
  return redact_url(kind.place.in(config));
}
std::string plain(const Secret& kind, const Key&, const Config& config) {
  return kind.place.in(config).empty() ? "" : "***";
}
std::string plain(const Rules& kind, const Key&, const Config& config) {
  return print_rules_on_one_line(kind.place.in(config));
}

std::string section_of(std::string_view path) {
  const auto dot = path.find('.');
  return dot == std::string_view::npos ? "" : std::string(path.substr(0, dot));
}

// A bar would end the table cell.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string row(std::string_view path, std::string_view kind, std::string_view value,
                std::string_view meaning) {
  return "| `" + std::string(path) + "` | " + cell(kind) + " | " +
         (value.empty() ? "" : "`" + cell(value) + "`") + " | " + cell(meaning) + " |\n";
}

constexpr std::string_view kIntroduction =
    R"(<!-- Made from the table in config/keys.cpp; a test fails when the two disagree. -->
# Configuration reference

A key is set, later ones winning, by its default, the YAML file (`--config FILE` or `PILLION_CONFIG`), its
environment variable, and flags (`--set key.path=value`; the redis-url argument is `upstream.url`, `--listen`
is `listen.address`, `--admin` is `admin.address`). `cache.max_bytes` in YAML is

```yaml
cache:
  max_bytes: 64MiB
```

in the environment `PILLION_CACHE_MAX_BYTES=64MiB`, as a flag `--set cache.max_bytes=64MiB`.
`pillion --check-config` lists every problem, `pillion --print-config` shows the result without passwords.

Units. *Size*: whole bytes, or a number and a unit: `KiB MiB GiB TiB` (or `Ki Mi Gi Ti`) count in
1024, `KB MB GB TB` (or `k M G T`) in 1000. *Duration*: a whole number and `ms`, `s`, `m`, `h` or `d`; only 0 needs
no unit. *Address*: see `listen.address`. *Servers*: `host:port, host:port`, IPv6 hosts in brackets; without
a port it is 6379, of a sentinel 26379. Letter case of units does not matter.

| key | what it takes | default | meaning |
|---|---|---|---|
)";

constexpr std::string_view kRulesIntroduction = R"(
## Rules

`cache.rules` is a list; the first rule whose `match` fits a key decides about it. In a variable or flag it
is written as YAML on one line: `--set 'cache.rules=[{match: "session:*", cache: false}]'`.

| field | meaning |
|---|---|
)";

}  // namespace

std::string print_config(const Config& config) {
  const Config shown = shown_of(config);
  std::string out;
  std::string section;
  for (const auto& key : keys()) {
    const auto here = section_of(key.path);
    if (here != section && !here.empty()) out += here + ":\n";
    section = here;
    const auto* indent = here.empty() ? "" : "  ";
    out += indent + std::string(key.path.substr(here.empty() ? 0 : here.size() + 1)) + ":";
    if (const auto* rules = std::get_if<Rules>(&key.kind)) {
      out += print_rules(rules->place.in(shown), here.empty() ? "  " : "    ");
    } else {
      out += " " + print_value(key, shown) + "\n";
    }
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> effective_values(const Config& config) {
  const Config shown = shown_of(config);
  std::vector<std::pair<std::string, std::string>> values;
  for (const auto& key : keys()) {
    values.emplace_back(
        key.path, std::visit([&](const auto& kind) { return plain(kind, key, shown); }, key.kind));
  }
  return values;
}

std::string print_reference() {
  const Config defaults;
  std::string out(kIntroduction);
  for (const auto& key : keys()) {
    out += row(key.path, print_kind(key), print_value(key, defaults), key.meaning);
  }
  out += kRulesIntroduction;
  for (const auto& field : rule_keys()) {
    out += "| `" + std::string(field.name) + "` | " + cell(field.meaning) + " |\n";
  }
  return out;
}

}  // namespace pillion::config
