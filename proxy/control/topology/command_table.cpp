#include "proxy/control/topology/command_table.hpp"

#include <string>
#include <string_view>
#include <utility>

#include "protocol/command/table.hpp"

namespace pillion::control {
namespace {

// Positions in one command's entry. Redis 6 has no subcommands there.
constexpr std::size_t kName = 0;
constexpr std::size_t kArity = 1;
constexpr std::size_t kFlags = 2;
constexpr std::size_t kFirstKey = 3;
constexpr std::size_t kLastKey = 4;
constexpr std::size_t kStep = 5;
constexpr std::size_t kSubcommands = 9;

std::uint32_t flag_of(std::string_view word) {
  struct Word {
    std::string_view text;
    state::LearnedFlag flag;
  };
  constexpr Word kWords[] = {
      {"readonly", state::kLearnedReadonly}, {"write", state::kLearnedWrite},
      {"blocking", state::kLearnedBlocking}, {"pubsub", state::kLearnedPubsub},
      {"admin", state::kLearnedAdmin},       {"movablekeys", state::kLearnedMovableKeys},
      {"noscript", state::kLearnedNoScript}};
  for (const Word& known : kWords) {
    if (known.text == word) return known.flag;
  }
  return 0;
}

std::string upper_case(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

}  // namespace

state::LearnedCommands learned_commands(const ReplyView& command_reply) {
  state::LearnedCommands learned;
  for (std::size_t i = 0; i < command_reply.size(); ++i) {
    const ReplyView entry = command_reply[i];
    if (entry.size() <= kStep || !entry[kFlags].is_array()) continue;
    const std::string_view name = entry[kName].text();
    if (name.empty() || &command::find(name) != &command::unknown()) continue;
    state::LearnedCommand found;
    found.name = upper_case(name);
    found.arity = entry[kArity].integer();
    found.first_key = entry[kFirstKey].integer();
    found.last_key = entry[kLastKey].integer();
    found.step = entry[kStep].integer();
    const ReplyView flags = entry[kFlags];
    for (std::size_t flag = 0; flag < flags.size(); ++flag) {
      found.flags |= flag_of(flags[flag].text());
    }
    if (entry.size() > kSubcommands && entry[kSubcommands].size() > 0) {
      found.flags |= state::kLearnedContainer;
    }
    learned.add(std::move(found));
  }
  return learned;
}

}  // namespace pillion::control
