// What becomes of a fetch on a fill link: its parts, what is stored of them, and who is told (I2,
// I6, I12, I13, I17).
#include <algorithm>
#include <utility>

#include "protocol/resp/downgrade.hpp"
#include "protocol/resp/reply_cursor.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/data/fill/fill_link_fsm.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::fill {

using state::Invariant;

void FillLinkFsm::on_fetch_part(Operation& operation, std::string_view frame, state::Nanos now) {
  if (cluster::may_redirect(frame) && !operation.fetch->script) {
    if (const auto redirect = cluster::parse_redirect(frame)) {
      if (operation.parts_read == 0) operation.refused = true;
      on_refusal(redirect->kind);
    }
  }
  if (operation.parts_read++ == 0) {
    if (operation.fetch->script) {
      operation.value = std::make_shared<std::string>(frame);
      if (!state::holds(Invariant::kI8Fence)) finish(operation, now);
    } else if (frame.size() > options_.max_entry_bytes) {
      give_up_too_large(operation, now);
    } else {
      operation.value = std::make_shared<std::string>(frame);
    }
    return;
  }
  resp::ReplyCursor cursor(frame);
  resp::Node node{};
  // An error instead of a TTL (an ACL that allows GET but not PTTL): 0 is never stored.
  const bool integer = cursor.next(node) && node.type == ':';
  operation.pttls.push_back(integer ? node.integer : 0);
}

/// The front fetch leaves with its last part, however that part was read.
void FillLinkFsm::end_fetch_part(state::Nanos now) {
  Operation& operation = operations_.front();
  if (operation.parts_read < operation.fetch->parts()) return;
  if (any_reply_proves()) links_.synced(options_.link, proven_at(operation, now));
  if (!operation.fetch->script) {
    finish(operation, now);
    operations_.pop_front();
    return;
  }
  --scripts_out_;
  held_up_ = false;
  script_ended_at_ = now;
  // Who is told may send the next one at once: this one leaves the queue first.
  Operation over = std::move(operation);
  operations_.pop_front();
  finish(over, now);
}

void FillLinkFsm::finish(Operation& operation, state::Nanos now) {
  if (operation.resolved) return;
  operation.resolved = true;
  if (operation.fetch->script) {
    finish_script(operation);
  } else if (operation.refused) {
    finish_refused(operation);
  } else if (replica() && options_.cluster && state::holds(Invariant::kI4Cluster) &&
             std::find(operation.pttls.begin(), operation.pttls.end(), kMissing) !=
                 operation.pttls.end()) {
    // I4-C: it may have left with its slot, of which a replica knows nothing.
    if (!sink_.on_absent(*operation.fetch, options_.endpoint, now)) resolve_lost(*operation.fetch);
  } else if (operation.fetch->multi) {
    finish_multi(operation, now);
  } else {
    finish_single(operation, now);
  }
}

/// What is to be stored of a whole answer, as far as its key is concerned; the reply is still to be
/// put in.
cache::Fill FillLinkFsm::fill_of(const Operation& operation, std::size_t key, bool missing,
                                 state::Nanos now) const {
  cache::Fill fill;
  fill.link = options_.link;
  fill.generation = operation.generation;
  if (options_.key_affinity) {
    fill.takeover =
        operation.fetch->elsewhere ? cache::Takeover::kAll : cache::Takeover::kOtherServers;
  } else if (!replica()) {
    fill.takeover = cache::Takeover::kSameServer;
  }
  if (!state::holds(Invariant::kI17Monotone)) fill.takeover = cache::Takeover::kNone;
  if (operation.dirty || operation.generation != links_.generation(options_.link)) return fill;
  fill.tracked = true;
  AgeLimits ages = operation.fetch->keys[key].ages;
  ages.negative = std::min(ages.negative, options_.max_negative_age);
  const auto deadline = fill_deadline(operation.pttls[key], missing, operation.sent_at, now, ages);
  fill.store = deadline && *deadline > now;
  if (fill.store) fill.deadline = *deadline;
  return fill;
}

/// I17: the keys' own replica answers for them again when it has what was read here. Before anybody
/// is told.
void FillLinkFsm::note_elsewhere(const Fetch& fetch, state::Nanos now) {
  if (!fetch.elsewhere || !state::holds(Invariant::kI17Monotone)) return;
  for (const FetchKey& key : fetch.keys) invalidator_.tokens().set(key.name, now);
}

void FillLinkFsm::finish_single(Operation& operation, state::Nanos now) {
  const Fetch& fetch = *operation.fetch;
  const std::string& frame = *operation.value;
  const bool error = (frame.front() == '-' || frame.front() == '!' || frame.front() == '|') &&
                     state::holds(Invariant::kI13NoErrors);
  const bool plain = resp::same_in_resp2(frame, resp::Shape::kAsIs);
  cache::Fill fill = fill_of(operation, 0, resp::is_missing_reply(frame), now);
  fill.store = fill.store && !error;
  fill.kind = plain ? cache::EntryKind::kPlain : cache::EntryKind::kReply;
  fill.reply = frame;
  note_elsewhere(fetch, now);
  waiters_.clear();
  const bool stored =
      cache_.complete(fetch.keys[0].name, fetch.flight, fetch.cache_key(0), fill, waiters_);
  (stored ? counters_.fills_stored : counters_.fills_discarded).add();
  // The key expired while its value was under way. Who asked first may have it; who joined may have
  // asked after its end, and asks again.
  if (operation.pttls[0] >= 0 &&
      operation.sent_at + operation.pttls[0] * state::kMillisecond <= now && waiters_.size() > 1) {
    FetchResult again;
    again.request = std::make_shared<const std::string>(fetch.request);
    const std::vector<cache::Waiter> joined(waiters_.begin() + 1, waiters_.end());
    waiters_.resize(1);
    sink_.on_fetched(joined, again);
  }
  FetchResult result;
  result.outcome = FetchOutcome::kReply;
  result.frame = std::move(operation.value);
  result.plain = plain;
  result.sent_at = operation.sent_at;
  sink_.on_fetched(waiters_, result);
}

