// Which fill link a read that missed is to be fetched on.
//
// Decided outside of this room, by whoever knows slots, replicas and how reads are spread; the
// reader only asks. Asked once for every miss, never for a hit.
#pragma once

#include <span>
#include <string_view>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::data::fill {

class FillLink;

struct FetchName {
  std::string_view key;
  cache::NameHash name = 0;
};

struct FetchRoute {
  FillLink* link = nullptr;  // null: go upstream, past the L1
  /// reads.balance key_affinity: the link is not that of the keys' own replica, though there is
  /// one. What is read here must have reached that replica before it answers for them again (I17).
  bool elsewhere = false;
};

class FetchRouter {
 public:
  virtual ~FetchRouter() = default;
  /// One link for all of `keys`, which accepts fetches; null when there is none.
  virtual FetchRoute link_for(std::span<const FetchName> keys, state::Nanos now) = 0;
  /// One that accepts scripts, where it does not matter which keys they touch; null: none does.
  virtual FillLink* link_for_scripts() = 0;
};

}  // namespace pillion::data::fill
