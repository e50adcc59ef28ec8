// Asks the upstream for its command table and publishes what our own does not know: when a new
// server run is seen, and every minute, because modules come and go at run time.
//
// On a connection of its own that is closed after the answer: the reply is large, and whatever goes
// wrong with it must not look like an upstream that is down. Refused (ACL): nothing is known. Not
// answered: what was known stays, and it is asked again soon. Lives on the control thread.
#pragma once

#include <memory>
#include <string>

#include "proxy/control/topology/control_client.hpp"
#include "proxy/control/topology/publisher.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/learned_commands.hpp"
#include "proxy/state/published.hpp"

namespace pillion::control {

class CommandLearner {
 public:
  struct Settings {
    std::string user;      // "" = default
    std::string password;  // "" = none; never logged
    state::Nanos connect_timeout = state::kSecond;
    state::Nanos answer_timeout = 5 * state::kSecond;
    state::Nanos interval = 60 * state::kSecond;
    state::Nanos retry = 5 * state::kSecond;
  };
  static constexpr std::size_t kMaxReplyBytes = 4 << 20;

  /// `endpoints` says where the upstream is. `target` null: never asks.
  CommandLearner(boost::asio::io_context& io, Settings settings, const TopologyPublisher& endpoints,
                 state::Published<state::LearnedCommands>* target);
  ~CommandLearner();
  CommandLearner(const CommandLearner&) = delete;
  CommandLearner& operator=(const CommandLearner&) = delete;

  /// Another server answers than before. Asks anew, whatever is under way.
  void on_new_run();
  void stop();

 private:
  struct Timer;

  void connect();
  void authenticate();
  void ask();
  void publish(state::LearnedCommands learned);
  void rest(state::Nanos span);

  Settings settings_;
  const TopologyPublisher& endpoints_;
  state::Published<state::LearnedCommands>* target_;
  ControlClient client_;
  std::unique_ptr<Timer> timer_;
};

}  // namespace pillion::control
