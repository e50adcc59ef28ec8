// Places to connect to and socket options, in terms of the published snapshot.
#pragma once

#include <string>
#include <vector>

#include "proxy/net/socket.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::net {

/// Every address of the endpoint in the resolver's order; empty when nothing was resolved.
std::vector<SocketEndpoint> socket_endpoints(const state::Endpoint& endpoint);

/// TCP_NODELAY, keepalive and TCP_USER_TIMEOUT where the socket is TCP: a half-open connection is
/// found in seconds, not in the fifteen minutes of Linux's retransmissions. Errors are ignored: an
/// option that a socket lacks is no reason to refuse it.
void tune(Socket& socket);

/// "127.0.0.1:50412", "[::1]:50412" or the path of a UNIX socket; as CLIENT INFO shows it.
std::string peer_name(const Socket& socket);
std::string local_name(const Socket& socket);

}  // namespace pillion::net
