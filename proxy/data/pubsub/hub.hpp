// The upstream subscriptions of this process: of each identity one link for channels and patterns,
// and one for the shard channels of every primary of a cluster. On the first worker's thread.
//
// A link is made when its identity first subscribes to a name that belongs there (Placement), and
// closed when it had no names for a while. Names are always in the link of the node they belong to
// by the latest snapshot: when that says something new, they are carried over with the requests
// that wait for them, and a link whose node is a primary no longer ends. The link for channels is
// not bound to a node; when the one it is connected to ceases to be a primary it is connected anew,
// at once if it is broken, after a grace if it works: a replica hears messages too.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/data/pubsub/census.hpp"
#include "proxy/data/pubsub/couriers.hpp"
#include "proxy/data/pubsub/delivery.hpp"
#include "proxy/data/pubsub/link_fsm.hpp"
#include "proxy/data/pubsub/placement.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/counters.hpp"
#include "proxy/state/refresh_requests.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::pubsub {

/// The shell of a link, as the hub needs it.
class LinkPort {
 public:
  virtual ~LinkPort() = default;
  virtual LinkFsm& fsm() = 0;
  virtual void start(state::Nanos now) = 0;
  virtual void on_tick(state::Nanos now) = 0;
  /// The node it is, or was last, connected to; kNoEndpoint: none so far.
  virtual state::EndpointId endpoint() const = 0;
  /// Connects anew, to whoever is the primary now.
  virtual void relocate(state::Nanos now) = 0;
  /// Has what the state machine staged written at the turn's end.
  virtual void flush_later() = 0;
  /// Reads again, if it had stopped because the state machine was full.
  virtual void resume() = 0;
  /// The end; nothing is told any more.
  virtual void close() = 0;
};

/// `node`: whom it is to be connected to; kNoEndpoint: the primary of the latest snapshot.
using LinkFactory =
    std::function<std::shared_ptr<LinkPort>(std::unique_ptr<LinkFsm>, state::EndpointId node)>;

/// Calls back, on this thread, when every cache link has applied what its server did before now.
using Fence = std::function<void(std::function<void()> then)>;

struct HubOptions {
  LinkOptions link;  // the identity is filled in, and what follows from the topology
  /// Asked before messages are handed out, so that a subscriber who reads what it was told about
  /// finds nothing older in the L1 (COHERENCE I16). Null: there is no L1.
  Fence fence;
  /// Asked to look at the layout again; null: nobody does.
  state::RefreshRequests* refresh = nullptr;
  state::Nanos idle_close = 10 * state::kSecond;
  state::Nanos relocate_after = 100 * state::kMillisecond;
};

class Hub {
 public:
  Hub(HubOptions options, Couriers& couriers, Census& census, state::Counters& counters,
      LinkFactory make_link);
  ~Hub();

  /// For fan-outs; what they mean is said in LinkFsm.
  void subscribe(std::uint32_t worker, Ticket ticket, const IdentityPtr& who, Kind kind,
                 const std::vector<std::string>& names, state::Nanos now);
  void unsubscribe(std::uint32_t worker, Ticket ticket, const IdentityPtr& who, Kind kind,
                   const std::vector<std::string>& names, state::Nanos now);
  void leave(std::uint32_t worker, const IdentityPtr& who, Kind kind,
             const std::vector<std::string>& names, state::Nanos now);

  /// A worker handed out one delivery of the link `serial`.
  void delivered(const upstream::Identity& who, state::EndpointId node, std::uint64_t serial);

  void on_topology(const state::TopologySnapshot& snapshot, state::Nanos now);
  void on_tick(state::Nanos now);
  /// Ends every link; nothing is told any more.
  void close();

  std::size_t links() const { return links_.size(); }

 private:
  class Link;  // one identity's at one node: hands deliveries to the couriers
  using Key = std::pair<upstream::Identity, state::EndpointId>;
  using Names = std::vector<std::string>;

  Link* find(const upstream::Identity& who, state::EndpointId node);
  Link& link_of(const IdentityPtr& who, state::EndpointId node, state::Nanos now);
  std::vector<Link*> links_of(const upstream::Identity& who);
  std::map<state::EndpointId, Names> by_node(Kind kind, const Names& names) const;
  /// Settles behind everything that any link of the identity had heard when it was asked.
  void fence(std::uint32_t worker, Ticket ticket, const IdentityPtr& who, Kind kind,
             state::Nanos now);
  void carry_names(state::Nanos now);
  void follow_primary(Link& link, state::Nanos now);
  void doubt(state::RefreshReason reason);
  void settle_at_once(std::uint32_t worker, Ticket ticket, const IdentityPtr& who);

  HubOptions options_;
  Couriers& couriers_;
  Census& census_;
  state::Counters& counters_;
  LinkFactory make_link_;
  Placement placement_;
  std::map<Key, std::unique_ptr<Link>> links_;
  std::uint64_t next_serial_ = 1;
  bool closed_ = false;
};

}  // namespace pillion::data::pubsub
