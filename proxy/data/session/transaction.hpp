// From MULTI or WATCH to EXEC, DISCARD or UNWATCH, as far as Pillion must know: the upstream
// queues.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/request/effects.hpp"
#include "proxy/data/route/router.hpp"
#include "proxy/data/session/queued_changes.hpp"

namespace pillion::data::session {

struct Transaction {
  bool open = false;  // between MULTI and EXEC
  // In a cluster a transaction has one slot, and its node is known with the first key. Until then
  // it is unbound: Pillion answers for the node, and keeps what was queued.
  bool unbound = false;
  std::string multi;                    // while unbound: MULTI as it was said, canonically encoded
  std::string queued_so_far;            // the same of what followed
  std::uint16_t slot = route::kNoSlot;  // of a cluster, once it is known
  bool watching = false;
  bool refused = false;                // a command was refused here: EXEC becomes EXECABORT
  bool writes = false;                 // CLIENT PAUSE WRITE holds its EXEC back
  std::uint32_t queued = 0;            // commands since MULTI
  std::vector<cache::NameHash> names;  // erased when EXEC is answered (I8)
  request::EffectKind effect = request::EffectKind::kNone;  // the widest of all queued
  QueuedChanges changes;

  /// The next one starts from nothing.
  void end() {
    open = watching = refused = writes = unbound = false;
    multi.clear();
    queued_so_far.clear();
    slot = route::kNoSlot;
    queued = 0;
    names.clear();
    effect = request::EffectKind::kNone;
    changes.clear();
  }
};

}  // namespace pillion::data::session
