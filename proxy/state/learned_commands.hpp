// What the upstream says of commands that Pillion's own table does not know: those of modules and
// of newer servers. Immutable once published: the control plane asks, the data plane looks up.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace pillion::state {

/// Flags of COMMAND that decide how a command travels; the others are not kept.
enum LearnedFlag : std::uint32_t {
  kLearnedReadonly = 1U << 0,
  kLearnedWrite = 1U << 1,
  kLearnedBlocking = 1U << 2,
  kLearnedPubsub = 1U << 3,
  kLearnedAdmin = 1U << 4,
  kLearnedMovableKeys = 1U << 5,
  kLearnedNoScript = 1U << 6,
  kLearnedContainer = 1U << 7,  // has subcommands, whose flags may differ from its own
};

struct LearnedCommand {
  std::string name;  // upper case
  std::int64_t arity = -1;
  std::uint32_t flags = 0;     // LearnedFlag bits
  std::int64_t first_key = 0;  // 0: no key at a fixed place
  std::int64_t last_key = 0;   // negative: from the end
  std::int64_t step = 0;

  bool is(LearnedFlag flag) const { return (flags & flag) != 0; }
  bool operator==(const LearnedCommand&) const = default;
};

class LearnedCommands {
 public:
  /// Longer names are not kept.
  static constexpr std::size_t kMaxName = 64;
  static constexpr std::size_t kMaxCommands = 4096;

  /// False when the name is too long or there are too many; the later of two equal names wins.
  bool add(LearnedCommand command) {
    if (command.name.empty() || command.name.size() > kMaxName) return false;
    if (by_name_.size() >= kMaxCommands && by_name_.find(command.name) == by_name_.end())
      return false;
    std::string name = command.name;
    by_name_.insert_or_assign(std::move(name), std::move(command));
    return true;
  }

  /// By the name as a client sends it, in any case; null when the server does not know it either.
  /// The result lives as long as this object. No allocation.
  const LearnedCommand* find(std::string_view name) const {
    if (by_name_.empty() || name.size() > kMaxName) return nullptr;
    char upper[kMaxName];
    for (std::size_t i = 0; i < name.size(); ++i) {
      const char c = name[i];
      upper[i] = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    const auto found = by_name_.find(std::string_view(upper, name.size()));
    return found == by_name_.end() ? nullptr : &found->second;
  }

  std::size_t size() const { return by_name_.size(); }
  bool operator==(const LearnedCommands&) const = default;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const {
      return std::hash<std::string_view>()(name);
    }
  };
  std::unordered_map<std::string, LearnedCommand, Hash, std::equal_to<>> by_name_;
};

}  // namespace pillion::state
