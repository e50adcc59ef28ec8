// Which links have brought answers of a name since anything was last heard of it.
//
// A link that has, is told by its server when the name changes. So whatever else it brings of the
// name is of the same version, or the name was erased before: nothing that another such link of
// that server brought is older. The first answer of any other link may be newer than all of that
// (I17).
//
// A table of limited size: a name whose place is wanted by another is forgotten, and its links are
// as strangers to it again, which costs fetches and is never wrong. Not thread-safe; the shard's
// mutex guards it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/cache/link_table.hpp"

namespace pillion::cache {

class Contacts {
 public:
  /// For a shard of so many bytes; 0: for one that has a single link a server, and needs none.
  explicit Contacts(std::size_t budget) {
    if (budget == 0) return;
    std::size_t places = kMinPlaces;
    while (places < kMaxPlaces && places * kShare * sizeof(Place) < budget) places *= 2;
    places_.resize(places);
  }

  bool enabled() const { return !places_.empty(); }

  /// `ended`: LinkTable::ended(). A link whose generation ends is not told of what it read before.
  bool known(NameHash name, LinkId link, std::uint64_t ended) {
    if (ended != ended_) clear();
    ended_ = ended;
    const Place& place = place_of(name);
    return place.name == name && (place.links & bit(link)) != 0;
  }
  void add(NameHash name, LinkId link) {
    Place& place = place_of(name);
    if (place.name != name) place = {name, 0};
    place.links |= bit(link);
  }
  void forget(NameHash name) {
    if (!enabled()) return;
    Place& place = place_of(name);
    if (place.name == name) place.links = 0;
  }
  void clear() { std::fill(places_.begin(), places_.end(), Place{}); }

  std::size_t bytes() const { return places_.size() * sizeof(Place); }

 private:
  struct Place {
    NameHash name = 0;
    std::uint64_t links = 0;
  };
  static constexpr std::size_t kMinPlaces = 16;
  static constexpr std::size_t kMaxPlaces = 4096;
  static constexpr std::size_t kShare = 128;  // of the budget, at least so much is for entries

  // Links beyond the 64th are always strangers.
  static std::uint64_t bit(LinkId link) { return link < 64 ? std::uint64_t{1} << link : 0; }
  Place& place_of(NameHash name) { return places_[(name >> 16) & (places_.size() - 1)]; }

  std::vector<Place> places_;
  std::uint64_t ended_ = 0;
};

}  // namespace pillion::cache
