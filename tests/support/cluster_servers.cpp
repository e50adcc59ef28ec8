#include "tests/support/cluster_servers.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>

#include "tests/support/eventually.hpp"
#include "tests/support/replicated_servers.hpp"

namespace pillion::test {
namespace {

constexpr const char* kBatchOfKeys = "10";

/// CRC-16/XMODEM, bit by bit.
std::uint32_t crc16(std::string_view bytes) {
  std::uint32_t crc = 0;
  for (const char byte : bytes) {
    crc ^= std::uint32_t{static_cast<unsigned char>(byte)} << 8;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc & 0x8000U) != 0 ? (crc << 1) ^ 0x1021U : crc << 1;
    }
  }
  return crc & 0xffffU;
}

/// For each slot a short tag that lies in it.
const std::array<std::string, kClusterSlots>& tags() {
  static const auto kTags = [] {
    std::array<std::string, kClusterSlots> found;
    std::size_t missing = kClusterSlots;
    for (std::uint32_t i = 0; missing > 0; ++i) {
      std::string tag = std::to_string(i);
      std::string& place = found[crc16(tag) % kClusterSlots];
      if (!place.empty()) continue;
      place = std::move(tag);
      --missing;
    }
    return found;
  }();
  return kTags;
}

void expect_ok(const Value& reply, const std::string& doing) {
  if (!reply.is_ok()) throw std::runtime_error(doing + ": " + reply.text);
}

/// A node that has lost its last slot becomes a replica of who got it, and then wants to hear no
/// more of slots.
void expect_moved(const Value& reply) {
  if (reply.text.find("SETSLOT only with masters") == std::string::npos) {
    expect_ok(reply, "SETSLOT NODE");
  }
}

}  // namespace

std::uint32_t slot_of_key(std::string_view key) {
  const std::size_t open = key.find('{');
  if (open != std::string_view::npos) {
    const std::size_t close = key.find('}', open + 1);
    if (close != std::string_view::npos && close > open + 1) {
      key = key.substr(open + 1, close - open - 1);
    }
  }
  return crc16(key) % kClusterSlots;
}

std::string key_in_slot(std::uint32_t slot, const std::string& prefix) {
  return prefix + "{" + tags().at(slot) + "}";
}

/// What one node thinks: the ports of owners by slot (0: nobody), and who replicates whom.
struct ClusterServers::Layout {
  std::array<std::uint16_t, kClusterSlots> owner{};
};

ClusterServers::ClusterServers(Options options) : options_(std::move(options)) {
  const std::size_t primaries = options_.primaries;
  std::vector<RedisServer*> starting;
  for (std::size_t i = 0; i < primaries * (1 + options_.replicas_each); ++i) {
    nodes_.push_back(reserve());
    starting.push_back(nodes_.back().get());
  }
  RedisServer::start_all(starting);
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    ids_.push_back(node(i)("CLUSTER", "MYID").text);
    removed_.push_back(false);
  }
  for (std::size_t i = 0; i < primaries; ++i) {
    const auto first = kClusterSlots * i / primaries;
    const auto last = kClusterSlots * (i + 1) / primaries - 1;
    expect_ok(node(i)("CLUSTER", "ADDSLOTSRANGE", std::to_string(first), std::to_string(last)),
              "ADDSLOTSRANGE");
    node(i)("CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1));
  }
  for (std::size_t i = 1; i < nodes_.size(); ++i) introduce(i);
  if (!eventually([&] { return all_know(nodes_.size()); })) {
    throw TimedOut("the nodes of the cluster do not get to know each other");
  }
  for (std::size_t i = primaries; i < nodes_.size(); ++i) {
    const std::size_t primary = (i - primaries) / options_.replicas_each;
    expect_ok(node(i)("CLUSTER", "REPLICATE", id(primary)), "CLUSTER REPLICATE");
  }
  if (!wait_until_settled()) throw TimedOut("the cluster does not become ok");
}

