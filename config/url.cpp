#include "config/url.hpp"

#include <sys/un.h>

#include <algorithm>
#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>
#include <cassert>
#include <limits>
#include <optional>

#include "config/hosts.hpp"
#include "config/units.hpp"

namespace pillion::config {
namespace {

namespace urls = boost::urls;

using Outcome = std::variant<UpstreamTarget, std::string>;

constexpr std::string_view kForms =
    "redis://[user[:password]@]host[:port][/db], unix:///path[?db=n], "
    "redis+sentinel://host:port,.../master or redis+cluster://host:port,...";
constexpr std::string_view kSentinelScheme = "redis+sentinel";
constexpr std::string_view kClusterScheme = "redis+cluster";
constexpr std::uint16_t kRedisPort = 6379;
constexpr std::uint16_t kSentinelPort = 26379;
constexpr std::size_t kLongestUrl = 8192;

std::optional<std::uint32_t> parse_database(std::string_view text) {
  const auto number = parse_count(text);
  // Redis keeps it in an int.
  if (!number || *number > std::uint32_t{std::numeric_limits<std::int32_t>::max()}) {
    return std::nullopt;
  }
  return number;
}

template <class Text>
std::string to_string(const Text& text) {
  return std::string(text.begin(), text.end());
}

bool has_nul(std::string_view text) {
  return text.find('\0') != std::string_view::npos;
}

/// "auto" or a list of hosts; a complaint or nothing.
std::optional<std::string> take_replicas(UpstreamTarget& target, std::string_view text,
                                         bool secretive) {
  target.kind = UpstreamKind::kReplicated;
  target.replicas_auto = lower_case(text) == "auto";
  if (target.replicas_auto) return std::nullopt;
  auto parsed = parse_hosts(text, kRedisPort);
  if (auto* refusal = std::get_if<Refusal>(&parsed)) {
    return secretive ? "replicas must be auto or servers, as in ?replicas=host2:6379,host3:6379"
                     : "replicas: " + refusal->reason;
  }
  target.replicas = std::move(std::get<std::vector<HostPort>>(parsed));
  return std::nullopt;
}

std::string names_of(const std::vector<HostPort>& servers) {
  std::string out;
  for (const auto& server : servers) out += (out.empty() ? "" : ", ") + print_host(server);
  return out;
}

void be_sentinel(UpstreamTarget& target, std::string master, std::vector<HostPort> sentinels) {
  target.kind = UpstreamKind::kSentinel;
  target.host.clear();
  target.unix_path.clear();
  target.master = std::move(master);
  target.seeds = std::move(sentinels);
  target.display = target.master + " of sentinels " + names_of(target.seeds);
}

void be_cluster(UpstreamTarget& target, std::vector<HostPort> nodes) {
  target.kind = UpstreamKind::kCluster;
  target.host.clear();
  target.unix_path.clear();
  target.seeds = std::move(nodes);
  target.display = "cluster of " + names_of(target.seeds);
}

Outcome parse_redis(const urls::url_view& url, UpstreamTarget target, bool secretive) {
  const auto echo = [&](std::string_view part) {
    return secretive ? std::string() : " '" + std::string(part) + "'";
  };
  if (url.host_type() == urls::host_type::ipvfuture) return "the host is not an address we know";
  target.host = url.host_address();
  if (target.host.empty()) return "names no host; write redis://host:6379";
  if (has_nul(target.host)) return "the host contains a NUL byte";
  const auto path = url.path();
  // The parser lets "h:6379x1" pass as a host, a port and the path "x1".
  if (!path.empty() && path.front() != '/') return "the port is not a number from 1 to 65535";
  if (url.has_port()) {
    const auto text = to_string(url.port());
    const auto number = parse_count(text);
    if (!number || *number == 0 || *number > 65535) {
      return "the port" + echo(text) + " is not a number from 1 to 65535";
    }
    target.port = static_cast<std::uint16_t>(*number);
  }
  if (path.size() > 1) {
    const auto database = parse_database(std::string_view(path).substr(1));
    if (!database) {
      return "the path" + echo(path) + " is not a database number; write redis://host:6379/3";
    }
    target.database = *database;
  }
  bool seen = false;
  for (const auto& parameter : url.params()) {
    if (parameter.key != "replicas") {
      return "a redis:// URL takes no parameters but replicas; the database goes into the path, as "
             "in redis://host:6379/3";
    }
    if (seen) return "replicas is given twice";
    seen = true;
    if (auto complaint = take_replicas(target, parameter.value, secretive))
      return std::move(*complaint);
  }
  if (url.has_query() && !seen) {
    return "a redis:// URL takes no parameters but replicas, as in "
           "redis://host:6379?replicas=host2:6379";
  }
  target.display = print_host({target.host, target.port});
  return target;
}

std::string scheme_of(std::string_view text) {
  return lower_case(text.substr(0, text.find("://")));
}

bool names_many(std::string_view text) {
  const auto scheme = scheme_of(text);
  return scheme == kSentinelScheme || scheme == kClusterScheme;
}

/// What stands before and behind a list of hosts, which no URL may have: read as those of a
/// redis:// URL with one host.
Outcome parse_many(std::string_view text, bool secretive) {
  const auto rest = text.substr(text.find("://") + 3);
  const auto authority = rest.substr(0, rest.find_first_of("/?#"));
  const auto at = authority.rfind('@');
  const auto credentials = at == std::string_view::npos ? "" : authority.substr(0, at + 1);
  const bool cluster = scheme_of(text) == kClusterScheme;
  const std::string form = cluster ? "redis+cluster://host:7000,host:7001"
                                   : "redis+sentinel://host:26379,host:26379/mymaster";
  auto hosts =
      parse_hosts(authority.substr(credentials.size()), cluster ? kRedisPort : kSentinelPort);
  if (const auto* refusal = std::get_if<Refusal>(&hosts)) {
    return secretive ? "does not list its hosts as in " + form +
                           " (special characters of a password "
                           "must be percent-encoded)"
                     : refusal->reason;
  }
  const std::string single =
      "redis://" + std::string(credentials) + "h" + std::string(rest.substr(authority.size()));
  const auto parsed = urls::parse_uri(single);
  if (!parsed) return "is not a valid URL, as in " + form;
  const auto& url = *parsed;
  if (url.has_query() || url.has_fragment()) return "takes no parameters, as in " + form;
  UpstreamTarget target;
  target.user = url.user();
  target.password = url.password();
  const std::string decoded = url.path();
  auto path = std::string_view(decoded);
  if (!path.empty()) path.remove_prefix(1);
  auto& servers = std::get<std::vector<HostPort>>(hosts);
  if (cluster) {
    if (!path.empty() && path != "0") {
      return "a cluster has no databases but 0; write " + form;
    }
    be_cluster(target, std::move(servers));
    return target;
  }
  const auto slash = path.find('/');
  const auto master = path.substr(0, slash);
  if (master.empty()) return "names no master; write " + form;
  if (has_nul(master)) return "the name of the master contains a NUL byte";
  if (slash != std::string_view::npos && slash + 1 < path.size()) {
    const auto database = parse_database(path.substr(slash + 1));
    if (!database)
      return "what follows the master's name is not a database number; write " + form + "/3";
    target.database = *database;
  }
  be_sentinel(target, std::string(master), std::move(servers));
  return target;
}

Outcome parse_unix(const urls::url_view& url, UpstreamTarget target, bool secretive) {
  const auto echo = [&](std::string_view part) {
    return secretive ? std::string() : " '" + std::string(part) + "'";
  };
  if (!url.encoded_host().empty() || url.has_port()) {
    return "a unix:// URL names no host; the path starts with a third slash, as in "
           "unix:///run/redis.sock";
  }
  target.unix_path = url.path();
  if (!target.unix_path.empty() && target.unix_path.front() != '/') {
    return "the path must begin with a slash, as in unix:///run/redis.sock";
  }
  if (target.unix_path.size() <= 1) return "names no socket; write unix:///run/redis.sock";
  if (has_nul(target.unix_path)) return "the path contains a NUL byte";
  if (target.unix_path.size() >= sizeof(sockaddr_un::sun_path)) {
    return "the path is longer than the " + std::to_string(sizeof(sockaddr_un::sun_path) - 1) +
           " bytes a UNIX socket may have";
  }
  bool seen = false;
  for (const auto& parameter : url.params()) {
    if (parameter.key != "db") {
      return "unknown parameter" + echo(parameter.key) + "; a unix:// URL takes only db";
    }
    const auto database = parse_database(parameter.value);
    if (!database || seen) {
      return "db" + echo(parameter.value) +
             (seen ? " is given twice" : " is not a database number; write ?db=3");
    }
    target.database = *database;
    seen = true;
  }
  target.display = target.unix_path;
  return target;
}

}  // namespace

std::variant<UpstreamTarget, std::string> parse_upstream_url(std::string_view text) {
  if (text.empty()) return "is empty; write " + std::string(kForms);
  if (text.size() > kLongestUrl) return "is longer than 8 KiB";
  if (text.find("://") == std::string_view::npos) {
    return "has no scheme; write " + std::string(kForms);
  }
  // A misplaced or unencoded password can end up in any component.
  const bool secretive = text.find('@') != std::string_view::npos;
  if (names_many(text)) return parse_many(text, secretive);
  const auto parsed = urls::parse_uri(boost::core::string_view(text.data(), text.size()));
  if (!parsed) {
    return "is not a valid URL (" + std::string(kForms) + ")" +
           (secretive ? "; special characters of a password must be percent-encoded, or put the "
                        "password into upstream.password_file"
                      : "");
  }
  const auto& url = *parsed;
  const auto scheme = lower_case(to_string(url.scheme()));
  if (scheme == "rediss") {
    return "TLS to the upstream (rediss://) is not offered yet; use redis:// on a trusted network "
           "or unix://";
  }
  if (scheme != "redis" && scheme != "unix") {
    return "the scheme" + (secretive ? std::string() : " '" + scheme + "'") +
           " is not offered; write " + std::string(kForms);
  }
  if (url.has_fragment()) return "has a fragment (#); percent-encode a literal # as %23";
  UpstreamTarget target;
  target.user = url.user();
  target.password = url.password();
  return scheme == "redis" ? parse_redis(url, std::move(target), secretive)
                           : parse_unix(url, std::move(target), secretive);
}

UpstreamTarget upstream_target(const Config& config) {
  auto parsed = parse_upstream_url(config.upstream.url);
  auto* target = std::get_if<UpstreamTarget>(&parsed);
  assert(target != nullptr);
  if (target == nullptr) return {};
  const auto& upstream = config.upstream;
  const auto listed = [](const std::string& text, std::uint16_t port) {
    auto hosts = parse_hosts(text, port);
    auto* servers = std::get_if<std::vector<HostPort>>(&hosts);
    return servers != nullptr ? std::move(*servers) : std::vector<HostPort>();
  };
  if (!upstream.replicas.empty()) take_replicas(*target, upstream.replicas, true);
  if (!upstream.sentinels.empty()) {
    be_sentinel(*target, upstream.sentinel_master, listed(upstream.sentinels, kSentinelPort));
  }
  if (!upstream.cluster_nodes.empty()) {
    be_cluster(*target, listed(upstream.cluster_nodes, kRedisPort));
  }
  if (!upstream.user.empty()) target->user = upstream.user;
  if (!upstream.password.empty()) target->password = upstream.password;
  if (upstream.database != 0) target->database = upstream.database;
  target->sentinel_user = upstream.sentinel_user;
  target->sentinel_password = upstream.sentinel_password;
  return std::move(*target);
}

std::string_view reads_from(const Config& config) {
  if (config.reads.from != "auto") return config.reads.from;
  return upstream_target(config).kind == UpstreamKind::kStandalone ? "primary" : "prefer_replica";
}

namespace {

/// The same for an URL with a list of hosts, which parses as far as parse_many goes.
std::string redact_many(std::string_view text) {
  const auto begin = text.find("://") + 3;
  const auto authority = text.substr(begin, text.find_first_of("/?#", begin) - begin);
  const auto at = authority.rfind('@');
  if (at == std::string_view::npos) return std::string(text);
  const auto user = authority.substr(0, std::min(authority.find(':'), at));
  std::string out(text.substr(0, begin));
  if (!user.empty()) out += std::string(user) + "@";
  return out + std::string(text.substr(begin + at + 1));
}

}  // namespace

std::string redact_url(std::string_view text) {
  if (std::holds_alternative<std::string>(parse_upstream_url(text))) return "***";
  if (names_many(text)) return redact_many(text);
  urls::url url(urls::parse_uri(boost::core::string_view(text.data(), text.size())).value());
  url.remove_password();
  if (url.has_userinfo() && url.encoded_user().empty()) url.remove_userinfo();
  return to_string(url.buffer());
}

}  // namespace pillion::config
