// The Asio shell of a fill link: a socket to its endpoint, one reader, one writer. On its worker's
// thread only.
//
// It waits for readability and then reads by itself, so that bytes are never in the hands of a read
// that completed but was not delivered yet: drain() may read at any time without overtaking (I2).
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/fill/fill_link_fsm.hpp"
#include "proxy/net/socket.hpp"
#include "proxy/net/turn_end.hpp"
#include "proxy/state/own_connections.hpp"
#include "proxy/state/published.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::fill {

class FillLink : public net::Flushable, public std::enable_shared_from_this<FillLink> {
 public:
  using Topology = state::Published<state::TopologySnapshot>;

  FillLink(boost::asio::io_context& io, net::TurnEnd& turn_end, const Topology& topology,
           std::unique_ptr<FillLinkFsm> fsm);

  void start(state::Nanos now);
  void close();
  void on_tick(state::Nanos now);

  bool accepts_fetches() const { return fsm_->accepts_fetches(); }
  bool accepts_scripts() const { return fsm_->accepts_scripts(); }
  std::uint64_t allowed() const { return fsm_->allowed(); }
  cache::Source source(state::Nanos now) const { return fsm_->source(now); }
  bool fresh(cache::NameHash name, state::Nanos now, state::Nanos max_age) const {
    return fsm_->fresh(name, now, max_age);
  }
  void follow(ReplicationClock* clock, state::Nanos now) { fsm_->follow(clock, now); }
  bool serves(std::uint16_t slot) const { return fsm_->serves(slot); }
  void on_rotation() { fsm_->on_rotation(); }
  void send(Fetch fetch, state::Nanos now) {
    fsm_->send(std::move(fetch), now);
    want_flush();
  }
  void send_fence(FenceId fence, state::Nanos now) {
    fsm_->send_fence(fence, now);
    want_flush();
  }

  /// I5: applies everything that can be read without waiting. For a worker that was away for a
  /// while and is about to serve hits.
  void drain();

  const FillLinkFsm& fsm() const { return *fsm_; }
  void flush() override;

 private:
  void perform(FillLinkFsm::Action action);
  void connect();
  void read();
  void fail(const std::string& reason);
  void want_flush() {
    if (flush_wanted_) return;
    flush_wanted_ = true;
    turn_end_.add(shared_from_this());
  }

  net::TurnEnd& turn_end_;
  const Topology& topology_;
  std::unique_ptr<FillLinkFsm> fsm_;
  net::Socket socket_;
  state::OwnConnections::Entry own_;
  std::vector<char> buffer_;
  std::uint64_t life_ = 0;
  bool flush_wanted_ = false;
  bool waiting_writable_ = false;
  bool closed_ = false;
};

}  // namespace pillion::data::fill
