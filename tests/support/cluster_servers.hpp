// A Redis Cluster on loopback.
//
// Nodes keep their numbers for life: at the start the first `primaries` are primaries, each owning
// an equal run of slots, and behind them come the replicas of node 0, of node 1 and so on. A node's
// role and slots change with what is done to it; nodes() grows with add_node().
//
// Not for several threads, but for the methods that move slots: those use connections of their own
// and may run beside anything.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tests/support/redis_server.hpp"

namespace pillion::test {

inline constexpr std::uint32_t kClusterSlots = 16'384;

/// The slot of a key, hash tag heeded: written here once more, so that the product's own can be
/// wrong.
std::uint32_t slot_of_key(std::string_view key);

/// A key of that slot: "prefix{tag}", a different one for each prefix.
std::string key_in_slot(std::uint32_t slot, const std::string& prefix = "k");

class ClusterServers {
 public:
  struct Options {
    std::size_t primaries = 3;
    std::size_t replicas_each = 1;
    Millis node_timeout{1'500};
    bool full_coverage = true;
    std::vector<std::string> arguments = {};
  };

  /// Starts all, and waits until every node says that the cluster is ok and every replica is in
  /// step.
  explicit ClusterServers(Options options);
  ClusterServers() : ClusterServers(Options{}) {}

  /// All nodes at the start.
  std::string url() const;
  RedisServer& node(std::size_t number) { return *nodes_.at(number); }
  std::size_t nodes() const { return nodes_.size(); }
  const std::string& id(std::size_t number) const { return ids_.at(number); }
  /// The number of the node with that id or port; throws for a stranger.
  std::size_t number_of(std::string_view id) const;
  std::size_t number_at(std::uint16_t port) const;

  /// Who owns a slot, as most running nodes see it; nothing when they disagree.
  std::optional<std::size_t> owner_of(std::uint32_t slot);
  /// The slots that a running node calls its own; empty when it does not answer.
  std::vector<bool> slots_of(std::size_t number);
  /// Running nodes that call themselves primary and own slots, in the order of their numbers.
  std::vector<std::size_t> primaries();
  /// Running replicas of that primary.
  std::vector<std::size_t> replicas_of(std::size_t primary);

  /// Every running node answers CLUSTER INFO with cluster_state:ok.
  bool ok();
  bool wait_until_ok(Millis patience = 30s);
  /// ok(), every slot has one owner whom all running nodes name, and replicas are in step.
  bool wait_until_settled(Millis patience = 30s);

  /// Moves slots [first, last] to `target` while the cluster is in use: IMPORTING, MIGRATING,
  /// GETKEYSINSLOT and MIGRATE until the slot is empty, NODE at the target, the source and then the
  /// others. `between` runs after each batch of keys, when a slot is half moved.
  void move_slots(std::uint32_t first, std::uint32_t last, std::size_t target,
                  const std::function<void()>& between = {});
  /// Begins to move one slot and leaves it so; finish_move() ends it.
  void begin_move(std::uint32_t slot, std::size_t source, std::size_t target);
  /// MIGRATEs one key of a slot whose move has begun.
  void migrate_key(std::size_t source, std::size_t target, const std::string& key);
  void finish_move(std::uint32_t slot, std::size_t source, std::size_t target);
  /// Makes `thief` the owner of [first, last] without moving a key: a new epoch, and the old owner
  /// throws away what it had. Returns when all running nodes name the thief.
  void steal_slots(std::uint32_t first, std::uint32_t last, std::size_t thief);

  /// A new, empty primary that all know.
  std::size_t add_primary();
  std::size_t add_replica(std::size_t primary);
  /// Takes a node without slots out of the cluster and ends it.
  void remove(std::size_t number);
  /// Starts a dead node again; it finds the cluster by what it wrote down.
  void bring_back(std::size_t number) { node(number).restart(); }

 private:
  std::unique_ptr<RedisServer> reserve() const;
  void introduce(std::size_t number);
  bool all_know(std::size_t count);
  std::vector<std::size_t> running();
  struct Layout;
  std::optional<Layout> layout_of(std::size_t number);

  Options options_;
  std::vector<std::unique_ptr<RedisServer>> nodes_;
  std::vector<std::string> ids_;
  std::vector<bool> removed_;
};

}  // namespace pillion::test
