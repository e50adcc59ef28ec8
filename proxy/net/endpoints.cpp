#include "proxy/net/endpoints.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <cstring>

namespace pillion::net {
namespace {

std::string name_of(const SocketEndpoint& endpoint) {
  const auto* address = static_cast<const sockaddr*>(endpoint.data());
  if (address->sa_family == AF_UNIX) {
    const auto* local = static_cast<const sockaddr_un*>(static_cast<const void*>(address));
    const std::size_t offset = offsetof(sockaddr_un, sun_path);
    if (endpoint.size() <= offset || local->sun_path[0] == '\0') return "unixsocket";
    return {local->sun_path, strnlen(local->sun_path, endpoint.size() - offset)};
  }
  boost::asio::ip::tcp::endpoint tcp;
  if (endpoint.size() > tcp.capacity()) return "?";
  std::memcpy(tcp.data(), endpoint.data(), endpoint.size());
  const std::string host = tcp.address().to_string();
  return (tcp.address().is_v6() ? "[" + host + "]" : host) + ":" + std::to_string(tcp.port());
}

}  // namespace

std::vector<SocketEndpoint> socket_endpoints(const state::Endpoint& endpoint) {
  std::vector<SocketEndpoint> result;
  if (!endpoint.unix_path.empty()) {
    if (endpoint.unix_path.size() < sizeof(sockaddr_un::sun_path)) {
      result.emplace_back(boost::asio::local::stream_protocol::endpoint(endpoint.unix_path));
    }
    return result;
  }
  for (const std::string& text : endpoint.addresses) {
    ErrorCode ec;
    const auto address = boost::asio::ip::make_address(text, ec);
    if (!ec) result.emplace_back(boost::asio::ip::tcp::endpoint(address, endpoint.port));
  }
  return result;
}

void tune(Socket& socket) {
  const int fd = socket.native_handle();
  const int on = 1;
  const int idle_seconds = 10;
  const int interval_seconds = 3;
  const int probes = 3;
  const int user_timeout_ms = 20'000;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_seconds, sizeof idle_seconds);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_seconds, sizeof interval_seconds);
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms);
}

std::string peer_name(const Socket& socket) {
  ErrorCode ec;
  const auto endpoint = socket.remote_endpoint(ec);
  return ec ? "?" : name_of(endpoint);
}

std::string local_name(const Socket& socket) {
  ErrorCode ec;
  const auto endpoint = socket.local_endpoint(ec);
  return ec ? "?" : name_of(endpoint);
}

}  // namespace pillion::net
