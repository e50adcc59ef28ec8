// What every way of finding the upstream's servers can do: a list in the configuration, a primary
// that names its replicas, sentinels, the nodes of a cluster.
//
// On the control thread; start() before that thread exists. A layout is told whenever it differs
// from the one before, and that it still holds, whenever the upstream says so.
#pragma once

#include <string>

#include "proxy/control/topology/layout.hpp"
#include "proxy/control/topology/role_reply.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::control {

/// Who is told.
class LayoutSink {
 public:
  virtual void on_layout(Layout layout) = 0;
  /// The layout told last was true at `at`.
  virtual void on_confirmed(state::Nanos at) = 0;

 protected:
  ~LayoutSink() = default;
};

class Discovery {
 public:
  virtual ~Discovery() = default;

  virtual void start() = 0;
  /// Somebody was redirected or refused, or a server cannot be reached: look again at once, as far
  /// as the kind's own limits of asking allow.
  virtual void refresh() = 0;
  /// What the health check of the server of that name hears of its role.
  virtual void on_role(const std::string& /*name*/, const RoleReply& /*role*/,
                       state::Nanos /*asked_at*/) {}
  /// Whether its latest probe was answered, told when that or anything else of its health changes.
  virtual void on_probe(const std::string& /*name*/, bool /*answered*/) {}
  virtual void stop() = 0;
};

}  // namespace pillion::control
