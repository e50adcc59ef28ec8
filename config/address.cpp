#include "config/address.hpp"

#include <arpa/inet.h>

#include <array>
#include <cstring>

namespace pillion::config {
namespace {

// Network byte order, as inet_pton leaves it.
using V4 = std::array<unsigned char, 4>;
using V6 = std::array<unsigned char, 16>;

bool read_v4(std::string_view text, V4& out) {
  return inet_pton(AF_INET, std::string(text).c_str(), out.data()) == 1;
}

bool read_v6(std::string_view text, V6& out) {
  return inet_pton(AF_INET6, std::string(text).c_str(), out.data()) == 1;
}

Refusal refuse(std::string_view text, std::string_view why) {
  return Refusal{"'" + std::string(text) + "' is not an address: " + std::string(why)};
}

}  // namespace

std::variant<Address, Refusal> parse_address(std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return Refusal{"contains a NUL byte"};
  std::string_view host;
  std::string_view port;
  if (!text.empty() && text.front() == '[') {
    const auto close = text.find("]:");
    V6 bytes{};
    if (close == std::string_view::npos || !read_v6(text.substr(1, close - 1), bytes)) {
      return refuse(text, "write [IPv6 address]:port, as in [::1]:6380");
    }
    host = text.substr(1, close - 1);
    port = text.substr(close + 2);
  } else {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) {
      host = "127.0.0.1";
      port = text;
    } else {
      host = text.substr(0, colon);
      port = text.substr(colon + 1);
      if (host.find(':') != std::string_view::npos) {
        return refuse(text, "an IPv6 address goes into brackets, as in [::1]:6380");
      }
      if (host.empty() || host == "*") host = "0.0.0.0";
      if (host == "localhost") host = "127.0.0.1";
      V4 bytes{};
      if (!read_v4(host, bytes)) {
        return refuse(text, "the host must be an IP address or localhost, as in 127.0.0.1:6380");
      }
    }
  }
  const auto number = parse_count(port);
  if (!number || *number == 0 || *number > 65535) {
    return refuse(text, "the port must be a number from 1 to 65535, as in 127.0.0.1:6380");
  }
  return Address{std::string(host), static_cast<std::uint16_t>(*number)};
}

bool is_loopback(std::string_view host) {
  V4 v4{};
  if (read_v4(host, v4)) return v4[0] == 127;
  V6 v6{};
  if (!read_v6(host, v6)) return false;
  constexpr V6 kSelf{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  constexpr V6 kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127};
  return v6 == kSelf || std::memcmp(v6.data(), kMapped.data(), 13) == 0;
}

std::string print_address(const Address& address) {
  const bool v6 = address.host.find(':') != std::string::npos;
  return (v6 ? "[" + address.host + "]" : address.host) + ":" + std::to_string(address.port);
}

}  // namespace pillion::config
