#include "proxy/control/topology/parse_sentinel.hpp"

#include <utility>

#include "proxy/control/topology/role_reply.hpp"

namespace pillion::control {
namespace {

bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    if (text.substr(start, end - start) == word) return true;
    start = end + 1;
  }
  return false;
}

}  // namespace

std::optional<config::HostPort> parse_primary(ReplyView reply) {
  if (reply.size() != 2) return std::nullopt;
  const std::uint16_t port = parse_port(reply[1]);
  if (port == 0 || reply[0].text().empty()) return std::nullopt;
  return config::HostPort{std::string(reply[0].text()), port};
}

std::vector<SentinelPeer> parse_peers(ReplyView reply) {
  std::vector<SentinelPeer> peers;
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const ReplyView fields = reply[i];
    SentinelPeer peer;
    for (std::size_t f = 0; f + 1 < fields.size(); f += 2) {
      const std::string_view name = fields[f].text();
      if (name == "ip") peer.server.host = fields[f + 1].text();
      if (name == "port") peer.server.port = parse_port(fields[f + 1]);
      if (name == "runid") peer.id = fields[f + 1].text();
    }
    if (!peer.server.host.empty() && peer.server.port != 0) peers.push_back(std::move(peer));
  }
  return peers;
}

bool is_event_of(ReplyView message, std::string_view master) {
  return message.size() == 3 && message[0].text() == "message" &&
         has_word(message[2].text(), master);
}

}  // namespace pillion::control
