#include "proxy/data/request/reader.hpp"

#include <memory>
#include <utility>

#include "protocol/command/table.hpp"
#include "protocol/resp/writer.hpp"
#include "proxy/state/invariant.hpp"

namespace pillion::data::request {
namespace {

// A larger reply is written from the entry's own memory instead of being copied.
constexpr std::size_t kPinFrom = 16 * 1024;
// COHERENCE section 7.3: PTTLs of more keys than this cost more than the fill is worth.
constexpr std::size_t kMaxFillKeys = 8;
// Members of a multi-key read that are looked for in the L1.
constexpr std::size_t kMaxPeekKeys = 64;

std::uint32_t offset_in(std::string_view whole, std::string_view part) {
  return static_cast<std::uint32_t>(part.data() - whole.data());
}

/// "$<length>\r\n<bytes>\r\n" of one argument, as it stands in the canonical command.
std::string_view encoded_argument(std::string_view argument) {
  std::size_t digits = 1;
  for (std::size_t n = argument.size(); n >= 10; n /= 10) ++digits;
  const std::size_t header = digits + 3;
  return {argument.data() - header, header + argument.size() + 2};
}

/// One key of a fetch that sends `command`; its answer is stored as `entry`.
fill::FetchKey fetch_key(const resp::Command& command, std::string_view key,
                         std::string_view arguments, const cache::CacheKey& entry,
                         const fill::AgeLimits& ages) {
  fill::FetchKey described;
  described.offset = offset_in(command.raw(), key);
  described.length = static_cast<std::uint32_t>(key.size());
  described.name = entry.name;
  described.variant = entry.variant;
  described.arguments_offset = offset_in(command.raw(), arguments);
  described.arguments_length = static_cast<std::uint32_t>(arguments.size());
  described.ages = ages;
  return described;
}

void deliver(const cache::Entry& entry, int protocol, resp::Shape shape, const HitTarget& target) {
  const std::string_view reply = cache::reply_of(entry);
  std::string& out = target.queue != nullptr ? target.queue->tail() : *target.parked;
  if (protocol == 2 && cache::kind_of(entry) != cache::EntryKind::kPlain) {
    resp::append_downgraded(out, reply, shape);
  } else if (target.queue != nullptr && reply.size() >= kPinFrom) {
    auto pin = std::make_shared<cache::Pin>(entry);
    const std::string_view bytes = pin->bytes();
    target.queue->append_shared(bytes, std::move(pin));
  } else {
    out.append(reply);
  }
}

/// Of a read of one key. MGET k is not GET k: its reply is an array, and nil for a key of another
/// type.
cache::CacheKey key_of_one(const Read& read) {
  const resp::Command& command = read.command;
  const std::string_view arguments = command.raw_args();
  const cache::NameHash name = read.name != nullptr ? *read.name : cache::hash_name(command.arg(1));
  const std::uint32_t database = state::holds(state::Invariant::kI14Database) ? read.database : 0;
  return {name, cache::hash_variant(name, database, read.spec.id, arguments, command.argc() == 2),
          database, read.spec.id, arguments};
}

state::MissReason reason_of(cache::MissCause cause) {
  switch (cause) {
    case cache::MissCause::kExpired:
      return state::MissReason::kExpired;
    case cache::MissCause::kLease:
      return state::MissReason::kLease;
    case cache::MissCause::kGeneration:
      return state::MissReason::kGeneration;
    case cache::MissCause::kAbsent:
      break;
  }
  return state::MissReason::kAbsent;
}

}  // namespace

bool Reader::look_ahead(const command::Spec& spec, const resp::Command& command,
                        std::uint32_t database, cache::NameHash& name) {
  if (spec.cacheable == 0 || command.argc() != 2) return false;
  name = cache::hash_name(command.arg(1));
  cache_.prefetch(name, cache::hash_variant(name, database, spec.id, command.raw_args(), true));
  return true;
}

ReadResult Reader::read(const Read& read, const HitTarget& target) {
  const command::CacheForm form = command::cache_form(read.spec, read.command);
  if (!form.cacheable) return bypass(state::BypassReason::kCommand);
  const command::CacheRule& rule = command::cache_rules()[read.spec.cacheable - 1U];
  if (rule.multi_key && read.command.argc() != 2) {
    for (std::size_t i = 1; i < read.command.argc(); ++i) hot_keys_.observe(read.command.arg(i));
    return read_many(read, target);
  }
  hot_keys_.observe(read.command.arg(1));
  return read_one(read, rule, form.shape, target);
}

std::optional<ReadResult> Reader::read_along(const Read& read, cache::FlightId flight) {
  const command::CacheForm form = command::cache_form(read.spec, read.command);
  if (!form.cacheable || !cache_.join(key_of_one(read), flight, read.waiter)) return std::nullopt;
  hot_keys_.observe(read.command.arg(1));
  counters_.cache_misses[static_cast<std::size_t>(state::MissReason::kAbsent)].add();
  counters_.coalesced.add();
  return ReadResult{ReadOutcome::kWaiting, form.shape, false, flight};
}

ReadResult Reader::read_one(const Read& read, const command::CacheRule& rule, resp::Shape shape,
                            const HitTarget& target) {
  const resp::Command& command = read.command;
  const std::string_view key = command.arg(1);
  const std::string_view arguments = command.raw_args();
  const cache::CacheKey cache_key = key_of_one(read);
  const cache::NameHash name = cache_key.name;
  cache::MissCause cause = cache::MissCause::kAbsent;
  const auto on_hit = [&](const cache::Entry& entry) {
    deliver(entry, read.protocol, shape, target);
  };
  const bool hit = cache_.peek(
      cache_key, read.now, [&](const cache::Entry& entry, auto, auto) { on_hit(entry); }, cause);
  if (hit) {
    counters_.cache_hits.add();
    return {ReadOutcome::kHit};
  }
  // Asked before the lookup: whoever starts a flight must be able to fly, others may join it at
  // once.
  const fill::FetchName asked{key, name};
  const fill::FetchRoute way = route({&asked, 1}, read.now);
  if (way.link == nullptr) return bypass(state::BypassReason::kNoLink);
  if (!link_allows(*way.link, read.spec)) return bypass(state::BypassReason::kCommand);
  const fill::AgeLimits* const ages = rules_.ages(key, rule.age == command::AgeClass::kHash);
  if (ages == nullptr) return bypass(state::BypassReason::kRule);
  cache::Lookup found =
      cache_.lookup(cache_key, read.now, read.waiter, on_hit, way.link->source(read.now));
  // What the first look dropped is not there to tell why any more.
  if (found.cause == cache::MissCause::kAbsent) found.cause = cause;
  switch (found.result) {
    case cache::LookupResult::kHit:
      counters_.cache_hits.add();
      return {ReadOutcome::kHit};
    case cache::LookupResult::kTooLarge:
      counters_.cache_bypasses[static_cast<std::size_t>(state::BypassReason::kTooLarge)].add();
      return {ReadOutcome::kTooLarge};
    case cache::LookupResult::kJoined:
      counters_.cache_misses[static_cast<std::size_t>(reason_of(found.cause))].add();
      counters_.coalesced.add();
      return {ReadOutcome::kWaiting, shape, false, found.flight};
    case cache::LookupResult::kFetch:
      break;
  }
  counters_.cache_misses[static_cast<std::size_t>(reason_of(found.cause))].add();
  fill::Fetch fetch;
  fetch.request = std::string(command.raw());
  fetch.database = read.database;
  fetch.command = read.spec.id;
  fetch.flight = found.flight;
  fetch.elsewhere = way.elsewhere;
  fetch.keys.push_back(fetch_key(command, key, arguments, cache_key, *ages));
  way.link->send(std::move(fetch), read.now);
  return {ReadOutcome::kWaiting, shape, false, found.flight};
}

/// I12: a hit is a snapshot only when every part comes from one link and generation, and nothing
/// was erased anywhere while the parts were read.
bool Reader::peek_all(const Read& read, const HitTarget& target) {
  static const command::Spec& get = command::find("GET");
  const std::uint64_t sequence = cache_.erase_sequence();
  scratch_.clear();
  resp::append_array_header(scratch_, names_.size());
  cache::LinkId link = 0;
  cache::Generation generation = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const fill::FetchName& part = names_[i];
    const std::string_view arguments = encoded_argument(part.key);
    const cache::CacheKey cache_key{
        part.name, cache::hash_variant(part.name, read.database, get.id, arguments, true),
        read.database, get.id, arguments};
    const bool found = cache_.peek(
        cache_key, read.now,
        [&](const cache::Entry& entry, cache::LinkId from, cache::Generation of) {
          if (i == 0) {
            link = from;
            generation = of;
          }
          if ((from != link || of != generation) && state::holds(state::Invariant::kI12MultiKey)) {
            generation = 0;
            return;
          }
          deliver(entry, read.protocol, resp::Shape::kAsIs, HitTarget{nullptr, &scratch_});
        });
    if (!found || generation == 0) return false;
  }
  if (sequence != cache_.erase_sequence() && state::holds(state::Invariant::kI12MultiKey))
    return false;
  (target.queue != nullptr ? target.queue->tail() : *target.parked).append(scratch_);
  return true;
}

