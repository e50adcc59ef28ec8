// The shell of a session: reads, writes, ends. On its worker's thread only.
//
// Bytes are read into a buffer of the worker and handled there; only what cannot be handled yet
// (half a command, commands behind a barrier) is kept by the client, in `unhandled_`. So an idle
// client holds no buffer at all, and a busy one works in memory that stays in the CPU's cache.
//
// Ownership: the registry holds the object while it is connected. It is registered with the
// worker's Readiness under its name's token, so an event for a client that has just left finds
// nobody.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/session/registry.hpp"
#include "proxy/data/session/session.hpp"
#include "proxy/net/descriptor.hpp"
#include "proxy/net/readiness.hpp"

namespace pillion::data::session {

/// What all clients of a worker share.
struct ClientContext {
  SessionContext& session;
  Registry& registry;
  net::Readiness& readiness;
  std::vector<char> buffer;  // what one read takes
  std::function<void()> on_close;
};

class ClientConnection : public Client, public std::enable_shared_from_this<ClientConnection> {
 public:
  ClientConnection(ClientContext& context, net::Descriptor socket, const Requester& name,
                   ClientState state);

  /// Begins to listen to the client.
  void start();

  Session& session() override { return session_; }
  void on_ready(bool readable, bool writable, bool broken, state::Nanos now) override;
  void service(state::Nanos now, Output output) override;
  bool has_input() const override { return !unhandled_.empty() || !interest_.read; }
  void sweep(state::Nanos now) override;
  void close(state::DisconnectReason reason) override;

 private:
  void read(state::Nanos now);
  /// Handles bytes; returns how many were used.
  std::size_t handle(std::string_view bytes, state::Nanos now);
  void handle_unhandled(state::Nanos now);
  void flush(state::Nanos now);
  /// Tells the readiness set what is waited for, when that changed. Called behind a flush: replies
  /// that fit the socket at once never need watching, nor do those that are withheld.
  void update_interest(Output output);

  ClientContext& context_;
  net::Descriptor socket_;
  Session session_;
  std::string unhandled_;
  state::Nanos active_at_ = 0;
  net::Readiness::Interest interest_{.read = true};
  bool output_full_ = false;  // commands wait for the client to take its replies
  bool ended_ = false;        // the client will send no more
  bool closed_ = false;
};

}  // namespace pillion::data::session
