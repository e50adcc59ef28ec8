#include "config/url.hpp"

#include <sys/un.h>

#include <boost/url/parse.hpp>
#include <boost/url/url.hpp>
#include <boost/url/url_view.hpp>
#include <cassert>
#include <limits>
#include <optional>

#include "config/units.hpp"

namespace pillion::config {
namespace {

namespace urls = boost::urls;

using Outcome = std::variant<UpstreamTarget, std::string>;

constexpr std::string_view kForms =
    "redis://[user[:password]@]host[:port][/db] or unix:///path[?db=n]";
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
  if (url.has_query()) {
    return "a redis:// URL takes no parameters; the database goes into the path, as in "
           "redis://host:6379/3";
  }
  const bool v6 = target.host.find(':') != std::string::npos;
  target.display = (v6 ? "[" + target.host + "]" : target.host) + ":" + std::to_string(target.port);
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
  if (!config.upstream.user.empty()) target->user = config.upstream.user;
  if (!config.upstream.password.empty()) target->password = config.upstream.password;
  return std::move(*target);
}

std::string redact_url(std::string_view text) {
  if (std::holds_alternative<std::string>(parse_upstream_url(text))) return "***";
  urls::url url(urls::parse_uri(boost::core::string_view(text.data(), text.size())).value());
  url.remove_password();
  if (url.has_userinfo() && url.encoded_user().empty()) url.remove_userinfo();
  return to_string(url.buffer());
}

}  // namespace pillion::config
