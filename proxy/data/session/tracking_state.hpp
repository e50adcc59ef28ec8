// CLIENT TRACKING of one client: for the application's own cache (COHERENCE I15).
//
// A tracking client has an upstream connection of its own from ON to OFF, so that what it reads and
// what it is told come from one stream. With REDIRECT a second one receives the invalidations,
// which are handed to the client named; the upstream knows our connections, the client knows our
// ids, and neither meets the other's.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/resp/request_parser.hpp"
#include "proxy/data/session/services.hpp"
#include "proxy/data/upstream/lane.hpp"

namespace pillion::data::session {

/// Where invalidations go when not to the client itself.
struct Redirection {
  std::uint64_t client = 0;  // our id of the target; 0: none
  ClientPlace target;
  bool found = false;                        // `target` knows of us
  std::shared_ptr<upstream::Lane> receiver;  // its pushes are the target's
  std::uint64_t receiver_id = 0;             // at the upstream
  bool target_left = false;                  // nobody is there for its next push
};

struct TrackingState {
  bool on = false;
  bool broadcast = false;
  bool broken = false;  // the client redirected to has left
  Redirection redirection;

  // CLIENT TRACKING is unanswered: what holds when it is accepted.
  bool asked = false;
  bool asked_on = false;
  bool asked_broadcast = false;
  Redirection asked_redirection;
};

/// What CLIENT TRACKING's arguments say, as far as we must know. Errors are the upstream's to word.
struct TrackingRequest {
  bool on = false;
  bool off = false;  // neither: malformed
  bool broadcast = false;
  std::uint64_t redirect = 0;
};
TrackingRequest parse_tracking(const resp::Command& command);

/// The same command for the upstream, where the target is known by another id.
std::string with_redirect(const resp::Command& command, std::uint64_t upstream_id);

/// `frame`, an invalidation, as a RESP2 subscriber of __redis__:invalidate hears it; empty when it
/// is another push.
std::string invalidation_message(std::string_view frame);

}  // namespace pillion::data::session
