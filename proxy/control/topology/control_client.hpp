// The control plane's own connection to an upstream: one request at a time, each with a deadline;
// or a subscription.
//
// Everything happens on the io_context given; handlers are never called from inside connect() or
// ask(). close() drops a pending handler uncalled, and so does the destructor. Errors come back as
// a short text fit for an operator ("Connection refused", "no answer within 1000 ms").
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "proxy/control/topology/hiredis_reply.hpp"
#include "proxy/state/clock.hpp"
#include "proxy/state/topology_snapshot.hpp"

namespace boost::asio {
class io_context;
}

namespace pillion::control {

class ControlClient {
 public:
  /// Empty text: connected.
  using OnConnect = std::function<void(std::string error)>;
  using OnReply = std::function<void(std::variant<HiredisReply, std::string>)>;

  /// A reply of more than `max_reply_bytes` is an error.
  explicit ControlClient(boost::asio::io_context& io,
                         std::size_t max_reply_bytes = ReplyReader::kMaxReplyBytes);
  ~ControlClient();
  ControlClient(const ControlClient&) = delete;
  ControlClient& operator=(const ControlClient&) = delete;

  /// Tries every address in turn; the timeout is for all of them together.
  void connect(const state::Endpoint& endpoint, state::Nanos timeout, OnConnect handler);

  /// Sends an encoded request and waits for its one reply. Precondition: connected, nothing asked.
  /// After an error the connection is of no more use: close() it.
  void ask(std::string request, state::Nanos timeout, OnReply handler);

  /// Sends an encoded request and hands over every reply that ever comes: for subscriptions, after
  /// which nothing can be asked any more. The handler's last call is the one with an error.
  void listen(std::string request, OnReply handler);

  void close();

 private:
  class Connection;

  boost::asio::io_context& io_;
  const std::size_t max_reply_bytes_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace pillion::control
