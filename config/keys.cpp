#include "config/keys.hpp"

#include <sys/un.h>

#include <algorithm>
#include <array>

#include "config/address.hpp"
#include "config/hosts.hpp"
#include "config/nearest.hpp"
#include "config/units.hpp"
#include "config/url.hpp"

namespace pillion::config {
namespace {

template <auto Section, auto Field>
constexpr auto at() {
  using T = std::remove_reference_t<decltype(std::declval<Config&>().*Section.*Field)>;
  return Place<T>{[](Config& c) -> T& { return c.*Section.*Field; },
                  [](const Config& c) -> const T& { return c.*Section.*Field; }};
}

template <auto Field>
constexpr auto at() {
  using T = std::remove_reference_t<decltype(std::declval<Config&>().*Field)>;
  return Place<T>{[](Config& c) -> T& { return c.*Field; },
                  [](const Config& c) -> const T& { return c.*Field; }};
}

constexpr std::size_t kKiB = 1UL << 10;
constexpr std::size_t kMiB = 1UL << 20;
constexpr std::size_t kTiB = 1UL << 40;
constexpr Millis kHour{3'600'000};
constexpr Millis kYear = 365 * 24 * kHour;
constexpr std::size_t kMostRules = 256;
constexpr std::size_t kLongestMatch = 1024;
constexpr std::size_t kLongestCommand = 64;
constexpr std::array<std::string_view, 6> kLogLevels{"trace", "debug", "info",
                                                     "warn",  "error", "off"};
constexpr std::array<std::string_view, 2> kLogFormats{"text", "json"};
constexpr std::array<std::string_view, 3> kBusyPolls{"auto", "on", "off"};
constexpr std::array<std::string_view, 4> kReadsFrom{"auto", "primary", "replica",
                                                     "prefer_replica"};
constexpr std::array<std::string_view, 3> kBalances{"round_robin", "key_affinity", "least_latency"};

const auto& table() {
  using C = Config;
  static const std::array kKeys{
      Key{"listen.address", ListenAddress{at<&C::listen, &Listen::address>()},
          "Where clients connect: `host:port`, `[::1]:port`, `:port` (every IPv4 address) or "
          "`port` "
          "(loopback). The host is an IP address or localhost. `\"\"`: no TCP listener."},
      Key{"listen.unix", SocketPath{at<&C::listen, &Listen::unix_path>()},
          "Path of a UNIX socket to listen on as well. `\"\"`: none."},
      Key{"listen.allow_remote", Switch{at<&C::listen, &Listen::allow_remote>()},
          "Permits a `listen.address` other machines can reach. Whoever reaches it has the rights "
          "of "
          "Pillion's upstream user."},
      Key{"listen.max_clients", Count{at<&C::listen, &Listen::max_clients>(), 1, 1'000'000},
          "Client connections at once; more are told `ERR max number of clients reached`."},
      Key{"listen.max_pipeline", Count{at<&C::listen, &Listen::max_pipeline>(), 1, 1'000'000},
          "Unanswered commands of one client; at this many it is not read until replies leave."},
      Key{"listen.output_limit", Bytes{at<&C::listen, &Listen::output_limit>(), 16 * kKiB, kTiB},
          "Unsent reply bytes of one client; a client over it is not read, and closed when it "
          "takes nothing for `listen.output_stall_timeout`."},
      Key{"listen.output_stall_timeout",
          Duration{at<&C::listen, &Listen::output_stall_timeout>(), Millis{100}, kHour},
          "How long a client over `listen.output_limit` may take nothing before it is closed."},
      Key{"listen.subscriber_limit",
          Bytes{at<&C::listen, &Listen::subscriber_limit>(), 64 * kKiB, kTiB},
          "Unsent bytes at which a subscribed client is closed."},
      Key{"listen.subscriber_soft_limit",
          Bytes{at<&C::listen, &Listen::subscriber_soft_limit>(), 64 * kKiB, kTiB},
          "Unsent bytes that a subscribed client may have for `listen.subscriber_soft_time`."},
      Key{"listen.subscriber_soft_time",
          Duration{at<&C::listen, &Listen::subscriber_soft_time>(), Millis{100}, kHour},
          "How long a subscribed client may be over its soft limit before it is closed."},
      Key{"listen.max_subscriptions",
          Count{at<&C::listen, &Listen::max_subscriptions>(), 1, 10'000'000},
          "Channels, patterns and shard channels of one client together."},
      Key{"listen.emulate_cluster", Switch{at<&C::listen, &Listen::emulate_cluster>()},
          "`true`: CLUSTER SLOTS, SHARDS, NODES, INFO, KEYSLOT and MYID, and with them HELLO and "
          "INFO, show a cluster of one node that owns every slot, whatever is behind it: Pillion, "
          "at `listen.address`, or where that is every address at the one the client came to. For "
          "clients that speak to clusters only."},
      Key{"admin.address", ListenAddress{at<&C::admin, &Admin::address>()},
          "Where `/metrics`, `/livez`, `/readyz` and `/cache/stats` are served. `\"\"`: nowhere."},
      Key{"admin.allow_remote", Switch{at<&C::admin, &Admin::allow_remote>()},
          "Permits an `admin.address` other machines can reach (a scraper, the kubelet)."},
      Key{"workers", CountOrAuto{at<&C::workers>(), 256},
          "Worker threads. `auto`: the CPUs this process may use (affinity and cgroup quota)."},
      Key{"upstream.url", UpstreamUrl{at<&C::upstream, &Upstream::url>()},
          "The Redis or Valkey behind, percent-encoded: "
          "`redis://[user[:password]@]host[:port][/db]`, the same with "
          "`?replicas=host:port,...` or `?replicas=auto`, `unix:///path?db=n`, "
          "`redis+sentinel://[user[:password]@]host:port,.../master[/db]` (user and password are "
          "the "
          "servers', not the sentinels') or `redis+cluster://[user[:password]@]host:port,...`."},
      Key{"upstream.replicas", Hosts{at<&C::upstream, &Upstream::replicas>(), 6379, true},
          "Replicas of the URL's primary. `auto`: those the primary names, followed as they come "
          "and "
          "go. `\"\"`: none."},
      Key{"upstream.sentinels", Hosts{at<&C::upstream, &Upstream::sentinels>(), 26379, false},
          "Sentinels to ask for the primary and its replicas, in place of `upstream.url`; the "
          "others "
          "are learnt from them."},
      Key{"upstream.sentinel_master", Text{at<&C::upstream, &Upstream::sentinel_master>()},
          "What the sentinels call the primary they watch."},
      Key{"upstream.sentinel_user", Text{at<&C::upstream, &Upstream::sentinel_user>()},
          "ACL user for the sentinels themselves."},
      Key{"upstream.sentinel_password", Secret{at<&C::upstream, &Upstream::sentinel_password>()},
          "Password for the sentinels themselves; `upstream.password` is never shown to them."},
      Key{"upstream.sentinel_password_file",
          Text{at<&C::upstream, &Upstream::sentinel_password_file>()},
          "File holding it, as `upstream.password_file`."},
      Key{"upstream.cluster_nodes",
          Hosts{at<&C::upstream, &Upstream::cluster_nodes>(), 6379, false},
          "Nodes of a cluster to ask for its layout first, in place of `upstream.url`; the others "
          "are learnt from them."},
      Key{"upstream.database", Count{at<&C::upstream, &Upstream::database>(), 0, 2147483647},
          "Database number; 0: the URL's. A cluster has no other than 0."},
      Key{"upstream.user", Text{at<&C::upstream, &Upstream::user>()},
          "ACL user; wins over the URL's."},
      Key{"upstream.password", Secret{at<&C::upstream, &Upstream::password>()},
          "Wins over the URL's. Prefer `upstream.password_file`."},
      Key{"upstream.password_file", Text{at<&C::upstream, &Upstream::password_file>()},
          "File holding the password (one line end is cut off), read at start; wins over "
          "`upstream.password`. `\"\"`: none."},
      Key{"upstream.connect_timeout",
          Duration{at<&C::upstream, &Upstream::connect_timeout>(), Millis{10}, Millis{300'000}},
          "For connecting and the handshake together."},
      Key{"upstream.command_timeout",
          Duration{at<&C::upstream, &Upstream::command_timeout>(), Millis{10}, kHour},
          "For one command that neither blocks nor runs a script; then its client gets an error."},
      Key{"upstream.script_timeout",
          Duration{at<&C::upstream, &Upstream::script_timeout>(), Millis{10}, kYear},
          "The same for scripts and functions (EVAL, EVALSHA, FCALL and their _RO forms)."},
      Key{"upstream.script_memory", Bytes{at<&C::upstream, &Upstream::script_memory>(), 0, kTiB},
          "Scripts remembered from EVAL and SCRIPT LOAD, so that an upstream that lost them is "
          "shown them again instead of a client that gets NOSCRIPT."},
      Key{"upstream.connections", Count{at<&C::upstream, &Upstream::connections>(), 1, 64},
          "Shared (multiplexed) connections of each worker."},
      Key{"upstream.max_dedicated",
          Count{at<&C::upstream, &Upstream::max_dedicated>(), 1, 1'000'000},
          "Connections of a client's own (MULTI, blocking commands, scripts, MONITOR, CLIENT "
          "TRACKING, large requests), of each worker."},
      Key{"upstream.health_interval",
          Duration{at<&C::upstream, &Upstream::health_interval>(), Millis{50}, kHour},
          "How often the upstream's health is probed; where there are replicas at least every "
          "second, and four times in `reads.max_lag`."},
      Key{"upstream.busy_poll", Choice{at<&C::upstream, &Upstream::busy_poll>(), kBusyPolls},
          "Whether a worker looks for the reply of a command on a connection of its own for a "
          "moment "
          "before it sleeps, which saves the time of waking up. `auto`: unless this process has a "
          "CPU quota, which counts looking as work."},
      Key{"upstream.topology_refresh",
          Duration{at<&C::upstream, &Upstream::topology_refresh>(), Millis{100}, kHour},
          "How often sentinels or cluster nodes are asked for the layout, besides whenever "
          "something "
          "hints at a change."},
      Key{"upstream.dns_refresh",
          Duration{at<&C::upstream, &Upstream::dns_refresh>(), Millis{1'000}, kYear},
          "How often host names are resolved, besides whenever a server cannot be reached."},
      Key{"upstream.reconnect_rate",
          Count{at<&C::upstream, &Upstream::reconnect_rate>(), 1, 1'000'000},
          "Connections each worker opens per second at the most after it has lost some."},
      Key{"upstream.retry_budget", Count{at<&C::upstream, &Upstream::retry_budget>(), 0, 100},
          "Reads that may be asked again elsewhere after a failure, in percent of all reads. 0: "
          "none."},
      Key{"reads.from", Choice{at<&C::reads, &Reads::from>(), kReadsFrom},
          "Who answers reads of keys: the `primary`; a `replica` (the primary only where none "
          "can); "
          "`prefer_replica` spreads them over replicas that are in step. `auto`: `prefer_replica` "
          "where the upstream has replicas we are to know of, else `primary`."},
      Key{"reads.balance", Choice{at<&C::reads, &Reads::balance>(), kBalances},
          "`round_robin`: each replica gets the same share. `key_affinity`: a key is read from the "
          "same replica as long as that is in rotation. `least_latency`: the quickest to answer."},
      Key{"reads.max_lag", Duration{at<&C::reads, &Reads::max_lag>(), Millis{10}, kHour},
          "A replica further behind its primary is taken out of rotation."},
      Key{"reads.zone", Text{at<&C::reads, &Reads::zone>()},
          "Availability zone Pillion runs in: replicas in it are preferred. `\"\"`: all are "
          "alike."},
      Key{"reads.zones", Zones{at<&C::reads, &Reads::zones>()},
          "Zones of servers, `host:port=zone, ...` with hosts as the topology names them; without "
          "one "
          "a server's own `availability_zone` counts (Valkey 8)."},
      Key{"reads.timeout", Duration{at<&C::reads, &Reads::timeout>(), Millis{10}, Millis{300'000}},
          "How long a replica may take before the read is asked elsewhere; never longer than "
          "`upstream.command_timeout`."},
      Key{"reads.slow_start", Duration{at<&C::reads, &Reads::slow_start>(), Millis{0}, kHour},
          "How long a replica that comes back gets less than its share, from a tenth upwards."},
      Key{"reads.health_rise", Count{at<&C::reads, &Reads::health_rise>(), 1, 100},
          "Good probes in a row until a replica that was taken out is asked again."},
      Key{"reads.health_fall", Count{at<&C::reads, &Reads::health_fall>(), 1, 100},
          "Failures in a row, of probes or of reads, until a replica is taken out."},
      Key{"cache.enabled", Switch{at<&C::cache, &Cache::enabled>()},
          "`false`: every command goes to the upstream."},
      Key{"cache.max_bytes", Bytes{at<&C::cache, &Cache::max_bytes>(), 64 * kKiB, kTiB},
          "Memory of the cache over all workers: keys, arguments, replies and overhead."},
      Key{"cache.max_entry_bytes", Bytes{at<&C::cache, &Cache::max_entry_bytes>(), 64, 512 * kMiB},
          "Arguments and reply of one entry; larger replies are passed on, not kept. Never "
          "more than a quarter of `cache.max_bytes`, whatever is said here."},
      Key{"cache.max_staleness",
          Duration{at<&C::cache, &Cache::max_staleness>(), Millis{10}, kHour},
          "The lease: how old an answer may be when the upstream's invalidations stop arriving. "
          "Ordinarily they arrive within milliseconds."},
      Key{"cache.max_age", Duration{at<&C::cache, &Cache::max_age>(), Millis{1}, kYear},
          "How long an entry may live at most, whatever its TTL."},
      Key{"cache.negative_max_age",
          Duration{at<&C::cache, &Cache::negative_max_age>(), Millis{0}, kYear},
          "The same for answers about keys that do not exist."},
      Key{"cache.hash_max_age", Duration{at<&C::cache, &Cache::hash_max_age>(), Millis{0}, kYear},
          "The same for answers about hashes, whose fields may have a TTL of their own."},
      Key{"cache.rules", Rules{at<&C::cache, &Cache::rules>(), kMostRules},
          "Per-key exceptions; the first rule whose `match` fits the key decides."},
      Key{"pillion_command.name",
          CommandName{at<&C::pillion_command, &PillionCommand::name>(), kLongestCommand},
          "What the command is called by which clients ask about Pillion itself (`PILLION HELP`); "
          "no "
          "name of a Redis command. `\"\"`: there is none."},
      Key{"log.level", Choice{at<&C::log, &Log::level>(), kLogLevels},
          "The least severe message that is logged."},
      Key{"log.format", Choice{at<&C::log, &Log::format>(), kLogFormats},
          "`json`: one object per line."},
      Key{"drain_timeout", Duration{at<&C::drain_timeout>(), Millis{0}, kHour},
          "After SIGTERM: how long what is in flight may take to finish."},
  };
  return kKeys;
}

using Complaint = std::optional<std::string>;

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> words) {
  const auto near = nearest(word, {words.begin(), words.end()});
  return near.empty() ? "" : "; did you mean " + quoted(near) + "?";
}

std::string join(std::span<const std::string_view> words, std::string_view between) {
  std::string out;
  for (const auto word : words) {
    if (!out.empty()) out += between;
    out += word;
  }
  return out;
}

template <class T, class Print>
Complaint bounded(T value, T least, T most, Print print) {
  if (value >= least && value <= most) return std::nullopt;
  return print(value) + " is out of range: " + print(least) + " to " + print(most);
}

std::string print_count(std::uint32_t value) {
  return std::to_string(value);
}

// One overload per kind: reads text into the place, or complains.
Complaint set(const Text& kind, Config& config, std::string_view text) {
  kind.place.of(config) = text;
  return std::nullopt;
}

Complaint set(const Secret& kind, Config& config, std::string_view text) {
  kind.place.of(config) = text;
  return std::nullopt;
}

Complaint set(const UpstreamUrl& kind, Config& config, std::string_view text) {
  auto parsed = parse_upstream_url(text);
  if (auto* reason = std::get_if<std::string>(&parsed)) return std::move(*reason);
  kind.place.of(config) = text;
  return std::nullopt;
}

Complaint set(const Hosts& kind, Config& config, std::string_view text) {
  if (kind.or_auto && lower_case(text) == "auto") {
    kind.place.of(config) = "auto";
    return std::nullopt;
  }
  if (!text.empty()) {
    auto parsed = parse_hosts(text, kind.port);
    if (auto* refusal = std::get_if<Refusal>(&parsed)) return std::move(refusal->reason);
  }
  kind.place.of(config) = text;
  return std::nullopt;
}

Complaint set(const Zones& kind, Config& config, std::string_view text) {
  auto parsed = parse_zones(text);
  if (auto* refusal = std::get_if<Refusal>(&parsed)) return std::move(refusal->reason);
  kind.place.of(config) = text;
  return std::nullopt;
}

Complaint set(const ListenAddress& kind, Config& config, std::string_view text) {
  if (!text.empty()) {
    auto parsed = parse_address(text);
    if (auto* refusal = std::get_if<Refusal>(&parsed)) return std::move(refusal->reason);
  }
  kind.place.of(config) = text;
  return std::nullopt;
}

Complaint set(const SocketPath& kind, Config& config, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return "contains a NUL byte";
  if (text.size() >= sizeof(sockaddr_un::sun_path)) {
    return "is longer than the " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
           " bytes a UNIX socket's path may have";
  }
  kind.place.of(config) = text;
  return std::nullopt;
}

Complaint set(const Choice& kind, Config& config, std::string_view text) {
  const auto word = lower_case(text);
  if (std::find(kind.words.begin(), kind.words.end(), word) == kind.words.end()) {
    return quoted(text) + " is not one of " + join(kind.words, ", ") +
           did_you_mean(word, kind.words);
  }
  kind.place.of(config) = word;
  return std::nullopt;
}

Complaint set(const CommandName& kind, Config& config, std::string_view text) {
  if (text.size() > kind.longest)
    return "is longer than " + std::to_string(kind.longest) + " bytes";
  const bool clean = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
  });
  if (!clean) return "may only have letters, digits, '-', '_' and '.'";
  kind.place.of(config) = text;
  return std::nullopt;
}

Complaint set(const Switch& kind, Config& config, std::string_view text) {
  const auto value = parse_switch(text);
  if (!value) return quoted(text) + " is not true or false";
  kind.place.of(config) = *value;
  return std::nullopt;
}

Complaint set(const Count& kind, Config& config, std::string_view text) {
  const auto value = parse_count(text);
  if (!value) {
    return quoted(text) + " is not a whole number from " + print_count(kind.least) + " to " +
           print_count(kind.most);
  }
  if (auto complaint = bounded(*value, kind.least, kind.most, print_count)) return complaint;
  kind.place.of(config) = *value;
  return std::nullopt;
}

Complaint set(const CountOrAuto& kind, Config& config, std::string_view text) {
  if (lower_case(text) == "auto") {
    kind.place.of(config) = 0;
    return std::nullopt;
  }
  const auto value = parse_count(text);
  if (!value || *value < 1 || *value > kind.most) {
    return quoted(text) + " is neither auto nor a whole number from 1 to " + print_count(kind.most);
  }
  kind.place.of(config) = *value;
  return std::nullopt;
}

Complaint set(const Bytes& kind, Config& config, std::string_view text) {
  auto parsed = parse_bytes(text);
  if (auto* refusal = std::get_if<Refusal>(&parsed)) return std::move(refusal->reason);
  const auto value = std::get<std::size_t>(parsed);
  if (auto complaint = bounded(value, kind.least, kind.most, print_bytes)) return complaint;
  kind.place.of(config) = value;
  return std::nullopt;
}

Complaint set(const Duration& kind, Config& config, std::string_view text) {
  auto parsed = parse_duration(text);
  if (auto* refusal = std::get_if<Refusal>(&parsed)) return std::move(refusal->reason);
  const auto value = std::get<Millis>(parsed);
  if (auto complaint = bounded(value, kind.least, kind.most, print_duration)) return complaint;
  kind.place.of(config) = value;
  return std::nullopt;
}

Complaint set(const Rules&, Config&, std::string_view) {
  return "is a list of rules";
}

// One overload per kind: the value as YAML.
std::string print(const Text& kind, const Config& config) {
  return quote(kind.place.in(config));
}

std::string print(const Secret& kind, const Config& config) {
  return kind.place.in(config).empty() ? "\"\"" : "\"***\"";
}

std::string print(const UpstreamUrl& kind, const Config& config) {
  return quote(redact_url(kind.place.in(config)));
}

std::string print(const Hosts& kind, const Config& config) {
  return quote(kind.place.in(config));
}

std::string print(const Zones& kind, const Config& config) {
  return quote(kind.place.in(config));
}

std::string print(const ListenAddress& kind, const Config& config) {
  return quote(kind.place.in(config));
}

std::string print(const SocketPath& kind, const Config& config) {
  return quote(kind.place.in(config));
}

std::string print(const Choice& kind, const Config& config) {
  return kind.place.in(config);
}

std::string print(const CommandName& kind, const Config& config) {
  return quote(kind.place.in(config));
}

std::string print(const Switch& kind, const Config& config) {
  return kind.place.in(config) ? "true" : "false";
}

std::string print(const Count& kind, const Config& config) {
  return print_count(kind.place.in(config));
}

std::string print(const CountOrAuto& kind, const Config& config) {
  const auto value = kind.place.in(config);
  return value == 0 ? "auto" : print_count(value);
}

std::string print(const Bytes& kind, const Config& config) {
  return print_bytes(kind.place.in(config));
}

std::string print(const Duration& kind, const Config& config) {
  return print_duration(kind.place.in(config));
}

std::string print(const Rules&, const Config&) {
  return "[]";
}

// One overload per kind: what may be written.
std::string describe(const Text&) {
  return "text";
}
std::string describe(const Secret&) {
  return "text, secret";
}
std::string describe(const UpstreamUrl&) {
  return "URL";
}
std::string describe(const Hosts& kind) {
  return kind.or_auto ? "servers or auto" : "servers";
}
std::string describe(const Zones&) {
  return "servers and zones";
}
std::string describe(const ListenAddress&) {
  return "address";
}
std::string describe(const SocketPath&) {
  return "path";
}
std::string describe(const Choice& kind) {
  return join(kind.words, ", ");
}
std::string describe(const CommandName&) {
  return "command name";
}
std::string describe(const Switch&) {
  return "true, false";
}
std::string describe(const Count& kind) {
  return "count, " + print_count(kind.least) + " to " + print_count(kind.most);
}
std::string describe(const CountOrAuto& kind) {
  return "auto or count, 1 to " + print_count(kind.most);
}
std::string describe(const Bytes& kind) {
  return "size, " + print_bytes(kind.least) + " to " + print_bytes(kind.most);
}
std::string describe(const Duration& kind) {
  return "duration, " + print_duration(kind.least) + " to " + print_duration(kind.most);
}
std::string describe(const Rules& kind) {
  return "list, at most " + std::to_string(kind.most) + " rules";
}

constexpr std::array kRuleKeys{
    RuleKey{"match",
            [](CacheRule& rule, std::string_view text) -> Complaint {
              if (text.empty()) return "is empty; '*' matches every key";
              if (text.size() > kLongestMatch) return "is longer than 1024 bytes";
              rule.match = text;
              return std::nullopt;
            },
            [](const CacheRule& rule) -> std::optional<std::string> { return quote(rule.match); },
            "Redis glob over the key, as for KEYS. Required."},
    RuleKey{"cache",
            [](CacheRule& rule, std::string_view text) -> Complaint {
              const auto value = parse_switch(text);
              if (!value) return quoted(text) + " is not true or false";
              rule.cache = *value;
              return std::nullopt;
            },
            [](const CacheRule& rule) -> std::optional<std::string> {
              return rule.cache ? "true" : "false";
            },
            "`false`: matching keys are never cached. Default true."},
    RuleKey{"max_age",
            [](CacheRule& rule, std::string_view text) -> Complaint {
              auto parsed = parse_duration(text);
              if (auto* refusal = std::get_if<Refusal>(&parsed)) return std::move(refusal->reason);
              const auto value = std::get<Millis>(parsed);
              if (auto complaint = bounded(value, Millis{1}, kYear, print_duration))
                return complaint;
              rule.max_age = value;
              return std::nullopt;
            },
            [](const CacheRule& rule) -> std::optional<std::string> {
              if (!rule.max_age) return std::nullopt;
              return print_duration(*rule.max_age);
            },
            "In place of `cache.max_age` for matching keys (hashes: never beyond "
            "`cache.hash_max_age`). "
            "Duration, 1ms to 365d; default `cache.max_age`."},
};

}  // namespace

std::span<const Key> keys() {
  return table();
}

std::span<const RuleKey> rule_keys() {
  return kRuleKeys;
}

const Key* find_key(std::string_view path) {
  for (const auto& key : keys()) {
    if (key.path == path) return &key;
  }
  return nullptr;
}

std::optional<std::string> set_value(const Key& key, Config& config, std::string_view text) {
  return std::visit([&](const auto& kind) { return set(kind, config, text); }, key.kind);
}

std::string print_value(const Key& key, const Config& config) {
  return std::visit([&](const auto& kind) { return print(kind, config); }, key.kind);
}

std::string print_kind(const Key& key) {
  return std::visit([](const auto& kind) { return describe(kind); }, key.kind);
}

std::string quote(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace pillion::config
