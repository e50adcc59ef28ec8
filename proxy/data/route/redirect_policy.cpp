#include "proxy/data/route/redirect_policy.hpp"

#include <algorithm>

namespace pillion::route {
namespace {

using cluster::RedirectKind;
using state::RefreshReason;

bool names_a_node(RedirectKind kind) {
  return kind == RedirectKind::kMoved || kind == RedirectKind::kAsk;
}

/// Whether what the error says can mean that the layout has changed.
bool wants_refresh(RedirectKind kind) {
  switch (kind) {
    case RedirectKind::kMoved:
    case RedirectKind::kClusterDown:
    case RedirectKind::kMasterDown:
    case RedirectKind::kReadonly:
      return true;
    case RedirectKind::kAsk:
    case RedirectKind::kTryAgain:
    case RedirectKind::kLoading:
      break;
  }
  return false;
}

EndpointId target_of(const RouteTable& table, const Refusal& refusal) {
  const cluster::Redirect& redirect = refusal.redirect;
  return redirect.host.empty() ? table.find_beside(refusal.asked, redirect.port)
                               : table.find(redirect.host, redirect.port);
}

}  // namespace

Decision decide(const RouteTable& table, const Refusal& refusal, Attempts& attempts,
                std::uint64_t random) {
  const RedirectKind kind = refusal.redirect.kind;
  Decision decision;
  decision.reason = reason_of(kind);
  decision.refresh = wants_refresh(kind);
  if (refusal.time_left <= 0) return decision;
  if (names_a_node(kind)) {
    const EndpointId target = target_of(table, refusal);
    if (target != kNoEndpoint && target != refusal.asked) {
      if (attempts.redirections >= kMaxRedirections) return decision;
      ++attempts.redirections;
      decision.next = NextTry::kEndpoint;
      decision.endpoint = target;
      decision.asking = kind == RedirectKind::kAsk;
      return decision;
    }
    decision.refresh = true;
  } else if (refusal.of_replica) {
    decision.next = NextTry::kRoute;
    return decision;
  }
  decision.pause = pause_before(attempts.pauses, random);
  if (decision.pause >= refusal.time_left) return decision;
  ++attempts.pauses;
  decision.next = NextTry::kRoute;
  return decision;
}

state::Nanos pause_before(std::uint32_t n, std::uint64_t random) {
  const state::Nanos step = std::min(kLongestPause, kFirstPause << std::min<std::uint32_t>(n, 10));
  const state::Nanos half = step / 2;
  return half + static_cast<state::Nanos>(random % static_cast<std::uint64_t>(half + 1));
}

RefreshReason reason_of(RedirectKind kind) {
  switch (kind) {
    case RedirectKind::kMoved:
      return RefreshReason::kMoved;
    case RedirectKind::kAsk:
      return RefreshReason::kAsk;
    case RedirectKind::kTryAgain:
      return RefreshReason::kTryAgain;
    case RedirectKind::kClusterDown:
      return RefreshReason::kClusterDown;
    case RedirectKind::kLoading:
      return RefreshReason::kLoading;
    case RedirectKind::kMasterDown:
      return RefreshReason::kMasterDown;
    case RedirectKind::kReadonly:
      break;
  }
  return RefreshReason::kReadonly;
}

}  // namespace pillion::route
