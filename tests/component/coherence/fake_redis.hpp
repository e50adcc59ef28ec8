// An upstream in memory: executes one command at a time, when it is told to, with the semantics of
// default-mode tracking as measured on a real server.
//
//   - a read registers each of its keys once for the connection that reads (errors and missing keys
//   too)
//   - a write appends one push per key to every registered connection's output, at the instant it
//     executes, and forgets the registration; a connection's own pushes come behind the reply
//   - FLUSHALL appends a null push to every tracking connection; SWAPDB appends nothing
//   - FORGET by a stranger: the tracking table is full, so readers of the key are told as if it had
//   been written
//   - a key whose time is over is gone at once, but the push for it comes only when somebody looks
//
// It may replicate another: it then executes that one's writes one by one, when it is told to, and
// pushes to its own trackers as it does. It may be a node of a cluster: it then owns what it has
// not lost. Whatever it lost is written elsewhere from there on, and nothing of that reaches its
// trackers; other connections speak to the cluster as a whole. A key's slot is its first letter.
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
  State state;                            // from here on
  std::vector<std::string> touched = {};  // keys to be invalidated
  bool flushed = false;
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
  /// A replica of another.
  FakeRedis(const state::Nanos& clock, const FakeRedis& primary) : clock_(clock) {
    history_.emplace_back();
    primary_ = &primary;
  }

  // A replica:
  /// Its primary has written what it has not.
  bool is_behind() const {
    return primary_ != nullptr && connected_ && history_.size() < primary_->history_.size();
  }
  /// Executes the next of its primary's writes. Precondition: is_behind().
  void replicate();
  /// Its connection to its primary, which it goes on answering without.
  void set_connected(bool connected) { connected_ = connected; }
  /// Copies all of its primary at once: trackers are told to forget everything, when it is there.
  void resync();
  void promote() { primary_ = nullptr; }
  void demote(const FakeRedis& primary) { primary_ = &primary; }

  // A node of a cluster:
  void join_cluster() { cluster_ = true; }
  /// Another node has taken the slot of these keys; what was there is dropped without a word.
  void lose_slot(char slot) { lost_.insert(slot); }
  /// Separated from the rest of its cluster, which goes on without it.
  void set_down(bool down) { down_ = down; }

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
  void note();
  bool owns(const std::string& key) const { return !down_ && lost_.count(key[0]) == 0; }
  std::string replication() const;
  std::string cluster(const Arguments& arguments) const;
  std::string refusal(const Connection& connection, const Arguments& arguments) const;

  const state::Nanos& clock_;
  std::vector<Event> history_;
  State state_;  // of the command under way
  std::string cause_;
  std::vector<std::string> touched_;
  bool flushed_ = false;
  const FakeRedis* primary_ = nullptr;  // null: it is one itself
  bool connected_ = true;
  bool cluster_ = false;
  bool down_ = false;
  std::set<char> lost_;
  std::set<Handle> connections_;
  std::map<std::string, std::set<Connection*>> tracked_;
  std::set<Place> unannounced_;  // expired, nobody looked yet
  Connection* current_ = nullptr;
  std::vector<std::string> own_pushes_;
};

}  // namespace pillion::coherence
