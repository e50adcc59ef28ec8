// One fetch: what is asked for, and the rules that decide whether its answer may be stored
// (COHERENCE I6, I7, section 7.3). Pure.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/data/cache/cache.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::data::fill {

/// How long an answer may live at the most, whatever its key's TTL.
struct AgeLimits {
  state::Nanos value = 0;     // cache.max_age, or hash_max_age, or the rule's, whichever is least
  state::Nanos negative = 0;  // the key is missing
};

/// One key of a fetch.
struct FetchKey {
  std::uint32_t offset = 0;  // of the key's bytes within Fetch::request
  std::uint32_t length = 0;
  cache::NameHash name = 0;
  std::uint64_t variant = 0;           // of the entry this key's answer is stored under
  std::uint32_t arguments_offset = 0;  // of that entry's argument bytes within Fetch::request
  std::uint32_t arguments_length = 0;
  AgeLimits ages;
  std::uint64_t erase_count = 0;  // multi-key: Cache::erase_count(name) when it was sent
};

/// What is sent on a fill link: the command, then one PTTL per key. Or a script, then a PING: see
/// FillLinkFsm.
struct Fetch {
  std::string request;  // canonical bytes of the command
  std::uint32_t database = 0;
  std::uint16_t command = 0;  // of the entries stored
  bool multi = false;         // an MGET whose members are stored one by one; no flight
  bool elsewhere = false;     // see FetchRoute
  bool script = false;        // stores nothing, has no keys and no flight
  std::uint64_t nonce = 0;    // script: random, what its PING says
  cache::FlightId flight = 0;
  cache::Waiter waiter{};  // multi, script: who asked
  std::vector<FetchKey> keys;

  /// Replies that are read before it is over.
  std::size_t parts() const { return 1 + (script ? 1 : keys.size()); }
  std::string_view key(std::size_t i) const {
    return std::string_view(request).substr(keys[i].offset, keys[i].length);
  }
  cache::CacheKey cache_key(std::size_t i) const {
    return {keys[i].name, keys[i].variant, database, command,
            std::string_view(request).substr(keys[i].arguments_offset, keys[i].arguments_length)};
  }
};

/// PTTL's special answers.
inline constexpr std::int64_t kNoTtl = -1;
inline constexpr std::int64_t kMissing = -2;

/// When an answer read together with `pttl_ms` stops being true, or nothing when it must not be
/// stored. `missing`: the answer is what a missing key gives.
std::optional<state::Nanos> fill_deadline(std::int64_t pttl_ms, bool missing, state::Nanos sent_at,
                                          state::Nanos now, const AgeLimits& ages);

/// What became of a fetch.
enum class FetchOutcome : std::uint8_t {
  kReply,     // `frame` is the answer (RESP3), stored or not
  kTooLarge,  // the answer exceeds what a link carries: ask again on a connection of your own
  kLost,      // the link ended first: ask again elsewhere; whether a script ran is unknown
  kRefused,   // `frame` says that this is not the node to ask, or not the time (cluster::Redirect)
};

struct FetchResult {
  FetchOutcome outcome = FetchOutcome::kLost;
  std::shared_ptr<const std::string> frame;    // kReply, kRefused
  std::shared_ptr<const std::string> request;  // all but kReply: canonical bytes of the command
  bool plain = false;                          // frame has the same bytes in RESP2
  bool timed_out = false;                      // kLost: because nothing came for too long
  state::Nanos sent_at = 0;
};

}  // namespace pillion::data::fill
