#include "proxy/data/route/cluster_view.hpp"

#include <algorithm>
#include <cstddef>

#include "protocol/cluster/slot.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"

namespace pillion::route {
namespace {

constexpr std::int64_t kLastSlot = cluster::kSlotCount - 1;
constexpr std::uint32_t kBusPortOffset = 10000;

using Append = void (*)(std::string& out, const ClusterFace& face, const resp::Command& command,
                        int protocol);

void append_field(std::string& out, std::string_view name, std::string_view value) {
  resp::append_bulk(out, name);
  resp::append_bulk(out, value);
}

void append_number_field(std::string& out, std::string_view name, std::int64_t value) {
  resp::append_bulk(out, name);
  resp::append_integer(out, value);
}

/// A text for people: RESP3 says so.
void append_text(std::string& out, std::string_view text, int protocol) {
  if (protocol < 3) return resp::append_bulk(out, text);
  out += '=';
  out += std::to_string(text.size() + 4);
  out += "\r\ntxt:";
  out += text;
  out += "\r\n";
}

void append_slots(std::string& out, const ClusterFace& face, const resp::Command&, int protocol) {
  resp::append_array_header(out, 1);
  resp::append_array_header(out, 3);
  resp::append_integer(out, 0);
  resp::append_integer(out, kLastSlot);
  resp::append_array_header(out, 4);
  resp::append_bulk(out, face.host);
  resp::append_integer(out, face.port);
  resp::append_bulk(out, face.id);
  resp::append_map_header(out, 0, protocol);
}

void append_shards(std::string& out, const ClusterFace& face, const resp::Command&, int protocol) {
  resp::append_array_header(out, 1);
  resp::append_map_header(out, 2, protocol);
  resp::append_bulk(out, "slots");
  resp::append_array_header(out, 2);
  resp::append_integer(out, 0);
  resp::append_integer(out, kLastSlot);
  resp::append_bulk(out, "nodes");
  resp::append_array_header(out, 1);
  resp::append_map_header(out, 7, protocol);
  append_field(out, "id", face.id);
  append_number_field(out, "port", face.port);
  append_field(out, "ip", face.host);
  append_field(out, "endpoint", face.host);
  append_field(out, "role", "master");
  append_number_field(out, "replication-offset", 0);
  append_field(out, "health", "online");
}

void append_nodes(std::string& out, const ClusterFace& face, const resp::Command&, int protocol) {
  const std::string port = std::to_string(face.port);
  const std::string bus_port = std::to_string(face.port + kBusPortOffset);
  append_text(out,
              face.id + ' ' + face.host + ':' + port + '@' + bus_port +
                  " myself,master - 0 0 1 connected 0-16383\n",
              protocol);
}

void append_info(std::string& out, const ClusterFace&, const resp::Command&, int protocol) {
  append_text(out,
              "cluster_state:ok\r\n"
              "cluster_slots_assigned:16384\r\n"
              "cluster_slots_ok:16384\r\n"
              "cluster_slots_pfail:0\r\n"
              "cluster_slots_fail:0\r\n"
              "cluster_known_nodes:1\r\n"
              "cluster_size:1\r\n"
              "cluster_current_epoch:1\r\n"
              "cluster_my_epoch:1\r\n"
              "cluster_stats_messages_sent:0\r\n"
              "cluster_stats_messages_received:0\r\n"
              "total_cluster_links_buffer_limit_exceeded:0\r\n",
              protocol);
}

void append_id(std::string& out, const ClusterFace& face, const resp::Command&, int) {
  resp::append_bulk(out, face.id);
}

void append_slot(std::string& out, const ClusterFace&, const resp::Command& command, int) {
  resp::append_integer(out, cluster::slot_of(command.arg(2)));
}

void append_nothing(std::string& out, const ClusterFace&, const resp::Command&, int) {
  resp::append_array_header(out, 0);
}

void append_replicas(std::string& out, const ClusterFace& face, const resp::Command& command, int) {
  if (command.arg(2) == face.id) return resp::append_array_header(out, 0);
  constexpr std::size_t kEnough = 128;
  resp::append_error(out, "ERR Unknown node " + std::string(command.arg(2).substr(0, kEnough)));
}

void append_ok(std::string& out, const ClusterFace&, const resp::Command&, int) {
  resp::append_simple(out, "OK");
}

struct Answer {
  std::string_view command;
  Append append;
};
constexpr Answer kAnswers[] = {
    {"ASKING", append_ok},
    {"CLUSTER|INFO", append_info},
    {"CLUSTER|KEYSLOT", append_slot},
    {"CLUSTER|LINKS", append_nothing},
    {"CLUSTER|MYID", append_id},
    {"CLUSTER|NODES", append_nodes},
    {"CLUSTER|REPLICAS", append_replicas},
    {"CLUSTER|SHARDS", append_shards},
    {"CLUSTER|SLAVES", append_replicas},
    {"CLUSTER|SLOTS", append_slots},
    {"READONLY", append_ok},
    {"READWRITE", append_ok},
};

const Answer* answer_to(const command::Spec& spec) {
  for (const Answer& answer : kAnswers) {
    if (spec.name == answer.command) return &answer;
  }
  return nullptr;
}

/// The value of a line "field:value" of INFO.
void set_field(std::string& text, std::string_view field, std::string_view value) {
  const std::string line = "\r\n" + std::string(field) + ':';
  const std::size_t at = text.find(line);
  if (at == std::string::npos) return;
  const std::size_t begin = at + line.size();
  const std::size_t end = std::min(text.find('\r', begin), text.size());
  text.replace(begin, end - begin, value);
}

std::string lower(std::string_view name) {
  std::string out(name);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

}  // namespace

std::string cluster_node_id(std::string_view name) {
  constexpr std::size_t kDigits = 40;
  // FNV-1a, then a digit at a time from a multiplicative generator: it need only be the same again.
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  std::string id;
  for (std::size_t i = 0; i < kDigits; ++i) {
    hash = hash * 6364136223846793005 + 1442695040888963407;
    id += "0123456789abcdef"[hash >> 60];
  }
  return id;
}

bool in_cluster_view(const command::Spec& spec) {
  return answer_to(spec) != nullptr;
}

bool append_cluster_view(std::string& out, const ClusterFace& face, const command::Spec& spec,
                         const resp::Command& command, int protocol) {
  const Answer* const answer = answer_to(spec);
  if (answer == nullptr) return false;
  if (command::arity_ok(spec, command.argc())) {
    answer->append(out, face, command, protocol);
  } else {
    resp::append_error(out, "ERR wrong number of arguments for '" + lower(spec.name) + "' command");
  }
  return true;
}

void show_cluster_in_info(std::string& text) {
  set_field(text, "redis_mode", "cluster");
  set_field(text, "cluster_enabled", "1");
}

}  // namespace pillion::route
