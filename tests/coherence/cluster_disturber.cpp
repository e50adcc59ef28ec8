// Three primaries with a replica each: primaries die or step down, slots move under way.
#include <algorithm>
#include <thread>

#include "tests/coherence/disturber.hpp"
#include "tests/support/cluster_client.hpp"
#include "tests/support/cluster_servers.hpp"
#include "tests/support/eventually.hpp"
#include "tests/support/replicated_servers.hpp"

namespace pillion::test {
namespace {

class ToCluster : public Straight {
 public:
  explicit ToCluster(std::vector<std::uint16_t> ports) : client_(std::move(ports)) {}
  std::vector<Value> ask(const std::vector<std::vector<std::string_view>>& commands,
                         Millis patience) override {
    // MULTI and EXEC name no key; those between them do.
    std::string_view key;
    for (const auto& command : commands) {
      if (command.size() < 2) continue;
      key = command[0] == "EVAL" ? command.at(3) : command[1];
      break;
    }
    return client_.together(key, commands, patience);
  }

 private:
  ClusterClient client_;
};

class ClusterDisturber : public Disturber {
 public:
  explicit ClusterDisturber(Conditions conditions) : Disturber(conditions) {
    std::vector<std::uint16_t> ports;
    for (std::size_t i = 0; i < cluster_.nodes(); ++i) ports.push_back(cluster_.node(i).port());
    ways_.straight = [ports] { return std::make_unique<ToCluster>(ports); };
    ways_.cluster = true;
    start_pillions([&](Via) { return cluster_.url(); });
  }

  void settle() override {
    look_for_a_surprise();
    wait_until_settled();
    look_for_a_surprise();
  }

 protected:
  Settings pillion_settings() const override {
    Settings settings = Disturber::pillion_settings();
    settings.insert(settings.end(),
                    {"reads.max_lag=" + std::to_string(conditions_.max_lag.count()) + "ms",
                     "reads.balance=" + conditions_.balance, "reads.slow_start=0s",
                     "upstream.topology_refresh=500ms"});
    return settings;
  }

  std::vector<Profile> repertoire() const override {
    return {Profile::kLinks, Profile::kHung, Profile::kFlush, Profile::kFailover,
            Profile::kReshard};
  }

  void do_harm(Profile profile) override {
    look_for_a_surprise();
    harm(profile);
    look_for_a_surprise();
  }

 private:
  void harm(Profile profile) {
    switch (profile) {
      case Profile::kLinks:
        return kill_some_links(any_node());
      case Profile::kHung:
        return stop_somebody();
      case Profile::kFlush:
        flush(false);
        // Not so close to a failover that it could be lost.
        return pause_for(400, 500);
      case Profile::kReshard:
        return reshard();
      default:
        return fail_over();
    }
  }

  void wait_until_settled() {
    if (!cluster_.wait_until_settled(60s)) throw TimedOut("the cluster does not settle again");
  }

  /// A machine short of time stops a node for longer than was asked for: a failover as well, some
  /// time since the last look.
  void look_for_a_surprise() {
    if (cluster_.primaries() != primaries_) {
      note("other primaries than were expected");
      wait_until_settled();
      failovers_.push_back(
          {last_look_ - kUnreplicated, now_nanos(), [](std::uint32_t) { return true; }});
      primaries_ = cluster_.primaries();
    }
    last_look_ = now_nanos();
  }

  /// A moment: what was acknowledged before, the replica has.
  Nanos replicated_at(RedisServer& primary, RedisServer& replica) {
    for (const Nanos end = now_nanos() + 10'000 * kMillisecond; now_nanos() < end;) {
      const Nanos asked_at = now_nanos();
      const std::int64_t offset = role_of(primary).offset;
      const bool there = eventually(
          [&] {
            const RoleOf role = role_of(replica);
            return offset >= 0 && role.link == "connected" && role.offset >= offset;
          },
          50ms, 1ms);
      if (there) return asked_at;
    }
    throw TimedOut("a replica does not get in step");
  }

