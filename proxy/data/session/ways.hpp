// The shared lanes that one session's commands are on, one per server that was asked.
//
// Both questions of every command are answered without a search: which way leads to an endpoint,
// and which way an id names.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/data/session/reply_slots.hpp"
#include "proxy/data/upstream/lane.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::data::session {

struct Way {
  WayId id = kNoWay;
  state::EndpointId endpoint = state::kNoEndpoint;
  std::shared_ptr<upstream::Lane> lane;  // null until it was asked for
  std::uint32_t unanswered = 0;          // commands of ours on it
  std::uint64_t slot = 0;                // sequence of the slot that its latest command is in
};

class Ways {
 public:
  /// The way to that endpoint. When it is new it has taken the place of one that no command is on;
  /// references to others may end.
  Way& to(state::EndpointId endpoint) {
    std::uint8_t& guess = guesses_[endpoint % guesses_.size()];
    if (guess < ways_.size() && ways_[guess].endpoint == endpoint) return ways_[guess];
    std::size_t place = ways_.size();
    for (std::size_t i = 0; i < ways_.size(); ++i) {
      if (ways_[i].endpoint == endpoint) {
        place = i;
        break;
      }
      if (ways_[i].unanswered == 0 && place == ways_.size()) place = i;
    }
    if (place == ways_.size()) ways_.emplace_back();
    guess = static_cast<std::uint8_t>(std::min<std::size_t>(place, 0xff));
    Way& way = ways_[place];
    if (way.endpoint != endpoint) {
      issued_ += kMost;
      if (issued_ == kNoWay) issued_ += kMost;
      way.id = issued_ + static_cast<WayId>(place);
      way.endpoint = endpoint;
      way.lane = nullptr;
      way.unanswered = 0;
    }
    return way;
  }

  /// Null when it leads elsewhere by now, and for kNoWay.
  Way* find(WayId id) {
    const std::size_t place = id % kMost;
    return place < ways_.size() && ways_[place].id == id ? &ways_[place] : nullptr;
  }
  const Way* find(WayId id) const { return const_cast<Ways*>(this)->find(id); }

  bool busy(state::EndpointId endpoint) const {
    return std::any_of(ways_.begin(), ways_.end(), [endpoint](const Way& way) {
      return way.endpoint == endpoint && way.unanswered > 0;
    });
  }

  void clear() { ways_.clear(); }

 private:
  // No two lead to one endpoint, and there are fewer endpoints.
  static constexpr WayId kMost = 512;
  static_assert(kMost > state::kMaxEndpoints);

  std::vector<Way> ways_;                  // an id tells its place
  std::array<std::uint8_t, 8> guesses_{};  // by endpoint: its place, unless another's
  WayId issued_ = kNoWay;
};

}  // namespace pillion::data::session
