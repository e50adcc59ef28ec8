// Where to listen, as written: "127.0.0.1:6380", "[::1]:6380", "localhost:6380", ":6380", "6380".
//
// A bare port is loopback; ":port" and "*:port" are every IPv4 address, as elsewhere. Host names
// other than localhost are refused: whether an address is reachable from outside must not depend on
// a resolver.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "config/config.hpp"
#include "config/units.hpp"

namespace pillion::config {

/// The host comes back numeric and without brackets; ports are 1 to 65535.
std::variant<Address, Refusal> parse_address(std::string_view text);

/// host is numeric. 127.0.0.0/8, ::1 and the mapped ::ffff:127.0.0.0/104.
bool is_loopback(std::string_view host);

/// "host:port", with brackets around IPv6.
std::string print_address(const Address& address);

}  // namespace pillion::config