  static std::function<bool(std::uint32_t)> concerning(std::vector<bool> slots) {
    return [slots = std::move(slots)](std::uint32_t key) {
      return slots[slot_of_key(Keyspace::name_of(key))];
    };
  }

  RedisServer& any_node() { return cluster_.node(draw(cluster_.nodes())); }

  /// Shorter than the nodes' patience with each other.
  void stop_somebody() {
    if (draw(3) == 0) return stop_a_pillion();
    RedisServer& node = any_node();
    note("node " + std::to_string(node.port()) + " is stopped");
    node.pause();
    pause_for(20, 900);
    node.resume();
    note("it goes on");
  }

  /// The slots of some keys of the run, each to another primary; a slot stays half moved for a
  /// while.
  void reshard() {
    const auto primaries = cluster_.primaries();
    for (std::uint64_t moves = 1 + draw(8); moves > 0; --moves) {
      const auto key = static_cast<std::uint32_t>(draw(Keyspace::kSlots));
      const std::uint32_t slot = slot_of_key(Keyspace::name_of(key));
      note("the slot of key " + std::to_string(key) + " moves");
      cluster_.move_slots(slot, slot, primaries[draw(primaries.size())], [&] { pause_for(0, 60); });
      note("it has moved");
    }
    // And a run of them, quickly.
    const auto first = static_cast<std::uint32_t>(draw(kClusterSlots - 100));
    cluster_.move_slots(first, first + 99, primaries[draw(primaries.size())]);
  }

  void fail_over() {
    if (!cluster_.wait_until_settled(60s)) throw TimedOut("the cluster is not well");
    const auto primaries = cluster_.primaries();
    const std::size_t victim = primaries[draw(primaries.size())];
    const auto replicas = cluster_.replicas_of(victim);
    if (replicas.empty()) return;
    const std::vector<bool> its_slots = cluster_.slots_of(victim);
    const auto some = std::find(its_slots.begin(), its_slots.end(), true);
    if (some == its_slots.end()) return;
    const auto some_slot = static_cast<std::uint32_t>(some - its_slots.begin());
    const bool kill = draw(2) == 0;
    const Nanos in_step = replicated_at(cluster_.node(victim), cluster_.node(replicas.front()));
    Failover failover{in_step, kNever, concerning(its_slots)};
    note("node " + std::to_string(cluster_.node(victim).port()) +
         (kill ? " is killed" : " steps down"));
    const auto is_replaced = [&] {
      const auto owner = cluster_.owner_of(some_slot);
      return owner && *owner != victim && cluster_.ok();
    };
    bool replaced = false;
    if (kill) {
      cluster_.node(victim).kill9();
      replaced = eventually(is_replaced, 30s, 20ms);
    } else {
      // Ordered: the old primary stops taking writes first, so nothing is lost; nothing is excused.
      // Without the time for it, it is given up after five seconds.
      for (int attempt = 0; attempt < 5 && !replaced; ++attempt) {
        cluster_.node(replicas.front())("CLUSTER", "FAILOVER");
        replaced = eventually(is_replaced, 6s, 20ms);
      }
    }
    if (!replaced) throw TimedOut("no replica takes over");
    note("it is replaced");
    if (kill) {
      failover.until = now_nanos();
      failovers_.push_back(std::move(failover));
      pause_for(100, 1'500);
      note("it comes back");
      cluster_.bring_back(victim);
    }
    wait_until_settled();
    // What was meant to change is expected; what else has is a surprise.
    std::replace(primaries_.begin(), primaries_.end(), victim,
                 cluster_.owner_of(some_slot).value());
    std::sort(primaries_.begin(), primaries_.end());
  }

  ClusterServers cluster_;
  std::vector<std::size_t> primaries_ = cluster_.primaries();
  Nanos last_look_ = now_nanos();
};

}  // namespace

std::unique_ptr<Disturber> disturb_cluster(Conditions conditions) {
  return std::make_unique<ClusterDisturber>(conditions);
}

}  // namespace pillion::test
