// One identity's subscriptions at one node of the upstream, on one connection (RESP3). Sans-I/O.
//
//   kDown --start--> kConnecting --connected--> kHandshake --accepted--> kLive
//     ^                   |                         |                      |
//     |                   +-------- failed ---------+-------- lost --------+
//     +------------- deadline ------------- kBackoff
//
// On the wire in kHandshake: HELLO 3 [AUTH]; in kLive: (P|S)SUBSCRIBE, (P|S)UNSUBSCRIBE and PING.
// Replies and confirmations are matched to operations_ in order; messages stand between them.
//
// A name is wanted while members of any worker are counted for it. What the upstream has may differ
// from what is wanted for as long as something is under way for the name, or while it was refused;
// otherwise reconcile() sends what is missing. So every order of subscribe, unsubscribe, refusal
// and reconnect ends right.
//
// An error answers a whole command: when it named several names each is asked for alone, to learn
// which is refused. A name refused that was confirmed before is revoked (NOPERM), or tried again
// after a moment (anything else); a request refused is told the upstream's words. Requests survive
// the loss of a connection that had worked, and fail when the next one cannot be made; where
// another node may take the place of this one (`patient`) they wait for that instead.
//
// A shard channel that this node does not own, or owns no longer, is nobody's mistake: the layout
// is doubted, and the name asked for again every little while until it is taken away (take()) and
// put into the link of its owner. What is left of it here, if anything, is given up as a name that
// nobody wants.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/resp/frame_scanner.hpp"
#include "proxy/data/pubsub/census.hpp"
#include "proxy/data/pubsub/delivery.hpp"
#include "proxy/data/pubsub/name_key.hpp"
#include "proxy/data/ring_queue.hpp"
#include "proxy/data/upstream/handshake.hpp"
#include "proxy/net/backoff.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/counters.hpp"
#include "proxy/state/refresh_requests.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::pubsub {

struct Push;

struct LinkOptions {
  IdentityPtr identity;
  std::uint32_t workers = 1;
  std::string upstream;                             // for error texts: "host:port"
  state::Nanos connect_timeout = state::kSecond;    // connect and handshake together
  state::Nanos reply_timeout = 5 * state::kSecond;  // no answer for so long: the link is lost
  state::Nanos probe_after = state::kSecond;        // of silence
  state::Nanos retry_after = state::kSecond;        // a name lost or refused for no lasting reason
  state::Nanos proven_after = 500 * state::kMillisecond;  // live for so long: it had worked
  state::Nanos retry_moved = 50 * state::kMillisecond;    // a shard channel that is elsewhere
  bool patient = false;         // another node may take over: requests outlast failed connections
  bool by_slot = false;         // a cluster: the shard channels of one command have one slot
  std::size_t max_names = 512;  // of one command
  std::size_t max_frame = 64UL << 20;
  std::size_t max_gathered = 8UL << 20;
  net::BackoffPolicy backoff;
};

/// Where a link's deliveries go.
class LinkSink {
 public:
  virtual ~LinkSink() = default;
  /// False while earlier deliveries are not handed out: the link goes on gathering, so that the
  /// busier the workers are, the fewer and larger pieces they get.
  virtual bool takes_deliveries() = 0;
  virtual void on_delivery(std::uint32_t worker, Delivery delivery) = 0;
  /// The node is not there, or not what it was taken for.
  virtual void on_doubt(state::RefreshReason reason) = 0;
};

/// A request of a worker, told once when its last item ended, wherever that was: the names of one
/// request may lie in several links.
struct Asker {
  std::uint32_t worker = 0;
  Ticket ticket = 0;
  std::uint32_t left = 0;
  std::string error = {};  // the first
};
using AskerPtr = std::shared_ptr<Asker>;

/// A worker and how many members of it there are; never 0.
using MemberCounts = std::vector<std::pair<std::uint32_t, std::uint32_t>>;

/// A name on its way from one link to another.
struct CarriedName {
  NameKey key;
  MemberCounts counts;
  bool established = false;
  std::vector<AskerPtr> waiting;
};

class LinkFsm {
 public:
  enum class Status : std::uint8_t { kDown, kConnecting, kHandshake, kLive, kBackoff };
  enum class Action : std::uint8_t { kNone, kConnect, kWrite, kClose };

  LinkFsm(LinkOptions options, LinkSink& sink, Census& census, state::Counters& counters);

  Action start(state::Nanos now);
  Action on_connected(state::Nanos now, state::EndpointId to = state::kNoEndpoint);
  Action on_bytes(std::string_view bytes, state::Nanos now, std::uint64_t random);
  Action on_failed(std::string_view reason, state::Nanos now, std::uint64_t random);
  /// It should be connected to another node: lost as if by a blip.
  Action on_relocated(state::Nanos now);
  Action on_tick(state::Nanos now, std::uint64_t random);
  /// The end: everything is forgotten, nobody is told.
  void close();

  /// Counts one member of `worker` for each name, and asks the upstream for all of them.
  void subscribe(std::uint32_t worker, Ticket ticket, Kind kind, std::span<const std::string> names,
                 state::Nanos now);
  /// Takes one member of `worker` off each name. Settled behind everything the upstream had sent
  /// when it heard of it.
  void unsubscribe(std::uint32_t worker, Ticket ticket, Kind kind,
                   std::span<const std::string> names, state::Nanos now);
  /// The same, with nobody to tell.
  void leave(std::uint32_t worker, Kind kind, std::span<const std::string> names, state::Nanos now);

