// Who of one worker listens to what. On the worker's thread.
//
// Every request travels to the upstream, also for a name that others have already: where its answer
// stands in the link's stream is where the member begins or ends to hear, so a message published
// before is never heard after it, as in Redis. A request is one step: its names become active
// together, when the last is confirmed; when one is refused, none does.
//
// A member's name is counted at the hub from subscribe() on until unsubscribe(), leave(), a refusal
// or a revocation is told to the hub, from here, once.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/data/pubsub/census.hpp"
#include "proxy/data/pubsub/couriers.hpp"
#include "proxy/data/pubsub/delivery.hpp"
#include "proxy/data/pubsub/name_key.hpp"
#include "proxy/data/pubsub/subscription_sink.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/counters.hpp"

namespace pillion::data::pubsub {

struct FanoutOptions {
  std::uint32_t worker = 0;
  state::Nanos command_timeout = 5 * state::kSecond;
  std::string upstream;  // for error texts: "host:port"
};

class Fanout {
 public:
  Fanout(FanoutOptions options, Couriers& couriers, SubscriptionSink& sink, Census& census,
         state::Counters& counters);

  /// All names of one command; the slot of `to` names the request, `to` without its slot the
  /// member. What the member has already is no harm.
  void subscribe(const Requester& to, const upstream::Identity& who, Kind kind,
                 std::span<const std::string_view> names, state::Nanos now);

  /// Settled when the upstream has confirmed, so that a later PUBLISH counts right, or is lost.
  /// Names the member does not have are no harm; no names at all is a request as well.
  void unsubscribe(const Requester& to, const upstream::Identity& who, Kind kind,
                   std::span<const std::string_view> names, state::Nanos now);

  /// The session ended: its requests under way are forgotten, no answer and no message comes.
  void leave(const Requester& member, const upstream::Identity& who, Kind kind,
             std::span<const std::string> names);

  /// Fails requests older than command_timeout.
  void on_tick(state::Nanos now);

  /// From the hub.
  void deliver(const upstream::Identity& who, const Delivery& delivery);

 private:
  enum class State : std::uint8_t {
    kPending,  // asked for; hears nothing yet
    kActive,
    kLeaving,    // active until its request is settled
    kCancelled,  // was pending when its unsubscribe() came
    kGone,       // left while messages were handed out; to be swept
  };
  struct Member {
    Requester who;  // slot 0
    State state;
    Ticket ticket;  // of the request that put it into this state
  };
  struct Entry {
    std::vector<Member> members;
    bool dirty = false;  // has kGone members
  };
  struct Group {
    IdentityPtr who;
    NameMap<Entry> names;
    std::uint32_t requests = 0;  // that point here
  };
  struct Request {
    Requester to;
    Group* group;
    Kind kind;
    bool subscribe;
    std::vector<std::string> names;  // those it changes
    state::Nanos since;
  };

  Group& group_of(const upstream::Identity& who);
  Group* find_group(const upstream::Identity& who);
  Ticket add_request(Request request);
  void end_request(std::map<Ticket, Request>::iterator request, std::string_view error);
  void finish_subscribe(const Request& request, Ticket ticket, bool succeeded);
  void finish_unsubscribe(const Request& request, Ticket ticket);
  void settle(Ticket ticket, std::string_view error);
  void revoke(Group& group, const NameView& name);
  void hand_out(Group& group, const std::shared_ptr<const Batch>& batch, const Run& run);
  void activate(const Group& group, const NameView& name, Member& member);
  /// Takes out every record that `which` picks; what it saw is gone afterwards.
  template <class Which>
  void drop(Group& group, const NameView& name, const Which& which);
  void release(const Group& group, Kind kind, std::vector<std::string> names);
  void forget_requests_of(const Requester& member);

  FanoutOptions options_;
  Couriers& couriers_;
  SubscriptionSink& sink_;
  Census& census_;
  state::Counters& counters_;
  std::map<upstream::Identity, std::unique_ptr<Group>> groups_;
  std::map<Ticket, Request> requests_;  // oldest first
  Ticket next_ticket_ = 1;
  state::Nanos now_ = 0;                // as of the latest call that said it
  const Entry* handing_out_ = nullptr;  // its members must stay where they are
};

}  // namespace pillion::data::pubsub
