// The closed world of cacheable commands (COHERENCE I13, section 6.1): which of them may be
// answered from the L1, and only for arguments whose grammar is fully understood.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "protocol/command/spec.hpp"
#include "protocol/resp/downgrade.hpp"
#include "protocol/resp/request_parser.hpp"

namespace pillion::command {

/// Which age limit bounds an entry of this command (COHERENCE I7).
enum class AgeClass : std::uint8_t { kValue, kHash };

/// What the dispatcher needs to know of a command whose grammar was accepted.
struct CacheRule {
  std::string_view name;  // "GET"
  AgeClass age;
  resp::Shape shape;  // of the plain form; WITHSCORES changes it: CacheForm::shape decides
  bool multi_key;     // MGET: served and filled per key as GET (COHERENCE I12)
};

/// Every cacheable command by its index (Spec::cacheable - 1); at most 64, so that a server's veto
/// fits one 64-bit mask.
std::span<const CacheRule> cache_rules();

/// What the grammar of one concrete command says.
struct CacheForm {
  bool cacheable;     // false: an argument is not understood; send it upstream
  resp::Shape shape;  // of this command with these arguments
};

/// Checks the arguments of an allow-listed command. `spec.cacheable` must not be 0. The key is
/// argument 1 (MGET: arguments 1..n).
CacheForm cache_form(const Spec& spec, const resp::Command& command);

}  // namespace pillion::command
