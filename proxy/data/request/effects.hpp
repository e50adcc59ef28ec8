// What a command does to the L1 once it was answered (COHERENCE I8), in the form a session keeps
// until then. Pure.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/command/keys.hpp"
#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"
#include "proxy/data/cache/cache_key.hpp"

namespace pillion::data::request {

/// From the narrowest to the widest.
enum class EffectKind : std::uint8_t {
  kNone,
  kShown,  // keys that are read past the L1: nothing older of them may be shown from then on
  kKeys,   // keys that are written
  kUnknown,
  kEverything
};

inline bool names_keys(EffectKind kind) {
  return kind == EffectKind::kShown || kind == EffectKind::kKeys;
}

/// The keys are appended to a list of the caller's.
struct Effect {
  EffectKind kind = EffectKind::kNone;
  std::uint32_t keys = 0;  // kShown, kKeys: how many were appended
};

/// Effect of one command; hashes of its keys go to `names`. `keys` is scratch.
Effect effect_of(const command::Spec& spec, const resp::Command& command,
                 std::vector<std::string_view>& keys, std::vector<cache::NameHash>& names);

/// A small set of names that never says no wrongly: which keys have unanswered commands of one
/// session. Cleared when nothing is outstanding (I10).
class NameFilter {
 public:
  void add(cache::NameHash name) { bits_ |= bit(name); }
  void add_all() { bits_ = ~std::uint64_t{0}; }
  bool may_contain(cache::NameHash name) const { return (bits_ & bit(name)) != 0; }
  bool any() const { return bits_ != 0; }
  void clear() { bits_ = 0; }

 private:
  static std::uint64_t bit(cache::NameHash name) { return std::uint64_t{1} << (name & 63U); }
  std::uint64_t bits_ = 0;
};

}  // namespace pillion::data::request
