// Discovery for one fixed upstream: keeps the addresses of its name current.
//
// A UNIX path and a numeric host are published at once, from start(). A name is resolved every
// 30 s, and again (at most once a second) whenever the upstream cannot be reached: a service's
// address may have moved. A failing resolver never takes known addresses away; while there are
// none, `resolve_error` says why and the lookup is repeated every second.
#pragma once

#include <functional>
#include <memory>

#include "config/config.hpp"
#include "proxy/control/topology/lookup.hpp"
#include "proxy/control/topology/publisher.hpp"
#include "proxy/state/clock.hpp"

namespace pillion::control {

class Standalone {
 public:
  /// `on_addresses` runs whenever the published endpoint has become another.
  Standalone(boost::asio::io_context& io, const config::UpstreamTarget& target,
             TopologyPublisher& publisher, std::function<void()> on_addresses);
  ~Standalone();
  Standalone(const Standalone&) = delete;
  Standalone& operator=(const Standalone&) = delete;

  void start();
  /// The upstream could not be reached.
  void refresh();
  void stop();

 private:
  struct Timer;

  void look_up();
  void on_result(LookupResult result);
  void schedule(state::Nanos after);

  config::UpstreamTarget target_;
  TopologyPublisher& publisher_;
  std::function<void()> on_addresses_;
  Lookup lookup_;
  std::unique_ptr<Timer> timer_;
  bool fixed_ = false;  // nothing to resolve
  state::Nanos looked_up_at_ = 0;
};

}  // namespace pillion::control
