// One upstream connection: the Asio shell around ConnectionFsm and Multiplexer.
//
// Owned by its pool; a session that leases one holds a second reference. Everything runs on the
// worker's thread. Handlers keep the object alive; close() makes them find nothing to do.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/data/reply_sink.hpp"
#include "proxy/data/upstream/connection_fsm.hpp"
#include "proxy/data/upstream/lane.hpp"
#include "proxy/data/upstream/multiplexer.hpp"
#include "proxy/net/busy_poll.hpp"
#include "proxy/net/connect_rate.hpp"
#include "proxy/net/socket.hpp"
#include "proxy/net/turn_end.hpp"
#include "proxy/state/counters.hpp"
#include "proxy/state/endpoint_traffic.hpp"
#include "proxy/state/own_connections.hpp"
#include "proxy/state/published.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::upstream {

/// What all connections of a worker share.
struct UpstreamContext {
  boost::asio::io_context& io;
  ReplySink& sink;
  net::TurnEnd& turn_end;
  net::BusyPoll& busy_poll;
  state::Counters& counters;
  const state::Published<state::TopologySnapshot>& topology;
  state::Nanos connect_timeout;
  TimeLimits time_limits;
  net::ConnectRate reconnects{};              // of the whole worker
  state::EndpointTraffic* traffic = nullptr;  // null: nobody wants to know
};

class Connection : public Lane,
                   public net::Flushable,
                   public std::enable_shared_from_this<Connection> {
 public:
  /// `dedicated`: one requester at a time, one life.
  Connection(UpstreamContext& context, const ChannelKey& key, bool dedicated);
  ~Connection() override;

  void start(state::Nanos now);
  void close() override;

  bool accepts_commands() const override { return fsm_.accepts_commands(); }
  Failure last_failure() const override { return {fsm_.failure_kind(), fsm_.last_error()}; }
  ConnectionFsm::Status status() const { return fsm_.status(); }
  const ChannelKey& key() const { return fsm_.key(); }

  void submit(std::string_view request, const Requester& to, CommandClass command_class,
              TimeLimit limit, state::Nanos now) override {
    mux_.submit(request, to, command_class, limit, now);
    want_flush();
  }
  void begin_large(const Requester& to, state::Nanos now) override { mux_.begin_large(to, now); }
  void append_opaque(std::string_view bytes) override {
    mux_.append_opaque(bytes);
    want_flush();
  }
  /// Before a dedicated connection goes to another client; see Multiplexer::submit_check.
  void check(state::Nanos now);
  void accept_pushes(const Requester& to) override { mux_.accept_pushes(to); }
  std::uint64_t client_id() const override { return fsm_.client_id(); }
  void start_relay(const Requester& to) override { mux_.start_relay(to); }

  bool congested() const override { return mux_.unwritten_bytes() > kHighWater; }
  /// A large reply is under way: new commands belong elsewhere.
  bool streaming() const { return mux_.streaming(); }
  bool others_wait() const override { return mux_.others_wait(); }
  bool idle() const { return mux_.idle(); }
  std::uint64_t outstanding() const { return mux_.outstanding(); }

  void resume() override;

  /// Its endpoint is not what it was connected for any more: what is outstanding has until `at`.
  void retire(state::Nanos at) {
    if (retire_at_ == 0) retire_at_ = at;
  }
  void on_tick(state::Nanos now);
  void flush() override;

  static constexpr std::size_t kHighWater = 4 * 1024 * 1024;

 private:
  void perform(ConnectionFsm::Action action);
  void connect();
  void go_live();
  void read();
  void on_read(std::size_t n);
  void fail(FailureKind kind, std::string_view detail);
  void note_failure(FailureKind kind);
  void shut();
  void want_flush() {
    if (flush_wanted_) return;
    flush_wanted_ = true;
    context_.turn_end.add(shared_from_this());
  }
  void wait_writable();

  UpstreamContext& context_;
  ConnectionFsm fsm_;
  Multiplexer mux_;
  net::Socket socket_;
  state::OwnConnections::Entry own_;
  std::vector<char> buffer_;
  std::uint64_t life_ = 0;      // of the socket: late handlers of an earlier one do nothing
  state::Nanos retire_at_ = 0;  // 0: never
  bool dedicated_;
  bool counted_ = false;  // in the established gauge
  bool flush_wanted_ = false;
  bool waiting_writable_ = false;
  bool was_congested_ = false;
  bool paused_ = false;
  bool reading_ = false;
};

}  // namespace pillion::data::upstream