std::unique_ptr<RedisServer> ClusterServers::reserve() const {
  std::vector<std::string> arguments = {"--cluster-enabled",
                                        "yes",
                                        "--cluster-config-file",
                                        "nodes.conf",
                                        "--cluster-node-timeout",
                                        std::to_string(options_.node_timeout.count()),
                                        "--cluster-require-full-coverage",
                                        options_.full_coverage ? "yes" : "no",
                                        "--repl-diskless-sync",
                                        "yes",
                                        "--repl-diskless-sync-delay",
                                        "0"};
  arguments.insert(arguments.end(), options_.arguments.begin(), options_.arguments.end());
  return std::make_unique<RedisServer>(RedisServer::not_yet_started(std::move(arguments)));
}

/// Everybody meets everybody: gossip alone would take seconds.
void ClusterServers::introduce(std::size_t number) {
  for (std::size_t i = 0; i < number; ++i) {
    if (removed_[i] || !node(i).running()) continue;
    expect_ok(node(i)("CLUSTER", "MEET", "127.0.0.1", std::to_string(node(number).port())), "MEET");
  }
}

/// Whether every running node knows `count` nodes that have finished shaking hands.
bool ClusterServers::all_know(std::size_t count) {
  for (const std::size_t i : running()) {
    const auto reply = node(i).ask({"CLUSTER", "NODES"});
    if (!reply) return false;
    std::istringstream lines(reply->text);
    std::size_t known = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.find("handshake") != std::string::npos) return false;
      known += line.find("noaddr") == std::string::npos ? 1 : 0;
    }
    if (known < count) return false;
  }
  return true;
}

std::vector<std::size_t> ClusterServers::running() {
  std::vector<std::size_t> result;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!removed_[i] && node(i).running()) result.push_back(i);
  }
  return result;
}

std::string ClusterServers::url() const {
  std::string url = "redis+cluster://";
  for (const auto& node : nodes_) {
    if (url.back() != '/') url += ",";
    url += "127.0.0.1:" + std::to_string(node->port());
  }
  return url;
}

std::size_t ClusterServers::number_of(std::string_view id) const {
  const auto found = std::find(ids_.begin(), ids_.end(), id);
  if (found == ids_.end()) throw std::runtime_error("no node has the id " + std::string(id));
  return static_cast<std::size_t>(found - ids_.begin());
}

std::size_t ClusterServers::number_at(std::uint16_t port) const {
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    if (!removed_[i] && nodes_[i]->port() == port) return i;
  }
  throw std::runtime_error("no node is at port " + std::to_string(port));
}

std::optional<ClusterServers::Layout> ClusterServers::layout_of(std::size_t number) {
  const auto reply = node(number).ask({"CLUSTER", "SLOTS"});
  if (!reply || reply->is_error()) return std::nullopt;
  Layout layout;
  for (const Value& range : reply->items) {
    const auto port = static_cast<std::uint16_t>(range.items.at(2).items.at(1).integer());
    for (auto slot = range.items.at(0).integer(); slot <= range.items.at(1).integer(); ++slot) {
      layout.owner[static_cast<std::size_t>(slot)] = port;
    }
  }
  return layout;
}

std::optional<std::size_t> ClusterServers::owner_of(std::uint32_t slot) {
  std::vector<std::uint16_t> named;
  for (const std::size_t i : running()) {
    if (const auto layout = layout_of(i)) named.push_back(layout->owner[slot]);
  }
  for (const auto port : named) {
    const auto votes = std::count(named.begin(), named.end(), port);
    if (port != 0 && 2 * votes > static_cast<std::ptrdiff_t>(named.size())) return number_at(port);
  }
  return std::nullopt;
}

