// One fill link: the only source of cache entries (COHERENCE I1-I7). Sans-I/O.
//
//   kDown --start--> kConnecting --connected--> kHandshake --all accepted--> kUnproven --proof--+
//     ^                   |                          |                      ^   |               v
//     |                   |                          |             unproven |   |             kLive
//     |                   +-- failed ----------------+-- lost, distrust ----|---+               |
//     |                              |                                      +-------------------+
//     +------------ deadline -- kBackoff (or kRefused: the upstream will not do tracking; asked
//                               again rarely)
//
// On the wire in kHandshake: HELLO 3 [AUTH], COMMAND INFO of the allow-list, CLIENT TRACKING ON,
// what a cluster wants, a probe; later: fetches (command + PTTL back to back), SELECT where the
// database changes, probes, PING fences. Replies are matched to operations_ in order. Pushes are
// applied where they stand in the stream, between replies; a waiter is resumed only after its
// answer was stored or discarded (I2).
//
// Trust: becoming live opens a generation in the LinkTable; everything that ends kLive closes it
// first (I3). What a proof is depends on what is at the other end:
//
//   a primary               ROLE says so. synced_at then moves to the send time of each command
//                           whose reply was applied (I4, I4-M).
//   with replicas           INFO replication in place of ROLE: it also names the history and the
//                           offset, which become a sample of the ReplicationClock.
//   a replica               INFO replication, connected, in the clock's history and at least at the
//                           offset of a sample taken at s: synced_at := s. No other reply moves it
//                           (I4-R). The primary's link lost: not live, though the connection stays.
//   a node of a cluster     before that, CLUSTER INFO has to say "ok" and CLUSTER SLOTS that the
//                           node owns (or replicates) slots. No other reply moves synced_at. Slots
//                           that it owned and does not own any more: the generation ends first
//                           (I4-C).
//
// So a standalone primary is live as soon as its probe was answered; kUnproven is where replicas
// wait for their first sample, and nodes for their cluster.
//
// A reply larger than max_entry_bytes is not gathered: its flight is resolved as kTooLarge at once
// and the rest of it is read and dropped; while that lasts the link takes no fetches.
//
// Scripts may run on the link of a primary outside of clusters. Nobody knows what they write, but
// the invalidations they cause stand in this very stream, ahead of the reply to a PING that follows
// the script at once: so the script's reply is proved to be behind them when it is passed on, as by
// a fence (I8-F), without another round trip. The PING says a random number. A server that lets
// scripts forge replies (CVE-2025-67733) gives the link something else there, and then the link is
// lost before any reply could be taken for another's, and runs no scripts any more. What a script
// reads is not tracked. One that takes its time holds nobody up: fetches beside it are lost, which
// means that they are made elsewhere, and no more are taken until it has ended. While it runs, its
// server executes nothing else: commands of others that were asked for later and are executed tell
// that there is no script running, and a reply that does not come then is not waited for longer
// than any other.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/cluster/redirect.hpp"
#include "protocol/resp/frame_scanner.hpp"
#include "proxy/data/cache/cache.hpp"
#include "proxy/data/fill/fetch.hpp"
#include "proxy/data/fill/invalidator.hpp"
#include "proxy/data/fill/replication_clock.hpp"
#include "proxy/data/fill/server_check.hpp"
#include "proxy/data/ring_queue.hpp"
#include "proxy/data/upstream/identity.hpp"
#include "proxy/net/backoff.hpp"
#include "proxy/state/counters.hpp"
#include "proxy/state/endpoint_traffic.hpp"

