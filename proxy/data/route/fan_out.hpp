// Commands that one node of a cluster cannot answer alone: planned as several commands, their
// replies merged into the one a single server would give. Pure.
//
// Split by slot, as a node refuses keys of two slots even if it owns both:
//   MGET                     values in the order of the keys
//   MSET                     OK
//   DEL UNLINK EXISTS TOUCH  sums
// To every primary that owns slots:
//   KEYS, PUBSUB CHANNELS / SHARDCHANNELS   all of them / each once
//   DBSIZE, PUBSUB NUMPAT, SLOWLOG LEN, LATENCY RESET      sums
//   PUBSUB NUMSUB / SHARDNUMSUB             sums per channel
//   FLUSHALL FLUSHDB, SCRIPT FLUSH, FUNCTION DELETE / FLUSH / RESTORE, CONFIG SET / RESETSTAT /
//   REWRITE, SLOWLOG RESET, MEMORY PURGE    OK when all say so
//   SCRIPT LOAD, FUNCTION LOAD              the answer all give
//   SCRIPT EXISTS, WAIT, WAITAOF            the least of each number
//   SCRIPT KILL, FUNCTION KILL              OK when one says so
//   RANDOMKEY                               that of any node that has one
// Everything else that names no key (FUNCTION LIST, CONFIG GET, INFO ...) is one node's answer, as
// is all of the above within MULTI. MSETNX promises all or nothing, so it stays within one slot.
//
// Neither kind is atomic: parts run at different times on different nodes. An error of any part is
// the answer to the whole, the first in the order of the plan when there are several. From an error
// to a read a client learns that it has no complete answer. To a write it means that at least one
// part was not done, or that its outcome is unknown; the other parts were tried all the same and
// most likely done. Doing the whole command again is right for all of them (they are idempotent but
// for the numbers that DEL and UNLINK count).
//
// Redirections are followed per part before its reply comes here. Replies come in any order, in the
// protocol that the client speaks; merging changes no types, so it need not know which that is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"
#include "proxy/data/route/route_table.hpp"

namespace pillion::route {

enum class Split : std::uint8_t { kNone, kBySlot, kAllPrimaries };

enum class Merge : std::uint8_t {
  kSame,         // any of them
  kByKey,        // arrays, element by element in the order of the keys
  kSum,          // every number is the sum of theirs
  kLeast,        // every number is the least of theirs
  kConcatenate,  // arrays, one behind the other
  kUnion,        // the same, each element once
  kAnySuccess,   // one that is no error
  kAnyValue,     // one that is no null, by chance
};

/// How a command becomes several; kNone for nearly all.
Split split_of(const command::Spec& spec);

struct Part {
  std::uint16_t shard;  // kNoShard: the slot has no owner, as with DestinationKind::kUnserved
  std::uint16_t slot;   // kNoSlot of a command to every primary
  EndpointId endpoint;  // the primary; kNoEndpoint when there is none
  std::uint32_t keys;   // how many keys it has; 0 of a command to every primary
};

class FanOutPlan {
 public:
  /// Plans what route() called kFanOut; `keys` as it left them. No parts when no primary is known.
  FanOutPlan(const RouteTable& table, const command::Spec& spec, const resp::Command& command,
             const std::vector<std::string_view>& keys);

  const std::vector<Part>& parts() const { return parts_; }

  /// The canonical request of a part, valid as long as the plan is.
  std::string_view request(std::size_t part) const;

  Merge merge() const { return merge_; }

  /// kByKey: which part has the n-th key.
  const std::vector<std::uint32_t>& part_of_key() const { return part_of_key_; }

 private:
  void split_by_slot(const RouteTable& table, const resp::Command& command,
                     const std::vector<std::string_view>& keys);

  Merge merge_;
  bool one_request_ = false;
  std::vector<Part> parts_;
  std::vector<std::size_t> ends_;  // of the parts' requests in bytes_
  std::string bytes_;
  std::vector<std::uint32_t> part_of_key_;
};

class FanOut {
 public:
  explicit FanOut(FanOutPlan plan);

  const FanOutPlan& plan() const { return plan_; }

  /// The final reply of a part: a complete frame, or an error line of our own. A second one for the
  /// same part is ignored.
  void on_reply(std::size_t part, std::string_view frame);

  /// Every part was answered.
  bool done() const { return left_ == 0; }

  /// What the replies kept so far take, for the caller's limit.
  std::size_t bytes() const { return bytes_; }

  /// Precondition: done(). `random` is any number; kAnyValue chooses by it.
  void append_reply(std::string& out, std::uint64_t random) const;

 private:
  struct Reply {
    bool here = false;
    std::string frame;
  };

  const std::string* first_error() const;
  bool append_merged(std::string& out, std::uint64_t random) const;
  bool append_by_key(std::string& out) const;
  bool append_numbers(std::string& out) const;
  bool append_all(std::string& out, bool once) const;
  bool append_any_value(std::string& out, std::uint64_t random) const;

  FanOutPlan plan_;
  std::vector<Reply> replies_;
  std::size_t left_;
  std::size_t bytes_ = 0;
};

}  // namespace pillion::route
