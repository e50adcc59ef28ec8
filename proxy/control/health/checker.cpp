#include "proxy/control/health/checker.hpp"

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <utility>

#include "protocol/resp/writer.hpp"
#include "proxy/control/topology/interview.hpp"
#include "proxy/logging/log.hpp"

namespace pillion::control {
namespace {

/// What a reply says to the state machine: ROLE's answer is the first word of an array.
Answer read_answer(const HiredisReply& reply) {
  return {reply.is_error(), std::string(reply.is_array() ? reply.text_at(0) : reply.text()),
          parse_role(reply.view())};
}

}  // namespace

struct HealthChecker::Timer {
  explicit Timer(boost::asio::io_context& io) : timer(io) {}
  boost::asio::steady_timer timer;
};

HealthChecker::HealthChecker(boost::asio::io_context& io, Settings settings,
                             std::function<void(const HealthView&)> on_view,
                             std::function<void()> on_unreachable)
    : settings_(std::move(settings)),
      on_view_(std::move(on_view)),
      on_unreachable_(std::move(on_unreachable)),
      fsm_(settings_.fsm),
      client_(io),
      timer_(std::make_unique<Timer>(io)) {}

HealthChecker::~HealthChecker() = default;

void HealthChecker::on_doubt() {
  const HealthAction action = fsm_.on_doubt(state::now());
  if (std::holds_alternative<Nothing>(action)) return;
  timer_->timer.cancel();
  perform(action);
}

void HealthChecker::on_endpoint(const state::Endpoint& endpoint) {
  endpoint_ = endpoint;
  timer_->timer.cancel();
  perform(fsm_.on_endpoint(state::now()));
}

void HealthChecker::stop() {
  timer_->timer.cancel();
  client_.close();
}

void HealthChecker::perform(const HealthAction& action) {
  tell();
  std::visit([this](const auto& step) { perform(step); }, action);
}

void HealthChecker::perform(const Connect& action) {
  client_.connect(endpoint_, action.timeout, [this](const std::string& error) {
    if (error.empty()) {
      perform(fsm_.on_connected(state::now()));
    } else {
      on_failure(error);
    }
  });
}

void HealthChecker::perform(const Ask& action) {
  client_.ask(encode(action.question), action.timeout,
              [this](const std::variant<HiredisReply, std::string>& result) {
                if (const auto* reply = std::get_if<HiredisReply>(&result)) {
                  perform(fsm_.on_answer(state::now(), read_answer(*reply)));
                } else {
                  on_failure(std::get<std::string>(result));
                }
              });
}

void HealthChecker::perform(const Rest& action) {
  const state::Nanos wait = std::max<state::Nanos>(action.until - state::now(), 0);
  timer_->timer.expires_after(std::chrono::nanoseconds(wait));
  timer_->timer.async_wait([this](const boost::system::error_code& stopped) {
    if (!stopped) perform(fsm_.on_timer(state::now()));
  });
}

void HealthChecker::perform(const CloseAndRest& action) {
  client_.close();
  perform(Rest{action.until});
}

void HealthChecker::on_failure(const std::string& why) {
  perform(fsm_.on_failure(state::now(), why));
  on_unreachable_();
}

std::string HealthChecker::encode(Question question) const {
  std::string request;
  switch (question) {
    case Question::kAuth:
      request = auth_request(settings_.user, settings_.password);
      break;
    case Question::kInfo:
      resp::append_request(request, {"INFO", "server"});
      break;
    case Question::kPing:
      resp::append_request(request, {"PING"});
      break;
    case Question::kRole:
      resp::append_request(request, {"ROLE"});
      break;
  }
  return request;
}

void HealthChecker::tell() {
  const HealthView& view = fsm_.view();
  if (view == told_) return;
  const std::string& name = endpoint_.name;
  if (view.up && !told_.up) {
    logging::info("upstream " + name + " is up" +
                  (view.role.empty() ? "" : " (" + view.role + ", " + view.version + ")"));
  } else if (!view.up &&
             (told_.up || (view.error != told_.error && down_lines_.allow(state::now())))) {
    logging::warn("upstream " + name + " is down: " + view.error);
  }
  if (view.auth_required && !told_.auth_required && view.up) {
    logging::info("upstream " + name + " wants AUTH and none is configured: clients must bring it");
  }
  told_ = view;
  on_view_(view);
}

}  // namespace pillion::control
