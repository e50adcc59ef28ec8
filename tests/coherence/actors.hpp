// Those who write and read in a run of the checker, each in a thread of its own with a log of its
// own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "tests/coherence/history.hpp"
#include "tests/coherence/keyspace.hpp"
#include "tests/support/resp_client.hpp"

namespace pillion::test {

/// A way straight to the servers, past every Pillion. Throws as RespClient does.
class Straight {
 public:
  virtual ~Straight() = default;
  virtual std::vector<Value> ask(const std::vector<std::vector<std::string_view>>& commands,
                                 Millis patience) = 0;
};

/// Where commands can be sent: Pillion 0, Pillion 1, the servers themselves.
struct Ways {
  std::uint16_t pillion[2];
  /// Opens a connection to whoever takes writes at the moment.
  std::function<std::unique_ptr<Straight>()> straight;
  /// Keys of one command must be in one slot when it goes straight.
  bool cluster = false;
};

/// A connection that is opened again when it was closed; unanswered commands are lost with it.
class Line {
 public:
  Line(const Ways& ways, Via via, int protocol) : ways_(ways), via_(via), protocol_(protocol) {}

  Via via() const { return via_; }
  /// How often it was opened: another time is another session.
  std::uint32_t openings() const { return openings_; }
  /// Nothing when the connection broke or no answer came; errors of the server are values.
  std::optional<std::vector<Value>> ask(const std::vector<std::vector<std::string>>& commands);
  std::optional<Value> ask(const std::vector<std::string>& command);

 private:
  const Ways& ways_;
  const Via via_;
  const int protocol_;
  std::uint32_t openings_ = 0;
  std::unique_ptr<Straight> straight_;
};

/// A server by its port.
std::unique_ptr<Straight> straight_to(std::uint16_t port, int protocol = 2);

/// The number a value carries; 0 for no value. Throws for bytes nobody wrote.
std::uint64_t number_in(const Value& reply);

/// Writes the slots that are its own (slot % writers == number), each time through another way;
/// number 0 always straight to Redis.
class Writer {
 public:
  Writer(const Ways& ways, Keyspace& keyspace, std::uint32_t number, std::uint32_t writers,
         std::uint64_t seed);
  void write_until(const std::atomic<bool>& done);
  const History& history() const { return history_; }
  std::uint64_t retired() const { return retired_; }

 private:
  struct Plan;
  Plan plan_for(std::uint32_t key, std::uint64_t number, Via via);
  void write_one(std::uint32_t slot);
  void read_back(std::uint32_t key, Via via);

  const Ways& ways_;
  Keyspace& keyspace_;
  const std::uint32_t number_;
  const std::uint32_t writers_;
  std::mt19937_64 random_;
  std::vector<Line> lines_;             // by way: Pillion 0, Pillion 1, Redis
  std::vector<Line> readbacks_;         // by Pillion
  std::vector<std::uint64_t> numbers_;  // by slot: the last number of its key
  History history_;
  std::uint64_t retired_ = 0;
};

/// Reads through one Pillion. A roaming reader reads slots at random, in pipelines and by MGET. A
/// loyal one stays with a slot for a long time: when a fill link hangs, a roamer soon waits for a
/// miss, while the loyal one is the one who is told old values.
class Reader {
 public:
  enum class Habit { kRoaming, kLoyal };

  Reader(const Ways& ways, const Keyspace& keyspace, Via via, int protocol, Habit habit,
         std::uint32_t number, std::uint64_t seed);
  void read_until(const std::atomic<bool>& done);
  const History& history() const { return history_; }
  std::uint64_t errors() const { return errors_; }

 private:
  void read_favourite();
  void read_pipeline();
  void read_keys(const std::vector<std::uint32_t>& keys);
  void read_together();
  std::uint32_t any_slot() { return static_cast<std::uint32_t>(random_() % Keyspace::kSlots); }
  std::uint32_t session() const { return number_ << 16 | line_.openings(); }

  const Keyspace& keyspace_;
  const Habit habit_;
  const std::uint32_t number_;
  std::mt19937_64 random_;
  std::uint32_t favourite_;
  Line line_;
  History history_;
  std::uint64_t errors_ = 0;
};

/// The command that reads a key of this kind.
std::vector<std::string> read_of(std::uint32_t key);

}  // namespace pillion::test
