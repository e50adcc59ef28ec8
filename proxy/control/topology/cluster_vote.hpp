// From what several nodes of a cluster say to the one layout to go by.
//
// Each slot belongs to the node that most views name as its owner; a tie goes to the view with the
// highest epoch. So a node that was cut off, or has just been reset, changes nothing by itself.
// Views of nodes that say cluster_state:fail (they do not see a majority of primaries, or slots
// without an owner) count only where there are no others. A node is in the layout if a primary by
// those votes, or named by more than half of the views. A primary that has failed and owns nothing
// is left out: it is nobody's.
//
// Shards are numbered in the order of their first slots. Pure.
#pragma once

#include <memory>
#include <vector>

#include "proxy/control/topology/layout.hpp"
#include "proxy/control/topology/parse_cluster.hpp"

namespace pillion::control {

struct ClusterVote {
  Layout layout;
  bool unanimous = true;  // else it is worth asking again soon
};

/// Precondition: at least one view. Slots that are as in `known` come back as that very object.
ClusterVote vote(const std::vector<ClusterView>& views,
                 const std::shared_ptr<const state::SlotMap>& known);

}  // namespace pillion::control
