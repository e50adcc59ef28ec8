// One worker: an io_context, its thread, and everything that lives and dies on it: listeners,
// sessions, upstream connections, fill links. Shared with the other workers: the cache, the link
// table, the cache rules.
#pragma once

#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string_view>
#include <thread>
#include <vector>

#include "config/config.hpp"
#include "proxy/data/cache/cache.hpp"
#include "proxy/data/fill/invalidator.hpp"
#include "proxy/data/fill/link_set.hpp"
#include "proxy/data/pubsub/fanout.hpp"
#include "proxy/data/pubsub/hub.hpp"
#include "proxy/data/request/cache_rules.hpp"
#include "proxy/data/request/director.hpp"
#include "proxy/data/request/reader.hpp"
#include "proxy/data/route/cluster_view.hpp"
#include "proxy/data/session/client_connection.hpp"
#include "proxy/data/session/registry.hpp"
#include "proxy/data/upstream/pool.hpp"
#include "proxy/net/acceptor.hpp"
#include "proxy/net/busy_poll.hpp"
#include "proxy/net/readiness.hpp"
#include "proxy/net/turn_end.hpp"
#include "proxy/state/counters.hpp"
#include "proxy/state/data_plane_ops.hpp"
#include "proxy/state/endpoint_traffic.hpp"
#include "proxy/state/refresh_requests.hpp"

namespace pillion {

/// What the workers of one process have in common. Outlives them.
struct Shared {
  const config::Config& config;
  const config::UpstreamTarget& upstream;
  state::Published<state::TopologySnapshot>& topology;
  state::EndpointTraffic& traffic;
  state::RefreshRequests& refresh;
  const std::string version;
  const std::vector<std::pair<std::string, std::string>> config_values;  // secrets redacted
  const state::Nanos started_at;
  const state::Published<state::LearnedCommands>& learned;
  const std::size_t max_entry_bytes;  // never so much that a few entries fill a cache
  cache::LinkTable links;
  cache::Cache cache;
  data::fill::WriteTokens tokens;
  data::fill::ReplicationClocks replication;
  data::fill::Invalidator invalidator;
  data::session::AllClients all_clients;
  data::pubsub::Census census;
  data::request::ScriptStore scripts;
  data::request::CacheRules rules;
  std::vector<std::string_view> cacheable_commands;
  std::atomic<std::uint64_t> next_client_id{1};
  std::atomic<std::uint32_t> clients{0};
  // What the first worker saw at its latest tick: with one worker the cache has no locks to ask it
  // through.
  std::mutex cache_stats_mutex;
  cache::Stats cache_stats{};

  /// What the planes tell each other of the upstream.
  struct Upstream {
    state::Published<state::TopologySnapshot>& topology;
    state::EndpointTraffic& traffic;
    state::RefreshRequests& refresh;
  };

  Shared(const config::Config& config, const config::UpstreamTarget& target,
         const Upstream& upstream, std::string version,
         const state::Published<state::LearnedCommands>& learned, std::size_t workers);
};

class Worker {
 public:
  /// How this worker reaches the others.
  struct Ways {
    data::session::Peers& peers;
    data::pubsub::Couriers& couriers;
    const state::DataPlaneOps& all;
  };

  Worker(std::uint32_t index, Shared& shared, const Ways& ways);
  ~Worker();  // NOLINT(bugprone-exception-escape): see there

  /// Binds; throws std::system_error. `port` overrides the configured one when not 0 (the first
  /// worker's choice of a free port). Before start().
  void listen(std::uint16_t port);
  std::uint16_t port() const;

  void start();
  /// Stops accepting; clients leave as they fall silent. Any thread.
  void drain();
  /// Ends everything, joins.
  void stop();

  void post(std::function<void(data::session::Registry&)> task);
  /// The hub is the first worker's.
  void post_to_hub(std::function<void(data::pubsub::Hub&)> task);
  void post_to_fanout(std::function<void(data::pubsub::Fanout&)> task);

  const state::Counters& counters() const { return counters_; }
  std::vector<state::LinkStats> link_stats() const;

 private:
  void show_as_cluster(std::string_view host);
  void run();
  void look_for_work();
  void accept(net::Socket socket);
  bool on_look(std::span<const net::Readiness::Event> events);
  void tick();
  void on_topology(state::Nanos now);
  void publish_cache_stats();
  void publish_link_stats();

  const std::uint32_t index_;
  Shared& shared_;
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  state::Counters counters_;
  net::TurnEnd turn_end_;
  net::BusyPoll busy_poll_;
  data::session::Registry registry_;
  data::upstream::UpstreamContext upstream_context_;
  data::upstream::Pool pool_;
  data::pubsub::Fanout fanout_;
  std::unique_ptr<data::pubsub::Hub> hub_;
  data::fill::LinkSet links_;
  data::request::Director director_;
  data::request::Reader reader_;
  data::session::PillionServices pillion_;
  route::ClusterFace cluster_face_;
  data::session::SessionContext session_context_;
  net::Readiness readiness_;
  data::session::ClientContext client_context_;
  std::vector<std::shared_ptr<net::Acceptor>> acceptors_;
  boost::asio::steady_timer timer_;
  std::thread thread_;
  state::Nanos latest_turn_ = 0;
  state::Nanos swept_at_ = 0;
  std::uint64_t topology_version_ = 0;
  bool draining_ = false;

  mutable std::mutex link_stats_mutex_;
  std::vector<state::LinkStats> link_stats_;
};

}  // namespace pillion
