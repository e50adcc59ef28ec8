// The replicas a primary names in its answers to ROLE, followed as they come and go.
//
// A primary forgets a replica with its connection, so one that it does not name any more stays for
// kGrace: it may be back in a moment, and whether it serves meanwhile is its own health's question.
// While the primary does not answer, nothing changes. Pure.
#pragma once

#include <vector>

#include "proxy/control/topology/role_reply.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::control {

class AnnouncedReplicas {
 public:
  static constexpr state::Nanos kGrace = 10 * state::kSecond;

  /// True when all() is another than before.
  bool note(const std::vector<RoleReply::Replica>& named, state::Nanos now);

  /// In the order they appeared in.
  std::vector<RoleReply::Replica> all() const;

 private:
  struct Known {
    RoleReply::Replica replica;
    state::Nanos named_at = 0;
  };
  std::vector<Known> known_;
};

}  // namespace pillion::control
