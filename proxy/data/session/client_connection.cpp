#include "proxy/data/session/client_connection.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <string_view>
#include <utility>

namespace pillion::data::session {
namespace {

// Beyond this a batch's replies are written before the batch is done.
constexpr std::size_t kFlushAt = 256 * 1024;
constexpr state::Nanos kIdleAfter = state::kSecond;
// What a client keeps between reads without giving it back.
constexpr std::size_t kKeptUnhandled = 16 * 1024;

}  // namespace

ClientConnection::ClientConnection(ClientContext& context, net::Descriptor socket,
                                   const Requester& name, ClientState state)
    : context_(context),
      socket_(std::move(socket)),
      session_(context.session, name, std::move(state)) {}

void ClientConnection::start() {
  if (!context_.readiness.add(socket_.get(), token_of(session_.name()), interest_)) {
    close(state::DisconnectReason::kError);
  }
}

void ClientConnection::on_ready(bool readable, bool writable, bool broken, state::Nanos now) {
  if (closed_) return;
  if (writable) flush(now);
  if (readable && !closed_ && interest_.read) {
    read(now);
  } else if (broken && !closed_) {
    close(state::DisconnectReason::kClient);
  } else {
    context_.registry.service_later(session_.name());
  }
}

void ClientConnection::read(state::Nanos now) {
  std::vector<char>& buffer = context_.buffer;
  const ssize_t n = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
  if (n < 0) {
    if (errno != EINTR && errno != EAGAIN && errno != EWOULDBLOCK)
      close(state::DisconnectReason::kClient);
    return;
  }
  if (n == 0) {
    // What it asked for is still answered, as Redis does for requests that came with the end; but
    // nobody waits for ever for somebody who left.
    ended_ = true;
    if (session_.waits_forever()) {
      close(state::DisconnectReason::kClient);
      return;
    }
    context_.registry.service_later(session_.name());
    return;
  }
  active_at_ = now;
  context_.session.counters.client_bytes_in.add(static_cast<std::uint64_t>(n));
  const std::string_view bytes(buffer.data(), static_cast<std::size_t>(n));
  if (unhandled_.empty()) {
    const std::size_t used = handle(bytes, now);
    if (closed_) return;
    if (used < bytes.size()) unhandled_.assign(bytes.substr(used));
  } else {
    unhandled_.append(bytes);
    handle_unhandled(now);
    if (closed_) return;
  }
  // Written, and closed when it is time, with what other clients are told in this turn.
  context_.registry.service_later(session_.name());
}

void ClientConnection::handle_unhandled(state::Nanos now) {
  const std::size_t used = handle(unhandled_, now);
  if (used == unhandled_.size()) {
    if (unhandled_.capacity() > kKeptUnhandled) {
      std::string().swap(unhandled_);
    } else {
      unhandled_.clear();
    }
  } else {
    unhandled_.erase(0, used);
  }
}

std::size_t ClientConnection::handle(std::string_view bytes, state::Nanos now) {
  state::Counters& counters = context_.session.counters;
  const std::uint64_t hits_before = counters.requests_l1.get();
  std::size_t used = 0;
  while (used < bytes.size()) {
    const std::size_t n = session_.process(bytes.substr(used), now);
    used += n;
    if (session_.output().size() >= kFlushAt) flush(now);
    if (closed_ || n == 0 || session_.blocked() || !session_.wants_input()) break;
  }
  output_full_ = used < bytes.size() && !session_.blocked() && !session_.wants_input();
  if (const std::uint64_t hits = counters.requests_l1.get() - hits_before; hits > 0) {
    counters.latency_l1.observe(state::now() - now, hits);
  }
  return used;
}

void ClientConnection::service(state::Nanos now, Output output) {
  if (closed_) return;
  if (output == Output::kWritten) flush(now);
  if (closed_) return;
  const bool room_again = output_full_ && session_.wants_input();
  if ((session_.take_wakeup() || room_again) && !unhandled_.empty()) {
    handle_unhandled(now);
    if (closed_) return;
    context_.registry.service_later(session_.name());
  }
  update_interest(output);
  if (!session_.output().empty()) return;
  if (session_.finished()) {
    close(session_.close_reason());
  } else if (ended_ && session_.owes_nothing() && !session_.blocked()) {
    // Half a command at the end will never be whole, nor will an open MULTI see its EXEC.
    close(state::DisconnectReason::kClient);
  }
}

void ClientConnection::flush(state::Nanos now) {
  if (const auto reason = session_.aborted()) {
    close(*reason);
    return;
  }
  net::WriteQueue& output = session_.output();
  if (output.empty()) return;
  net::ErrorCode ec;
  const std::size_t written = output.write_some(socket_.get(), ec);
  context_.session.counters.client_bytes_out.add(written);
  if (ec) {
    close(state::DisconnectReason::kClient);
    return;
  }
  if (written > 0) session_.on_output_progress(now);
}

void ClientConnection::update_interest(Output output) {
  // Reading goes on until something has come that cannot be handled yet: a client that waits for
  // its answer costs no change of interest, and what it says next keeps its place among what others
  // say. Who waits for ever is let go of as soon as the client leaves, read or not: the element
  // that a blocked pop would take is somebody else's then.
  const bool read = !ended_ && (session_.wants_input() || unhandled_.empty());
  const bool unwritten = output == Output::kWritten && !session_.output().empty();
  const net::Readiness::Interest wanted{
      .read = read, .write = unwritten, .end = !read && session_.waits_forever()};
  if (!wanted.read || wanted.write) context_.registry.watch(session_.name());
  if (wanted == interest_) return;
  interest_ = wanted;
  context_.readiness.change(socket_.get(), token_of(session_.name()), wanted);
}

void ClientConnection::sweep(state::Nanos now) {
  if (closed_ || now - active_at_ < kIdleAfter || !unhandled_.empty()) return;
  std::string().swap(unhandled_);
  session_.release_memory();
}

void ClientConnection::close(state::DisconnectReason reason) {
  if (std::exchange(closed_, true)) return;
  const auto self = shared_from_this();
  context_.session.counters.client_disconnects[static_cast<std::size_t>(reason)].add();
  context_.session.counters.clients_connected.sub();
  context_.registry.remove(session_.name());
  session_.leave();
  ::shutdown(socket_.get(), SHUT_RDWR);
  socket_.close();
  context_.on_close();
}

}  // namespace pillion::data::session
