// Which keys a command names.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"

namespace pillion::command {

enum class KeySet : std::uint8_t {
  kExact,    // every key the command may read or write is in `keys` (a superset is allowed)
  kUnknown,  // malformed arguments or a rule that cannot tell: treat as any key
};

/// Appends the keys of a command to `keys` (views into the command). For SORT, GEORADIUS, MIGRATE,
/// XREAD and the numkeys forms the tokens decide. Never reads outside the arguments.
///
/// With kUnknown the keys appended so far are a hint only (the declared keys of a script, the list
/// of a SORT that reads others BY pattern). A container's row knows no keys: resolve the subcommand
/// first.
KeySet keys_of(const Spec& spec, const resp::Command& command, std::vector<std::string_view>& keys);

}  // namespace pillion::command
