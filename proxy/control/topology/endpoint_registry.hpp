// Which id an endpoint has: the one place where ids are given.
//
// A name keeps its id for the life of the process, also when it leaves the layout and comes back.
// Only when all ids are given away, those whose names have been gone for kRest go to others, the
// longest gone first: until then what is kept by id (counters, connections, links) may still mean
// the old one. Pure; control thread only.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "proxy/state/clock.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

class EndpointRegistry {
 public:
  static constexpr state::Nanos kRest = 600 * state::kSecond;

  explicit EndpointRegistry(std::size_t most = state::kMaxEndpoints) : most_(most) {}

  /// The id of `name`, which is in use from now on; nothing when there is none to be had.
  std::optional<state::EndpointId> take(std::string_view name, state::Nanos now);

  /// Those are all that are in use; others rest from now on.
  void keep(const std::set<state::EndpointId>& used, state::Nanos now);

 private:
  struct Entry {
    state::EndpointId id = 0;
    bool used = false;
    state::Nanos left_at = 0;  // when it was in use last
  };

  const std::size_t most_;
  std::map<std::string, Entry, std::less<>> entries_;
};

}  // namespace pillion::control
