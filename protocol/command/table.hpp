// THE command table: every command of Redis 7.0 and the later names we know, one row each.
// A name that is not here is passed on as an uncacheable write with unknown keys.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "protocol/command/spec.hpp"

namespace pillion::command {

/// Finds by name, case-insensitively; never null: unknown names give unknown().
/// No allocation; about one comparison (perfect hash or length+first letters).
const Spec& find(std::string_view name);

/// The row of a container's subcommand ("CLIENT", "setname"); the container's row when the
/// subcommand is not in the table.
const Spec& find_sub(const Spec& container, std::string_view subcommand);

/// Stands for every name that is not in the table.
const Spec& unknown();

/// All rows, sorted by name.
std::span<const Spec> all();

/// Redis's arity rule.
inline bool arity_ok(const Spec& spec, std::size_t argc) {
  return spec.arity >= 0 ? argc == static_cast<std::size_t>(spec.arity)
                         : argc >= static_cast<std::size_t>(-spec.arity);
}

}  // namespace pillion::command
