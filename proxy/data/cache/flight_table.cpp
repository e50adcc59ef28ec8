#include "proxy/data/cache/flight_table.hpp"

namespace pillion::cache {
namespace {

constexpr unsigned kShardShift = 58;
constexpr unsigned kUsesShift = 32;
constexpr std::uint32_t kMaxUses = (1U << (kShardShift - kUsesShift)) - 1;

// What an ended flight may keep for the next one.
constexpr std::size_t kKeptWaiters = 64;
constexpr std::size_t kKeptArguments = 1024;

}  // namespace

bool Flight::is(const CacheKey& key) const {
  return variant_tag == static_cast<std::uint32_t>(key.variant) && database == key.database &&
         command == key.command && arguments == key.arguments;
}

FlightId FlightTable::join(const CacheKey& key, state::Nanos now, state::Nanos max_age,
                           const Waiter& waiter) {
  if (index_.size() == 0) return 0;
  Flight* flight = index_.variants(static_cast<std::uint32_t>(key.variant));
  while (flight != nullptr && !flight->is(key)) flight = flight->next_variant;
  if (flight == nullptr || now - flight->as_of > max_age) return 0;
  flight->waiters.push_back(waiter);
  return flight->id;
}

bool FlightTable::join(const CacheKey& key, FlightId flight, const Waiter& waiter) {
  Flight* const found = find(flight);
  if (found == nullptr || found->poisoned || !found->is(key)) return false;
  found->waiters.push_back(waiter);
  return true;
}

Flight* FlightTable::find(FlightId id) const {
  const auto slot = static_cast<std::uint32_t>(id);
  return id != 0 && slot < slots_.size() && slots_[slot]->id == id ? slots_[slot].get() : nullptr;
}

void FlightTable::hand_over(FlightId id, LinkId link) {
  if (Flight* const flight = find(id)) flight->link = link;
}

FlightId FlightTable::start(const CacheKey& key, state::Nanos as_of, LinkId link,
                            const Waiter& waiter) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(slots_.size()));
    slots_.push_back(std::make_unique<Flight>());
  }
  const std::uint32_t slot = free_.back();
  free_.pop_back();
  Flight& flight = *slots_[slot];
  flight.uses = flight.uses == kMaxUses ? 1 : flight.uses + 1;  // never 0, nor is the id
  flight.id = (static_cast<FlightId>(shard_) << kShardShift) |
              (static_cast<FlightId>(flight.uses) << kUsesShift) | slot;
  flight.variant_tag = static_cast<std::uint32_t>(key.variant);
  flight.name_tag = static_cast<std::uint32_t>(key.name);
  flight.database = key.database;
  flight.command = key.command;
  flight.poisoned = false;
  flight.as_of = as_of;
  flight.link = link;
  flight.arguments.assign(key.arguments);
  flight.waiters.push_back(waiter);
  index_.insert(flight);
  return flight.id;
}

FlightTable::Ended FlightTable::end(FlightId id, const CacheKey& key,
                                    std::vector<Waiter>& waiters) {
  Flight* const found = find(id);
  if (found == nullptr) return Ended::kUnknown;
  Flight& flight = *found;
  const bool clean = !flight.poisoned && flight.is(key);
  if (!flight.poisoned) index_.remove(flight);
  flight.id = 0;
  waiters.clear();
  waiters.swap(flight.waiters);
  if (flight.waiters.capacity() > kKeptWaiters) std::vector<Waiter>().swap(flight.waiters);
  if (flight.arguments.capacity() > kKeptArguments) std::string().swap(flight.arguments);
  free_.push_back(static_cast<std::uint32_t>(id));
  return clean ? Ended::kClean : Ended::kPoisoned;
}

void FlightTable::poison_all() {
  for (const auto& flight : slots_) {
    if (flight->id != 0 && !flight->poisoned) poison(*flight);
  }
}

void FlightTable::poison(Flight& flight) {
  index_.remove(flight);
  flight.poisoned = true;
}

}  // namespace pillion::cache
