#include "tests/support/chaos_proxy.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "tests/support/free_port.hpp"

namespace pillion::test {
namespace {

constexpr std::size_t kQueueLimit = 1 << 20;  // of one direction; then its source is not read

Socket listen_on_free_port(std::uint16_t& port) {
  for (int attempt = 0; attempt < 5; ++attempt) {
    port = free_port();
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    Socket listener(fd);
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        listen(fd, 512) == 0) {
      return listener;
    }
  }
  throw std::runtime_error("the chaos proxy finds no port");
}

std::uint16_t local_port(const Socket& socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  getsockname(socket.fd(), reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin_port);
}

}  // namespace

struct ChaosProxy::Piece {
  Moment due;
  std::string bytes;
};

struct ChaosProxy::Direction {
  std::deque<Piece> queue;
  std::size_t queued = 0;
  bool source_ended = false;
  bool end_passed_on = false;

  bool wants_input() const { return !source_ended && queued < kQueueLimit; }
  bool wants_output(Moment now) const { return !queue.empty() && queue.front().due <= now; }
};

struct ChaosProxy::Connection {
  Socket client;
  Socket upstream;
  std::uint16_t peer_port = 0;
  Direction up;
  Direction down;
  bool frozen = false;
  bool ended = false;   // one side closed and the other was told
  bool broken = false;  // to be reset
};

ChaosProxy::ChaosProxy(std::uint16_t upstream_port, std::uint64_t seed)
    : upstream_port_(upstream_port),
      listener_(listen_on_free_port(port_)),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      random_(seed),
      thread_([this] { run(); }) {}

ChaosProxy::~ChaosProxy() {
  ending_ = true;
  wake();
  thread_.join();
  close(wake_fd_);
}

void ChaosProxy::wake() {
  eventfd_write(wake_fd_, 1);
}

template <class Change>
void ChaosProxy::change(Change&& change) {
  {
    std::lock_guard lock(mutex_);
    change();
  }
  wake();
}

void ChaosProxy::delay(Millis by) {
  change([&] { delay_ = by; });
}

void ChaosProxy::split(bool on) {
  change([&] { split_ = on; });
}

void ChaosProxy::stall(bool on) {
  change([&] { stalled_ = on; });
}

void ChaosProxy::refuse(bool on) {
  change([&] { refusing_ = on; });
}

void ChaosProxy::freeze(std::uint16_t peer_port) {
  change([&] {
    for (auto& connection : connections_) {
      if (connection.peer_port == peer_port) connection.frozen = true;
    }
  });
}

void ChaosProxy::reset(std::uint16_t peer_port) {
  change([&] {
    for (auto& connection : connections_) {
      if (connection.peer_port == peer_port) connection.broken = true;
    }
  });
}

void ChaosProxy::reset_all() {
  change([&] {
    for (auto& connection : connections_) connection.broken = true;
  });
}

std::vector<std::uint16_t> ChaosProxy::connections() const {
  std::lock_guard lock(mutex_);
  std::vector<std::uint16_t> ports;
  for (const auto& connection : connections_) ports.push_back(connection.peer_port);
  return ports;
}

