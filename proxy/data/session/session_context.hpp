// What all sessions of a worker share.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"
#include "proxy/data/fill/invalidator.hpp"
#include "proxy/data/pubsub/census.hpp"
#include "proxy/data/pubsub/fanout.hpp"
#include "proxy/data/request/director.hpp"
#include "proxy/data/request/reader.hpp"
#include "proxy/data/request/script_store.hpp"
#include "proxy/data/route/cluster_view.hpp"
#include "proxy/data/session/pillion_report.hpp"
#include "proxy/data/session/services.hpp"
#include "proxy/data/upstream/lane.hpp"
#include "proxy/net/busy_poll.hpp"
#include "proxy/state/counters.hpp"
#include "proxy/state/learned_commands.hpp"
#include "proxy/state/published.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::session {

/// Commands parsed ahead of being handled, so that the cache lines their lookups need arrive
/// together. One per worker: sessions take turns.
struct Ahead {
  bool busy = false;  // a session's turn is under way
  struct Item {
    resp::Command command;
    const command::Spec* spec = nullptr;
    std::size_t consumed = 0;
    cache::NameHash name = 0;
    bool hashed = false;
    std::uint16_t key_slot = route::kNoSlot;  // of a cluster, where one key alone decides
  };
  std::array<Item, 16> items;
};

/// What a subscribed client may leave unread, as in Redis.
struct SubscriberLimits {
  std::size_t hard = 32UL << 20;
  std::size_t soft = 8UL << 20;  // no longer than soft_time
  state::Nanos soft_time = 60 * state::kSecond;
};

/// Outlives its sessions. References are to things of the worker, or of the whole process.
struct SessionContext {
  upstream::LaneProvider& lanes;
  request::Director& director;
  request::Reader& reader;
  fill::Invalidator& invalidator;
  FenceService& fences;
  Neighbours& neighbours;
  AllClients& all_clients;
  pubsub::Fanout& fanout;
  pubsub::Census& census;
  request::ScriptStore& scripts;
  state::Counters& counters;
  const state::Published<state::TopologySnapshot>& topology;
  std::uint32_t worker = 0;
  bool cache_enabled = true;
  upstream::Identity identity;  // Pillion's own
  std::uint32_t database = 0;   // of upstream.url
  std::string upstream_name;    // for error texts
  state::Nanos command_timeout = 5 * state::kSecond;
  state::Nanos output_stall_timeout = 10 * state::kSecond;
  std::size_t output_limit = 64UL << 20;
  std::uint32_t max_pipeline = 1024;
  std::uint32_t max_fetches = 64;  // of one client at once: together they fit its output limit
  bool auth_required = false;      // the upstream wants a password that Pillion was not given
  SubscriberLimits subscriber_limits{};
  std::uint32_t max_subscriptions = 10000;                            // of one client
  const state::Published<state::LearnedCommands>* learned = nullptr;  // null: nothing is learnt
  const PillionServices* pillion = nullptr;  // null: no section in INFO; no name in it: no command
  net::BusyPoll* busy_poll = nullptr;        // null: workers sleep whenever they can
  const route::ClusterFace* cluster_face = nullptr;  // null: CLUSTER is the upstream's to answer
  Ahead ahead;
};

}  // namespace pillion::data::session
