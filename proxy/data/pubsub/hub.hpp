// The upstream subscriptions of this process: one link per identity. On the first worker's thread.
//
// A link is made when its identity first subscribes, and closed when it had no names for a while.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/pubsub/census.hpp"
#include "proxy/data/pubsub/couriers.hpp"
#include "proxy/data/pubsub/delivery.hpp"
#include "proxy/data/pubsub/link_fsm.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/counters.hpp"

namespace pillion::data::pubsub {

/// The shell of a link, as the hub needs it.
class LinkPort {
 public:
  virtual ~LinkPort() = default;
  virtual LinkFsm& fsm() = 0;
  virtual void start(state::Nanos now) = 0;
  virtual void on_tick(state::Nanos now) = 0;
  /// Has what the state machine staged written at the turn's end.
  virtual void flush_later() = 0;
  /// Reads again, if it had stopped because the state machine was full.
  virtual void resume() = 0;
  /// The end; nothing is told any more.
  virtual void close() = 0;
};

using LinkFactory = std::function<std::shared_ptr<LinkPort>(std::unique_ptr<LinkFsm>)>;

/// Calls back, on this thread, when every cache link has applied what its server did before now.
using Fence = std::function<void(std::function<void()> then)>;

struct HubOptions {
  LinkOptions link;  // the identity is filled in
  /// Asked before messages are handed out, so that a subscriber who reads what it was told about
  /// finds nothing older in the L1 (COHERENCE I16). Null: there is no L1.
  Fence fence;
  state::Nanos idle_close = 10 * state::kSecond;
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
  void delivered(const upstream::Identity& who, std::uint64_t serial);

  void on_tick(state::Nanos now);
  /// Ends every link; nothing is told any more.
  void close();

  std::size_t links() const { return links_.size(); }

 private:
  class Link;  // one identity's: hands deliveries to the couriers

  Link* find(const upstream::Identity& who);
  Link& link_of(const IdentityPtr& who, state::Nanos now);
  void settle_at_once(std::uint32_t worker, Ticket ticket, const IdentityPtr& who);

  HubOptions options_;
  Couriers& couriers_;
  Census& census_;
  state::Counters& counters_;
  LinkFactory make_link_;
  std::map<upstream::Identity, std::unique_ptr<Link>> links_;
  std::uint64_t next_serial_ = 1;
  bool closed_ = false;
};

}  // namespace pillion::data::pubsub
