// The Asio shell of a subscription link: a socket, one reader, one writer. On the first worker's
// thread only. Handlers keep the object alive; close() makes them find nothing to do.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/pubsub/hub.hpp"
#include "proxy/net/socket.hpp"
#include "proxy/net/turn_end.hpp"
#include "proxy/state/own_connections.hpp"
#include "proxy/state/published.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::pubsub {

class SocketLink : public LinkPort,
                   public net::Flushable,
                   public std::enable_shared_from_this<SocketLink> {
 public:
  using Topology = state::Published<state::TopologySnapshot>;

  SocketLink(boost::asio::io_context& io, net::TurnEnd& turn_end, const Topology& topology,
             std::unique_ptr<LinkFsm> fsm, state::EndpointId node);

  LinkFsm& fsm() override { return *fsm_; }
  void start(state::Nanos now) override;
  void on_tick(state::Nanos now) override;
  state::EndpointId endpoint() const override { return endpoint_; }
  void relocate(state::Nanos now) override;
  void flush_later() override;
  void resume() override;
  void close() override;

  void flush() override;

 private:
  void perform(LinkFsm::Action action);
  void connect();
  void read();
  void drain();
  void fail(const std::string& reason);

  net::TurnEnd& turn_end_;
  const Topology& topology_;
  std::unique_ptr<LinkFsm> fsm_;
  const state::EndpointId node_;
  state::EndpointId endpoint_ = state::kNoEndpoint;
  net::Socket socket_;
  state::OwnConnections::Entry own_;
  std::vector<char> buffer_;
  std::uint64_t life_ = 0;  // of the socket: late handlers of an earlier one do nothing
  bool flush_wanted_ = false;
  bool waiting_writable_ = false;
  bool waiting_readable_ = false;
  bool closed_ = false;
};

/// What a Hub makes its links with. The arguments outlive the hub.
LinkFactory socket_links(boost::asio::io_context& io, net::TurnEnd& turn_end,
                         const SocketLink::Topology& topology);

}  // namespace pillion::data::pubsub
