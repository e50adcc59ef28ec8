// THE command table: every command of Redis 7.0 and the later names we know, one row each.
// A name that is not here is passed on as an uncacheable write with unknown keys.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"

namespace pillion::command {

/// Finds by the name a client sends (argument 0), case-insensitively; unknown names give unknown().
/// "CLIENT|ID" is no such name: a client that sends it gets Redis's own error, see find_full().
/// No allocation; one hash of the first and last eight bytes, about one comparison.
const Spec& find(std::string_view name);

/// Finds by the full name that ACL rules, COMMAND and our configuration use: "get", "client|kill".
const Spec& find_full(std::string_view name);

/// The row of a container's subcommand ("CLIENT", "setname"); the container's row when the
/// subcommand is not in the table.
const Spec& find_sub(const Spec& container, std::string_view subcommand);

/// The row of a whole command: that of its subcommand where it names one.
inline const Spec& row_of(const resp::Command& command) {
  const Spec& found = find(command.name());
  return found.is(kContainer) && command.argc() > 1 ? find_sub(found, command.arg(1)) : found;
}

/// Stands for every name that is not in the table.
const Spec& unknown();

/// All rows, sorted by name; a row's position is its Spec::id, that of unknown() is all().size().
std::span<const Spec> all();

/// Redis's arity rule.
inline bool arity_ok(const Spec& spec, std::size_t argc) {
  return spec.arity >= 0 ? argc == static_cast<std::size_t>(spec.arity)
                         : argc >= static_cast<std::size_t>(-spec.arity);
}

}  // namespace pillion::command
