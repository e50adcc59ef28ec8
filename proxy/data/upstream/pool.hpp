// The upstream connections of one worker, by identity, database and protocol.
//
// A channel is one key's connections: the multiplexed ones that all clients share, and dedicated
// ones that were given back clean and wait for the next lease. Dedicated connections are counted
// against a limit of the worker; idle ones are closed after a while.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/upstream/connection.hpp"

namespace pillion::data::upstream {

class Pool;

class Channel {
 public:
  Channel(UpstreamContext& context, ChannelKey key, std::uint32_t shared_connections)
      : context_(context), key_(std::move(key)), shared_connections_(shared_connections) {}
  ~Channel();

  const ChannelKey& key() const { return key_; }
  bool idle() const;

  /// A multiplexed connection to put commands on: the one with the least outstanding that is not
  /// busy with a large reply. Opened on first use; never null.
  const std::shared_ptr<Connection>& pick(state::Nanos now);

 private:
  friend class Pool;

  struct Idle {
    std::shared_ptr<Connection> connection;
    state::Nanos since;
  };

  UpstreamContext& context_;
  ChannelKey key_;
  std::uint32_t shared_connections_;
  std::vector<std::shared_ptr<Connection>> shared_;
  std::vector<Idle> idle_;
  state::Nanos leased_at_ = 0;
  state::Nanos last_used_ = 0;
};

class Pool : public LaneProvider {
 public:
  struct Options {
    std::uint32_t shared_connections = 1;
    std::uint32_t max_dedicated = 4096;
    std::size_t warm = 2;  // dedicated connections kept ready where they are in use
  };

  Pool(UpstreamContext& context, Options options) : context_(context), options_(options) {}

  std::shared_ptr<Lane> pick(const ChannelKey& key, state::Nanos now) override {
    return channel(key, now).pick(now);
  }
  std::shared_ptr<Lane> lease(const ChannelKey& key, state::Nanos now) override;
  void give_back(const std::shared_ptr<Lane>& lane, LaneCondition condition,
                 state::Nanos now) override;

  void on_tick(state::Nanos now);
  /// Connections to endpoints that left, or that are a primary no longer, end after a moment for
  /// what is under way on them: nobody must wait for a server that has nothing to say any more.
  void on_topology(const state::TopologySnapshot& snapshot, state::Nanos now);
  void close_all();

 private:
  /// Opens dedicated connections ahead of the leases that will want them.
  void warm(Channel& channel, state::Nanos now);
  std::shared_ptr<Connection> open_dedicated(const Channel& channel, state::Nanos now);
  /// Created on first use, dropped when nobody used it for a while.
  Channel& channel(const ChannelKey& key, state::Nanos now);

  UpstreamContext& context_;
  Options options_;
  std::map<ChannelKey, std::unique_ptr<Channel>> channels_;
  // By endpoint: nearly every call asks for the same one of it.
  std::array<Channel*, state::kMaxEndpoints> latest_{};
  std::array<state::NodeRole, state::kMaxEndpoints> roles_{};  // as of the latest snapshot
  std::vector<std::weak_ptr<Connection>> dedicated_;  // all alive, leased or idle; for ticks
};

}  // namespace pillion::data::upstream
