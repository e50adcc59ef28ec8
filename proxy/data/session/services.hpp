// What a session asks of its worker beyond lanes and the L1: fences, and the other clients.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/data/cache/link_table.hpp"
#include "proxy/data/reply_sink.hpp"
#include "proxy/data/request/hot_keys.hpp"
#include "proxy/data/session/pause.hpp"

namespace pillion::data::session {

class Session;
class Client;

/// Asks every fill link to prove that it has seen everything (I8-F), but the one that has proved it
/// already; answered by Session::on_fenced, at once when there is nothing to ask.
class FenceService {
 public:
  virtual ~FenceService() = default;
  virtual void start_fence(const Requester& to, cache::LinkId proven) = 0;
};

/// The clients of one worker, on its thread.
class Population {
 public:
  virtual ~Population() = default;
  virtual std::vector<std::shared_ptr<Client>> clients() = 0;
  virtual std::uint32_t worker() const = 0;
  virtual std::vector<request::HotKey> hot_keys() = 0;
};

/// A client of this process, wherever it lives.
struct ClientPlace {
  std::uint32_t worker = 0;
  Requester name;

  friend bool operator==(const ClientPlace&, const ClientPlace&) = default;
};

/// What a question to all workers brought together, in no order.
struct Gathered {
  struct Item {
    std::uint64_t number = 0;
    std::string text;
  };
  std::vector<Item> items;
  std::vector<ClientPlace> places;
  std::vector<request::HotKey> hot_keys;
};

/// The other clients of this process.
class Neighbours {
 public:
  using Ask = std::function<void(Population&, Gathered&)>;
  using Done = std::function<void(Session&, std::uint64_t slot, Gathered&&)>;

  virtual ~Neighbours() = default;

  /// Runs `ask` on every worker's thread, then `done` on the asking session's, if it is still
  /// there. With one worker all of it happens before the call returns.
  virtual void gather(const Requester& to, Ask ask, Done done) = 0;
  /// Hands a RESP3 push frame to another client (CLIENT TRACKING REDIRECT).
  virtual void deliver_push(const ClientPlace& to, std::string frame) = 0;
  /// A client redirects to `target` no longer.
  virtual void forget_redirect(const ClientPlace& target, const ClientPlace& source) = 0;
  /// Tells another client that the one it redirects to is leaving.
  virtual void tell_target_left(const ClientPlace& to, const Requester& target) = 0;
  /// Hands a line to every client in MONITOR.
  virtual void publish_monitor_line(std::string line) = 0;
  /// The session has deadlines: Session::on_tick is called until it says it has none.
  virtual void want_ticks(const Requester& name) = 0;
  /// The session is in MONITOR from here to its end.
  virtual void add_monitor(const Requester& name) = 0;
};

/// State that the clients of all workers have in common.
struct AllClients {
  Pause pause;
  std::atomic<std::uint32_t> monitors{0};  // clients in MONITOR
  std::atomic<std::uint32_t> scripts{0};   // unanswered commands that run scripts
};

}  // namespace pillion::data::session