  /// The part of a request that concerns this link. One more is left of `asker` than it has items,
  /// so that it cannot end half-way: finish() behind the last part.
  void subscribe(const AskerPtr& asker, Kind kind, std::span<const std::string> names,
                 state::Nanos now);
  void unsubscribe(const AskerPtr& asker, Kind kind, std::span<const std::string> names,
                   state::Nanos now);
  void finish(const AskerPtr& asker, std::string_view error);

  bool has(const NameView& name) const { return names_.find(name) != names_.end(); }
  /// Takes out what is wanted of the names that `which` picks, with the requests that wait for it.
  std::vector<CarriedName> take(const std::function<bool(const NameView&)>& which,
                                state::Nanos now);
  void put(std::vector<CarriedName> names, state::Nanos now);
  /// Nothing is wanted any more and nobody will answer: ends the requests there still are.
  void retire();

  /// Hands out what was gathered, if the sink takes it.
  void end_batch();
  /// Hands it out in any case, so that nothing which another link hears later gets ahead of it.
  void hand_out();
  /// So much is gathered that reading should wait.
  bool full() const { return batch_ && batch_->resp3.size() > options_.max_gathered; }

  /// Nothing is wanted and nothing under way, since when; -1: busy.
  state::Nanos idle_since() const { return idle_since_; }

  Status status() const { return status_; }
  const std::string& reason() const { return reason_; }
  std::string_view unwritten() const { return std::string_view(out_).substr(written_); }
  void written(std::size_t n);

 private:
  struct Name {
    const NameKey* key = nullptr;
    MemberCounts counts;
    std::uint32_t under_way = 0;  // operations that name it
    bool subscribed = false;      // as last confirmed
    bool established = false;     // was confirmed since it is wanted
    bool refused = false;         // not asked for again before somebody new wants it
    bool carried_off = false;     // what the census knows of it is another link's affair
    state::Nanos retry_at = 0;
    std::vector<AskerPtr> waiting;  // for a connection, or for the owner of a shard channel
    bool wanted() const { return !counts.empty(); }
  };

  struct Item {
    Name* name;
    AskerPtr asker;  // null: nobody
  };

  struct Operation {
    enum class Type : std::uint8_t { kSubscribe, kUnsubscribe, kPing };
    Type type = Type::kPing;
    Kind kind = Kind::kChannel;
    std::vector<Item> items;  // kPing: one without a name, or none
    std::size_t next = 0;     // the item whose confirmation comes next
    state::Nanos sent_at = 0;
  };

  Name& name_of(const NameView& view);
  /// It is wanted, here.
  void keep(Name& name);
  static void add_members(MemberCounts& counts, std::uint32_t worker, std::uint32_t members);
  void uncount(std::uint32_t worker, Name& name);
  void ask(Kind kind, bool subscribe, std::span<const Item> items, state::Nanos now);
  void ping(AskerPtr asker, state::Nanos now);
  /// A request that changes nothing upstream: settled behind what is under way.
  void fence(const AskerPtr& asker, state::Nanos now);
  void go_live(state::Nanos now);
  /// Sends what is missing, or forgets a name that nobody needs; `name` may be gone afterwards.
  void reconcile(Name& name, state::Nanos now);

  bool on_frame(std::string_view frame, state::Nanos now);  // false: distrust, reason_ says why
  bool on_push(std::string_view frame, state::Nanos now);
  bool on_confirmation(const Push& push, state::Nanos now);
  bool on_reply(std::string_view frame, state::Nanos now);
  void on_refusal(const Operation& operation, std::string_view error, state::Nanos now);
  void set_subscribed(Name& name, bool subscribed);
  void refused(const Item& item, std::string_view error, state::Nanos now);
  void retry_later(Name& name, state::Nanos at);
  void retry_due(state::Nanos now);
  void add_message(std::string_view frame, const Push& push);
  bool distrust(std::string_view reason);

  void settle(std::uint32_t worker, Ticket ticket, std::string error);
  void add_event(std::uint32_t worker, Event event);
  void revoke(Name& name);
  void lose(std::string_view reason);
  void release_connection();
  /// There is no connection, and none to wait for.
  bool hopeless() const;
  void give_up_names();
  std::string unavailable() const;
  void update_idle(state::Nanos now);

  LinkOptions options_;
  LinkSink& sink_;
  Census& census_;
  state::Counters& counters_;

  Status status_ = Status::kDown;
  std::string reason_ = "not connected yet";
  state::EndpointId endpoint_ = state::kNoEndpoint;  // of the latest connection
  bool worked_ = false;                              // it: a blip until proven otherwise
  bool was_live_ = false;
  std::uint32_t attempt_ = 0;
  state::Nanos live_since_ = 0;
  state::Nanos deadline_ = 0;
  state::Nanos last_bytes_at_ = 0;
  state::Nanos idle_since_ = 0;

  std::unique_ptr<upstream::Handshake> handshake_;
  std::string out_;
  std::size_t written_ = 0;
  RingQueue<Operation> operations_;
  resp::FrameScanner scanner_;
  std::string partial_;

  NameMap<Name> names_;
  state::Nanos next_retry_at_ = 0;  // the earliest retry_at of names; 0: none
  std::vector<AskerPtr> fences_;    // for a connection, behind the names that wait

  // Since the last end_batch().
  std::shared_ptr<Batch> batch_;
  bool run_open_ = false;                   // a frame may join the latest run
  std::vector<std::vector<Event>> events_;  // by worker
  std::vector<std::uint8_t> hears_;         // by worker: some run is for it
};

}  // namespace pillion::data::pubsub
