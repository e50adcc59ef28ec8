#include "config/hosts.hpp"

#include <algorithm>

namespace pillion::config {
namespace {

using Servers = std::vector<HostPort>;

constexpr std::string_view kBlanks = " \t";
constexpr std::size_t kLongestHost = 255;  // of a name in DNS

std::string_view trim(std::string_view text) {
  const auto begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

/// A piece as it may be repeated: with an '@' anywhere in the list, any of them may be a
/// password's.
class Echo {
 public:
  explicit Echo(std::string_view list) : secretive_(list.find('@') != std::string_view::npos) {}

  std::string operator()(std::string_view piece) const {
    return secretive_ ? "one of the servers" : "'" + std::string(piece) + "'";
  }
  Refusal refuse(std::string_view piece, std::string_view why) const {
    return Refusal{(*this)(piece) + " is not host:port: " + std::string(why)};
  }

 private:
  bool secretive_;
};

/// What a host may be made of; the resolver and the address parser judge the rest.
bool is_host(std::string_view text, bool v6) {
  if (text.empty() || text.size() > kLongestHost) return false;
  return std::all_of(text.begin(), text.end(), [v6](char c) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '.' || c == '-' || c == '_';
    return plain || (v6 && (c == ':' || c == '%'));
  });
}

std::variant<HostPort, Refusal> parse_one(std::string_view piece, std::uint16_t default_port,
                                          const Echo& echo) {
  HostPort server;
  std::string_view port;
  bool has_port = false;
  const bool bracket = piece.front() == '[';
  if (bracket) {
    const auto close = piece.find(']');
    if (close == std::string_view::npos) return echo.refuse(piece, "the bracket is not closed");
    server.host = piece.substr(1, close - 1);
    const auto rest = piece.substr(close + 1);
    has_port = !rest.empty();
    if (has_port && rest.front() != ':') return echo.refuse(piece, "write [IPv6 address]:port");
    if (has_port) port = rest.substr(1);
  } else {
    const auto colon = piece.find(':');
    server.host = piece.substr(0, colon);
    has_port = colon != std::string_view::npos;
    if (has_port) port = piece.substr(colon + 1);
    if (port.find(':') != std::string_view::npos) {
      return echo.refuse(piece, "an IPv6 address goes into brackets, as in [::1]:6379");
    }
  }
  if (!is_host(server.host, bracket))
    return echo.refuse(piece, "the host is no name and no address");
  server.port = default_port;
  if (has_port) {
    const auto number = parse_count(port);
    if (!number || *number == 0 || *number > 65535) {
      return echo.refuse(piece, "the port must be a number from 1 to 65535");
    }
    server.port = static_cast<std::uint16_t>(*number);
  }
  return server;
}

/// The pieces between commas; an empty list has one empty piece.
std::vector<std::string_view> pieces_of(std::string_view list) {
  std::vector<std::string_view> pieces;
  for (std::size_t start = 0; start <= list.size();) {
    const auto comma = std::min(list.find(',', start), list.size());
    pieces.push_back(trim(list.substr(start, comma - start)));
    start = comma + 1;
  }
  return pieces;
}

}  // namespace

std::variant<Servers, Refusal> parse_hosts(std::string_view list, std::uint16_t default_port) {
  Servers servers;
  const Echo echo(list);
  for (const auto piece : pieces_of(list)) {
    if (piece.empty()) return Refusal{"names no server between two commas; write host:port, ..."};
    auto parsed = parse_one(piece, default_port, echo);
    if (auto* refusal = std::get_if<Refusal>(&parsed)) return std::move(*refusal);
    auto& server = std::get<HostPort>(parsed);
    if (std::find(servers.begin(), servers.end(), server) != servers.end()) {
      return Refusal{echo(piece) + " is named twice"};
    }
    servers.push_back(std::move(server));
  }
  if (servers.size() > kMostHosts) {
    return Refusal{"names more than " + std::to_string(kMostHosts) + " servers"};
  }
  return servers;
}

std::string print_host(const HostPort& server) {
  const bool v6 = server.host.find(':') != std::string::npos;
  return (v6 ? "[" + server.host + "]" : server.host) + ":" + std::to_string(server.port);
}

std::variant<std::vector<std::pair<std::string, std::string>>, Refusal> parse_zones(
    std::string_view list) {
  std::vector<std::pair<std::string, std::string>> zones;
  if (trim(list).empty()) return zones;
  for (const auto piece : pieces_of(list)) {
    const auto sign = piece.find('=');
    const auto zone =
        sign == std::string_view::npos ? std::string_view() : trim(piece.substr(sign + 1));
    if (zone.empty()) return Refusal{"write host:port=zone, host:port=zone, ..."};
    auto parsed = parse_hosts(trim(piece.substr(0, sign)), 6379);
    if (auto* refusal = std::get_if<Refusal>(&parsed)) return std::move(*refusal);
    auto name = print_host(std::get<Servers>(parsed).front());
    for (const auto& known : zones) {
      if (known.first == name) return Refusal{"'" + name + "' is given two zones"};
    }
    zones.emplace_back(std::move(name), zone);
  }
  return zones;
}

}  // namespace pillion::config
