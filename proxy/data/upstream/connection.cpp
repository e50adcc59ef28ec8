#include "proxy/data/upstream/connection.hpp"

#include <sys/socket.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <utility>

#include "proxy/net/dial.hpp"
#include "proxy/net/endpoints.hpp"
#include "proxy/state/raise.hpp"

namespace pillion::data::upstream {
namespace {

constexpr std::size_t kSharedBuffer = 64 * 1024;
constexpr std::size_t kDedicatedBuffer = 16 * 1024;

state::UpstreamError error_label(FailureKind kind) {
  switch (kind) {
    case FailureKind::kRefused:
      return state::UpstreamError::kHandshake;
    case FailureKind::kTimeout:
      return state::UpstreamError::kTimeout;
    case FailureKind::kClosed:
      return state::UpstreamError::kClosed;
    case FailureKind::kProtocol:
      return state::UpstreamError::kProtocol;
    case FailureKind::kConnect:
    case FailureKind::kLimit:
      break;
  }
  return state::UpstreamError::kConnect;
}

}  // namespace

Connection::Connection(UpstreamContext& context, const ChannelKey& key, bool dedicated)
    : context_(context),
      fsm_(ConnectionFsm::Options{key, context.connect_timeout, {}, !dedicated, dedicated}),
      mux_(context.sink, key.readonly),
      socket_(context.io),
      buffer_(dedicated ? kDedicatedBuffer : kSharedBuffer),
      dedicated_(dedicated) {
  if (dedicated_) context_.counters.upstream_dedicated.add();
}

Connection::~Connection() {
  if (counted_) context_.counters.upstream_connections.sub();
  if (dedicated_) context_.counters.upstream_dedicated.sub();
}

void Connection::start(state::Nanos now) {
  perform(fsm_.start(now));
}

void Connection::close() {
  // Whoever still waits is told; there is no next life.
  (void)fsm_.on_failed(FailureKind::kClosed, "connection closed", state::now(), net::random_bits());
  shut();
  mux_.fail({FailureKind::kClosed, "connection closed"});
}

void Connection::perform(ConnectionFsm::Action action) {
  switch (action) {
    case ConnectionFsm::Action::kNone:
      return;
    case ConnectionFsm::Action::kConnect:
      connect();
      return;
    case ConnectionFsm::Action::kSendHandshake: {
      // A fresh socket takes a few hundred bytes at once; if not, the connection is of no use.
      const std::string& request = fsm_.handshake_request();
      const ssize_t n =
          ::send(socket_.native_handle(), request.data(), request.size(), MSG_NOSIGNAL);
      if (n != static_cast<ssize_t>(request.size())) {
        fail(FailureKind::kClosed, "handshake could not be sent");
        return;
      }
      read();
      return;
    }
    case ConnectionFsm::Action::kGoLive:
      go_live();
      return;
    case ConnectionFsm::Action::kFail: {
      context_.counters.upstream_errors[static_cast<std::size_t>(error_label(fsm_.failure_kind()))]
          .add();
      shut();
      const std::string detail = fsm_.last_error();
      const FailureKind kind = fsm_.failure_kind();
      note_failure(kind);
      // A connection that had worked is opened again at once, so that reads which are asked once
      // more find it.
      const state::Nanos now = state::now();
      const bool may = !fsm_.wants_to_connect(now) || context_.reconnects.take(now);
      const auto next = may ? fsm_.on_tick(now, net::random_bits()) : ConnectionFsm::Action::kNone;
      mux_.fail({kind, detail});
      // Later: this may happen inside a session's own turn, which must not be taken up again within
      // it.
      boost::asio::post(context_.io,
                        [&sink = context_.sink, congested = std::exchange(was_congested_, false)] {
                          if (congested) sink.on_uncongested();
                          sink.on_batch_end();
                        });
      perform(next);
      return;
    }
  }
}

void Connection::note_failure(FailureKind kind) {
  if (context_.traffic == nullptr) return;
  auto& counts = context_.traffic->of(fsm_.key().endpoint);
  counts.failures.fetch_add(1, std::memory_order_relaxed);
  if (kind == FailureKind::kTimeout) counts.timeouts.fetch_add(1, std::memory_order_relaxed);
}

void Connection::connect() {
  const auto snapshot = context_.topology.load();
  const state::Endpoint* const endpoint = snapshot->endpoint(fsm_.key().endpoint);
  if (endpoint == nullptr) {
    fail(FailureKind::kConnect, "it is no part of the upstream any more");
    return;
  }
  auto addresses = net::socket_endpoints(*endpoint);
  if (addresses.empty()) {
    const std::string& why = snapshot->resolve_error_of(fsm_.key().endpoint);
    fail(FailureKind::kConnect, why.empty() ? "name not resolved yet" : why);
    return;
  }
  ++life_;
  net::dial(socket_, std::move(addresses),
            [self = shared_from_this(), life = life_](const net::ErrorCode& result) {
              if (life != self->life_ || self->fsm_.status() != ConnectionFsm::Status::kConnecting)
                return;
              if (result) {
                self->fail(FailureKind::kConnect, result.message());
                return;
              }
              self->own_ = {state::own_connections(), net::local_name(self->socket_),
                            state::OwnConnections::Role::kLane};
              self->perform(self->fsm_.on_connected(state::now()));
            });
}

void Connection::go_live() {
  if (!counted_) {
    counted_ = true;
    context_.counters.upstream_connections.add();
    context_.counters.upstream_reconnects.add();
  }
  read();
  flush();
}

void Connection::read() {
  if (reading_ || paused_ || !socket_.is_open()) return;
  reading_ = true;
  socket_.async_read_some(
      boost::asio::buffer(buffer_),
      [self = shared_from_this(), life = life_](const net::ErrorCode& ec, std::size_t n) {
        if (life != self->life_) return;
        self->reading_ = false;
        if (ec) {
          self->fail(FailureKind::kClosed, ec == boost::asio::error::eof
                                               ? "connection closed by the upstream"
                                               : ec.message());
          return;
        }
        self->on_read(n);
      });
}

void Connection::on_read(std::size_t n) {
  context_.counters.upstream_bytes_in.add(n);
  std::string_view bytes(buffer_.data(), n);
  const state::Nanos now = state::now();
  if (fsm_.status() == ConnectionFsm::Status::kHandshake) {
    std::size_t consumed = 0;
    const auto action = fsm_.on_handshake_bytes(bytes, consumed, now, net::random_bits());
    bytes.remove_prefix(consumed);
    perform(action);
    if (fsm_.status() != ConnectionFsm::Status::kLive) {
      if (fsm_.status() == ConnectionFsm::Status::kHandshake) read();
      return;
    }
    if (bytes.empty()) return;
  }
  if (context_.traffic != nullptr)
    context_.traffic->of(fsm_.key().endpoint).successes.fetch_add(1, std::memory_order_relaxed);
  const std::uint64_t life = life_;
  // The client that gets this reply may have more to say.
  if (dedicated_) context_.busy_poll.expect(now);
  const state::Nanos executed = mux_.executed();
  const auto status = mux_.on_bytes(bytes, now);
  if (context_.traffic != nullptr && mux_.executed() != executed)
    state::raise(context_.traffic->of(fsm_.key().endpoint).executed, mux_.executed());
  // Known before the clients are served: one that takes its replies at once says resume() right
  // there.
  if (status == Multiplexer::Status::kPause) paused_ = true;
  context_.sink.on_batch_end();
  if (life != life_ || !socket_.is_open()) return;
  if (status == Multiplexer::Status::kProtocolError) {
    context_.counters.protocol_errors_upstream.add();
    fail(FailureKind::kProtocol, "the upstream's reply does not match its request");
    return;
  }
  read();
}

void Connection::check(state::Nanos now) {
  mux_.submit_check(net::random_bits(), now);
  want_flush();
}

void Connection::resume() {
  if (!std::exchange(paused_, false)) return;
  mux_.reading_again(state::now());
  read();
}

void Connection::flush() {
  flush_wanted_ = false;
  if (congested()) was_congested_ = true;  // somebody may have seen it and waits to be told
  if (fsm_.status() != ConnectionFsm::Status::kLive || waiting_writable_) return;
  while (mux_.unwritten_bytes() > 0) {
    const std::string_view bytes = mux_.unwritten();
    const ssize_t n = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        // The reader will see what the upstream still said, then the end.
        return;
      }
      wait_writable();
      break;
    }
    context_.counters.upstream_bytes_out.add(static_cast<std::uint64_t>(n));
    const bool all = static_cast<std::size_t>(n) == bytes.size();
    mux_.written(static_cast<std::size_t>(n));
    if (!all) {
      wait_writable();
      break;
    }
  }
  if (dedicated_ && !mux_.idle()) context_.busy_poll.expect(state::now());
  if (was_congested_ && mux_.unwritten_bytes() < kHighWater / 4) {
    was_congested_ = false;
    context_.sink.on_uncongested();
  }
}

