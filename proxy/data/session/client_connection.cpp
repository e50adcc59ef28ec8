#include "proxy/data/session/client_connection.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <cstring>
#include <utility>

namespace pillion::data::session {
namespace {

// Beyond this a batch's replies are written before the batch is done.
constexpr std::size_t kFlushAt = 256 * 1024;
constexpr state::Nanos kIdleAfter = state::kSecond;
// A gathered command is at most resp::Limits::large_request, plus what one read brings behind it.
constexpr std::size_t kMaxCapacity = (1UL << 20) + 2 * net::BufferPool::kSize;

}  // namespace

ClientConnection::ClientConnection(ClientContext& context, net::Socket socket, const Requester& name,
                                   ClientState state)
    : context_(context),
      socket_(std::move(socket)),
      session_(context.session, name, std::move(state)),
      small_{} {}

void ClientConnection::start() { read(); }

void ClientConnection::read() {
  if (reading_ || closed_ || ended_) return;
  reading_ = true;
  socket_.async_read_some(
      boost::asio::buffer(data() + end_, capacity() - end_),
      [self = shared_from_this()](const net::ErrorCode& ec, std::size_t n) {
        self->reading_ = false;
        if (self->closed_) return;
        if (!ec) {
          self->on_read(n);
          return;
        }
        if (ec == boost::asio::error::operation_aborted && std::exchange(self->shrinking_, false)) {
          self->use_small();
          self->read();
          return;
        }
        if (ec == boost::asio::error::eof && !self->session_.waits_forever()) {
          // What it asked for is still answered, as Redis does for requests that came with the end.
          self->ended_ = true;
          self->run(state::now());
          return;
        }
        self->close(state::DisconnectReason::kClient);
      });
}

void ClientConnection::on_read(std::size_t n) {
  context_.session.counters.client_bytes_in.add(n);
  end_ += n;
  filled_ = end_ == capacity();
  const state::Nanos now = state::now();
  context_.before_batch(now);
  active_at_ = now;
  run(now);
}

void ClientConnection::run(state::Nanos now) {
  state::Counters& counters = context_.session.counters;
  const std::uint64_t hits_before = counters.requests_l1.get();
  while (begin_ < end_) {
    const std::size_t used = session_.process({data() + begin_, end_ - begin_}, now);
    begin_ += used;
    if (begin_ == end_) begin_ = end_ = 0;
    if (session_.output().size() >= kFlushAt) flush(now);
    if (closed_) return;
    if (used == 0 || session_.blocked() || !session_.wants_input()) break;
  }
  if (const std::uint64_t hits = counters.requests_l1.get() - hits_before; hits > 0) {
    counters.latency_l1.observe(state::now() - now, hits);
  }
  // Written, and closed when it is time, with what other clients are told in this turn.
  context_.registry.service_later(session_.name());
  if (ended_) return;
  if (!session_.wants_input()) {
    context_.registry.watch(session_.name());
    return;
  }
  make_room();
  read();
}

void ClientConnection::service(state::Nanos now) {
  if (closed_) return;
  flush(now);
  if (closed_) return;
  if (session_.take_wakeup() && !reading_ && !ended_) {
    run(now);
  } else if (ended_ && begin_ < end_ && session_.blocked()) {
    run(now);
  }
  if (closed_ || !session_.output().empty()) return;
  if (session_.finished()) {
    close(session_.close_reason());
  } else if (ended_ && session_.quiet() && !session_.blocked()) {
    // Half a command at the end will never be whole.
    close(state::DisconnectReason::kClient);
  }
}

void ClientConnection::flush(state::Nanos now) {
  if (const auto reason = session_.aborted()) {
    close(*reason);
    return;
  }
  net::WriteQueue& output = session_.output();
  if (output.empty() || waiting_writable_) return;
  net::ErrorCode ec;
  const std::size_t written = output.write_some(socket_, ec);
  context_.session.counters.client_bytes_out.add(written);
  if (ec) {
    close(state::DisconnectReason::kClient);
    return;
  }
  if (written > 0) session_.on_output_progress(now);
  if (output.empty()) return;
  waiting_writable_ = true;
  context_.registry.watch(session_.name());
  socket_.async_wait(net::Socket::wait_write, [self = shared_from_this()](const net::ErrorCode& failed) {
    self->waiting_writable_ = false;
    if (self->closed_) return;
    if (failed) {
      self->close(state::DisconnectReason::kClient);
      return;
    }
    const state::Nanos later = state::now();
    self->flush(later);
    if (!self->closed_ && !self->reading_) self->run(later);
  });
}

void ClientConnection::make_room() {
  // Who fills the small buffer has more to say than fits: every further read would be a system call
  // for a few commands.
  const bool outgrown = std::exchange(filled_, false) && !large_;
  if (begin_ > 0) {
    std::memmove(data(), data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (!outgrown && capacity() - end_ >= kSmall / 2) return;
  if (!large_) {
    large_ = context_.buffers.take();
    large_capacity_ = net::BufferPool::kSize;
    std::memcpy(large_.get(), small_.data(), end_);
    return;
  }
  const std::size_t larger = std::min(large_capacity_ * 2, kMaxCapacity);
  if (larger <= end_) return;
  net::BufferPool::Buffer grown(new char[larger]);
  std::memcpy(grown.get(), large_.get(), end_);
  if (large_capacity_ == net::BufferPool::kSize) context_.buffers.give(std::move(large_));
  large_ = std::move(grown);
  large_capacity_ = larger;
}

void ClientConnection::use_small() {
  if (!large_ || begin_ != end_) return;
  begin_ = end_ = 0;
  if (large_capacity_ == net::BufferPool::kSize) context_.buffers.give(std::move(large_));
  large_.reset();
  large_capacity_ = 0;
}

void ClientConnection::sweep(state::Nanos now) {
  if (closed_ || now - active_at_ < kIdleAfter || begin_ != end_) return;
  session_.release_memory();
  if (!large_) return;
  if (reading_) {
    shrinking_ = true;
    net::ErrorCode ignored;
    socket_.cancel(ignored);
  } else {
    use_small();
  }
}

void ClientConnection::close(state::DisconnectReason reason) {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();
  context_.session.counters.client_disconnects[static_cast<std::size_t>(reason)].add();
  context_.session.counters.clients_connected.sub();
  net::ErrorCode ignored;
  socket_.shutdown(net::Socket::shutdown_both, ignored);
  socket_.close(ignored);
  context_.registry.remove(session_.name());
  context_.on_close();
}

}  // namespace pillion::data::session
