// Who may take entries out of the L1, and in which order (COHERENCE I8, I9, I14, I18).
//
// Three sources: pushes of the upstream (on the link's own worker, in wire order), replies of
// writes through this Pillion (on the session's worker, before the reply is released), and the loss
// of trust in a link. Each call is complete when it returns: a lookup that starts later finds
// nothing, and where reads may go to replicas, none of them is asked before it has the write.
//
// `now` of an own write is taken after its reply was read: the write was executed before it.
#pragma once

#include <span>
#include <string_view>

#include "proxy/data/cache/cache.hpp"
#include "proxy/data/fill/write_tokens.hpp"
#include "proxy/state/counters.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::fill {

class Invalidator {
 public:
  Invalidator(cache::Cache& cache, cache::LinkTable& links, WriteTokens& tokens)
      : cache_(cache), links_(links), tokens_(tokens) {}

  /// A push named this key. Flights stay as they are: what they will read is younger than the
  /// write, or the push for it is still behind their reply (fact 1). The link itself marks the
  /// flight whose reply is half read (I6).
  void on_push(std::string_view key, state::Counters& counters) {
    counters.invalidations_foreign.add();
    cache_.erase(cache::hash_name(key), false);
  }

  /// A write of this key was answered, or may have been executed: every entry goes, every flight
  /// sent before is poisoned. The token comes first: a flight that starts behind the poisoning
  /// finds it when it is sent.
  void on_own_write(cache::NameHash key, state::Nanos now, state::Counters& counters) {
    counters.invalidations_own.add();
    tokens_.set(key, now);
    if (!state::holds(state::Invariant::kI8OwnWrite)) return;
    cache_.erase(key, state::holds(state::Invariant::kI9Poison));
  }

  /// FLUSHALL, FLUSHDB, SWAPDB through this Pillion (I8-A): all generations end, all flights are
  /// poisoned.
  void on_own_flush(state::Nanos now, state::Counters& counters) {
    counters.flushes_own.add();
    on_unknown_write(now);
    if (!state::holds(state::Invariant::kI8Flush)) return;
    links_.for_each([this](cache::LinkId link, std::uint32_t) { links_.bump(link); });
    cache_.poison_all();
  }

  /// Anything may have been written until now, and must be seen from here on (I8-F, I16): what goes
  /// with every fence, for the links that a fence cannot ask.
  void on_unknown_write(state::Nanos now) {
    if (!tokens_.enabled()) return;
    tokens_.set_everything(now);
    links_.distrust_replicas(now);
  }

  /// This key was read past the L1, and what the L1 has of it may be older. No token: that a
  /// replica may be older as well is promised nobody, unless the key was read `ahead` of its own
  /// (I17). Before the reply is released.
  void on_read_past(cache::NameHash key, bool ahead, state::Nanos now) {
    if (ahead) return on_read_elsewhere(key, now);
    cache_.erase(key, true);
  }

  /// reads.balance key_affinity: this key was read from another node than its own replica, past the
  /// L1. That replica answers for it again when it has what was read; what the L1 has of the key
  /// may be older (I17). Before the reply is released.
  void on_read_elsewhere(cache::NameHash key, state::Nanos now) {
    if (!tokens_.enabled() || !state::holds(state::Invariant::kI17Monotone)) return;
    tokens_.set(key, now);
    cache_.erase(key, true);
  }

  WriteTokens& tokens() { return tokens_; }

 private:
  cache::Cache& cache_;
  cache::LinkTable& links_;
  WriteTokens& tokens_;
};

}  // namespace pillion::data::fill
