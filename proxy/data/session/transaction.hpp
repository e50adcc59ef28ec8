// From MULTI or WATCH to EXEC, DISCARD or UNWATCH, as far as Pillion must know: the upstream
// queues.
#pragma once

#include <cstdint>
#include <vector>

#include "proxy/data/cache/cache_key.hpp"
#include "proxy/data/request/effects.hpp"
#include "proxy/data/session/queued_changes.hpp"

namespace pillion::data::session {

struct Transaction {
  bool open = false;  // between MULTI and EXEC
  bool watching = false;
  bool refused = false;                // a command was refused here: EXEC becomes EXECABORT
  bool writes = false;                 // CLIENT PAUSE WRITE holds its EXEC back
  std::uint32_t queued = 0;            // commands since MULTI
  std::vector<cache::NameHash> names;  // erased when EXEC is answered (I8)
  request::EffectKind effect = request::EffectKind::kNone;  // the widest of all queued
  QueuedChanges changes;

  /// The next one starts from nothing.
  void end() {
    open = watching = refused = writes = false;
    queued = 0;
    names.clear();
    effect = request::EffectKind::kNone;
    changes.clear();
  }
};

}  // namespace pillion::data::session