std::vector<bool> ClusterServers::slots_of(std::size_t number) {
  const auto layout = layout_of(number);
  if (!layout) return {};
  std::vector<bool> own(kClusterSlots);
  for (std::size_t slot = 0; slot < kClusterSlots; ++slot) {
    own[slot] = layout->owner[slot] == node(number).port();
  }
  return own;
}

std::vector<std::size_t> ClusterServers::primaries() {
  std::vector<std::size_t> result;
  for (const std::size_t i : running()) {
    const auto own = slots_of(i);
    if (std::find(own.begin(), own.end(), true) != own.end()) result.push_back(i);
  }
  return result;
}

std::vector<std::size_t> ClusterServers::replicas_of(std::size_t primary) {
  std::vector<std::size_t> result;
  for (const std::size_t i : running()) {
    const auto reply = node(i).ask({"CLUSTER", "NODES"});
    if (!reply) continue;
    if (reply->text.find("myself,slave " + id(primary)) != std::string::npos) result.push_back(i);
  }
  return result;
}

bool ClusterServers::ok() {
  for (const std::size_t i : running()) {
    const auto reply = node(i).ask({"CLUSTER", "INFO"});
    if (!reply || reply->text.find("cluster_state:ok") == std::string::npos) return false;
  }
  return true;
}

bool ClusterServers::wait_until_ok(Millis patience) {
  return eventually([&] { return ok(); }, patience);
}

bool ClusterServers::wait_until_settled(Millis patience) {
  return eventually(
      [&] {
        if (!ok()) return false;
        std::optional<Layout> agreed;
        for (const std::size_t i : running()) {
          const auto layout = layout_of(i);
          if (!layout || (agreed && agreed->owner != layout->owner)) return false;
          agreed = layout;
          const RoleOf role = role_of(node(i));
          if (role.role == "slave" && role.link != "connected") return false;
        }
        return agreed && std::count(agreed->owner.begin(), agreed->owner.end(), 0) == 0;
      },
      patience, 20ms);
}

void ClusterServers::begin_move(std::uint32_t slot, std::size_t source, std::size_t target) {
  const std::string name = std::to_string(slot);
  expect_ok(node(target).client()("CLUSTER", "SETSLOT", name, "IMPORTING", id(source)),
            "SETSLOT IMPORTING");
  expect_ok(node(source).client()("CLUSTER", "SETSLOT", name, "MIGRATING", id(target)),
            "SETSLOT MIGRATING");
}

void ClusterServers::migrate_key(std::size_t source, std::size_t target, const std::string& key) {
  expect_ok(node(source).client()("MIGRATE", "127.0.0.1", std::to_string(node(target).port()), key,
                                  "0", "5000"),
            "MIGRATE");
}

void ClusterServers::finish_move(std::uint32_t slot, std::size_t source, std::size_t target) {
  const std::string name = std::to_string(slot);
  std::vector<std::size_t> order = {target, source};
  for (const std::size_t i : primaries()) {
    if (i != target && i != source) order.push_back(i);
  }
  for (const std::size_t i : order) {
    expect_moved(node(i).client()("CLUSTER", "SETSLOT", name, "NODE", id(target)));
  }
}

