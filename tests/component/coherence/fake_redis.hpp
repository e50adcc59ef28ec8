// An upstream in memory: executes one command at a time, when it is told to, with the semantics of
// default-mode tracking as measured on a real server.
//
//   - a read registers each of its keys once for the connection that reads (errors and missing keys
//   too)
//   - a write appends one push per key to every registered connection's output, at the instant it
//     executes, and forgets the registration; a connection's own pushes come behind the reply
//   - FLUSHALL appends a null push to every tracking connection; SWAPDB appends nothing
//   - a key whose time is over is gone at once, but the push for it comes only when somebody looks
//
// It keeps every state it was ever in: that is what answers are judged against.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "proxy/state/clock.hpp"

namespace pillion::coherence {

using Arguments = std::vector<std::string>;

struct Content {
  char type = 's';  // string, h(ash), l(ist)
  std::string text;
  std::map<std::string, std::string> fields;
  state::Nanos expires_at = 0;  // 0: never

  friend bool operator==(const Content&, const Content&) = default;
};

using Place = std::pair<std::uint32_t, std::string>;  // database, key
using State = std::map<Place, Content>;

/// One step of the upstream's history.
struct Event {
  state::Nanos at = 0;
  std::string cause;  // canonical bytes of the command; empty: an expiry
  bool expiry = false;
  State state;  // from here on
};

bool is_read(const Arguments& arguments);
/// The keys of a read or write, as far as this model goes.
std::vector<std::string> keys_of(const Arguments& arguments);
/// What a read answers in a given state.
std::string read_reply(const State& state, std::uint32_t database, const Arguments& arguments,
                       int protocol);

class FakeRedis {
 public:
  struct Connection {
    std::uint32_t database = 0;
    int protocol = 2;
    std::string user = "default";
    bool tracking = false;
    bool open = true;
    std::string input;               // not executed yet
    std::deque<std::string> output;  // one reply or push each
    bool multi = false;
    bool watch_broken = false;
    std::set<Place> watched;
    std::vector<Arguments> queued;
  };
  using Handle = std::shared_ptr<Connection>;

  explicit FakeRedis(const state::Nanos& clock) : clock_(clock) { history_.emplace_back(); }

  Handle connect(std::uint32_t database, int protocol, std::string user);
  /// The peer left: nothing more is sent. What it had sent before may still be executed.
  void disconnect(const Handle& connection);

  /// Executes the first command of the connection's input. Precondition: there is one.
  void execute_next(const Handle& connection);
  /// As a client of somebody else, who reads no answer.
  void execute_foreign(const Arguments& arguments);
  /// Time has passed: what is over, is over.
  void expire();

  const std::vector<Event>& history() const { return history_; }
  const State& now() const { return history_.back().state; }

 private:
  std::string execute(Connection& connection, const Arguments& arguments);
  std::string execute_data(Connection& connection, const Arguments& arguments);
  std::string write(Connection& connection, const Arguments& arguments);
  std::string execute_transaction(Connection& connection);
  void touch(const Place& place);
  void announce_expired(std::uint32_t database, const Arguments& arguments);
  void push(const std::set<Connection*>& to, const std::string& frame);
  void flush();

  const state::Nanos& clock_;
  std::vector<Event> history_;
  State state_;  // of the command under way
  std::string cause_;
  std::set<Handle> connections_;
  std::map<std::string, std::set<Connection*>> tracked_;
  std::set<Place> unannounced_;  // expired, nobody looked yet
  Connection* current_ = nullptr;
  std::vector<std::string> own_pushes_;
};

}  // namespace pillion::coherence
