// CLIENT TRACKING of one client: for the application's own cache (COHERENCE I15).
//
// A tracking client has an upstream connection of its own from ON to OFF, so that what it reads and
// what it is told come from one stream; in front of a cluster one to every primary that owns slots.
// With REDIRECT a second one beside each receives the invalidations, which are handed to the client
// named; the upstream knows our connections, the client knows our ids, and neither meets the
// other's.
//
// A client must never be left with a cache that nobody keeps true. It is closed, as Redis's own end
// closes it, when one of these connections is lost, and when slots go to a node without one; when
// slots move among nodes that have one it is told to forget everything, for what the old owner
// would have said of a key that was not there nobody says any more.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/resp/request_parser.hpp"
#include "proxy/data/session/services.hpp"
#include "proxy/data/upstream/lane.hpp"

namespace pillion::data::session {

/// Where invalidations go when not to the client itself.
struct Redirection {
  std::uint64_t client = 0;  // our id of the target; 0: none
  ClientPlace target;
  bool found = false;        // `target` knows of us
  bool target_left = false;  // nobody is there for the next push
};

/// A connection whose pushes are another client's.
struct Receiver {
  std::shared_ptr<upstream::Lane> lane;
  std::uint64_t id = 0;  // at the upstream
};

/// One server that tracks for the client.
struct TrackedNode {
  state::EndpointId endpoint = state::kNoEndpoint;
  std::shared_ptr<upstream::Lane> lane;
  Receiver receiver;        // with REDIRECT
  Receiver asked_receiver;  // of a CLIENT TRACKING that is unanswered
};

struct TrackingState {
  bool on = false;
  bool broadcast = false;
  bool opt_in = false;
  bool opt_out = false;
  bool broken = false;  // the client redirected to has left
  Redirection redirection;

  // On, or asked for: who tracks. One of them may be the session's lease as well; outside a cluster
  // the only one is.
  std::vector<TrackedNode> nodes;
  bool of_cluster = false;
  // In front of a cluster: CLIENT CACHING was said. It means the next command, and goes ahead of it
  // to the node of its keys.
  bool caching = false;

  // CLIENT TRACKING is unanswered: what holds when it is accepted.
  bool asked = false;
  bool asked_on = false;
  bool asked_broadcast = false;
  bool asked_opt_in = false;
  bool asked_opt_out = false;
  Redirection asked_redirection;
  std::uint64_t owners = 0;  // Director::owners_version() when it was asked

  // The nodes are told something one after the other: the first may refuse, and no more was done.
  bool telling = false;
  std::size_t told = 0;  // how many have accepted it

  TrackedNode* find(state::EndpointId endpoint);
  bool uses(const std::shared_ptr<upstream::Lane>& lane) const;
};

/// What CLIENT TRACKING's arguments say, as far as we must know. Errors are the upstream's to word.
struct TrackingRequest {
  bool on = false;
  bool off = false;  // neither: malformed
  bool broadcast = false;
  bool opt_in = false;
  bool opt_out = false;
  std::uint64_t redirect = 0;
};
TrackingRequest parse_tracking(const resp::Command& command);

/// The same command for the upstream, where the target is known by another id.
std::string with_redirect(const resp::Command& command, std::uint64_t upstream_id);

/// Forget everything: what Redis says when it was flushed.
inline constexpr std::string_view kForgetAll = ">2\r\n$10\r\ninvalidate\r\n_\r\n";

/// `frame`, an invalidation, as a RESP2 subscriber of __redis__:invalidate hears it; empty when it
/// is another push.
std::string invalidation_message(std::string_view frame);

}  // namespace pillion::data::session
