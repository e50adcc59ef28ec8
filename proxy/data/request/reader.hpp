// Reads through the L1: a command of the closed world either hits, waits for a fetch, or goes
// upstream with a reason (DESIGN section 2, COHERENCE I10-I13). One per worker.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/command/cacheable.hpp"
#include "protocol/command/spec.hpp"
#include "protocol/resp/request_parser.hpp"
#include "proxy/data/cache/cache.hpp"
#include "proxy/data/fill/fetch_router.hpp"
#include "proxy/data/fill/fill_link.hpp"
#include "proxy/data/request/cache_rules.hpp"
#include "proxy/data/request/hot_keys.hpp"
#include "proxy/net/write_queue.hpp"
#include "proxy/state/counters.hpp"

namespace pillion::data::request {

/// Where a hit's bytes go: the client's queue, or the string of a reply that has to wait its turn.
struct HitTarget {
  net::WriteQueue* queue = nullptr;
  std::string* parked = nullptr;  // used when queue is null
};

struct Read {
  const command::Spec& spec;
  const resp::Command& command;
  std::uint32_t database;
  int protocol;  // the client's RESP version
  state::Nanos now;
  cache::Waiter waiter;                   // the slot that waits when it is not a hit
  const cache::NameHash* name = nullptr;  // hash_name(key), when look_ahead gave it
};

enum class ReadOutcome : std::uint8_t {
  kHit,       // the reply was appended
  kWaiting,   // the slot will be told through FillSink::on_fetched
  kUpstream,  // send it upstream on the shared lane
  kTooLarge,  // send it upstream on a lane of its own
};

struct ReadResult {
  ReadOutcome outcome;
  resp::Shape shape = resp::Shape::kAsIs;  // kWaiting: for the downgrade
  bool outruns =
      false;  // kUpstream: the L1 may hold older answers of these keys than the one to come
  cache::FlightId flight = 0;  // kWaiting: of a read of one key
};

class Reader {
 public:
  Reader(cache::Cache& cache, const CacheRules& rules, state::Counters& counters)
      : cache_(cache), rules_(rules), counters_(counters) {}

  /// Not called when the cache is off.
  void use_router(fill::FetchRouter* router) { router_ = router; }

  /// What this worker's reads asked for. Wants a tick now and then.
  HotKeys& hot_keys() { return hot_keys_; }

  /// A read of one key and nothing else will follow: hashes its key and asks for its entry's
  /// memory. False: nothing was done.
  bool look_ahead(const command::Spec& spec, const resp::Command& command, std::uint32_t database,
                  cache::NameHash& name);

  /// Precondition: spec.cacheable != 0, the session may use the L1 and has no unanswered write of
  /// the command's keys.
  ReadResult read(const Read& read, const HitTarget& target);

  /// The waiter gets the answer of `flight` as well, which an earlier read of the same session
  /// waits for. Nothing when it is not of this very command, or has ended: what else could answer
  /// may be older than the answer of the earlier read.
  std::optional<ReadResult> read_along(const Read& read, cache::FlightId flight);

  /// A fill link that runs scripts as well; null: none does.
  fill::FillLink* link_for_scripts() const {
    return router_ != nullptr ? router_->link_for_scripts() : nullptr;
  }

 private:
  ReadResult read_one(const Read& read, const command::CacheRule& rule, resp::Shape shape,
                      const HitTarget& target);
  ReadResult read_many(const Read& read, const HitTarget& target);
  ReadResult bypass(state::BypassReason reason) {
    counters_.cache_bypasses[static_cast<std::size_t>(reason)].add();
    const bool outruns =
        reason == state::BypassReason::kNoLink || reason == state::BypassReason::kMultiKey;
    return {ReadOutcome::kUpstream, resp::Shape::kAsIs, outruns};
  }
  bool peek_all(const Read& read, const HitTarget& target);
  fill::FetchRoute route(std::span<const fill::FetchName> keys, state::Nanos now) {
    return router_ != nullptr ? router_->link_for(keys, now) : fill::FetchRoute{};
  }
  static bool link_allows(const fill::FillLink& link, const command::Spec& spec) {
    return (link.allowed() >> (spec.cacheable - 1U) & 1U) != 0;
  }

  cache::Cache& cache_;
  const CacheRules& rules_;
  state::Counters& counters_;
  fill::FetchRouter* router_ = nullptr;
  std::string scratch_;                 // of a multi-key reply under construction
  std::vector<fill::FetchName> names_;  // of a multi-key read
  HotKeys hot_keys_;
};

}  // namespace pillion::data::request
