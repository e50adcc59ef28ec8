// What the admin port answers: request in, response out, no sockets.
//
// Read-only by design: GET and HEAD, nothing changes state (DESIGN section 5.4). A request whose
// Host is a dotted name other than the configured one is refused: that is how a web page reaches a
// port on localhost through a DNS name of its own (RELIABILITY INV-12). Numeric addresses,
// localhost and names without a dot pass.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proxy/state/data_plane_ops.hpp"
#include "proxy/state/endpoint_traffic.hpp"
#include "proxy/state/published.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

struct AdminRequest {
  std::string method;
  std::string target;  // path and query as sent
  std::string host;    // the Host header; empty when there is none (HTTP/1.0)
};

struct AdminResponse {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;   // HEAD: as for GET; the server sends its length only
  std::string allow;  // of a 405
};

/// What the routes look at; references outlive them.
struct AdminSources {
  const state::DataPlaneOps& data_plane;
  const state::Published<state::TopologySnapshot>& topology;
  const state::EndpointTraffic& traffic;
  std::function<std::string()> metrics;
  std::string configured_host;  // of admin.address, without port
};

class Routes {
 public:
  explicit Routes(AdminSources sources);

  AdminResponse answer(const AdminRequest& request) const;

 private:
  AdminResponse ready(bool verbose) const;
  AdminResponse page(std::string_view path, std::string_view query, bool& found) const;

  AdminSources sources_;
};

/// "Host: " header's value against the rule above.
bool host_is_trusted(std::string_view host, std::string_view configured);

}  // namespace pillion::control
