// The fill links of one worker: one for every endpoint that is read from.
//
// Which these are is said by each snapshot: primaries, and replicas where reads may go to them.
// When the cache is off there are links only where there are replicas to prove the freshness of;
// they carry probes, nothing else. A link whose endpoint left, or changed its role, is closed, and
// all it stored is dead; a replica that now follows another primary has to prove itself anew.
//
// A fence (I8-F) asks the worker's links to primaries that have fetched, and is acknowledged once,
// when all have answered. Links to replicas are not asked: see LinkTable::distrust_replicas.
//
// Ownership: owns its links; who was given one by find() may use it until the loop turn ends. One
// thread.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "proxy/data/fill/fetch_router.hpp"
#include "proxy/data/fill/fill_link.hpp"
#include "proxy/data/fill/invalidator.hpp"
#include "proxy/data/fill/replication_clock.hpp"
#include "proxy/state/data_plane_ops.hpp"

namespace pillion::data::fill {

struct LinkSetOptions {
  std::uint32_t worker = 0;
  FillLinkOptions link;   // of every link; what tells them apart is filled in
  bool cache = true;      // false: nothing is fetched
  bool replicas = false;  // reads may go to replicas (reads.from)
  bool key_affinity = false;
  /// A replica that proved nothing for so long is not read from: max_staleness + reads.max_lag.
  state::Nanos replica_age = state::kSecond;
  /// A replica that says nothing for so long is lost; what was asked there is asked elsewhere.
  state::Nanos replica_reply_timeout = 250 * state::kMillisecond;
};

/// Makes the shell of a link and sets it going.
using LinkMaker = std::function<std::shared_ptr<FillLink>(std::unique_ptr<FillLinkFsm>)>;

/// Links over sockets of this loop.
LinkMaker socket_fill_links(boost::asio::io_context& io, net::TurnEnd& turn_end,
                            const FillLink::Topology& topology);

class LinkSet : public FillSink {
 public:
  /// What is shared with other workers, and who waits for fetches and fences. Outlives the set.
  struct Environment {
    cache::Cache& cache;
    cache::LinkTable& links;
    Invalidator& invalidator;
    ReplicationClocks& replication;
    FillSink& sink;
    state::Counters& counters;
    state::EndpointTraffic* traffic = nullptr;  // null: not counted
  };

  LinkSet(const Environment& environment, LinkSetOptions options, LinkMaker make_link);
  ~LinkSet() override;
  LinkSet(const LinkSet&) = delete;
  LinkSet& operator=(const LinkSet&) = delete;

  void on_topology(const state::TopologySnapshot& snapshot, state::Nanos now);
  void on_tick(state::Nanos now);
  /// I5: applies everything that can be read without waiting, on every link.
  void drain();
  void close();

  /// The link to that endpoint; null when there is none.
  FillLink* find(state::EndpointId endpoint) const {
    const std::size_t at = endpoint;
    return at < by_endpoint_.size() ? by_endpoint_[at] : nullptr;
  }
  /// The same, if it takes fetches at the moment.
  FillLink* fetching(state::EndpointId endpoint) const {
    FillLink* const link = find(endpoint);
    return link != nullptr && link->accepts_fetches() ? link : nullptr;
  }
  /// The same, if scripts may run on it.
  FillLink* running_scripts(state::EndpointId endpoint) const {
    FillLink* const link = find(endpoint);
    return link != nullptr && link->accepts_scripts() ? link : nullptr;
  }

  /// May this endpoint be asked for this key now? A primary always; a replica when it is past all
  /// that must be seen of the key (I17, I18) and not further behind than it may be. Also counts as
  /// use of the replica's link, which is probed only while it is used. False: there is no link.
  bool fresh(state::EndpointId endpoint, cache::NameHash name, state::Nanos now) const;

  /// Of a cluster: this endpoint has the whole of the slot. False: there is no link.
  bool serves(state::EndpointId endpoint, std::uint16_t slot) const {
    const FillLink* const link = find(endpoint);
    return link != nullptr && link->serves(slot);
  }
  /// That primary said that it is giving the slot away: its replicas are not asked for it.
  void note_leaving(state::EndpointId primary, std::uint16_t slot, state::Nanos now) const;

  /// Acknowledged through FillSink::on_fence, once; at once when there is nothing to prove.
  void send_fence(FenceId fence, state::Nanos now);

  /// key_affinity: changes whenever keys belong to other replicas than before (I17).
  std::uint64_t rotations() const { return rotations_; }

  std::vector<state::LinkStats> stats(state::Nanos now) const;

  // FillSink: of the links; passed on.
  void on_fetched(std::span<const cache::Waiter> waiters, const FetchResult& result) override {
    environment_.sink.on_fetched(waiters, result);
  }
  void on_fence(FenceId fence) override;
  bool on_absent(Fetch& fetch, state::EndpointId asked, state::Nanos now) override;
  void on_batch_end() override { environment_.sink.on_batch_end(); }

 private:
  struct Member {
    state::EndpointId endpoint = 0;
    state::NodeRole role = state::NodeRole::kPrimary;
    state::EndpointId primary = state::kNoEndpoint;  // of its shard
    std::string name;
    std::shared_ptr<FillLink> link;
    bool wanted = false;  // by the snapshot under way
  };
  struct Share {  // of the keys
    state::EndpointId replica = state::kNoEndpoint;
    std::uint32_t weight = 0;
    bool near = false;
    bool operator==(const Share&) const = default;
  };
  struct Fence {
    FenceId fence;
    std::uint32_t missing;  // acknowledgements
  };

  void want(const state::TopologySnapshot& snapshot, state::EndpointId endpoint,
            state::NodeRole role, state::EndpointId primary, state::Nanos now);
  void open(const state::Endpoint& endpoint, state::NodeRole role, state::EndpointId primary,
            bool cluster, ReplicationClock* clock);
  void close(Member& member);
  void note_rotation(const state::TopologySnapshot& snapshot, state::Nanos now);
  std::uint64_t view() const;

  Environment environment_;
  LinkSetOptions options_;
  LinkMaker make_link_;
  std::vector<Member> members_;
  std::vector<FillLink*> by_endpoint_;
  std::vector<Fence> fences_;
  std::vector<Share> rotation_;  // replicas that were in rotation, key_affinity only
  std::uint64_t rotations_ = 0;
  state::Nanos latest_tick_ = 0;
};

/// All fetches to one primary: what there is where nothing is spread.
class PrimaryOnly : public FetchRouter {
 public:
  explicit PrimaryOnly(const LinkSet& links) : links_(links) {}

  void use(state::EndpointId primary) { primary_ = primary; }

  FetchRoute link_for(std::span<const FetchName>, state::Nanos) override {
    return {links_.fetching(primary_), false};
  }
  FillLink* link_for_scripts() override { return links_.running_scripts(primary_); }

 private:
  const LinkSet& links_;
  state::EndpointId primary_ = 0;
};

}  // namespace pillion::data::fill
