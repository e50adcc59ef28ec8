// What becomes of a command that a server refused with one of the errors of protocol/cluster. Pure.
//
//   MOVED        at once to the owner it names, and the layout is looked at again
//   ASK          at once to the node it names, behind ASKING; the layout stays
//   TRYAGAIN, CLUSTERDOWN, LOADING, MASTERDOWN, READONLY
//                once more after a pause, where the layout says by then; of a replica: at once from
//                the primary
//
// Every one of them means that nothing was executed, so reads and writes are treated alike. There
// are at most kMaxRedirections MOVED and ASK to one command; pauses are limited by the command's
// deadline alone. In the end the client gets the error that the server gave.
//
// A MOVED or ASK to an address that the snapshot does not know waits like the others until the
// layout was looked at: connections are kept by endpoint, and only the control plane makes
// endpoints. So does a MOVED to the node that sent it, which is between two views.
#pragma once

#include <cstdint>

#include "protocol/cluster/redirect.hpp"
#include "proxy/data/route/route_table.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/refresh_requests.hpp"

namespace pillion::route {

inline constexpr std::uint32_t kMaxRedirections = 5;
inline constexpr state::Nanos kFirstPause = 10 * state::kMillisecond;
inline constexpr state::Nanos kLongestPause = 200 * state::kMillisecond;

/// What happened to one command so far.
struct Attempts {
  std::uint32_t redirections = 0;  // MOVED and ASK that were followed
  std::uint32_t pauses = 0;
};

struct Refusal {
  cluster::Redirect redirect;
  EndpointId asked = kNoEndpoint;  // who gave it; kNoEndpoint: nobody, the slot has no owner
  bool of_replica = false;         // `asked` was chosen as a replica
  state::Nanos time_left = 0;      // until the command's deadline
};

enum class NextTry : std::uint8_t {
  kEndpoint,  // send it to `endpoint`, behind ASKING if `asking`
  kRoute,     // after `pause` route it again, by the snapshot of then, its primary for a read too
  kGiveUp,    // the client gets the server's error
};

struct Decision {
  NextTry next = NextTry::kGiveUp;
  EndpointId endpoint = kNoEndpoint;
  bool asking = false;
  state::Nanos pause = 0;
  bool refresh = false;  // the layout is to be looked at again: RefreshRequests::ask(reason)
  state::RefreshReason reason = state::RefreshReason::kMoved;  // what it was, in any case
};

/// Counts what it decides in `attempts`. `random` is any 64-bit random number.
Decision decide(const RouteTable& table, const Refusal& refusal, Attempts& attempts,
                std::uint64_t random);

/// The pause before trying for the (n+1)-th time: doubling from kFirstPause to kLongestPause, in
/// [half, whole] of that.
state::Nanos pause_before(std::uint32_t n, std::uint64_t random);

state::RefreshReason reason_of(cluster::RedirectKind kind);

}  // namespace pillion::route
