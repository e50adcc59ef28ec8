// A command that travels by itself: one that was refused or lost where it was sent first, a part of
// a fan-out, or what nobody serves at the moment (session_errands.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/reply_sink.hpp"
#include "proxy/data/route/redirect_policy.hpp"
#include "proxy/data/route/router.hpp"
#include "proxy/data/session/reply_slots.hpp"
#include "proxy/data/upstream/lane.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::data::session {

struct Errand {
  std::uint16_t number = 0;  // in the high bits of its requester's slot
  std::uint64_t slot = 0;
  std::size_t offset = 0;                   // where its reply belongs in the slot's parked bytes
  std::uint32_t part = 0;                   // of the slot's fan-out
  std::uint16_t key_slot = route::kNoSlot;  // of a cluster
  std::string request;
  CommandClass command_class = CommandClass::kRead;
  TimeLimit limit = TimeLimit::kCommand;
  bool alone = false;                  // needs a connection of its own
  bool caching = false;                // see announce_caching()
  bool detour = false;                 // was refused or lost: nothing else is begun meanwhile
  std::vector<cache::NameHash> names;  // of its slot: what it erases when it is done
  state::Nanos send_at = 0;            // 0: on its way
  route::Attempts attempts;
  state::EndpointId endpoint = state::kNoEndpoint;  // next or latest; kNoEndpoint: to be routed
  bool asking = false;
  bool of_replica = false;                      // `endpoint` was chosen as a replica
  std::uint64_t rotations = 0;                  // of the director, when it was
  state::EndpointId node = state::kNoEndpoint;  // whose own answer it has to be
  WayId way = kNoWay;                           // counts there
  std::shared_ptr<upstream::Lane> lane;
  std::string reply;  // what has come of it
  std::string error;  // what the client gets when nothing better comes

  /// The names of its request's keys; worked out when they are first asked for, as few errands ever
  /// meet another.
  const std::vector<cache::NameHash>& own_names() const;

 private:
  mutable std::optional<std::vector<cache::NameHash>> own_names_;
};

bool either_writes(const Errand& one, const Errand& other);
bool share_a_key(const Errand& one, const Errand& other);

}  // namespace pillion::data::session