namespace pillion::data::fill {

using FenceId = std::uint64_t;

/// What a link tells the rest of its worker.
class FillSink {
 public:
  virtual ~FillSink() = default;
  /// Every waiter of one fetch, after the cache was told (I2). `waiters` may be of other workers.
  virtual void on_fetched(std::span<const cache::Waiter> waiters, const FetchResult& result) = 0;
  /// Everything that executed before the fence was asked for has been applied, or the link's
  /// generation ended.
  virtual void on_fence(FenceId fence) = 0;
  /// I4-C: a cluster's replica, `asked`, finds no such key, and its primary may. True: the fetch
  /// goes on there, and all who wait for it with it.
  virtual bool on_absent(Fetch& /*fetch*/, state::EndpointId /*asked*/, state::Nanos /*now*/) {
    return false;
  }
  /// All that one read brought was told: write answers out now.
  virtual void on_batch_end() = 0;
};

struct FillLinkOptions {
  cache::LinkId link = 0;
  state::EndpointId endpoint = 0;
  cache::LinkSource source = cache::LinkSource::kPrimary;
  bool cluster = false;
  bool tracking = true;       // false: no fetches, only probes
  bool key_affinity = false;  // I17 holds per key
  ReplicationClock* clock =
      nullptr;  // of the primary; null: nothing replicates it, as far as known
  state::EndpointTraffic::Counts* traffic = nullptr;  // of the endpoint
  upstream::Identity identity;
  std::size_t max_entry_bytes = 1UL << 20;
  state::Nanos max_staleness = state::kSecond;  // a quarter of it is the probe period
  state::Nanos connect_timeout = state::kSecond;
  state::Nanos reply_timeout = 5 * state::kSecond;    // no answer for so long: the link is lost
  state::Nanos script_timeout = 60 * state::kSecond;  // the same, for scripts that may be running
  std::size_t max_script_reply = 64UL << 20;          // kTooLarge beyond
  std::span<const std::string_view> commands;         // the allow-list, vetoed by the server
  // How long a missing key is believed to be missing at the most. In a cluster a key may come to
  // life on another node without a word from this one (COHERENCE section 8.5).
  state::Nanos max_negative_age = 365L * 24 * 3600 * state::kSecond;
  net::BackoffPolicy backoff;
  state::Nanos proven_after =
      500 * state::kMillisecond;  // a link that lasted so long had worked: back at once
  state::Nanos refused_retry = 5 * state::kSecond;
};

class FillLinkFsm {
 public:
  enum class Status : std::uint8_t {
    kDown,
    kConnecting,
    kHandshake,
    kUnproven,
    kLive,
    kBackoff,
    kRefused
  };
  enum class Action : std::uint8_t { kNone, kConnect, kWrite, kClose };

  FillLinkFsm(FillLinkOptions options, cache::Cache& cache, cache::LinkTable& links,
              Invalidator& invalidator, FillSink& sink, state::Counters& counters);

  Action start(state::Nanos now);
  Action on_connected(state::Nanos now);
  Action on_bytes(std::string_view bytes, state::Nanos now, std::uint64_t random);
  Action on_failed(std::string_view reason, state::Nanos now, std::uint64_t random);
  /// Nobody listens at the endpoint.
  Action on_connect_refused(std::string_view reason, state::Nanos now, std::uint64_t random);
  Action on_tick(state::Nanos now, std::uint64_t random);

  /// Fetches may be sent: live, not busy dropping a reply that was too large, and the upstream
  /// takes what is sent.
  bool accepts_fetches() const {
    return status_ == Status::kLive && !dropping_ && !held_up_ && options_.tracking &&
           out_.size() - written_ <= kMaxStaged;
  }
  /// A Fetch may be a script.
  bool accepts_scripts() const {
    return accepts_fetches() && !replica() && !options_.cluster && !forged_;
  }
  /// Precondition: accepts_fetches(). The fetch's flight is resolved on every path from here.
  ///
  /// I18: a key that was written after it had been decided to ask this replica is not asked for
  /// here: its fetch is lost, which is said by end_turn().
  void send(Fetch fetch, state::Nanos now);
  /// Nothing of this loop turn is under way any more.
  void end_turn();

  /// The replica follows another primary, or the same: what it proved under another is void.
  void follow(ReplicationClock* clock, state::Nanos now);
  /// Keys belong to other replicas now: what is under way counts as read elsewhere (I17).
  void on_rotation();
  /// What is asked for now comes from here.
  cache::Source source(state::Nanos now) const;
  /// This endpoint has what must be seen of the key, and is not further behind than `max_age`.
  bool fresh(cache::NameHash name, state::Nanos now, state::Nanos max_age) const;
  /// Of a cluster: it has the whole slot, and had it when it was current.
  bool serves(std::uint16_t slot) const;
  /// Acknowledged through FillSink::on_fence; at once when there is nothing to wait for.
  void send_fence(FenceId fence, state::Nanos now);

  /// The shell handed over all it had read.
  void end_batch() { sink_.on_batch_end(); }

  /// Bit i: commands[i] may be cached from this server.
  std::uint64_t allowed() const { return allowed_; }

  const FillLinkOptions& options() const { return options_; }
  Status status() const { return status_; }
  const std::string& reason() const { return reason_; }
  std::string_view unwritten() const { return std::string_view(out_).substr(written_); }
  void written(std::size_t n);

 private:
  static constexpr std::size_t kMaxStaged = 4UL << 20;  // and one request more

  enum class Kind : std::uint8_t {
    kHello,
    kCommandInfo,
    kTracking,
    kReadonly,
    kMyId,
    kClusterState,
    kSlots,
    kNodes,
    kRole,  // these two end a probe
    kReplication,
    kSelect,
    kUntracked,  // what the script behind it reads
    kFetch,
    kFence
  };

