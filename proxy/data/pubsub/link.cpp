#include "proxy/data/pubsub/link.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

#include "proxy/net/backoff.hpp"
#include "proxy/net/dial.hpp"
#include "proxy/net/endpoints.hpp"

namespace pillion::data::pubsub {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;
constexpr int kReadsPerTurn = 16;

}  // namespace

SocketLink::SocketLink(boost::asio::io_context& io, net::TurnEnd& turn_end,
                       const Topology& topology, std::unique_ptr<LinkFsm> fsm,
                       state::EndpointId node)
    : turn_end_(turn_end),
      topology_(topology),
      fsm_(std::move(fsm)),
      node_(node),
      socket_(io),
      buffer_(kBuffer) {}

void SocketLink::start(state::Nanos now) {
  perform(fsm_->start(now));
}

void SocketLink::on_tick(state::Nanos now) {
  if (closed_) return;
  perform(fsm_->on_tick(now, net::random_bits()));
  fsm_->end_batch();
  resume();
}

void SocketLink::relocate(state::Nanos now) {
  if (closed_) return;
  perform(fsm_->on_relocated(now));
  fsm_->end_batch();
}

void SocketLink::close() {
  closed_ = true;
  fsm_->close();
  perform(LinkFsm::Action::kClose);
}

void SocketLink::perform(LinkFsm::Action action) {
  switch (action) {
    case LinkFsm::Action::kNone:
      return;
    case LinkFsm::Action::kConnect:
      connect();
      return;
    case LinkFsm::Action::kWrite:
      flush_later();
      return;
    case LinkFsm::Action::kClose: {
      ++life_;
      waiting_writable_ = false;
      waiting_readable_ = false;
      net::ErrorCode ignored;
      socket_.close(ignored);
      return;
    }
  }
}

void SocketLink::connect() {
  const auto snapshot = topology_.load();
  const state::Endpoint* const to =
      node_ == state::kNoEndpoint ? &snapshot->primary : snapshot->endpoint(node_);
  if (to == nullptr) {
    fail("the upstream has this node no longer");
    return;
  }
  endpoint_ = to->id;
  auto addresses = net::socket_endpoints(*to);
  if (addresses.empty()) {
    const std::string& error = snapshot->resolve_error_of(to->id);
    fail(error.empty() ? "name not resolved yet" : error);
    return;
  }
  ++life_;
  net::dial(socket_, std::move(addresses),
            [self = shared_from_this(), life = life_](const net::ErrorCode& result) {
              if (life != self->life_) return;
              if (result) {
                self->fail(result.message());
                return;
              }
              self->own_ = {state::own_connections(), net::local_name(self->socket_),
                            state::OwnConnections::Role::kInternal};
              self->perform(self->fsm_->on_connected(state::now(), self->endpoint_));
              self->read();
            });
}

void SocketLink::read() {
  waiting_readable_ = true;
  socket_.async_wait(net::Socket::wait_read,
                     [self = shared_from_this(), life = life_](const net::ErrorCode& ec) {
                       if (life != self->life_) return;
                       self->waiting_readable_ = false;
                       if (ec) return;
                       self->drain();
                       self->resume();
                     });
}

void SocketLink::resume() {
  const bool reading =
      fsm_->status() == LinkFsm::Status::kHandshake || fsm_->status() == LinkFsm::Status::kLive;
  if (!closed_ && reading && !waiting_readable_ && !fsm_->full()) read();
}

void SocketLink::drain() {
  const std::uint64_t life = life_;
  // Bounded, so that a flood of messages cannot keep the worker from its clients.
  for (int turn = 0; turn < kReadsPerTurn && life == life_; ++turn) {
    const ssize_t n = ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n > 0) {
      perform(fsm_->on_bytes({buffer_.data(), static_cast<std::size_t>(n)}, state::now(),
                             net::random_bits()));
      if (static_cast<std::size_t>(n) < buffer_.size()) break;
    } else if (n == 0) {
      fail("connection closed by the upstream");
    } else if (errno != EINTR) {
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        fail(net::ErrorCode(errno, boost::system::system_category()).message());
      break;
    }
  }
  fsm_->end_batch();
}

void SocketLink::flush_later() {
  if (flush_wanted_ || closed_ || fsm_->unwritten().empty()) return;
  flush_wanted_ = true;
  turn_end_.add(shared_from_this());
}

void SocketLink::flush() {
  flush_wanted_ = false;
  if (waiting_writable_ || !socket_.is_open()) return;
  while (!fsm_->unwritten().empty()) {
    const std::string_view bytes = fsm_->unwritten();
    const ssize_t n = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n >= 0) {
      fsm_->written(static_cast<std::size_t>(n));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN && errno != EWOULDBLOCK) return;  // the reader reports the end
    waiting_writable_ = true;
    socket_.async_wait(net::Socket::wait_write,
                       [self = shared_from_this(), life = life_](const net::ErrorCode& ec) {
                         if (life != self->life_) return;
                         self->waiting_writable_ = false;
                         if (!ec) self->flush();
                       });
    return;
  }
}

void SocketLink::fail(const std::string& reason) {
  perform(fsm_->on_failed(reason, state::now(), net::random_bits()));
  fsm_->end_batch();
}

LinkFactory socket_links(boost::asio::io_context& io, net::TurnEnd& turn_end,
                         const SocketLink::Topology& topology) {
  return [&io, &turn_end, &topology](std::unique_ptr<LinkFsm> fsm, state::EndpointId node) {
    return std::make_shared<SocketLink>(io, turn_end, topology, std::move(fsm), node);
  };
}

}  // namespace pillion::data::pubsub
