#include "proxy/state/invariant.hpp"

#ifdef PILLION_BREAKABLE

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

namespace pillion::state {
namespace {

constexpr std::array<std::pair<std::string_view, Invariant>, 22> kNames = {{
    {"I3-generation", Invariant::kI3Generation},
    {"I3-null-push", Invariant::kI3NullPush},
    {"I4-lease", Invariant::kI4Lease},
    {"I4-send-time", Invariant::kI4SendTime},
    {"I4-R-replica", Invariant::kI4Replica},
    {"I4-C-cluster", Invariant::kI4Cluster},
    {"I6-one-version", Invariant::kI6OneVersion},
    {"I7-deadline", Invariant::kI7Deadline},
    {"I8-own-write", Invariant::kI8OwnWrite},
    {"I8-fence", Invariant::kI8Fence},
    {"I8-flush", Invariant::kI8Flush},
    {"I9-poison", Invariant::kI9Poison},
    {"I10-read-order", Invariant::kI10ReadOrder},
    {"I10-write-order", Invariant::kI10WriteOrder},
    {"I12-multi-key", Invariant::kI12MultiKey},
    {"I13-no-errors", Invariant::kI13NoErrors},
    {"I14-database", Invariant::kI14Database},
    {"I14-identity", Invariant::kI14Identity},
    {"I15-pinned", Invariant::kI15Pinned},
    {"I17-monotone", Invariant::kI17Monotone},
    {"I18-tokens", Invariant::kI18Tokens},
    {"INV1-late-reply", Invariant::kInv1LateReply},
}};

Invariant broken_by_environment() {
  const char* const text =
      std::getenv("PILLION_BREAK");  // NOLINT(concurrency-mt-unsafe): read once
  if (text == nullptr || *text == '\0') return Invariant::kNone;
  for (const auto& [name, invariant] : kNames) {
    if (name == text) return invariant;
  }
  std::fprintf(stderr, "PILLION_BREAK: no invariant is called '%s'\n", text);
  std::_Exit(2);
}

}  // namespace

bool holds(Invariant invariant) {
  static const Invariant kBroken = broken_by_environment();
  return invariant != kBroken;
}

}  // namespace pillion::state

#endif