void Connection::wait_writable() {
  waiting_writable_ = true;
  socket_.async_wait(net::Socket::wait_write,
                     [self = shared_from_this(), life = life_](const net::ErrorCode& ec) {
                       if (life != self->life_) return;
                       self->waiting_writable_ = false;
                       if (!ec) self->flush();
                     });
}

void Connection::on_tick(state::Nanos now) {
  // While we do not read, the upstream is not to blame; the session watches the client that is.
  if (fsm_.accepts_commands() && !paused_ && mux_.overdue(now, context_.time_limits)) {
    fail(FailureKind::kTimeout, "no reply in time");
    return;
  }
  if (retire_at_ != 0 && now >= retire_at_) {
    retire_at_ = 0;
    fail(FailureKind::kClosed, "the upstream's layout has changed");
    return;
  }
  if (fsm_.wants_to_connect(now) && !context_.reconnects.take(now)) return;
  perform(fsm_.on_tick(now, net::random_bits()));
}

void Connection::fail(FailureKind kind, std::string_view detail) {
  const auto self = shared_from_this();  // sinks may drop the last other reference
  perform(fsm_.on_failed(kind, detail, state::now(), net::random_bits()));
}

void Connection::shut() {
  ++life_;
  net::ErrorCode ignored;
  socket_.close(ignored);
  own_ = {};
  reading_ = false;
  paused_ = false;
  waiting_writable_ = false;
  if (std::exchange(counted_, false)) context_.counters.upstream_connections.sub();
}

}  // namespace pillion::data::upstream