void FillLinkFsm::finish_multi(Operation& operation, state::Nanos now) {
  const Fetch& fetch = *operation.fetch;
  const std::string& frame = *operation.value;
  resp::ReplyCursor cursor(frame);
  resp::Node node{};
  const bool storable = cursor.next(node) && node.type == '*' &&
                        node.integer == static_cast<std::int64_t>(fetch.keys.size());
  std::string member;
  note_elsewhere(fetch, now);
  for (std::size_t i = 0; storable && i < fetch.keys.size() && cursor.next(node); ++i) {
    // MGET says nil for a key of another type, where GET says WRONGTYPE: only a missing key's nil
    // is GET's.
    if (node.null && operation.pttls[i] != kMissing) continue;
    if (!node.null && node.type != '$') break;
    cache::Fill fill = fill_of(operation, i, node.null, now);
    member.clear();
    if (node.null) {
      resp::append_null(member, 3);
    } else {
      resp::append_bulk(member, node.text);
    }
    fill.kind = node.null ? cache::EntryKind::kReply : cache::EntryKind::kPlain;
    fill.reply = member;
    const bool stored = cache_.store(fetch.cache_key(i), fill, fetch.keys[i].erase_count);
    (stored ? counters_.fills_stored : counters_.fills_discarded).add();
  }
  FetchResult result;
  result.outcome = FetchOutcome::kReply;
  result.plain = resp::same_in_resp2(frame, resp::Shape::kAsIs);
  result.frame = std::move(operation.value);
  result.sent_at = operation.sent_at;
  sink_.on_fetched({&fetch.waiter, 1}, result);
}

/// The node says that it is not the one to ask, or not now: who waits asks elsewhere, or again.
void FillLinkFsm::finish_refused(Operation& operation) {
  const Fetch& fetch = *operation.fetch;
  FetchResult result;
  result.outcome = FetchOutcome::kRefused;
  result.frame = std::move(operation.value);
  result.request = std::make_shared<const std::string>(fetch.request);
  result.plain = true;
  result.sent_at = operation.sent_at;
  counters_.fills_discarded.add();
  if (fetch.multi) {
    sink_.on_fetched({&fetch.waiter, 1}, result);
    return;
  }
  waiters_.clear();
  cache_.complete(fetch.keys[0].name, fetch.flight, fetch.cache_key(0), cache::Fill{}, waiters_);
  sink_.on_fetched(waiters_, result);
}

/// Without a value: it was too large, and dropped.
void FillLinkFsm::finish_script(Operation& operation) {
  operation.resolved = true;
  FetchResult result;
  result.outcome = operation.value ? FetchOutcome::kReply : FetchOutcome::kTooLarge;
  result.request = std::make_shared<const std::string>(operation.fetch->request);
  result.plain = operation.value && resp::same_in_resp2(*operation.value, resp::Shape::kAsIs);
  result.frame = std::move(operation.value);
  result.sent_at = operation.sent_at;
  sink_.on_fetched({&operation.fetch->waiter, 1}, result);
}

void FillLinkFsm::give_up_too_large(Operation& operation, state::Nanos now) {
  const Fetch& fetch = *operation.fetch;
  // A script's client is told when the end of the reply, and the PING's, are there.
  if (operation.resolved || fetch.script) return;
  operation.resolved = true;
  FetchResult result;
  result.outcome = FetchOutcome::kTooLarge;
  result.request = std::make_shared<const std::string>(fetch.request);
  result.sent_at = operation.sent_at;
  if (fetch.multi) {
    sink_.on_fetched({&fetch.waiter, 1}, result);
    return;
  }
  // The marker answers nobody; it only says where to ask. Being wrong about it costs nothing but
  // time.
  cache::Fill marker;
  marker.store = operation.generation == links_.generation(options_.link);
  marker.kind = cache::EntryKind::kTooLarge;
  marker.deadline = now + fetch.keys[0].ages.value;
  marker.link = options_.link;
  marker.generation = operation.generation;
  waiters_.clear();
  cache_.complete(fetch.keys[0].name, fetch.flight, fetch.cache_key(0), marker, waiters_);
  counters_.fills_discarded.add();
  sink_.on_fetched(waiters_, result);
}

void FillLinkFsm::resolve_lost(Operation& operation) {
  if (operation.resolved) return;
  operation.resolved = true;
  resolve_lost(*operation.fetch);
}

void FillLinkFsm::resolve_lost(const Fetch& fetch) {
  FetchResult result;
  result.outcome = FetchOutcome::kLost;
  result.timed_out = timed_out_;
  result.request = std::make_shared<const std::string>(fetch.request);
  if (!fetch.script) counters_.fills_discarded.add();
  if (fetch.multi || fetch.script) {
    sink_.on_fetched({&fetch.waiter, 1}, result);
    return;
  }
  waiters_.clear();
  cache_.complete(fetch.keys[0].name, fetch.flight, fetch.cache_key(0), cache::Fill{}, waiters_);
  sink_.on_fetched(waiters_, result);
}

}  // namespace pillion::data::fill
