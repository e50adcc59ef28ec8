#include "proxy/control/topology/parse_cluster.hpp"

#include <algorithm>
#include <charconv>

#include "proxy/control/topology/role_reply.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {
namespace {

using Range = std::pair<std::uint16_t, std::uint16_t>;

std::optional<Range> parse_range(ReplyView first, ReplyView last) {
  const std::int64_t begin = first.integer();
  const std::int64_t end = last.integer();
  if (begin < 0 || end < begin || end >= static_cast<std::int64_t>(state::kSlots)) {
    return std::nullopt;
  }
  return Range{static_cast<std::uint16_t>(begin), static_cast<std::uint16_t>(end)};
}

std::string host_of(std::string_view endpoint, std::string_view ip, std::string_view asked) {
  if (endpoint == "?") return std::string(ip.empty() ? asked : ip);
  return std::string(endpoint.empty() ? asked : endpoint);
}

ClusterNode parse_node(ReplyView fields, std::string_view asked) {
  ClusterNode node;
  std::string_view ip;
  std::string_view endpoint;
  for (std::size_t i = 0; i + 1 < fields.size(); i += 2) {
    const std::string_view name = fields[i].text();
    const ReplyView value = fields[i + 1];
    if (name == "id") node.id = value.text();
    if (name == "ip") ip = value.text();
    if (name == "endpoint") endpoint = value.text();
    if (name == "port") node.port = parse_port(value);
    if (name == "role") node.primary = value.text() == "master" || value.text() == "primary";
    if (name == "health") node.failed = value.text() == "fail";
  }
  node.host = host_of(endpoint, ip, asked);
  return node;
}

/// [endpoint, port, id, [metadata name, value, ...]]; before Redis 7.0 without the last.
ClusterNode parse_slots_node(ReplyView fields, bool primary, std::string_view asked) {
  ClusterNode node;
  if (fields.size() < 3) return node;
  std::string_view ip;
  if (fields.size() > 3) {
    const ReplyView metadata = fields[3];
    for (std::size_t i = 0; i + 1 < metadata.size(); i += 2) {
      if (metadata[i].text() == "ip") ip = metadata[i + 1].text();
    }
  }
  node.host = host_of(fields[0].text(), ip, asked);
  node.port = parse_port(fields[1]);
  node.id = fields[2].text();
  node.primary = primary;
  return node;
}

bool is_usable(const ClusterNode& node) {
  return !node.id.empty() && !node.host.empty() && node.port != 0;
}

}  // namespace

void parse_cluster_info(std::string_view text, ClusterView& view) {
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = std::min(text.find_first_of("\r\n", start), text.size());
    const std::string_view line = text.substr(start, end - start);
    start = end + 1;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view value = line.substr(colon + 1);
    if (line.starts_with("cluster_state:")) view.ok = value == "ok";
    if (line.starts_with("cluster_current_epoch:")) {
      std::from_chars(value.data(), value.data() + value.size(), view.epoch);
    }
  }
}

std::optional<std::vector<ClusterShard>> parse_cluster_shards(ReplyView reply,
                                                              std::string_view asked) {
  if (!reply.is_array()) return std::nullopt;
  std::vector<ClusterShard> shards;
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const ReplyView fields = reply[i];
    ClusterShard shard;
    for (std::size_t f = 0; f + 1 < fields.size(); f += 2) {
      const ReplyView value = fields[f + 1];
      if (fields[f].text() == "slots") {
        for (std::size_t s = 0; s + 1 < value.size(); s += 2) {
          if (const auto range = parse_range(value[s], value[s + 1])) shard.slots.push_back(*range);
        }
      } else if (fields[f].text() == "nodes") {
        for (std::size_t n = 0; n < value.size(); ++n) {
          ClusterNode node = parse_node(value[n], asked);
          if (is_usable(node)) shard.nodes.push_back(std::move(node));
        }
      }
    }
    if (!shard.nodes.empty()) shards.push_back(std::move(shard));
  }
  return shards;
}

std::optional<std::vector<ClusterShard>> parse_cluster_slots(ReplyView reply,
                                                             std::string_view asked) {
  if (!reply.is_array()) return std::nullopt;
  std::vector<ClusterShard> shards;
  for (std::size_t i = 0; i < reply.size(); ++i) {
    const ReplyView entry = reply[i];
    if (entry.size() < 3) continue;
    const auto range = parse_range(entry[0], entry[1]);
    std::vector<ClusterNode> nodes;
    for (std::size_t n = 2; n < entry.size(); ++n) {
      ClusterNode node = parse_slots_node(entry[n], n == 2, asked);
      if (is_usable(node)) nodes.push_back(std::move(node));
    }
    if (!range || nodes.empty() || !nodes.front().primary) continue;
    // A shard has an entry for each of its ranges.
    const auto known = std::find_if(shards.begin(), shards.end(), [&](const ClusterShard& shard) {
      return shard.nodes.front().id == nodes.front().id;
    });
    if (known != shards.end()) {
      known->slots.push_back(*range);
    } else {
      shards.push_back({{*range}, std::move(nodes)});
    }
  }
  return shards;
}

}  // namespace pillion::control
