#include "proxy/data/request/learned_spec.hpp"

#include <cstdint>
#include <limits>

#include "protocol/command/table.hpp"

namespace pillion::data::request {
namespace {

bool is_small(std::int64_t value) {
  return value >= std::numeric_limits<std::int8_t>::min() &&
         value <= std::numeric_limits<std::int8_t>::max();
}

std::int8_t narrow(std::int64_t value) {
  return static_cast<std::int8_t>(value);
}

/// keys_of() trusts its rows; these numbers come from a server.
bool has_fixed_keys(const state::LearnedCommand& learned) {
  if (learned.is(state::kLearnedMovableKeys) || learned.first_key < 1 || learned.step < 1 ||
      learned.last_key == 0 || !is_small(learned.first_key) || !is_small(learned.last_key) ||
      !is_small(learned.step) || !is_small(learned.arity)) {
    return false;
  }
  return learned.last_key < 0 || learned.last_key >= learned.first_key;
}

std::uint32_t flags_of(const state::LearnedCommand& learned) {
  struct Pair {
    state::LearnedFlag theirs;
    command::Flag ours;
  };
  constexpr Pair kPairs[] = {{state::kLearnedReadonly, command::kReadonly},
                             {state::kLearnedWrite, command::kWrite},
                             {state::kLearnedBlocking, command::kBlocking},
                             {state::kLearnedPubsub, command::kPubsub},
                             {state::kLearnedAdmin, command::kAdmin},
                             {state::kLearnedMovableKeys, command::kMovableKeys},
                             {state::kLearnedNoScript, command::kNoScript}};
  std::uint32_t flags = 0;
  for (const Pair& pair : kPairs) {
    if (learned.is(pair.theirs)) flags |= pair.ours;
  }
  return flags;
}

}  // namespace

command::Spec spec_of(const state::LearnedCommand& learned) {
  command::Spec spec = command::unknown();
  spec.name = learned.name;
  // The flag kContainer is left out: find_sub() would look for rows that do not exist.
  spec.flags = flags_of(learned);
  if (is_small(learned.arity) && learned.arity != 0) spec.arity = narrow(learned.arity);
  if (learned.is(state::kLearnedPubsub)) {
    spec.route = command::Route::kDisposable;
    return spec;
  }
  if (learned.is(state::kLearnedBlocking)) spec.route = command::Route::kBlock;
  if (learned.is(state::kLearnedContainer)) return spec;

  const bool reads = learned.is(state::kLearnedReadonly) && !learned.is(state::kLearnedWrite);
  if (reads) {
    spec.effect = command::Effect::kNone;
  } else if (learned.is(state::kLearnedWrite) && has_fixed_keys(learned)) {
    spec.effect = command::Effect::kKeys;
  } else {
    return spec;
  }
  if (has_fixed_keys(learned)) {
    spec.key_rule = command::KeyRule::kRange;
    spec.first_key = narrow(learned.first_key);
    spec.last_key = narrow(learned.last_key);
    spec.key_step = narrow(learned.step);
  }
  return spec;
}

}  // namespace pillion::data::request
