#include "proxy/control/topology/interview.hpp"

#include <utility>

#include "protocol/resp/writer.hpp"

namespace pillion::control {

std::string auth_request(const std::string& user, const std::string& password) {
  std::string request;
  if (user.empty() && password.empty()) return request;
  if (user.empty()) {
    resp::append_request(request, {"AUTH", password});
  } else {
    resp::append_request(request, {"AUTH", user, password});
  }
  return request;
}

void Interview::start(const state::Endpoint& server, std::vector<std::string> questions,
                      std::function<void(Answers)> handler) {
  const bool same = server.addresses == server_.addresses && server.port == server_.port &&
                    server.unix_path == server_.unix_path;
  server_ = server;
  questions_ = std::move(questions);
  answers_.clear();
  handler_ = std::move(handler);
  reused_ = connected_ && same;
  if (reused_) return ask_next();
  connected_ = false;
  client_.connect(server_, settings_.connect_timeout, [this](std::string error) {
    if (!error.empty()) return finish(std::move(error));
    connected_ = true;
    authenticate();
  });
}

void Interview::close() {
  handler_ = nullptr;
  connected_ = false;
  client_.close();
}

void Interview::authenticate() {
  std::string request = auth_request(settings_.user, settings_.password);
  if (request.empty()) return ask_next();
  client_.ask(std::move(request), settings_.answer_timeout,
              [this](std::variant<HiredisReply, std::string> result) {
                if (auto* error = std::get_if<std::string>(&result)) return finish(*error);
                const auto& reply = std::get<HiredisReply>(result);
                if (reply.is_error()) return finish(std::string(reply.text()));
                ask_next();
              });
}

void Interview::ask_next() {
  client_.ask(questions_[answers_.size()], settings_.answer_timeout,
              [this](std::variant<HiredisReply, std::string> result) {
                if (auto* error = std::get_if<std::string>(&result)) {
                  // A server may end what was idle at any time: that says nothing about it yet.
                  if (reused_ && answers_.empty()) {
                    connected_ = false;
                    return start(server_, std::move(questions_), std::move(handler_));
                  }
                  return finish(std::move(*error));
                }
                answers_.push_back(std::move(std::get<HiredisReply>(result)));
                if (answers_.size() < questions_.size()) return ask_next();
                finish(std::exchange(answers_, {}));
              });
}

void Interview::finish(Answers answers) {
  if (std::holds_alternative<std::string>(answers)) {
    connected_ = false;
    client_.close();
  }
  // The handler may start the next one.
  const auto handler = std::exchange(handler_, nullptr);
  handler(std::move(answers));
}

}  // namespace pillion::control
