// What the operator may say: plain structs in the order of the YAML, every default visible here.
// Named, bounded and explained by keys.hpp, loaded by load.hpp, checked by validate.hpp; nothing in
// here has behaviour. Values are plain and copied freely; no threads, no ownership.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace pillion::config {

using Millis = std::chrono::milliseconds;

/// host:port of something to listen on; the host is a numeric address (see address.hpp).
struct Address {
  std::string host;
  std::uint16_t port = 0;
};

struct Listen {
  std::string address = "127.0.0.1:6380";  // "" = no TCP listener
  std::string unix_path;                   // listen.unix; "" = none
  bool allow_remote = false;               // a non-loopback address is refused without it (INV-13)
  std::uint32_t max_clients = 10000;       // over this: "-ERR max number of clients reached"
  std::uint32_t max_pipeline = 1024;       // unanswered commands of one client, then it is not read
  std::size_t output_limit = 64UL << 20;   // unsent reply bytes of one client
  Millis output_stall_timeout{
      10'000};  // a client over its limit that takes nothing for so long is closed
  std::size_t subscriber_limit = 32UL << 20;      // unsent bytes of a subscribed client
  std::size_t subscriber_soft_limit = 8UL << 20;  // no longer than subscriber_soft_time
  Millis subscriber_soft_time{60'000};
  std::uint32_t max_subscriptions = 10'000;  // channels and patterns of one client
  bool emulate_cluster = false;              // CLUSTER commands show one node that owns every slot
};

struct Admin {
  std::string address = "127.0.0.1:9380";  // "" = off
  bool allow_remote = false;               // as listen.allow_remote
};

inline constexpr const char* kDefaultUrl = "redis://127.0.0.1:6379";

struct Upstream {
  std::string url = kDefaultUrl;  // see url.hpp; of its forms redis+sentinel and redis+cluster
                                  // say what the keys below say one by one
  std::string replicas;           // of the URL's primary: "host:port, ...", auto (ask it), "" none
  std::string sentinels;          // "host:port, ..."
  std::string sentinel_master;    // what the sentinels call the primary they watch
  std::string sentinel_user;      // the sentinels' own credentials, never the URL's
  std::string sentinel_password;  // redacted everywhere
  std::string sentinel_password_file;  // read at start; wins over sentinel_password
  std::string cluster_nodes;           // "host:port, ...": the first to be asked
  std::uint32_t database = 0;          // 0 = the URL's
  std::string user;                    // overrides the URL's
  std::string password;                // overrides the URL's; redacted everywhere
  std::string password_file;           // read at start; wins over password
  Millis connect_timeout{1'000};
  Millis command_timeout{5'000};          // of one command that neither blocks nor is a script
  Millis script_timeout{60'000};          // of EVAL, FCALL and their like
  std::size_t script_memory = 4UL << 20;  // scripts remembered, to heal NOSCRIPT
  std::uint32_t connections = 1;          // multiplexed, per worker
  std::uint32_t max_dedicated =
      4096;  // upstream connections of their own (MULTI, blocking ...), per worker
  Millis health_interval{1'000};   // control plane's probe
  Millis topology_refresh{1'000};  // Sentinel's and Cluster's layout is asked for as often at least
  Millis dns_refresh{30'000};      // names are resolved as often at least
  std::uint32_t reconnect_rate = 50;  // connections a worker opens per second after losses
  std::string busy_poll = "auto";     // auto on off: see proxy/net/busy_poll.hpp
  std::uint32_t retry_budget = 20;    // reads asked again elsewhere, in percent of all reads
};

/// Which of a primary and its replicas a read is asked of.
struct Reads {
  std::string from = "auto";            // auto primary replica prefer_replica
  std::string balance = "round_robin";  // round_robin key_affinity least_latency
  Millis max_lag{1'000};                // a replica further behind is not asked
  std::string zone;                     // ours; "" = none is nearer than another
  std::string zones;                    // "host:port=zone, ...", over what servers say themselves
  Millis timeout{250};                  // of a replica; then the read is asked elsewhere
  Millis slow_start{5'000};             // until a replica that is back has its whole share
  std::uint32_t health_rise = 2;        // good probes until a replica that was out is asked again
  std::uint32_t health_fall = 2;        // failures in a row until it is not
};

struct CacheRule {
  std::string match;  // Redis glob over the key
  bool cache = true;
  std::optional<Millis> max_age;  // in place of cache.max_age for matching keys
};

struct Cache {
  bool enabled = true;
  std::size_t max_bytes = 64UL << 20;
  std::size_t max_entry_bytes = 1UL << 20;  // arguments + reply of one entry
  Millis max_staleness{1'000};              // the lease
  Millis max_age{60'000};
  Millis negative_max_age{2'000};
  Millis hash_max_age{1'000};
  std::vector<CacheRule> rules;  // first match wins
};

struct PillionCommand {
  std::string name = "PILLION";  // "" = there is no such command
};

struct Log {
  std::string level = "info";   // trace debug info warn error off
  std::string format = "text";  // text | json
};

struct Config {
  Listen listen;
  Admin admin;
  std::uint32_t workers = 0;  // 0 = auto: CPUs allowed (affinity and cgroup quota)
  Upstream upstream;
  Reads reads;
  Cache cache;
  PillionCommand pillion_command;
  Log log;
  Millis drain_timeout{10'000};  // SIGTERM: how long clients may take to finish
};

/// A server by name or address and port.
struct HostPort {
  std::string host;  // without brackets
  std::uint16_t port = 0;
  friend bool operator==(const HostPort&, const HostPort&) = default;
};

enum class UpstreamKind : std::uint8_t {
  kStandalone,
  kReplicated,  // a primary that stays the same, and its replicas
  kSentinel,
  kCluster
};

/// upstream.url and the keys beside it taken apart.
struct UpstreamTarget {
  std::string host;  // of the primary; empty for a UNIX socket and where it has to be asked for
  std::uint16_t port = 6379;
  std::string unix_path;
  std::string user;      // "" = default
  std::string password;  // "" = none
  std::uint32_t database = 0;
  std::string display;  // "host:port", the path, "mymaster of s1:26379, ..."; never credentials
  UpstreamKind kind = UpstreamKind::kStandalone;
  std::vector<HostPort> seeds;     // kSentinel: the sentinels; kCluster: nodes to ask first
  std::vector<HostPort> replicas;  // kReplicated
  bool replicas_auto = false;      // kReplicated: the primary says who they are
  std::string master;              // kSentinel: its name there
  std::string sentinel_user;       // "" = default
  std::string sentinel_password;   // "" = none
};

}  // namespace pillion::config
