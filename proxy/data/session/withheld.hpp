// Whose output is kept back for a moment, and until when.
//
// Where the replies of one pipeline come from several servers, those that came first are better
// written together with the others: a write costs more than the replies in it, and wakes a reader
// that would only wait on. The moment is short, and over as soon as the others are there.
//
// Clients by their index in the registry. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <utility>
#include <vector>

#include "proxy/state/clock.hpp"

namespace pillion::data::session {

class Withheld {
 public:
  static constexpr state::Nanos kNever = std::numeric_limits<state::Nanos>::max();

  /// Who is in already keeps the deadline that was set first.
  void add(std::uint32_t client, state::Nanos until) {
    if (client >= places_.size()) places_.resize(client + std::size_t{1}, kNowhere);
    if (places_[client] != kNowhere) return;
    places_[client] = static_cast<std::uint32_t>(entries_.size());
    entries_.push_back({until, client});
  }

  void remove(std::uint32_t client) {
    if (client >= places_.size() || places_[client] == kNowhere) return;
    const std::uint32_t place = std::exchange(places_[client], kNowhere);
    if (place + std::size_t{1} != entries_.size()) {
      entries_[place] = entries_.back();
      places_[entries_[place].client] = place;
    }
    entries_.pop_back();
  }

  /// The first deadline; kNever when nobody is in.
  state::Nanos next() const {
    state::Nanos first = kNever;
    for (const Entry& entry : entries_) first = std::min(first, entry.until);
    return first;
  }

  /// Those whose deadline has come leave, into `due`.
  void take_due(state::Nanos now, std::vector<std::uint32_t>& due) {
    for (std::size_t i = 0; i < entries_.size();) {
      if (entries_[i].until > now) {
        ++i;
        continue;
      }
      due.push_back(entries_[i].client);
      remove(entries_[i].client);
    }
  }

 private:
  static constexpr std::uint32_t kNowhere = ~std::uint32_t{0};
  struct Entry {
    state::Nanos until;
    std::uint32_t client;
  };
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> places_;  // by client: its place in entries_
};

}  // namespace pillion::data::session
