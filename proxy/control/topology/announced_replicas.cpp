#include "proxy/control/topology/announced_replicas.hpp"

#include <algorithm>

namespace pillion::control {

bool AnnouncedReplicas::note(const std::vector<RoleReply::Replica>& named, state::Nanos now) {
  bool changed = false;
  for (const RoleReply::Replica& replica : named) {
    const auto found = std::find_if(known_.begin(), known_.end(),
                                    [&](const Known& known) { return known.replica == replica; });
    if (found != known_.end()) {
      found->named_at = now;
    } else {
      known_.push_back({replica, now});
      changed = true;
    }
  }
  const auto gone = std::remove_if(known_.begin(), known_.end(), [&](const Known& known) {
    return now - known.named_at > kGrace;
  });
  changed = changed || gone != known_.end();
  known_.erase(gone, known_.end());
  return changed;
}

std::vector<RoleReply::Replica> AnnouncedReplicas::all() const {
  std::vector<RoleReply::Replica> replicas;
  for (const Known& known : known_) replicas.push_back(known.replica);
  return replicas;
}

}  // namespace pillion::control
