#include "proxy/data/request/hot_keys.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

namespace pillion::data::request {
namespace {

/// Most reads first; by name among equals, so that an answer does not depend on places.
bool hotter(const HotKey& a, const HotKey& b) {
  if (a.count != b.count) return a.count > b.count;
  return a.key < b.key;
}

void keep_first(std::vector<HotKey>& keys, std::size_t n) {
  std::sort(keys.begin(), keys.end(), hotter);
  if (keys.size() > n) keys.resize(n);
}

}  // namespace

// The process's secret seed is in the hash: nobody outside knows which reads are in the sample.
HotKeys::HotKeys() : random_(cache::hash_name("sample") | 1U) {
  chains_.fill(kNone);
  draw_distance();
}

void HotKeys::draw_distance() {
  // xorshift64; uniform in 1 .. 2 * kSampleEvery - 1, whose mean is kSampleEvery.
  random_ ^= random_ << 13U;
  random_ ^= random_ >> 7U;
  random_ ^= random_ << 17U;
  const std::uint64_t range = 2 * kSampleEvery - 1;
  until_sample_ = static_cast<std::uint32_t>((random_ >> 32U) * range >> 32U) + 1;
}

void HotKeys::sample(std::string_view key) {
  draw_distance();
  const cache::NameHash name = cache::hash_name(key);
  Index index = find(name, key);
  if (index == kNone) {
    index = take_smallest();
    errors_[index] = counts_[index];
    Place& place = places_[index];
    place.name = name;
    place.truncated = key.size() > kMaxKey;
    place.length = static_cast<std::uint8_t>(std::min(key.size(), kMaxKey));
    std::memcpy(place.bytes.data(), key.data(), place.length);
    Index& first = chains_[name % kChains];
    place.next = first;
    first = index;
  }
  ++counts_[index];
}

HotKeys::Index HotKeys::find(cache::NameHash name, std::string_view key) const {
  const std::string_view kept = key.substr(0, kMaxKey);
  for (Index index = chains_[name % kChains]; index != kNone; index = places_[index].next) {
    const Place& place = places_[index];
    if (place.name == name && std::string_view(place.bytes.data(), place.length) == kept) {
      return index;
    }
  }
  return kNone;
}

HotKeys::Index HotKeys::take_smallest() {
  if (used_ < kCounters) return static_cast<Index>(used_++);
  for (std::size_t steps = 0; counts_[hand_] > floor_; ++steps) {
    hand_ = (hand_ + 1) % kCounters;
    if (steps == kCounters) floor_ = *std::min_element(counts_.begin(), counts_.end());
  }
  const auto index = static_cast<Index>(hand_);
  unlink(index);
  return index;
}

void HotKeys::unlink(Index index) {
  Index* at = &chains_[places_[index].name % kChains];
  while (*at != index) at = &places_[*at].next;
  *at = places_[index].next;
}

void HotKeys::tick(state::Nanos now) {
  if (halve_at_ == 0) halve_at_ = now + kHalfLife;
  if (now < halve_at_) return;
  // After a long silence one halving for each that was missed; more than 32 leave nothing.
  const auto missed = std::min<state::Nanos>((now - halve_at_) / kHalfLife + 1, 31);
  halve_at_ = now + kHalfLife;
  for (std::size_t i = 0; i < used_; ++i) {
    const std::uint32_t sure = (counts_[i] - errors_[i]) >> missed;
    errors_[i] >>= missed;
    counts_[i] = errors_[i] + sure;
  }
  floor_ = 0;
}

std::vector<HotKey> HotKeys::top(std::size_t n) const {
  std::vector<HotKey> keys;
  for (std::size_t i = 0; i < used_; ++i) {
    const std::uint64_t sure = counts_[i] - errors_[i];
    if (sure == 0) continue;
    const Place& place = places_[i];
    keys.push_back(
        {std::string(place.bytes.data(), place.length), place.truncated, sure * kSampleEvery});
  }
  keep_first(keys, n);
  return keys;
}

std::vector<HotKey> merge_hot_keys(const std::vector<std::vector<HotKey>>& workers, std::size_t n) {
  std::map<std::pair<std::string_view, bool>, std::uint64_t> sums;
  for (const auto& worker : workers) {
    for (const HotKey& key : worker) sums[{key.key, key.truncated}] += key.count;
  }
  std::vector<HotKey> keys;
  keys.reserve(sums.size());
  for (const auto& [key, count] : sums) keys.push_back({std::string(key.first), key.second, count});
  keep_first(keys, n);
  return keys;
}

}  // namespace pillion::data::request
