#include "proxy/data/fill/fill_link.hpp"

#include <sys/socket.h>

#include <boost/asio/error.hpp>
#include <cerrno>
#include <utility>

#include "proxy/net/dial.hpp"
#include "proxy/net/endpoints.hpp"

namespace pillion::data::fill {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;
constexpr int kReadsPerTurn = 16;

}  // namespace

FillLink::FillLink(boost::asio::io_context& io, net::TurnEnd& turn_end, const Topology& topology,
                   std::unique_ptr<FillLinkFsm> fsm)
    : turn_end_(turn_end),
      topology_(topology),
      fsm_(std::move(fsm)),
      socket_(io),
      buffer_(kBuffer) {}

void FillLink::start(state::Nanos now) {
  perform(fsm_->start(now));
}

void FillLink::close() {
  closed_ = true;
  fail("shutting down");
}

void FillLink::on_tick(state::Nanos now) {
  if (closed_) return;
  perform(fsm_->on_tick(now, net::random_bits()));
  fsm_->end_batch();
}

void FillLink::perform(FillLinkFsm::Action action) {
  switch (action) {
    case FillLinkFsm::Action::kNone:
      return;
    case FillLinkFsm::Action::kConnect:
      connect();
      return;
    case FillLinkFsm::Action::kWrite:
      want_flush();
      return;
    case FillLinkFsm::Action::kClose: {
      ++life_;
      waiting_writable_ = false;
      net::ErrorCode ignored;
      socket_.close(ignored);
      return;
    }
  }
}

void FillLink::connect() {
  const auto snapshot = topology_.load();
  const state::EndpointId id = fsm_->options().endpoint;
  const state::Endpoint* const endpoint = snapshot->endpoint(id);
  auto addresses =
      endpoint != nullptr ? net::socket_endpoints(*endpoint) : std::vector<net::SocketEndpoint>();
  if (addresses.empty()) {
    const state::Node* const node = snapshot->find(id);
    const std::string& error = node != nullptr ? node->resolve_error : snapshot->resolve_error;
    fail(error.empty() ? "name not resolved yet" : error);
    return;
  }
  ++life_;
  // Of several addresses one that refuses says nothing of the others.
  const bool only = addresses.size() == 1;
  net::dial(socket_, std::move(addresses),
            [self = shared_from_this(), life = life_, only](const net::ErrorCode& result) {
              if (life != self->life_ || self->fsm_->status() != FillLinkFsm::Status::kConnecting)
                return;
              if (only && result == boost::asio::error::connection_refused) {
                self->perform(self->fsm_->on_connect_refused(result.message(), state::now(),
                                                             net::random_bits()));
                self->fsm_->end_batch();
                return;
              }
              if (result) {
                self->fail(result.message());
                return;
              }
              self->own_ = {state::own_connections(), net::local_name(self->socket_),
                            state::OwnConnections::Role::kInternal};
              self->perform(self->fsm_->on_connected(state::now()));
              self->read();
            });
}

void FillLink::read() {
  socket_.async_wait(net::Socket::wait_read,
                     [self = shared_from_this(), life = life_](const net::ErrorCode& ec) {
                       if (life != self->life_ || ec) return;
                       self->drain();
                       self->fsm_->end_batch();
                       if (life == self->life_) self->read();
                     });
}

void FillLink::drain() {
  if (!socket_.is_open()) return;
  const std::uint64_t life = life_;
  // Bounded, so that a flood of invalidations cannot keep the worker from its clients.
  for (int turn = 0; turn < kReadsPerTurn && life == life_; ++turn) {
    const ssize_t n = ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
    if (n > 0) {
      perform(fsm_->on_bytes({buffer_.data(), static_cast<std::size_t>(n)}, state::now(),
                             net::random_bits()));
      if (static_cast<std::size_t>(n) < buffer_.size()) return;
    } else if (n == 0) {
      fail("connection closed by the upstream");
    } else if (errno != EINTR) {
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        fail(net::ErrorCode(errno, boost::system::system_category()).message());
      return;
    }
  }
}

void FillLink::flush() {
  flush_wanted_ = false;
  fsm_->end_turn();
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

void FillLink::fail(const std::string& reason) {
  const auto self = shared_from_this();
  perform(fsm_->on_failed(reason, state::now(), net::random_bits()));
  fsm_->end_batch();
}

}  // namespace pillion::data::fill
