#include "proxy/control/topology/parse_sentinel.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/control/topology/role_reply.hpp"

namespace pillion::control {
namespace {

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find(' ', start), text.size());
    if (end > start) words.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return words;
}

bool has_word(const std::vector<std::string_view>& words, std::string_view word) {
  return std::find(words.begin(), words.end(), word) != words.end();
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
         has_word(words_of(message[2].text()), master);
}

std::optional<config::HostPort> parse_nominee(ReplyView message) {
  if (message.size() != 3) return std::nullopt;
  const std::string_view event = message[1].text();
  const std::vector<std::string_view> words = words_of(message[2].text());
  // "slave <name> <host> <port> @ <primary...>" and "<primary> <old host> <old port> <host>
  // <port>".
  std::size_t host = 0;
  if ((event == "+selected-slave" || event == "+promoted-slave") && words.size() >= 4) host = 2;
  if (event == "+switch-master" && words.size() == 5) host = 3;
  if (host == 0) return std::nullopt;
  const std::string_view text = words[host + 1];
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port == 0) return std::nullopt;
  return config::HostPort{std::string(words[host]), port};
}

}  // namespace pillion::control