ReadResult Reader::read_many(const Read& read, const HitTarget& target) {
  static const command::Spec& get = command::find("GET");
  const resp::Command& command = read.command;
  const std::size_t count = command.argc() - 1;
  if (count > kMaxPeekKeys) return bypass(state::BypassReason::kMultiKey);
  names_.clear();
  for (std::size_t i = 1; i <= count; ++i)
    names_.push_back({command.arg(i), cache::hash_name(command.arg(i))});
  if (peek_all(read, target)) {
    counters_.cache_hits.add();
    return {ReadOutcome::kHit};
  }

  const fill::FetchRoute way = count <= kMaxFillKeys ? route(names_, read.now) : fill::FetchRoute{};
  if (way.link == nullptr) {
    return bypass(count <= kMaxFillKeys ? state::BypassReason::kNoLink
                                        : state::BypassReason::kMultiKey);
  }
  if (!link_allows(*way.link, read.spec) || !link_allows(*way.link, get))
    return bypass(state::BypassReason::kMultiKey);
  fill::Fetch fetch;
  fetch.keys.reserve(count);
  for (const fill::FetchName& part : names_) {
    const fill::AgeLimits* const ages = rules_.ages(part.key, false);
    if (ages == nullptr) return bypass(state::BypassReason::kMultiKey);
    const std::string_view arguments = encoded_argument(part.key);
    const cache::CacheKey entry{
        part.name, cache::hash_variant(part.name, read.database, get.id, arguments, true),
        read.database, get.id, arguments};
    fetch.keys.push_back(fetch_key(command, part.key, arguments, entry, *ages));
  }
  counters_.cache_misses[static_cast<std::size_t>(state::MissReason::kAbsent)].add();
  fetch.request = std::string(command.raw());
  fetch.database = read.database;
  fetch.command = get.id;
  fetch.multi = true;
  fetch.elsewhere = way.elsewhere;
  fetch.waiter = read.waiter;
  way.link->send(std::move(fetch), read.now);
  return {ReadOutcome::kWaiting};
}

}  // namespace pillion::data::request
