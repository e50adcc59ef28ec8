#include "config/validate.hpp"

#include <optional>

#include "config/address.hpp"
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

// An upstream that is Pillion itself would send each command round in circles.
void check_upstream(const Config& config, Findings& out) {
  const auto parsed = parse_upstream_url(config.upstream.url);
  const auto* target = std::get_if<UpstreamTarget>(&parsed);
  if (target == nullptr) return;
  const auto listen = address_of(config.listen.address);
  const bool here = target->host == "localhost" || is_loopback(target->host);
  const bool same_port = listen && listen->port == target->port;
  const bool same_path = !target->unix_path.empty() && target->unix_path == config.listen.unix_path;
  if ((here && same_port && (is_loopback(listen->host) || is_wildcard(listen->host))) ||
      same_path) {
    out.push_back(
        {{"upstream.url", "listen.address", "listen.unix"},
         "upstream.url names " + target->display + ", which is where Pillion itself listens"});
  }
  const auto merged = upstream_target(config);
  if (!merged.user.empty() && merged.password.empty()) {
    out.push_back({{"upstream.user", "upstream.url", "upstream.password", "upstream.password_file"},
                   "an upstream user without a password: set upstream.password_file or "
                   "upstream.password (any text will do for a nopass user)"});
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
  check_cache(config, out);
  return out;
}

}  // namespace pillion::config
