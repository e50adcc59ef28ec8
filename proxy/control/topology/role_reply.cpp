#include "proxy/control/topology/role_reply.hpp"

#include <charconv>

namespace pillion::control {

std::uint16_t parse_port(ReplyView reply) {
  std::int64_t port = reply.integer();
  const std::string_view text = reply.text();
  if (!text.empty()) {
    const auto* end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, port);
    if (read.ec != std::errc() || read.ptr != end) return 0;
  }
  return port > 0 && port <= 65535 ? static_cast<std::uint16_t>(port) : std::uint16_t{0};
}

RoleReply parse_role(ReplyView reply) {
  RoleReply told;
  if (!reply.is_array() || reply.size() == 0) return told;
  told.role = reply[0].text();
  if (told.role == "master" && reply.size() >= 3) {
    told.offset = reply[1].integer();
    for (std::size_t i = 0; i < reply[2].size(); ++i) {
      const ReplyView replica = reply[2][i];
      if (replica.size() < 2) continue;
      const std::uint16_t port = parse_port(replica[1]);
      if (port != 0 && !replica[0].text().empty()) {
        told.replicas.push_back({std::string(replica[0].text()), port});
      }
    }
  } else if (told.role == "slave" && reply.size() >= 5) {
    told.primary_host = reply[1].text();
    told.primary_port = parse_port(reply[2]);
    told.link = reply[3].text();
    told.offset = reply[4].integer();
  }
  return told;
}

}  // namespace pillion::control
