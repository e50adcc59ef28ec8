// When to ask which nodes of a cluster for its layout, and when to believe them. Decides;
// cluster.hpp performs.
//
// Asking goes in rounds, one at a time: every node is asked, or kMostAsked of them where there are
// many, primaries first, others in turn; while no layout is known, the seeds. A round ends when all
// have answered or failed, or after kPatience with what has come until then (if anything has):
//
//   resting --(poll_every, a request, a hurry)--> asking --(all | patience)--> vote --> resting
//
// Requests (a MOVED, a node that cannot be reached) start a round at once, but no two rounds start
// within kLeastBetween; one during a round is followed by another round. When the views of a round
// disagree, or a primary has failed and nobody has its slots yet, the next ones come in a hurry,
// until that is over or for kHurryFor.
//
// What a round says is believed unless it may be the tale of a node cut off: a single view whose
// epoch is behind what was seen, or views that all say the cluster has failed, of less than half of
// the nodes asked, change nothing once a layout is known.
//
// Pure: no clock of its own, `now` never goes backwards.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "config/config.hpp"
#include "proxy/control/topology/cluster_vote.hpp"
#include "proxy/control/topology/layout.hpp"
#include "proxy/control/topology/parse_cluster.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::control {

/// What the shell does next, and until when it may sleep.
struct ClusterStep {
  std::vector<config::HostPort> ask;
  bool layout = false;            // layout() is another
  state::Nanos confirmed_at = 0;  // not 0: the cluster has confirmed layout() as of then
  state::Nanos wake_at = 0;       // on_timer() then
};

class ClusterFsm {
 public:
  static constexpr std::size_t kAskAll = 7;  // as long as there are no more
  static constexpr std::size_t kMostAsked = 5;
  static constexpr state::Nanos kPatience = 200 * state::kMillisecond;
  static constexpr state::Nanos kLeastBetween = 50 * state::kMillisecond;
  static constexpr state::Nanos kHurryEvery = 100 * state::kMillisecond;
  static constexpr state::Nanos kHurryFor = 5 * state::kSecond;

  struct Settings {
    std::vector<config::HostPort> seeds;
    state::Nanos poll_every = state::kSecond;
  };

  explicit ClusterFsm(Settings settings);

  ClusterStep on_start(state::Nanos now);
  ClusterStep on_view(state::Nanos now, const config::HostPort& node, ClusterView view);
  /// `why` is empty where it could not be asked yet.
  ClusterStep on_failure(state::Nanos now, const config::HostPort& node, const std::string& why);
  ClusterStep on_request(state::Nanos now);
  ClusterStep on_timer(state::Nanos now);

  const Layout& layout() const { return layout_; }
  /// Everybody who may be asked.
  std::vector<config::HostPort> nodes() const;

 private:
  struct Asked {
    config::HostPort node;
    bool ended = false;
  };

  ClusterStep begin(state::Nanos now);
  ClusterStep end(state::Nanos now);
  ClusterStep progress(state::Nanos now);
  std::vector<config::HostPort> choose(state::Nanos now);
  bool believable() const;
  bool take(ClusterVote vote);
  state::Nanos next_round_at(state::Nanos now) const;

  Settings settings_;
  Layout layout_;
  bool asking_ = false;
  bool again_ = false;  // a request came during the round
  bool started_ = false;
  std::vector<Asked> asked_;
  std::vector<ClusterView> views_;
  std::string failure_;  // the latest
  std::map<std::string, state::Nanos> failed_at_;
  std::uint64_t epoch_ = 0;  // the highest believed
  state::Nanos round_at_ = 0;
  bool calm_ = true;  // as of the round believed last
  state::Nanos hurry_until_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace pillion::control
