// One Connection object per connect(): close() cuts it loose, and completions that are still under
// way find `closed_` set and stop. They hold the shared_ptr, so no buffer dies under a read.
#include "proxy/control/topology/control_client.hpp"

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <utility>
#include <vector>

#include "proxy/net/endpoints.hpp"
#include "proxy/net/socket.hpp"
#include "proxy/state/own_connections.hpp"

namespace pillion::control {
namespace {

std::string describe(const net::ErrorCode& ec) {
  if (ec == boost::asio::error::eof) return "connection closed by the upstream";
  return ec.message();
}

}  // namespace

class ControlClient::Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(boost::asio::io_context& io, std::size_t max_reply_bytes)
      : socket_(io), timer_(io), reader_(max_reply_bytes) {}

  void connect(const state::Endpoint& endpoint, state::Nanos timeout, OnConnect handler) {
    on_connect_ = std::move(handler);
    addresses_ = net::socket_endpoints(endpoint);
    arm(timeout, "no connection within ");
    if (addresses_.empty()) {
      last_error_ = "no address to connect to";
      boost::asio::post(timer_.get_executor(), [self = shared_from_this()] { self->try_next(); });
    } else {
      try_next();
    }
  }

  void ask(std::string request, state::Nanos timeout, OnReply handler) {
    on_reply_ = std::move(handler);
    request_ = std::move(request);
    arm(timeout, "no answer within ");
    boost::asio::async_write(socket_, boost::asio::buffer(request_),
                             [self = shared_from_this()](const net::ErrorCode& ec, std::size_t) {
                               if (self->closed_) return;
                               if (ec) return self->finish(describe(ec));
                               self->read();
                             });
  }

  void listen(std::string request, OnReply handler) {
    on_reply_ = std::move(handler);
    listening_ = true;
    request_ = std::move(request);
    boost::asio::async_write(socket_, boost::asio::buffer(request_),
                             [self = shared_from_this()](const net::ErrorCode& ec, std::size_t) {
                               if (self->closed_) return;
                               if (ec) return self->finish(describe(ec));
                               self->read();
                             });
  }

  void close() {
    closed_ = true;
    on_connect_ = nullptr;
    on_reply_ = nullptr;
    timer_.cancel();
    net::ErrorCode ignored;
    socket_.close(ignored);
  }

 private:
  void arm(state::Nanos timeout, std::string_view what) {
    timer_.expires_after(std::chrono::nanoseconds(timeout));
    const auto text = std::string(what) + std::to_string(timeout / state::kMillisecond) + " ms";
    timer_.async_wait([self = shared_from_this(), text](const net::ErrorCode& ec) {
      // A wait that was already due when the reply came in is not cancelled any more.
      if (ec || self->closed_ || self->timer_.expiry() > std::chrono::steady_clock::now()) return;
      self->finish(text);
    });
  }

  void try_next() {
    if (closed_) return;
    if (next_address_ == addresses_.size()) return finish(last_error_);
    const net::SocketEndpoint address = addresses_[next_address_++];
    net::ErrorCode ignored;
    socket_.close(ignored);
    socket_.async_connect(address, [self = shared_from_this()](const net::ErrorCode& ec) {
      if (self->closed_ || !self->on_connect_) return;
      if (ec) {
        self->last_error_ = describe(ec);
        return self->try_next();
      }
      net::tune(self->socket_);
      self->own_ = {state::own_connections(), net::local_name(self->socket_),
                    state::OwnConnections::Role::kInternal};
      self->finish({});
    });
  }

  void read() {
    auto next = reader_.next();
    while (listening_ && !closed_ && std::holds_alternative<HiredisReply>(next)) {
      // The handler may close(), and with it end itself.
      const OnReply handler = on_reply_;
      handler(std::move(std::get<HiredisReply>(next)));
      next = reader_.next();
    }
    if (closed_) return;
    if (auto* reply = std::get_if<HiredisReply>(&next)) {
      stop_timer();
      const OnReply handler = std::exchange(on_reply_, nullptr);
      if (handler) handler(std::move(*reply));
      return;
    }
    if (const auto* bad = std::get_if<BadReply>(&next)) return finish(bad->why);
    socket_.async_read_some(boost::asio::buffer(chunk_),
                            [self = shared_from_this()](const net::ErrorCode& ec, std::size_t n) {
                              if (self->closed_) return;
                              if (ec) return self->finish(describe(ec));
                              self->reader_.feed({self->chunk_.data(), n});
                              self->read();
                            });
  }

  /// Ends whatever was pending: connected when `error` is empty, failed otherwise.
  void finish(std::string error) {
    stop_timer();
    const OnConnect connect_handler = std::exchange(on_connect_, nullptr);
    const OnReply reply_handler = std::exchange(on_reply_, nullptr);
    if (connect_handler)
      connect_handler(std::move(error));
    else if (reply_handler)
      reply_handler(std::move(error));
  }

  void stop_timer() { timer_.expires_at(std::chrono::steady_clock::time_point::max()); }

  net::Socket socket_;
  state::OwnConnections::Entry own_;
  boost::asio::steady_timer timer_;
  std::vector<net::SocketEndpoint> addresses_;
  std::size_t next_address_ = 0;
  std::string last_error_;
  std::string request_;
  ReplyReader reader_;
  std::array<char, 4096> chunk_{};
  OnConnect on_connect_;
  OnReply on_reply_;
  bool listening_ = false;
  bool closed_ = false;
};

ControlClient::ControlClient(boost::asio::io_context& io, std::size_t max_reply_bytes)
    : io_(io), max_reply_bytes_(max_reply_bytes) {}

ControlClient::~ControlClient() {
  close();
}

void ControlClient::connect(const state::Endpoint& endpoint, state::Nanos timeout,
                            OnConnect handler) {
  close();
  connection_ = std::make_shared<Connection>(io_, max_reply_bytes_);
  connection_->connect(endpoint, timeout, std::move(handler));
}

void ControlClient::ask(std::string request, state::Nanos timeout, OnReply handler) {
  connection_->ask(std::move(request), timeout, std::move(handler));
}

void ControlClient::listen(std::string request, OnReply handler) {
  connection_->listen(std::move(request), std::move(handler));
}

void ControlClient::close() {
  if (const auto connection = std::exchange(connection_, nullptr)) connection->close();
}

}  // namespace pillion::control
