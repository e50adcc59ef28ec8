#include "config/validate.hpp"

#include <optional>

#include "config/address.hpp"
#include "config/hosts.hpp"
#include "config/units.hpp"
#include "config/url.hpp"

namespace pillion::config {
namespace {

using Findings = std::vector<Finding>;

// "" and what does not parse (reported where it was read) are no address.
std::optional<Address> address_of(const std::string& text) {
  auto parsed = parse_address(text);
  if (auto* address = std::get_if<Address>(&parsed)) return std::move(*address);
  return std::nullopt;
}

bool is_wildcard(std::string_view host) {
  return host == "0.0.0.0" || host == "::";
}

bool overlap(const Address& a, const Address& b) {
  return a.port == b.port && (a.host == b.host || is_wildcard(a.host) || is_wildcard(b.host));
}

void check_exposure(const Config& config, Findings& out) {
  const auto listen = address_of(config.listen.address);
  if (listen && !is_loopback(listen->host) && !config.listen.allow_remote) {
    out.push_back({{"listen.address", "listen.allow_remote"},
                   "listen.address " + print_address(*listen) +
                       " can be reached from other machines, and whoever reaches it has the rights "
                       "of Pillion's upstream user; listen on 127.0.0.1, or set "
                       "listen.allow_remote: true if that is meant"});
  }
  const auto admin = address_of(config.admin.address);
  if (admin && !is_loopback(admin->host) && !config.admin.allow_remote) {
    out.push_back({{"admin.address", "admin.allow_remote"},
                   "admin.address " + print_address(*admin) +
                       " can be reached from other machines; listen on 127.0.0.1, or set "
                       "admin.allow_remote: true if that is meant"});
  }
}

void check_listeners(const Config& config, Findings& out) {
  if (config.listen.address.empty() && config.listen.unix_path.empty()) {
    out.push_back({{"listen.address", "listen.unix"},
                   "listen.address and listen.unix are both empty: clients could not connect"});
  }
  const auto listen = address_of(config.listen.address);
  const auto admin = address_of(config.admin.address);
  if (listen && admin && overlap(*listen, *admin)) {
    out.push_back({{"admin.address", "listen.address"},
                   "admin.address " + print_address(*admin) + " collides with listen.address " +
                       print_address(*listen)});
  }
}

bool is_here(const Config& config, const std::string& host, std::uint16_t port) {
  const auto listen = address_of(config.listen.address);
  if (!listen || listen->port != port) return false;
  if (!is_loopback(listen->host) && !is_wildcard(listen->host)) return false;
  return host == "localhost" || is_loopback(host);
}

// An upstream that is Pillion itself would send each command round in circles.
void check_loop(const Config& config, const UpstreamTarget& target, Findings& out) {
  const auto complain = [&out](const std::string& name) {
    out.push_back({{"upstream.url", "upstream.replicas", "upstream.sentinels",
                    "upstream.cluster_nodes", "listen.address", "listen.unix"},
                   "upstream.url names " + name + ", which is where Pillion itself listens"});
  };
  if (!target.unix_path.empty() && target.unix_path == config.listen.unix_path) {
    return complain(target.unix_path);
  }
  std::vector<HostPort> servers = target.replicas;
  servers.insert(servers.end(), target.seeds.begin(), target.seeds.end());
  if (!target.host.empty()) servers.push_back({target.host, target.port});
  for (const auto& server : servers) {
    if (is_here(config, server.host, server.port)) return complain(print_host(server));
  }
}

// The URL and the keys may say where the upstream is, but not both.
void check_sources(const Config& config, const UpstreamTarget& url, Findings& out) {
  const auto& upstream = config.upstream;
  std::vector<std::string_view> named;
  if (!upstream.replicas.empty()) named.push_back("upstream.replicas");
  if (!upstream.sentinels.empty()) named.push_back("upstream.sentinels");
  if (!upstream.cluster_nodes.empty()) named.push_back("upstream.cluster_nodes");
  if (named.size() > 1) {
    out.push_back({named, std::string(named[0]) + " and " + std::string(named[1]) +
                              " say two different things about where the upstream is; keep one"});
    return;
  }
  if (named.empty()) return;
  const auto key = std::string(named[0]);
  if (!upstream.replicas.empty()) {
    if (url.kind == UpstreamKind::kReplicated) {
      out.push_back({{named[0], "upstream.url"},
                     "upstream.replicas and the replicas of upstream.url; keep one of them"});
    } else if (url.kind != UpstreamKind::kStandalone) {
      out.push_back({{named[0], "upstream.url"},
                     "upstream.replicas are those of one primary; sentinels and clusters say "
                     "themselves who their replicas are"});
    }
  } else if (upstream.url != kDefaultUrl) {
    out.push_back({{"upstream.url", named[0]},
                   key + " and upstream.url both say where the upstream is; keep one (credentials "
                         "and database have keys of their own: upstream.user, "
                         "upstream.password_file, upstream.database)"});
  }
}

void check_sentinel(const Config& config, const UpstreamTarget& target, Findings& out) {
  const auto& upstream = config.upstream;
  if (!upstream.sentinels.empty() && upstream.sentinel_master.empty()) {
    out.push_back({{"upstream.sentinels", "upstream.sentinel_master"},
                   "upstream.sentinels need upstream.sentinel_master: what they call the primary, "
                   "as in \"sentinel monitor <name> ...\""});
  }
  if (upstream.sentinels.empty() && !upstream.sentinel_master.empty()) {
    out.push_back({{"upstream.sentinel_master", "upstream.sentinels"},
                   "upstream.sentinel_master without upstream.sentinels; list them, or write "
                   "redis+sentinel://host:26379/" +
                       upstream.sentinel_master + " as upstream.url"});
  }
  if (!upstream.sentinel_user.empty() && upstream.sentinel_password.empty()) {
    out.push_back({{"upstream.sentinel_user", "upstream.sentinel_password",
                    "upstream.sentinel_password_file"},
                   "a sentinel user without a password: set upstream.sentinel_password_file or "
                   "upstream.sentinel_password"});
  }
  if (target.kind != UpstreamKind::kSentinel &&
      !(upstream.sentinel_user.empty() && upstream.sentinel_password.empty())) {
    out.push_back({{"upstream.sentinel_password", "upstream.sentinel_password_file",
                    "upstream.sentinel_user"},
                   "credentials for sentinels, but the upstream has none: upstream.url is not "
                   "redis+sentinel:// and upstream.sentinels is empty"});
  }
}

void check_upstream(const Config& config, Findings& out) {
  const auto parsed = parse_upstream_url(config.upstream.url);
  const auto* url = std::get_if<UpstreamTarget>(&parsed);
  if (url == nullptr) return;
  const auto target = upstream_target(config);
  check_sources(config, *url, out);
  check_sentinel(config, target, out);
  check_loop(config, target, out);
  if (target.kind == UpstreamKind::kCluster && target.database != 0) {
    out.push_back({{"upstream.database", "upstream.cluster_nodes", "upstream.url"},
                   "a cluster has no databases but 0; remove upstream.database"});
  }
  for (const auto& replica : target.replicas) {
    if (replica == HostPort{target.host, target.port}) {
      out.push_back({{"upstream.replicas", "upstream.url"},
                     print_host(replica) + " is the primary and cannot be its own replica"});
    }
  }
  if (!target.user.empty() && target.password.empty()) {
    out.push_back({{"upstream.user", "upstream.url", "upstream.password", "upstream.password_file"},
                   "an upstream user without a password: set upstream.password_file or "
                   "upstream.password (any text will do for a nopass user)"});
  }
}

void check_reads(const Config& config, Findings& out) {
  const auto& reads = config.reads;
  if (std::holds_alternative<std::string>(parse_upstream_url(config.upstream.url))) return;
  if (reads.from == "replica" && upstream_target(config).kind == UpstreamKind::kStandalone) {
    out.push_back({{"reads.from", "upstream.replicas", "upstream.url"},
                   "reads.from: replica, but no replicas are named; set upstream.replicas (auto: "
                   "those the primary names)"});
  }
  if (!reads.zones.empty() && reads.zone.empty()) {
    out.push_back(
        {{"reads.zones", "reads.zone"},
         "reads.zones without reads.zone: no zone is Pillion's own, so none is preferred"});
  }
}

void check_cache(const Config& config, Findings& out) {
  const auto& cache = config.cache;
  for (std::size_t i = 0; i < cache.rules.size(); ++i) {
    const auto& rule = cache.rules[i];
    const auto name = "cache.rules[" + std::to_string(i) + "]";
    if (!rule.max_age) continue;
    if (!rule.cache) {
      out.push_back({{"cache.rules"}, name + " says cache: false and max_age; keep one of them"});
    }
  }
}

}  // namespace

std::vector<Finding> validate(const Config& config) {
  Findings out;
  check_listeners(config, out);
  check_exposure(config, out);
  check_upstream(config, out);
  check_reads(config, out);
  check_cache(config, out);
  return out;
}

}  // namespace pillion::config
