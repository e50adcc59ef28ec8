// What is played: steps of one client each, made of items.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace pillion::test {

/// How the replies of two servers to one command are compared when their bytes differ. An error is
/// always compared byte for byte.
enum class Rule : std::uint8_t {
  kExact,      // bytes
  kUnordered,  // an aggregate whose order is that of a hash table: each server has its own seed
  kPairs,      // the same of key-value pairs: a map, or a flat array in RESP2
  kScan,       // [cursor, unordered]
  kScanPairs,  // [cursor, pairs]
  kAbout,      // a time to live: a few seconds apart at most
  kType,       // the same RESP type
  kHello,      // all but the client's id
  kDump,       // payloads of hash tables and streams: the same kind of value
  kPending,    // XPENDING with entries: all but the idle times
  kConsumers,  // XINFO CONSUMERS: all but the idle times
  kStamps,     // all but integers that are times of the day in milliseconds
  kExec,       // each element by the rule of the command that was queued
  kDiscard,    // bytes; forgets what was queued
  kAny,        // there is a reply
};

/// Bytes that are sent together and stay together when a stream is minimised.
struct Item {
  std::string bytes;
  std::vector<Rule> rules;  // one for each reply
  bool closes = false;      // the server ends the connection after them
  std::string text;         // for people
  std::size_t commands = 1;
};

/// Everything one client sends before it reads.
struct Step {
  std::uint64_t number = 0;
  std::size_t client = 0;
  std::vector<Item> items;
};

}  // namespace pillion::test
