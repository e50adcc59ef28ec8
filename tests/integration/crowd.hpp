// Many clients that write, read and count through one port while something happens behind it, and
// remember every answer.
//
// Each value says which key it was written to, by whom and as which number, so an answer that was
// meant for somebody else cannot go unnoticed. A key has one writer, which numbers its writes, and
// a client counts with INCR on a counter of its own: a write that is executed twice, or lost after
// its acknowledgement, shows in numbers.
//
// What a round is: SET one of the own keys, GET it, GET somebody else's, INCR the own counter, GET
// a settled key (written before the crowd came, and never again), and with `together` MSET and MGET
// of own keys of several slots. Who waits for the answer to a write does not read: whether reads go
// on is seen by readers. A client whose connection is closed counts that and opens another.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "tests/support/clock.hpp"
#include "tests/support/crew.hpp"
#include "tests/support/resp_client.hpp"

namespace pillion::test {

class Crowd {
 public:
  struct Options {
    std::size_t clients = 50;
    std::size_t readers = 0;  // more clients, which read settled keys and nothing else
    std::size_t keys_each = 8;
    std::size_t settled_keys = 50;
    Millis pause{3};
    bool together = true;
    /// Answers may go back to older values: for failovers, in which Redis itself forgets.
    bool values_may_be_lost = false;
    std::string prefix = "crowd";
  };

  struct Trouble {
    Moment at;
    std::string command;  // its name; "settled GET" for reads of settled keys
    std::string text;     // of the error
  };

  /// What became of a key or a counter.
  struct Fate {
    std::string key;
    std::uint64_t tried = 0;  // the last number sent; of a counter: how often it was sent
    /// Of a key: the last number acknowledged. Of a counter: how many were acknowledged.
    std::uint64_t acknowledged = 0;
    Moment acknowledged_at{};
    std::uint64_t last_read = 0;  // of a counter: the highest reply
  };

  /// Writes the settled keys through `port` and starts.
  Crowd(std::uint16_t port, Options options);
  explicit Crowd(std::uint16_t port) : Crowd(port, Options{}) {}
  ~Crowd();
  Crowd(const Crowd&) = delete;
  Crowd& operator=(const Crowd&) = delete;

  /// Ends all and throws what any of them threw. What follows is for afterwards.
  void stop();

  /// Connections that were closed by the other side, or on which no answer came in time.
  std::size_t dropped() const { return dropped_; }
  /// Answers that are wrong whatever happens behind the port.
  const std::vector<std::string>& wrong() const { return wrong_; }
  const std::vector<Trouble>& troubles() const { return troubles_; }
  std::size_t troubles_of(const std::string& command) const;
  /// A few of each kind, for messages.
  std::string describe_troubles() const;

  std::uint64_t writes() const { return write_moments_.size(); }
  std::uint64_t reads() const { return read_moments_.size(); }
  /// How long after `moment` the last of the clients had its first write acknowledged.
  Millis all_writing_after(Moment moment) const;
  /// How long after `moment` the first write of anybody was acknowledged.
  Millis first_write_after(Moment moment) const;
  /// The longest time within [from, to] in which nobody read a settled key.
  Millis longest_reading_gap(Moment from, Moment to) const;
  Millis longest_writing_gap(Moment from, Moment to) const;
  /// How long after `moment` the last trouble before `limit` came; negative when there was none.
  Millis trouble_after(Moment moment, Moment limit) const;

  /// Compares with the truth; `straight` is a connection, or anything callable like one, that
  /// reaches who owns a key. The counters: an INCR may have happened once for each time it was
  /// sent, and never more often.
  struct Audit {
    std::vector<std::string> repeated;  // counted higher than ever asked for
    std::vector<std::string> lost;      // acknowledged, and not there any more
    Moment last_lost{};                 // when the latest of the lost values was acknowledged
  };
  template <class Straight>
  Audit audit(Straight&& straight) const {
    Audit audit;
    for (const Fate& fate : keys_) judge_key(fate, straight("GET", fate.key), audit);
    for (const Fate& fate : counters_) judge_counter(fate, straight("GET", fate.key), audit);
    return audit;
  }

 private:
  struct Client;

  void judge_key(const Fate& fate, const Value& truth, Audit& audit) const;
  void judge_counter(const Fate& fate, const Value& truth, Audit& audit) const;
  std::string key(std::size_t client, std::size_t number) const;
  std::string settled_key(std::size_t number) const;

  const std::uint16_t port_;
  const Options options_;
  std::atomic<bool> done_{false};
  std::vector<std::unique_ptr<Client>> clients_;
  std::vector<std::unique_ptr<Client>> readers_;
  Crew crew_;

  std::size_t dropped_ = 0;
  std::vector<std::string> wrong_;
  std::vector<Trouble> troubles_;
  std::vector<Fate> keys_;
  std::vector<Fate> counters_;
  std::vector<Moment> write_moments_;  // of acknowledgements, in order
  std::vector<Moment> read_moments_;   // of answers for settled keys, in order
  std::vector<std::vector<Moment>> writes_by_client_;
};

}  // namespace pillion::test
