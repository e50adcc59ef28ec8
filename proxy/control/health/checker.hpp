// The shell of HealthFsm for one server: performs its actions on one ControlClient and tells its
// view. Lives on the control thread; one line is logged per change of up or down, never per probe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "proxy/control/health/health_fsm.hpp"
#include "proxy/control/topology/control_client.hpp"
#include "proxy/logging/throttle.hpp"

namespace pillion::control {

class HealthChecker {
 public:
  struct Settings {
    HealthSettings fsm;
    std::string user;      // "" = default
    std::string password;  // never logged
  };

  /// `on_view`: the view has changed. `on_unreachable`: a probe failed, the name may mean another
  /// address now. Neither may end this object.
  HealthChecker(boost::asio::io_context& io, Settings settings,
                std::function<void(const HealthView&)> on_view,
                std::function<void()> on_unreachable);
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  /// Where the server is, for the first time or anew: connect to it.
  void on_endpoint(const state::Endpoint& endpoint);
  /// Something failed there that is no probe: probe at once.
  void on_doubt();
  void adopt(const HealthSettings& settings) { fsm_.adopt(settings); }
  void stop();

  const HealthView& view() const { return fsm_.view(); }

 private:
  struct Timer;

  void perform(const HealthAction& action);
  void perform(const Nothing&) {}
  void perform(const Connect& action);
  void perform(const Ask& action);
  void perform(const Rest& action);
  void perform(const CloseAndRest& action);
  void on_failure(const std::string& why);
  std::string encode(Question question) const;
  void tell();

  Settings settings_;
  std::function<void(const HealthView&)> on_view_;
  std::function<void()> on_unreachable_;
  state::Endpoint endpoint_;
  HealthFsm fsm_;
  HealthView told_;
  logging::Throttle down_lines_{5 * state::kSecond};  // an error that alternates between two texts
  ControlClient client_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace pillion::control