void ClusterServers::move_slots(std::uint32_t first, std::uint32_t last, std::size_t target,
                                const std::function<void()>& between) {
  std::vector<std::size_t> all = primaries();
  if (std::find(all.begin(), all.end(), target) == all.end()) all.push_back(target);
  std::vector<std::unique_ptr<RespClient>> lines(nodes_.size());
  for (const std::size_t i : all) lines[i] = std::make_unique<RespClient>(node(i).client());
  const auto layout = layout_of(target);
  if (!layout) throw std::runtime_error("the target of a move does not answer");
  const std::string target_port = std::to_string(node(target).port());

  for (std::uint32_t slot = first; slot <= last; ++slot) {
    const std::string name = std::to_string(slot);
    const std::size_t source = number_at(layout->owner[slot]);
    if (source == target) continue;
    RespClient& from = *lines.at(source);
    RespClient& to = *lines.at(target);
    expect_ok(to("CLUSTER", "SETSLOT", name, "IMPORTING", id(source)), "SETSLOT IMPORTING");
    expect_ok(from("CLUSTER", "SETSLOT", name, "MIGRATING", id(target)), "SETSLOT MIGRATING");
    while (true) {
      const auto keys = from("CLUSTER", "GETKEYSINSLOT", name, kBatchOfKeys).texts();
      if (keys.empty()) break;
      std::vector<std::string_view> migrate = {"MIGRATE", "127.0.0.1", target_port, "",
                                               "0",       "5000",      "REPLACE",   "KEYS"};
      migrate.insert(migrate.end(), keys.begin(), keys.end());
      const Value moved = from.command(migrate);
      // NOKEY: they expired or were deleted meanwhile.
      if (!moved.is_ok() && moved.text != "NOKEY") throw std::runtime_error(moved.text);
      if (between) between();
    }
    if (between) between();
    expect_ok(to("CLUSTER", "SETSLOT", name, "NODE", id(target)), "SETSLOT NODE");
    expect_moved(from("CLUSTER", "SETSLOT", name, "NODE", id(target)));
    for (const std::size_t i : all) {
      if (i == source || i == target) continue;
      expect_moved((*lines[i])("CLUSTER", "SETSLOT", name, "NODE", id(target)));
    }
  }
}

void ClusterServers::steal_slots(std::uint32_t first, std::uint32_t last, std::size_t thief) {
  const auto layout = layout_of(thief);
  if (!layout) throw std::runtime_error("the thief does not answer");
  RespClient line = node(thief).client();
  for (std::uint32_t slot = first; slot <= last; ++slot) {
    const std::size_t owner = number_at(layout->owner[slot]);
    if (owner == thief) continue;
    const std::string name = std::to_string(slot);
    // From a slot it imports, a node becomes the owner with a new epoch of its own making: that is
    // what the others believe.
    expect_ok(line("CLUSTER", "SETSLOT", name, "IMPORTING", id(owner)), "SETSLOT IMPORTING");
    expect_ok(line("CLUSTER", "SETSLOT", name, "NODE", id(thief)), "SETSLOT NODE");
  }
  const bool believed = eventually([&] {
    for (const std::size_t i : running()) {
      const auto seen = layout_of(i);
      if (!seen) return false;
      for (std::uint32_t slot = first; slot <= last; ++slot) {
        if (seen->owner[slot] != node(thief).port()) return false;
      }
    }
    return true;
  });
  if (!believed) throw TimedOut("the nodes do not believe the thief");
}

std::size_t ClusterServers::add_primary() {
  nodes_.push_back(reserve());
  nodes_.back()->start();
  const std::size_t number = nodes_.size() - 1;
  ids_.push_back(node(number)("CLUSTER", "MYID").text);
  removed_.push_back(false);
  introduce(number);
  const std::size_t count =
      static_cast<std::size_t>(std::count(removed_.begin(), removed_.end(), false));
  if (!eventually([&] { return all_know(count); })) {
    throw TimedOut("the new node does not get to know the others");
  }
  if (!wait_until_ok()) throw TimedOut("the cluster is not ok with its new node");
  return number;
}

std::size_t ClusterServers::add_replica(std::size_t primary) {
  const std::size_t number = add_primary();
  expect_ok(node(number)("CLUSTER", "REPLICATE", id(primary)), "CLUSTER REPLICATE");
  if (!wait_until_settled()) throw TimedOut("the new replica does not get in step");
  return number;
}

void ClusterServers::remove(std::size_t number) {
  removed_.at(number) = true;
  for (const std::size_t i : running()) {
    expect_ok(node(i)("CLUSTER", "FORGET", id(number)), "CLUSTER FORGET");
  }
  node(number).kill9();
}

}  // namespace pillion::test
