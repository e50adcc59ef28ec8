// The Asio shell of a session: reads, writes, ends. On its worker's thread only.
//
//   buffer:   [ used | waiting to be handled | free ]
//              ^0     ^begin_                 ^end_  ^capacity()
//
// An idle client holds only the small buffer inside this object; a client that sends more than fits
// borrows a large one from the worker until it has been silent for a second. A command that is gathered
// whole (up to 1 MiB) grows a buffer of its own.
//
// Ownership: the registry holds the object while it is connected; pending handlers keep it alive.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <memory>

#include "proxy/data/session/registry.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/net/buffer_pool.hpp"
#include "proxy/net/socket.hpp"

namespace pillion::data::session {

/// What all clients of a worker share.
struct ClientContext {
  SessionContext& session;
  Registry& registry;
  net::BufferPool& buffers;
  std::function<void(state::Nanos)> before_batch;  // catches up first when the worker was away (COHERENCE I5)
  std::function<void()> on_close;
};

class ClientConnection : public Client, public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(ClientContext& context, net::Socket socket, const Requester& name, ClientState state);

  void start();

  Session& session() override { return session_; }
  void service(state::Nanos now) override;
  void sweep(state::Nanos now) override;
  void close(state::DisconnectReason reason) override;

 private:
  static constexpr std::size_t kSmall = 512;

  char* data() { return large_ ? large_.get() : small_.data(); }
  std::size_t capacity() const { return large_ ? large_capacity_ : kSmall; }

  void read();
  void on_read(std::size_t n);
  void run(state::Nanos now);
  void flush(state::Nanos now);
  void make_room();
  void use_small();

  ClientContext& context_;
  net::Socket socket_;
  Session session_;
  std::array<char, kSmall> small_;
  net::BufferPool::Buffer large_;
  std::size_t large_capacity_ = 0;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  state::Nanos active_at_ = 0;
  bool reading_ = false;
  bool filled_ = false;     // the latest read left no room
  bool shrinking_ = false;  // the pending read was cancelled to change buffers
  bool waiting_writable_ = false;
  bool ended_ = false;      // the client will send no more
  bool closed_ = false;
};

}  // namespace pillion::data::session
