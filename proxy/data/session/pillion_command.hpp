// The PILLION command, for people who live in redis-cli:
//
//   HELP | INFO | STATS | CACHE GET key | CACHE INVALIDATE key|pattern | CACHE FLUSH | CLIENTS |
//   UPSTREAMS | CONFIG GET glob [glob ...] | HOTKEYS [count]
//
// Answered by the session that got it, on its worker. What only the other workers know (CLIENTS,
// HOTKEYS) the session gathers itself. Nothing goes upstream; nothing is logged. CACHE GET shows
// sizes, never values. Whoever may ask is the session's business: keys of others' reads are in the
// answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/request_parser.hpp"
#include "proxy/data/request/hot_keys.hpp"
#include "proxy/data/session/pillion_report.hpp"

namespace pillion::data::session {

enum class PillionAnswer : std::uint8_t {
  kDone,     // the whole reply was appended
  kClients,  // nothing was appended: gather every worker's client lines, then append_text()
  kHotKeys,  // nothing was appended: gather HotKeys::top() of every worker, then append_hot_keys()
};

/// `hot_keys`: with kHotKeys, how many were asked for (1 to HotKeys::kCounters); else untouched.
/// `protocol`: the client's RESP version.
PillionAnswer answer_pillion(std::string& out, const resp::Command& command, int protocol,
                             const PillionServices& services, state::Nanos now,
                             std::size_t& hot_keys);

/// An array of [key, reads]; "..." stands for what a long key was cut off. Merges the workers'.
void append_hot_keys(std::string& out, const std::vector<std::vector<request::HotKey>>& workers,
                     std::size_t count);

/// Why the command cannot have this name, or nothing. The configuration knows no commands, so
/// whether the name is already one of Redis's is asked here, once, at start. "" (disabled) is fine.
std::optional<std::string> pillion_name_complaint(std::string_view name);

}  // namespace pillion::data::session
