#include "proxy/data/route/router.hpp"

#include <cstddef>
#include <cstdint>
#include <initializer_list>

#include "protocol/cluster/slot.hpp"
#include "protocol/command/keys.hpp"
#include "protocol/command/table.hpp"
#include "protocol/resp/number.hpp"
#include "proxy/data/route/fan_out.hpp"

namespace pillion::route {
namespace {

constexpr std::string_view kMsetArity = "ERR wrong number of arguments for 'mset' command";

/// What is special about a command, by its id.
enum class Peculiarity : std::uint8_t {
  kNone,
  kPrimaryOnly,  // reads that no replica may answer
  kScan,
  kSelect,
  kMset,
  kSlotNumber,  // argument 2 is a slot
};

struct Rules {
  Peculiarity peculiarity = Peculiarity::kNone;
  bool replica_may_answer = false;
  bool key_alone = false;  // argument 1 is its only key, and nothing else is special about it
};

bool may_be_a_replicas(const command::Spec& spec, Peculiarity peculiarity) {
  return spec.is(command::kReadonly) && !spec.is(command::kWrite) &&
         spec.effect == command::Effect::kNone &&
         (spec.route == command::Route::kForward || spec.route == command::Route::kCacheable) &&
         spec.key_rule != command::KeyRule::kNone && spec.key_rule != command::KeyRule::kUnknown &&
         peculiarity != Peculiarity::kPrimaryOnly;
}

/// Worked out once for every command, as they are asked for with each.
const Rules& rules_of(const command::Spec& spec) {
  static const std::vector<Rules> kByCommand = [] {
    std::vector<Rules> table(command::all().size() + 1);
    const auto note = [&table](Peculiarity what, std::initializer_list<std::string_view> names) {
      for (const std::string_view name : names)
        table[command::find_full(name).id].peculiarity = what;
    };
    note(Peculiarity::kPrimaryOnly,
         {"HSCAN", "SSCAN", "ZSCAN", "TOUCH", "OBJECT|ENCODING", "OBJECT|FREQ", "OBJECT|IDLETIME",
          "OBJECT|REFCOUNT", "MEMORY|USAGE"});
    note(Peculiarity::kScan, {"SCAN"});
    note(Peculiarity::kSelect, {"SELECT"});
    note(Peculiarity::kMset, {"MSET"});
    note(Peculiarity::kSlotNumber, {"CLUSTER|COUNTKEYSINSLOT", "CLUSTER|GETKEYSINSLOT"});
    for (const command::Spec& each : command::all()) {
      Rules& rules = table[each.id];
      rules.replica_may_answer = may_be_a_replicas(each, rules.peculiarity);
      rules.key_alone = each.key_rule == command::KeyRule::kRange && each.first_key == 1 &&
                        each.last_key == 1 && split_of(each) == Split::kNone &&
                        (rules.peculiarity == Peculiarity::kNone ||
                         rules.peculiarity == Peculiarity::kPrimaryOnly);
    }
    return table;
  }();
  return kByCommand[spec.id];
}

Destination refused(std::string_view error) {
  Destination destination;
  destination.kind = DestinationKind::kRefused;
  destination.error = error;
  return destination;
}

Destination any_node(const RouteTable& table) {
  Destination destination;
  destination.endpoint = table.any_primary();
  return destination;
}

Destination of_kind(DestinationKind kind) {
  Destination destination;
  destination.kind = kind;
  return destination;
}

Destination to_slot(const RouteTable& table, std::uint16_t slot, bool replica_may_answer) {
  const std::uint16_t shard = table.shard_of(slot);
  if (shard == kNoShard) {
    return {.kind = DestinationKind::kUnserved, .slot = slot, .error = kSlotNotServed};
  }
  return {.kind = DestinationKind::kShard,
          .shard = shard,
          .slot = slot,
          .endpoint = table.primary_of(shard),
          .replica_may_answer = replica_may_answer};
}

bool is_unknown(const command::Spec& spec) {
  return spec.id == command::unknown().id && spec.key_rule == command::KeyRule::kUnknown;
}

Destination to_slot_number(const RouteTable& table, const resp::Command& command) {
  std::int64_t slot = 0;
  if (command.argc() < 3 || !resp::parse_integer(command.arg(2), slot) || slot < 0 ||
      slot >= cluster::kSlotCount) {
    return any_node(table);  // which says what is wrong
  }
  return to_slot(table, static_cast<std::uint16_t>(slot), false);
}

Destination route_by_keys(const RouteTable& table, const command::Spec& spec,
                          const resp::Command& command, Sender sender, bool may_split,
                          std::vector<std::string_view>& keys) {
  const command::KeySet set = command::keys_of(spec, command, keys);
  if (keys.empty() && is_unknown(spec) && command.argc() > 1) keys.push_back(command.arg(1));
  if (keys.empty()) return any_node(table);
  const std::uint16_t slot = cluster::slot_of(keys.front());
  for (std::size_t i = 1; i < keys.size(); ++i) {
    if (cluster::slot_of(keys[i]) == slot) continue;
    return may_split ? of_kind(DestinationKind::kFanOut) : refused(kCrossSlot);
  }
  return to_slot(
      table, slot,
      set == command::KeySet::kExact && replica_may_answer(spec) && sender == Sender::kAlone);
}

Destination route_in_cluster(const RouteTable& table, const command::Spec& spec,
                             const resp::Command& command, Sender sender,
                             std::vector<std::string_view>& keys, std::uint16_t key_slot) {
  const bool alone = sender == Sender::kAlone;
  if (key_slot == kNoSlot) key_slot = key_slot_of(spec, command);
  if (key_slot != kNoSlot) {
    keys.push_back(command.arg(1));
    return to_slot(table, key_slot,
                   alone && table.has_replicas() && rules_of(spec).replica_may_answer);
  }
  switch (rules_of(spec).peculiarity) {
    case Peculiarity::kScan:
      // Too few arguments: any node says so.
      if (alone && command.argc() > 1) return of_kind(DestinationKind::kScan);
      return any_node(table);
    case Peculiarity::kSelect: {
      std::int64_t database = 0;
      if (command.argc() == 2 && resp::parse_integer(command.arg(1), database) && database != 0) {
        return refused(kNoSelect);
      }
      return any_node(table);
    }
    case Peculiarity::kMset:
      // A node would complain of the slots first, where a server alone counts the arguments.
      if (command.argc() % 2 == 0) return refused(kMsetArity);
      break;
    case Peculiarity::kSlotNumber:
      return to_slot_number(table, command);
    case Peculiarity::kNone:
    case Peculiarity::kPrimaryOnly:
      break;
  }
  const Split split = split_of(spec);
  if (split == Split::kAllPrimaries) {
    // With a wrong number of arguments it is one error of one node.
    if (alone && command::arity_ok(spec, command.argc())) {
      return of_kind(DestinationKind::kFanOut);
    }
    return any_node(table);
  }
  return route_by_keys(table, spec, command, sender, alone && split == Split::kBySlot, keys);
}

}  // namespace

bool replica_may_answer(const command::Spec& spec) {
  // Commands that were learnt share the id of the unknown one.
  return spec.id < command::all().size() ? rules_of(spec).replica_may_answer
                                         : may_be_a_replicas(spec, Peculiarity::kNone);
}

std::uint16_t key_slot_of(const command::Spec& spec, const resp::Command& command) {
  if (!rules_of(spec).key_alone || !command::arity_ok(spec, command.argc())) return kNoSlot;
  return cluster::slot_of(command.arg(1));
}

Destination route(const RouteTable& table, const command::Spec& spec, const resp::Command& command,
                  Sender sender, std::vector<std::string_view>& keys, std::uint16_t key_slot) {
  keys.clear();
  if (table.cluster()) return route_in_cluster(table, spec, command, sender, keys, key_slot);
  const bool for_replicas = sender == Sender::kAlone && replica_may_answer(spec) &&
                            command::keys_of(spec, command, keys) == command::KeySet::kExact &&
                            !keys.empty();
  return {.kind = DestinationKind::kShard,
          .endpoint = table.primary_of(0),
          .replica_may_answer = for_replicas};
}

}  // namespace pillion::route
