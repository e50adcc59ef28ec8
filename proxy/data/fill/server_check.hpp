// What a fill link asks a server before it trusts it: its role, and its own view of the commands we
// would cache (COHERENCE section 6.2). Pure.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace pillion::data::fill {

/// First element of a ROLE reply: "master", "slave", "sentinel"; empty when malformed.
std::string_view role_of(std::string_view frame);

/// The reply of COMMAND INFO for `names`, in their order -> bit i is set when the server knows
/// names[i] and calls it readonly and neither write, blocking, dont_cache nor
/// nondeterministic_output. A malformed or error reply gives 0: nothing is cached on a guess.
std::uint64_t allowed_commands(std::string_view frame, std::span<const std::string_view> names);

}  // namespace pillion::data::fill
