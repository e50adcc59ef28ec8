// The shell of HealthFsm: performs its actions on one ControlClient and publishes its view.
// Lives on the control thread; one line is logged per change of up or down, never per probe.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"
#include "proxy/control/health/health_fsm.hpp"
#include "proxy/control/topology/control_client.hpp"
#include "proxy/control/topology/publisher.hpp"
#include "proxy/logging/throttle.hpp"

namespace pillion::control {

class HealthChecker {
 public:
  struct Settings {
    HealthSettings fsm;
    std::string user;      // "" = default
    std::string password;  // never logged
  };

  /// `on_unreachable`: a probe failed, the name may mean another address now. `on_new_run`: a
  /// server answers that was not there before, or has been started again.
  HealthChecker(boost::asio::io_context& io, Settings settings, TopologyPublisher& publisher,
                std::function<void()> on_unreachable, std::function<void()> on_new_run);
  ~HealthChecker();
  HealthChecker(const HealthChecker&) = delete;
  HealthChecker& operator=(const HealthChecker&) = delete;

  /// The published endpoint is new: connect to it.
  void on_endpoint();
  void stop();

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
  void publish();

  Settings settings_;
  TopologyPublisher& publisher_;
  std::function<void()> on_unreachable_;
  std::function<void()> on_new_run_;
  HealthFsm fsm_;
  HealthView published_;
  logging::Throttle down_lines_{5 * state::kSecond};  // an error that alternates between two texts
  ControlClient client_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace pillion::control
