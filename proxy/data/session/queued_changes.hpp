// Commands between MULTI and EXEC that mean the session as well as the upstream, or the session
// alone: they hold from EXEC's reply, where theirs stands in its array. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/request_parser.hpp"

namespace pillion::data::session {

struct QueuedChange {
  std::uint32_t position = 0;  // of its reply in EXEC's array
  std::string request;         // canonical bytes
};

/// Of one transaction, in the order of their positions.
using QueuedChanges = std::vector<QueuedChange>;

/// Goes through EXEC's reply and calls `apply` for each change with the upstream's reply to it;
/// what `apply` returns takes that reply's place, unless it is empty. Gives the reply for the
/// client; as it is when it is no array (nothing was done).
using ApplyChange =
    std::function<std::string(const resp::Command& command, std::string_view reply)>;
std::string apply_changes(const QueuedChanges& changes, std::string_view exec_reply,
                          const ApplyChange& apply);

}  // namespace pillion::data::session
