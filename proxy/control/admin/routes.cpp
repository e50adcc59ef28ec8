#include "proxy/control/admin/routes.hpp"

#include <arpa/inet.h>

#include <array>
#include <cctype>
#include <utility>

#include "proxy/control/admin/json_pages.hpp"

namespace pillion::control {
namespace {

constexpr std::string_view kIndex =
    "Pillion admin port. All of it is read-only.\n"
    "\n"
    "/metrics         Prometheus metrics, text format 0.0.4\n"
    "/livez           200 while the process is alive\n"
    "/readyz          200 while clients can be served; ?verbose lists every check\n"
    "/cache/stats     what the cache holds and what it did, JSON\n"
    "/topology        what is known of the upstream, JSON\n";

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

/// "[::1]:9380" -> "::1", "name:9380" -> "name", "name." -> "name".
std::string host_of(std::string_view header) {
  if (header.starts_with('[')) {
    const std::size_t close = header.find(']');
    return lower(header.substr(1, close == std::string_view::npos ? close : close - 1));
  }
  const std::size_t colon = header.rfind(':');
  // More than one colon without brackets: a bare IPv6 address.
  if (colon != std::string_view::npos && header.find(':') == colon)
    header = header.substr(0, colon);
  if (header.ends_with('.')) header.remove_suffix(1);
  return lower(header);
}

bool is_numeric(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, host.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, host.c_str(), address.data()) == 1;
}

AdminResponse text(unsigned status, std::string body) {
  AdminResponse response;
  response.status = status;
  response.body = std::move(body);
  return response;
}

AdminResponse json(std::string body) {
  AdminResponse response;
  response.content_type = "application/json";
  response.body = std::move(body);
  return response;
}

bool has_parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::size_t end = query.find('&');
    const std::string_view parameter = query.substr(0, end);
    if (parameter.substr(0, parameter.find('=')) == name) return true;
    if (end == std::string_view::npos) break;
    query.remove_prefix(end + 1);
  }
  return false;
}

/// A check that holds is listed only when asked; one that fails always, with its reason.
struct Checks {
  bool verbose = false;
  bool ok = true;
  std::string lines;

  void add(std::string_view name, bool holds, std::string_view why) {
    if (!holds) ok = false;
    if (holds && !verbose) return;
    lines += holds ? "[+] " : "[-] ";
    lines += name;
    lines += holds ? ": ok" : ": ";
    if (!holds) lines += why;
    lines += '\n';
  }
};

}  // namespace

bool host_is_trusted(std::string_view header, std::string_view configured) {
  const std::string host = host_of(header);
  return host.find('.') == std::string::npos || is_numeric(host) || host == lower(configured);
}

Routes::Routes(AdminSources sources) : sources_(std::move(sources)) {}

AdminResponse Routes::ready(bool verbose) const {
  const auto topology = sources_.topology.load();
  Checks checks{verbose, true, {}};
  checks.add("listening", sources_.data_plane.ready(), "not listening for clients");
  checks.add("upstream " + topology->primary.name, topology->up,
             topology->resolve_error.empty() ? topology->error : topology->resolve_error);
  if (topology->kind == state::TopologyKind::kCluster) {
    checks.add("slots", topology->slots != nullptr, "nothing is known of who owns them");
  }
  checks.add("not draining", !sources_.data_plane.draining(), "shutting down");
  return text(checks.ok ? 200 : 503, checks.lines + (checks.ok ? "ready\n" : "not ready\n"));
}

AdminResponse Routes::page(std::string_view path, std::string_view query, bool& found) const {
  found = true;
  if (path == "/") return text(200, std::string(kIndex));
  if (path == "/livez") return text(200, "alive\n");
  if (path == "/readyz") return ready(has_parameter(query, "verbose"));
  if (path == "/cache/stats") return json(cache_stats_json(sources_.data_plane));
  if (path == "/topology")
    return json(topology_json(*sources_.topology.load(), sources_.traffic, state::now()));
  if (path == "/metrics") {
    AdminResponse response = text(200, sources_.metrics());
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    return response;
  }
  found = false;
  return text(404, "no such page; / lists them\n");
}

AdminResponse Routes::answer(const AdminRequest& request) const {
  if (!host_is_trusted(request.host, sources_.configured_host)) {
    return text(403, "the Host header names a host this port does not serve; use an IP address\n");
  }
  const std::string_view target = request.target;
  const std::size_t mark = target.find('?');
  const std::string_view query =
      mark == std::string_view::npos ? std::string_view() : target.substr(mark + 1);
  bool found = false;
  AdminResponse response = page(target.substr(0, mark), query, found);
  if (found && request.method != "GET" && request.method != "HEAD") {
    response = text(405, "this port is read-only\n");
    response.allow = "GET, HEAD";
  }
  return response;
}

}  // namespace pillion::control