void ChaosProxy::accept_all() {
  while (true) {
    Socket client(accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!client.open()) return;
    ++accepted_;
    if (refusing_) continue;
    const int yes = 1;
    setsockopt(client.fd(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    try {
      Socket upstream = Socket::connect_tcp(upstream_port_);
      connections_.emplace_back();
      Connection& connection = connections_.back();
      connection.peer_port = local_port(upstream);
      connection.client = std::move(client);
      connection.upstream = std::move(upstream);
    } catch (const std::runtime_error&) {
      // The upstream is down: so is whoever asks for it, as the client's closing socket says.
    }
  }
}

void ChaosProxy::receive(Socket& from, Direction& direction) {
  char bytes[64 << 10];
  const std::size_t got = from.receive(bytes, sizeof bytes, Millis{0});
  direction.source_ended = got == 0;
  direction.queued += got;
  const Moment due = Clock::now() + delay_;
  for (std::size_t at = 0; at < got;) {
    const std::size_t piece = split_ ? std::min<std::size_t>(random_() % 16 + 1, got - at) : got;
    direction.queue.push_back({due, std::string(bytes + at, piece)});
    at += piece;
  }
}

/// Passes on what is due. Throws when the receiver is gone.
void ChaosProxy::send(Socket& to, Direction& direction) {
  const Moment now = Clock::now();
  while (direction.wants_output(now)) {
    std::string& bytes = direction.queue.front().bytes;
    const std::size_t sent = to.send_some(bytes);
    direction.queued -= sent;
    if (sent < bytes.size()) {
      bytes.erase(0, sent);
      return;
    }
    direction.queue.pop_front();
  }
  if (direction.source_ended && direction.queue.empty() && !direction.end_passed_on) {
    to.shutdown_write();
    direction.end_passed_on = true;
  }
}

void ChaosProxy::move_bytes(Connection& connection, short client_events, short upstream_events) {
  constexpr short kReadable = POLLIN | POLLHUP | POLLERR;
  try {
    if ((client_events & kReadable) != 0 && connection.up.wants_input()) {
      receive(connection.client, connection.up);
    }
    if ((upstream_events & kReadable) != 0 && connection.down.wants_input()) {
      receive(connection.upstream, connection.down);
    }
    send(connection.upstream, connection.up);
    send(connection.client, connection.down);
  } catch (const std::runtime_error&) {
    connection.broken = true;
  }
  // One side gone is the end of both, as soon as the rest of its words was passed on.
  connection.ended = connection.up.end_passed_on || connection.down.end_passed_on;
}

/// Milliseconds until the first piece of data is due; -1 for no hurry.
int ChaosProxy::next_wait_ms() const {
  if (stalled_) return -1;
  Moment first = Moment::max();
  for (const auto& connection : connections_) {
    if (connection.frozen) continue;
    for (const Direction* direction : {&connection.up, &connection.down}) {
      if (!direction->queue.empty()) first = std::min(first, direction->queue.front().due);
    }
  }
  if (first == Moment::max()) return -1;
  const auto wait = std::chrono::ceil<Millis>(first - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(wait, 0, 1'000));
}

void ChaosProxy::run() {
  std::vector<pollfd> watched;
  std::vector<Connection*> moving;
  while (!ending_) {
    watched = {{wake_fd_, POLLIN, 0}, {listener_.fd(), POLLIN, 0}};
    moving.clear();
    int wait_ms = -1;
    {
      std::lock_guard lock(mutex_);
      const Moment now = Clock::now();
      for (auto& connection : connections_) {
        if (connection.frozen || stalled_) continue;
        const auto events = [&](const Direction& in, const Direction& out) {
          return static_cast<short>((in.wants_input() ? POLLIN : 0) |
                                    (out.wants_output(now) ? POLLOUT : 0));
        };
        watched.push_back({connection.client.fd(), events(connection.up, connection.down), 0});
        watched.push_back({connection.upstream.fd(), events(connection.down, connection.up), 0});
        moving.push_back(&connection);
      }
      wait_ms = next_wait_ms();
    }
    // What is due but cannot be written yet is waited for by POLLOUT, not by the clock.
    const bool writing = std::any_of(watched.begin(), watched.end(), [](const pollfd& entry) {
      return (entry.events & POLLOUT) != 0;
    });
    poll(watched.data(), watched.size(), writing ? 100 : wait_ms);
    if (watched[0].revents != 0) {
      eventfd_t ignored = 0;
      eventfd_read(wake_fd_, &ignored);
    }
    std::lock_guard lock(mutex_);
    for (std::size_t i = 0; i < moving.size(); ++i) {
      if (moving[i]->frozen || stalled_) continue;
      move_bytes(*moving[i], watched[2 + 2 * i].revents, watched[3 + 2 * i].revents);
    }
    for (auto& connection : connections_) {
      if (!connection.broken) continue;
      connection.client.reset();
      connection.upstream.reset();
    }
    connections_.remove_if(
        [](const Connection& connection) { return connection.broken || connection.ended; });
    if (watched[1].revents != 0) accept_all();
  }
}

}  // namespace pillion::test
