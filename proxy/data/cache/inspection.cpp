// Looking into the cache and erasing by pattern. A shard's lock is held for as long as it takes to
// copy what is looked at, never while a pattern is matched: workers spin on it.
#include "proxy/data/cache/inspection.hpp"

#include <algorithm>
#include <charconv>
#include <mutex>
#include <utility>

#include "proxy/data/cache/cache.hpp"

namespace pillion::cache {
namespace {

/// Strings back to back, so that a shard's keys are two allocations and not one each.
class Keys {
 public:
  void add(std::string_view key) {
    bytes_.append(key);
    ends_.push_back(bytes_.size());
  }
  void clear() {
    bytes_.clear();
    ends_.clear();
  }
  template <class Visit>
  void for_each(Visit&& visit) const {
    std::size_t begin = 0;
    for (const std::size_t end : ends_) {
      visit(std::string_view(bytes_).substr(begin, end - begin));
      begin = end;
    }
  }

 private:
  std::string bytes_;
  std::vector<std::size_t> ends_;
};

}  // namespace

std::string_view first_argument(std::string_view arguments) {
  if (arguments.empty() || arguments.front() != '$') return {};
  const char* const end = arguments.data() + arguments.size();
  std::size_t length = 0;
  const auto [digits_end, error] = std::from_chars(arguments.data() + 1, end, length);
  if (error != std::errc() || end - digits_end < 2 || digits_end[0] != '\r' ||
      digits_end[1] != '\n')
    return {};
  const char* const text = digits_end + 2;
  if (static_cast<std::size_t>(end - text) < length) return {};
  return {text, length};
}

std::vector<CachedVariant> Cache::variants(std::string_view redis_key, state::Nanos now,
                                           std::size_t limit) const {
  std::vector<CachedVariant> found;
  const NameHash name = hash_name(redis_key);
  Shard& shard = shard_of(name);
  const std::lock_guard lock(shard.mutex());
  shard.for_each_of(name, [&](const Entry& entry) {
    if (found.size() >= limit || first_argument(entry.arguments()) != redis_key) return;
    CachedVariant variant;
    variant.database = entry.database;
    variant.command = entry.command;
    variant.kind = kind_of(entry);
    variant.arguments = entry.arguments().substr(0, CachedVariant::kMaxArguments);
    variant.arguments_cut = entry.arguments().size() > CachedVariant::kMaxArguments;
    variant.bytes = allocated_size(entry);
    variant.reply_bytes = reply_of(entry).size();
    variant.remaining = std::max<state::Nanos>(entry.deadline() - now, 0);
    const state::Nanos synced_at = links_.synced_at(entry.link());  // first: LinkTable::open
    if (links_.generation(entry.link()) != entry.generation) {
      variant.state = VariantState::kDropped;
    } else if (variant.remaining == 0) {
      variant.state = VariantState::kExpired;
    } else if (variant.kind != EntryKind::kTooLarge && now - synced_at > limits_.max_staleness) {
      variant.state = VariantState::kLease;
    }
    found.push_back(std::move(variant));
  });
  return found;
}

std::size_t Cache::erase_matching(const std::function<bool(std::string_view redis_key)>& fits) {
  std::vector<NameHash> names;
  Keys keys;
  for (const auto& shard : shards_) {
    keys.clear();
    {
      const std::lock_guard lock(shard->mutex());
      // Fills without a flight (MGET) are either entries already, or refused from now on.
      shard->count_erasure_of_all();
      shard->for_each([&](const Entry& entry) { keys.add(first_argument(entry.arguments())); });
      shard->flights().for_each_clean(
          [&](const Flight& flight) { keys.add(first_argument(flight.arguments)); });
    }
    keys.for_each([&](std::string_view key) {
      if (fits(key)) names.push_back(hash_name(key));
    });
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::size_t erased = 0;
  for (const NameHash name : names) erased += erase(name, true) ? 1 : 0;
  return erased;
}

}  // namespace pillion::cache