  struct Operation {
    Kind kind = Kind::kRole;
    state::Nanos sent_at = 0;
    FenceId fence = 0;
    bool overdue = false;  // a fence that was given up; its reply is still to come
    // kFetch:
    std::unique_ptr<Fetch> fetch;
    cache::Generation generation = 0;
    std::uint32_t parts_read = 0;  // 0: nothing, 1: the value, 1 + n: n of the PTTLs, or the PING
    bool dirty = false;            // I6: invalidated while half read
    bool resolved = false;         // its waiters have been told already
    bool refused = false;          // by the node, not for the key's sake
    std::shared_ptr<std::string> value;
    std::vector<std::int64_t> pttls;
  };

  bool replica() const { return options_.source == cache::LinkSource::kReplica; }
  /// I4: whatever is answered renews the lease.
  bool any_reply_proves() const;
  bool connected() const { return status_ == Status::kUnproven || status_ == Status::kLive; }

  Operation& stage(Kind kind, state::Nanos now);
  void stage_probe(state::Nanos now);
  bool probe_due(state::Nanos now);
  void mark_used(state::Nanos now);
  bool on_probe_end(const Operation& operation, std::string_view frame, state::Nanos now);
  bool on_replication(const Operation& operation, std::string_view frame, state::Nanos now);
  void on_slots(std::string_view frame);
  void on_refusal(cluster::RedirectKind kind);
  void prove(state::Nanos synced_at, state::Nanos now);
  void unprove(std::string_view reason);
  bool behind(const Fetch& fetch) const;
  bool on_frame(std::string_view frame, state::Nanos now);  // false: distrust, reason_ says why
  bool on_handshake_reply(const Operation& operation, std::string_view frame);
  static state::Nanos proven_at(const Operation& operation, state::Nanos now);
  bool on_push(std::string_view frame);
  void on_fetch_part(Operation& operation, std::string_view frame, state::Nanos now);
  void end_fetch_part(state::Nanos now);
  void finish(Operation& operation, state::Nanos now);
  void finish_single(Operation& operation, state::Nanos now);
  void finish_multi(Operation& operation, state::Nanos now);
  void finish_refused(Operation& operation);
  void finish_script(Operation& operation);
  void let_others_pass();
  bool passed_by_others(state::Nanos since, state::Nanos now);
  cache::Fill fill_of(const Operation& operation, std::size_t key, bool missing,
                      state::Nanos now) const;
  void note_elsewhere(const Fetch& fetch, state::Nanos now);
  void give_up_too_large(Operation& operation, state::Nanos now);
  void resolve_lost(Operation& operation);
  void resolve_lost(const Fetch& fetch);
  Action on_silence(state::Nanos now, std::uint64_t random);
  void lose();
  bool distrust(std::string_view reason) {
    reason_ = reason;
    return false;
  }

  FillLinkOptions options_;
  cache::Cache& cache_;
  cache::LinkTable& links_;
  Invalidator& invalidator_;
  FillSink& sink_;
  state::Counters& counters_;

  Status status_ = Status::kDown;
  std::string reason_ = "not connected yet";
  state::Nanos dialled_at_ = 0;
  state::Nanos live_since_ = 0;
  std::uint32_t attempt_ = 0;
  std::string id_;            // in its cluster
  SlotSet leaving_;           // that it was giving away when it was last asked
  SlotSet slots_;             // that it owns or replicates, as last confirmed
  bool cluster_ok_ = false;   // of the probe under way
  bool probe_asked_ = false;  // do not wait for the next period
  state::Nanos tried_ = 0;    // the newest sample when the latest probe was sent
  state::Nanos parted_at_ =
      0;                      // a replica: it had lost its primary, as was heard then; 0: it has it
  state::Nanos lost_at_ = 0;  // key_affinity: what it showed until then may be gone from it
  state::Nanos used_until_ = 0;
  std::vector<Fetch> behind_;  // fetches that may not be asked for here any more
  state::Nanos deadline_ = 0;
  std::uint64_t allowed_ = 0;
  bool refused_ = false;

  std::string out_;
  std::size_t written_ = 0;
  RingQueue<Operation> operations_;
  resp::FrameScanner scanner_;
  std::string partial_;
  bool dropping_ = false;          // the frame under way is being dropped
  std::uint32_t scripts_out_ = 0;  // of operations_
  bool timed_out_ = false;         // is why it is being lost
  bool held_up_ = false;           // by one of them
  state::Nanos passed_since_ = 0;  // others' commands are known to be executed meanwhile
  bool forged_ = false;            // something stood where a script's PING is answered
  state::Nanos script_ended_at_ = 0;
  std::uint32_t database_ = 0;
  bool probing_ = false;
  state::Nanos probed_at_ = 0;
  state::Nanos last_bytes_at_ = 0;
  std::vector<cache::Waiter> waiters_;  // scratch
};

}  // namespace pillion::data::fill
