// A command that only the upstream knows, in the form the dispatcher understands. Pure.
#pragma once

#include "protocol/command/spec.hpp"
#include "proxy/state/learned_commands.hpp"

namespace pillion::data::request {

/// Never local, never cacheable; `id` is that of command::unknown().
///   read-only                        Effect::kNone
///   write whose keys are at fixed    Effect::kKeys with KeyRule::kRange: keys_of() finds them
///   places and nowhere else
///   anything else                    Effect::kUnknown (fence): neither flag, no or movable keys,
///                                    subcommands of its own, numbers that make no sense
///   blocking                         Route::kBlock, with the effect as above
///   pub/sub                          Route::kDisposable, Effect::kUnknown: what it does to a
///   connection
///                                    is not known, so it gets one of its own
///   all others                       Route::kForward
/// The name is a view into `learned`: keep the snapshot it came from.
command::Spec spec_of(const state::LearnedCommand& learned);

}  // namespace pillion::data::request
