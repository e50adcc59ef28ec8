#include "proxy/control/topology/command_learner.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>
#include <variant>

#include "protocol/resp/writer.hpp"
#include "proxy/control/topology/command_table.hpp"
#include "proxy/logging/log.hpp"

namespace pillion::control {
namespace {

/// A script runs, or data is being loaded: no reason to forget anything.
bool is_transient(const ReplyView& reply) {
  return reply.is_error() &&
         (reply.text().starts_with("BUSY") || reply.text().starts_with("LOADING"));
}

}  // namespace

struct CommandLearner::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

CommandLearner::CommandLearner(boost::asio::io_context& io, Settings settings,
                               const TopologyPublisher& endpoints,
                               state::Published<state::LearnedCommands>* target)
    : settings_(std::move(settings)),
      endpoints_(endpoints),
      target_(target),
      client_(io, kMaxReplyBytes),
      timer_(std::make_unique<Timer>(io)) {}

CommandLearner::~CommandLearner() = default;

void CommandLearner::on_new_run() {
  if (target_ == nullptr) return;
  timer_->timer.cancel();
  connect();
}

void CommandLearner::stop() {
  timer_->timer.cancel();
  client_.close();
}

void CommandLearner::connect() {
  client_.connect(endpoints_.current().primary, settings_.connect_timeout,
                  [this](const std::string& error) {
                    if (!error.empty()) return rest(settings_.retry);
                    if (settings_.user.empty() && settings_.password.empty()) return ask();
                    authenticate();
                  });
}

void CommandLearner::authenticate() {
  std::string request;
  if (settings_.user.empty()) {
    resp::append_request(request, {"AUTH", settings_.password});
  } else {
    resp::append_request(request, {"AUTH", settings_.user, settings_.password});
  }
  client_.ask(std::move(request), settings_.answer_timeout,
              [this](const std::variant<HiredisReply, std::string>& result) {
                const auto* reply = std::get_if<HiredisReply>(&result);
                // Refused credentials are the health checker's to tell; asking often locks
                // accounts.
                if (reply == nullptr || reply->is_error()) return rest(settings_.interval);
                ask();
              });
}

void CommandLearner::ask() {
  std::string request;
  resp::append_request(request, {"COMMAND"});
  client_.ask(std::move(request), settings_.answer_timeout,
              [this](const std::variant<HiredisReply, std::string>& result) {
                const auto* reply = std::get_if<HiredisReply>(&result);
                if (reply == nullptr || is_transient(reply->view())) return rest(settings_.retry);
                publish(learned_commands(reply->view()));
                rest(settings_.interval);
              });
}

void CommandLearner::publish(state::LearnedCommands learned) {
  if (learned == *target_->load()) return;
  logging::info("the upstream has " + std::to_string(learned.size()) +
                (learned.size() == 1 ? " command" : " commands") +
                " that this version of Pillion does not know by itself");
  target_->publish(std::make_shared<const state::LearnedCommands>(std::move(learned)));
}

void CommandLearner::rest(state::Nanos span) {
  client_.close();
  timer_->timer.expires_after(std::chrono::nanoseconds(span));
  timer_->timer.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) connect();
  });
}

}  // namespace pillion::control
