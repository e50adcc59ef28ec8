#include "proxy/data/cache/cache.hpp"

#include <algorithm>

namespace pillion::cache {
namespace {

constexpr std::size_t kMaxShards = 64;

// As many as there may be, while a shard can still hold a few of the largest entries.
std::size_t shard_count(const CacheLimits& limits) {
  std::size_t count = kMaxShards;
  while (count > 1 && limits.max_bytes / count / 4 < limits.max_entry_bytes) count /= 2;
  return count;
}

}  // namespace

Cache::Cache(const CacheLimits& limits, LinkTable& links) : limits_(limits), links_(links) {
  const std::size_t count = shard_count(limits);
  shard_mask_ = count - 1;
  for (std::size_t i = 0; i < count; ++i) {
    shards_.push_back(std::make_unique<Shard>(static_cast<std::uint32_t>(i),
                                              limits.max_bytes / count, limits.shared));
  }
}

Cache::~Cache() = default;

Lookup Cache::join_or_lead(Shard& shard, const CacheKey& key, state::Nanos now,
                           const Source& source, const Waiter& waiter, MissCause cause) const {
  FlightTable& flights = shard.flights();
  state::Nanos max_age = limits_.max_staleness;
  // What was asked of a replica before then may come without a write that was answered since.
  const state::Nanos distrusted_at = links_.replicas_distrusted_at();
  if (distrusted_at >= now - max_age) max_age = now - distrusted_at - 1;
  if (const FlightId joined = flights.join(key, now, max_age, waiter); joined != 0) {
    return {.result = LookupResult::kJoined, .flight = joined, .cause = cause};
  }
  return {.result = LookupResult::kFetch,
          .flight = flights.start(key, source.as_of, source.link, waiter),
          .cause = cause};
}

bool Cache::join(const CacheKey& key, FlightId flight, const Waiter& waiter) {
  Shard& shard = shard_of(key.name);
  const std::lock_guard lock(shard.mutex());
  return shard.flights().join(key, flight, waiter);
}

void Cache::hand_over(NameHash name, FlightId flight, LinkId link) {
  Shard& shard = shard_of(name);
  const std::lock_guard lock(shard.mutex());
  shard.flights().hand_over(flight, link);
}

Entry* Cache::entry_for(const CacheKey& key, const Fill& fill) const {
  if (!fill.store || fill.generation == 0 || fill.link >= LinkTable::kMaxLinks) return nullptr;
  if (links_.generation(fill.link) != fill.generation) return nullptr;
  const std::string_view reply =
      fill.kind == EntryKind::kTooLarge ? std::string_view{} : fill.reply;
  if (reply.size() > limits_.max_entry_bytes) return nullptr;
  // What cannot fit is not worth the copy.
  if (sizeof(Entry) + key.arguments.size() + reply.size() > limits_.max_bytes / shards_.size()) {
    return nullptr;
  }
  return make_entry(key, fill.kind, reply, fill.deadline, fill.link, fill.generation);
}

bool Cache::complete(NameHash name, FlightId flight, const CacheKey& key, const Fill& fill,
                     std::vector<Waiter>& waiters) {
  waiters.clear();
  Graveyard graveyard;
  Entry* entry = entry_for(key, fill);  // copied before the lock is taken
  Shard& shard = shard_of(name);
  const std::lock_guard lock(shard.mutex());
  const FlightTable::Ended ended = shard.flights().end(flight, key, waiters);
  take_over(shard, name, fill, graveyard);
  if (entry == nullptr) return false;
  if (ended != FlightTable::Ended::kClean) {
    graveyard.add(*entry);
    return false;
  }
  return shard.insert(*entry, key, graveyard);
}

bool Cache::store(const CacheKey& key, const Fill& fill, std::uint64_t started) {
  Graveyard graveyard;
  Entry* entry = entry_for(key, fill);
  if (entry == nullptr && fill.takeover == Takeover::kNone) return false;
  Shard& shard = shard_of(key.name);
  const std::lock_guard lock(shard.mutex());
  const bool clean = shard.erase_count(key.name) == started;
  take_over(shard, key.name, fill, graveyard);
  if (entry == nullptr) return false;
  if (!clean) {
    graveyard.add(*entry);
    return false;
  }
  return shard.insert(*entry, key, graveyard);
}

void Cache::take_over(Shard& shard, NameHash name, const Fill& fill, Graveyard& graveyard) const {
  if (fill.takeover == Takeover::kNone) return;
  Contacts& contacts = shard.contacts();
  const bool stranger = contacts.enabled() && !contacts.known(name, fill.link, links_.ended());
  if (stranger || fill.takeover != Takeover::kSameServer) {
    const std::uint32_t server = links_.server(fill.link);
    const auto may_be_older = [&](LinkId link) {
      return link != fill.link && (stranger || links_.server(link) != server);
    };
    shard.erase_if(name, graveyard, [&](const Entry& entry) { return may_be_older(entry.link()); });
    const bool all = fill.takeover == Takeover::kAll;
    shard.flights().poison_if(name, [&](LinkId link) { return all || may_be_older(link); });
    shard.count_erasure(name);
  }
  if (contacts.enabled() && fill.tracked) contacts.add(name, fill.link);
}

bool Cache::erase(NameHash name, bool poison) {
  bool found = false;
  {
    Graveyard graveyard;
    Shard& shard = shard_of(name);
    const std::lock_guard lock(shard.mutex());
    found = shard.erase(name, graveyard);
    if (poison) shard.flights().poison(name);
  }
  raise_erase_sequence();  // after the lock was held: see the top of cache.hpp
  return found;
}

void Cache::poison_all() {
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex());
    shard->flights().poison_all();
    shard->count_erasure_of_all();
  }
  raise_erase_sequence();
}

void Cache::clear() {
  for (const auto& shard : shards_) {
    Graveyard graveyard;
    const std::lock_guard lock(shard->mutex());
    shard->clear(graveyard);
  }
}

Stats Cache::stats() const {
  Stats sum{};
  sum.max_bytes = limits_.max_bytes;
  for (const auto& shard : shards_) {
    const std::lock_guard lock(shard->mutex());
    sum.entries += shard->entries();
    sum.bytes += shard->bytes();
    sum.evictions += shard->evictions();
    sum.expirations += shard->expirations();
    sum.flights += shard->flights().size();
  }
  return sum;
}

std::size_t Cache::charge(std::size_t arguments, std::size_t reply) {
  // The index has at most two buckets an entry for variants, and half as many for names.
  constexpr std::size_t kIndexShare = 3 * sizeof(void*);
  return sizeof(Entry) + arguments + reply + kIndexShare;
}

}  // namespace pillion::cache
