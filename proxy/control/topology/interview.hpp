// Asks one server a list of questions, in order, over a connection that is kept for the next time.
//
// Credentials come first on a new connection; without a connection, or with one that broke, a new
// one is made. Any failure, refused credentials included, ends the interview with its reason and
// the connection. One interview at a time; control thread only.
#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "proxy/control/topology/control_client.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace pillion::control {

/// AUTH as a request; empty when there is nothing to show.
std::string auth_request(const std::string& user, const std::string& password);

class Interview {
 public:
  struct Settings {
    std::string user;      // "" = default
    std::string password;  // "" = none; never logged
    state::Nanos connect_timeout = state::kSecond;
    state::Nanos answer_timeout = state::kSecond;
  };
  /// One answer a question, errors of the server among them; or why there are none.
  using Answers = std::variant<std::vector<HiredisReply>, std::string>;
  /// CLUSTER SHARDS of a thousand nodes stays below.
  static constexpr std::size_t kMaxReplyBytes = 4 << 20;

  Interview(boost::asio::io_context& io, Settings settings)
      : settings_(std::move(settings)), client_(io, kMaxReplyBytes) {}

  /// Precondition: !busy(), at least one question. The handler is never called from inside.
  void start(const state::Endpoint& server, std::vector<std::string> questions,
             std::function<void(Answers)> handler);
  bool busy() const { return handler_ != nullptr; }
  /// Drops the connection and a handler under way, uncalled.
  void close();

 private:
  void authenticate();
  void ask_next();
  void finish(Answers answers);

  const Settings settings_;
  ControlClient client_;
  bool connected_ = false;
  bool reused_ = false;  // the connection is from an earlier interview
  state::Endpoint server_;
  std::vector<std::string> questions_;
  std::vector<HiredisReply> answers_;
  std::function<void(Answers)> handler_;
};

}  // namespace pillion::control
