// Lists of servers and of zones as operators write them: "h1:26379, [::1]:7000" and
// "h1:6379=zone-a, h2:6379=zone-b".
//
// A host is a name or an address, IPv6 in brackets; without a port it has the list's default.
// Blanks around commas count for nothing. An empty piece, a port that is none and a server named
// twice are refused, without repeating a piece that may hold a password (one with an '@' in it).
// Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "config/config.hpp"
#include "config/units.hpp"

namespace pillion::config {

inline constexpr std::size_t kMostHosts = 64;

/// At least one, at most kMostHosts.
std::variant<std::vector<HostPort>, Refusal> parse_hosts(std::string_view list,
                                                         std::uint16_t default_port);

/// "host:port", with brackets around IPv6: what the house calls a server.
std::string print_host(const HostPort& server);

/// Pairs of a server's name, as print_host says it, and its zone. "" is the empty list.
std::variant<std::vector<std::pair<std::string, std::string>>, Refusal> parse_zones(
    std::string_view list);

}  // namespace pillion::config
